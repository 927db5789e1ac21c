// The connection to the server: opens it, moves messages between socket and core, and comes back when it is lost.

import { OK, OTHER_DATA } from './core.js';
import { SlowLine } from './slowline.js';

/** @import { Core } from './core.js' */

/** The first pause before coming back, and the longest, in milliseconds; chance makes it up to twice as long. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 4000;
/** The longest pause that a server may ask for. A timer of more than 24 days would fire at once. */
const RETRY_AFTER_MAX_MS = 60_000;
/** A connection that held this long starts with the first pause again, in milliseconds. */
const STEADY_MS = 10_000;
/** How long the server may take to send the start-up data, in milliseconds. */
const DATA_MS = 5000;
/** Time between two looks at whether the server still speaks, in milliseconds. */
const CHECK_MS = 1000;
/** Looks in a row between which nothing came, beyond which the connection is lost. A server speaks on every tick. */
const QUIET_CHECKS_MAX = 5;

/** Messages whose size is remembered. */
const SIZES_MAX = 240;

/**
 * Whom the connection says hello as, where, and what it tells the page.
 * @typedef {{
 *   server: URL,
 *   name: string,
 *   room: string,
 *   token: string | null,
 *   windowAspect(): number,
 *   onEvent(event: string[][]): void,
 *   onWaiting(words: string, seconds: number): void,
 *   onEnd(words: string): void,
 * }} Errand
 */

export class Connection {
  /** @param {Core} core @param {Errand} errand */
  constructor(core, errand) {
    this.core = core;
    this.errand = errand;
    this.aspect = errand.windowAspect();
    /** @type {WebSocket | null} */
    this.socket = null;
    /** What takes the own entity back. @type {string | null} */
    this.token = errand.token;
    this.retryMs = RETRY_FIRST_MS;
    this.retryAfterMs = 0;
    this.openedAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.watchdog = undefined;
    this.quietChecks = 0;
    this.ended = false;
    /** What comes and what goes, when a slower line is asked for. */
    this.lines = { back: new SlowLine(), there: new SlowLine() };
    /** Payload of all messages so far. */
    this.bytesIn = 0;
    this.bytesOut = 0;
    /** Payload of each of the last messages. @type {number[]} */
    this.sizes = [];
  }

  /** Fetches the start-up data and opens the socket. */
  async open() {
    let data;
    try {
      data = await fetchData(this.errand.server);
    } catch {
      this.comeBack('The server cannot be reached.');
      return;
    }
    if (this.ended) return;
    // The window may have another shape by now.
    this.aspect = this.errand.windowAspect();
    const { name, room } = this.errand;
    if (this.core.start(data, name, this.aspect, this.token ? bytesOf(this.token) : null, room) !== OK) {
      this.end('The server plays another game: reload the page.');
      return;
    }
    this.connect();
  }

  connect() {
    const url = new URL('/ws', this.errand.server);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, 'fracas.1');
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.openedAt = performance.now();
      this.advance(this.openedAt);
    };
    socket.onmessage = (event) => this.lines.back.pass(() => this.receive(event.data));
    socket.onclose = (event) => this.closed(event);
    this.socket = socket;
    this.quietChecks = 0;
    this.watchdog = setInterval(() => this.check(), CHECK_MS);
  }

  /**
   * A network that swallows everything closes no socket, neither one that is open nor one that is being opened. Looks
   * are counted and not milliseconds: in a hidden tab the timer runs seldom, and after a computer's sleep before the
   * messages that wait, but each message begins the count anew.
   */
  check() {
    // To a hidden page the server says nothing.
    this.quietChecks = document.hidden ? 0 : this.quietChecks + 1;
    if (this.quietChecks > QUIET_CHECKS_MAX) {
      this.drop();
      this.comeBack('The server does not answer.');
    }
  }

  /** Lets go of the socket; what it says from now on is not heard. */
  drop() {
    clearInterval(this.watchdog);
    const { socket } = this;
    this.socket = null;
    this.lines.back.clear();
    this.lines.there.clear();
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(1000);
  }

  /** @param {ArrayBuffer} message */
  receive(message) {
    this.quietChecks = 0;
    this.bytesIn += message.byteLength;
    this.sizes.push(message.byteLength);
    if (this.sizes.length > SIZES_MAX) this.sizes.shift();
    const now = performance.now();
    const fault = this.core.receive(message, now);
    if (fault !== OK) {
      this.drop();
      if (fault === OTHER_DATA) this.comeBack('The server changed the game.');
      else this.end('The server sent something this page does not know: reload the page.');
      return;
    }
    for (const event of this.core.events()) {
      const [kind, ...fields] = event[0];
      if (kind === 'welcome') {
        this.token = fields[0];
        if (document.hidden) this.core.exports.set_hidden(1, now);
      }
      if (kind === 'goodbye') this.retryAfterMs = Number(fields[1]);
      this.errand.onEvent(event);
    }
    // A hidden page is not drawn, and must still answer.
    if (document.hidden) this.advance(now);
  }

  /** Plays what is due, and sends what there is to say. @param {number} now */
  advance(now) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.core.exports.advance(now);
    // Only a message makes a hidden page speak, and one that fell behind gets none before it has acknowledged the last.
    if (document.hidden) this.core.exports.acknowledge(now);
    this.flush();
  }

  /** Makes the line slower by so much each way. @param {number} delayMs in milliseconds */
  setDelay(delayMs) {
    this.lines.back.delayMs = delayMs;
    this.lines.there.delayMs = delayMs;
  }

  /** Tells the server whether anybody looks. @param {boolean} hidden */
  setHidden(hidden) {
    const now = performance.now();
    this.quietChecks = 0;
    this.core.exports.set_hidden(hidden ? 1 : 0, now);
    this.advance(now);
    // Timers of a hidden page are late by themselves.
    if (hidden) this.lines.there.flush();
  }

  flush() {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return;
    for (const message of this.core.outgoing()) {
      this.bytesOut += message.byteLength;
      this.lines.there.pass(() => socket.send(message));
    }
  }

  /** @param {CloseEvent} event */
  closed(event) {
    this.drop();
    const { mayRetry, words } = this.core.wordsForClose(event.code);
    const reason = event.reason || words;
    if (mayRetry) this.comeBack(reason);
    else this.end(reason);
  }

  /** @param {string} words */
  comeBack(words) {
    if (this.ended) return;
    if (this.openedAt && performance.now() - this.openedAt > STEADY_MS) this.retryMs = RETRY_FIRST_MS;
    const pause = pauseMs(this.retryMs, this.retryAfterMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
    this.retryAfterMs = 0;
    this.openedAt = 0;
    this.errand.onWaiting(words, pause / 1000);
    this.timer = setTimeout(() => this.open(), pause);
  }

  /** The player leaves. */
  leave() {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.core.exports.leave(performance.now());
      this.flush();
      this.lines.there.flush();
    }
    this.ended = true;
    clearTimeout(this.timer);
    this.drop();
  }

  /** @param {string} words */
  end(words) {
    this.leave();
    this.errand.onEnd(words);
  }
}

/**
 * The pause before coming back. As much of it is chance as is not: after a restart all pages come back, and must not
 * do so at the same time.
 * @param {number} retryMs what the attempts so far ask for
 * @param {number} retryAfterMs what the server asked for
 */
export function pauseMs(retryMs, retryAfterMs) {
  return Math.max(retryMs, Math.min(retryAfterMs, RETRY_AFTER_MAX_MS)) * (1 + Math.random());
}

/** @param {URL} server */
async function fetchData(server) {
  const answer = await fetch(new URL('/data', server), { cache: 'no-cache', signal: AbortSignal.timeout(DATA_MS) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
