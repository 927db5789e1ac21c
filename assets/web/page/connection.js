// The connection to the server: opens it, moves messages between socket and core, and comes back when it is lost.

import { OK, OTHER_MAP } from './core.js';

/** @import { Core } from './core.js' */

/** The first wait before coming back, and the longest, in milliseconds; half of it is chance. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 8000;
/** A connection that held this long starts with the first wait again, in milliseconds. */
const STEADY_MS = 10_000;

/**
 * What the connection tells the page.
 * @typedef {{
 *   onEvent(event: string[][]): void,
 *   onWaiting(words: string, seconds: number): void,
 *   onEnd(words: string): void,
 * }} Listener
 */

export class Connection {
  /**
   * @param {Core} core
   * @param {string} name
   * @param {number} aspect
   * @param {Listener} listener
   */
  constructor(core, name, aspect, listener) {
    this.core = core;
    this.name = name;
    this.aspect = aspect;
    this.listener = listener;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {Uint8Array | null} */
    this.token = null;
    this.retryMs = RETRY_FIRST_MS;
    this.retryAfterMs = 0;
    this.openedAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.ended = false;
  }

  /** Fetches the map and opens the socket. */
  async open() {
    let map;
    try {
      const answer = await fetch('/map', { cache: 'no-cache' });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      map = await answer.json();
    } catch {
      this.comeBack('The server cannot be reached.');
      return;
    }
    if (this.ended) return;
    if (this.core.start(map, this.name, this.aspect, this.token) !== OK) {
      this.end('The server sent a map that cannot be used: reload the page.');
      return;
    }
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws`, 'fracas.1');
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.openedAt = performance.now();
      this.flush();
    };
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = (event) => this.closed(socket, event);
    this.socket = socket;
  }

  /** @param {WebSocket} socket @param {ArrayBuffer} message */
  receive(socket, message) {
    if (socket !== this.socket) return;
    const now = performance.now();
    const fault = this.core.receive(message, now);
    if (fault !== OK) {
      socket.close(1000);
      this.socket = null;
      if (fault === OTHER_MAP) this.comeBack('The server changed its map.');
      else this.end('The server sent something this page does not know: reload the page.');
      return;
    }
    for (const event of this.core.events()) {
      const [kind, ...fields] = event[0];
      if (kind === 'welcome') this.token = bytesOf(fields[0]);
      if (kind === 'goodbye') this.retryAfterMs = Number(fields[1]);
      this.listener.onEvent(event);
    }
    // A hidden page is not drawn, and must still answer.
    if (document.hidden) this.advance(now);
  }

  /** Plays what is due, and sends what there is to say. @param {number} now */
  advance(now) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.core.exports.advance(now);
    this.flush();
  }

  flush() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (const message of this.core.outgoing()) this.socket.send(message);
  }

  /** @param {WebSocket} socket @param {CloseEvent} event */
  closed(socket, event) {
    if (socket !== this.socket || this.ended) return;
    this.socket = null;
    const { mayRetry, words } = this.core.wordsForClose(event.code);
    const reason = event.reason || words;
    if (mayRetry) this.comeBack(reason);
    else this.end(reason);
  }

  /** @param {string} words */
  comeBack(words) {
    if (this.ended) return;
    if (this.openedAt && performance.now() - this.openedAt > STEADY_MS) this.retryMs = RETRY_FIRST_MS;
    const wait = Math.max(this.retryAfterMs, this.retryMs / 2) + (Math.random() * this.retryMs) / 2;
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
    this.retryAfterMs = 0;
    this.openedAt = 0;
    this.listener.onWaiting(words, wait / 1000);
    this.timer = setTimeout(() => this.open(), wait);
  }

  /** The player leaves. */
  leave() {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.core.exports.leave(performance.now());
      this.flush();
    }
    this.ended = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = null;
  }

  /** @param {string} words */
  end(words) {
    this.leave();
    this.listener.onEnd(words);
  }
}

/** @param {string} hex */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
