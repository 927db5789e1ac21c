// The server as a child process on ports of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where cargo puts programs; tests/run says which profile is to be tested. */
const FOLDER = process.env.FRACAS_BIN ?? fileURLToPath(new URL('../../target/debug', import.meta.url));

/** A running server. */
export class Server {
  /** @param {import('node:child_process').ChildProcess} child @param {string} game @param {string} ops */
  constructor(child, game, ops) {
    this.child = child;
    this.game = game;
    this.ops = ops;
  }

  /**
   * Starts a server, by itself on a free port, and waits until it listens.
   * @param {string[]} args @param {string} listen @param {string} program of another game
   */
  static async start(args = [], listen = '127.0.0.1:0', program = 'fracas-server') {
    const all = ['--listen', listen, '--ops-listen', '127.0.0.1:0', ...args];
    const child = spawn(`${FOLDER}/${program}`, all, { stdio: ['ignore', 'ignore', 'pipe'] });
    const log = [];
    for await (const line of createInterface({ input: child.stderr })) {
      const [, game, ops] = /^listening game=(\S+) ops=(\S+)$/.exec(line) ?? [];
      if (game) {
        child.stderr.resume();
        return new Server(child, game, ops);
      }
      log.push(line);
    }
    throw new Error(`the server does not listen: ${log.join('\n')}`);
  }

  /** @param {string} path */
  url(path = '/') {
    return `http://${this.game}${path}`;
  }

  /** The value of a metric, with its labels as they are written. @param {string} name */
  async metric(name) {
    const text = await (await fetch(`http://${this.ops}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    if (!line) throw new Error(`no ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** Stops it in good order; the exit code. */
  async stop() {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill('SIGTERM');
    const [code] = await once(this.child, 'exit');
    return code;
  }
}
