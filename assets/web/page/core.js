// The wasm core of any game, as functions with types: loads it, moves bytes and texts in and out, and shows its arrays.

/**
 * The core's exports, all of them in assets/web/core/src/exports.rs.
 * @typedef {{
 *   memory: WebAssembly.Memory,
 *   init(): void,
 *   inbox(len: number): number, outbox(): number,
 *   start(dataLen: number, nameLen: number, tokenLen: number, roomLen: number, aspect: number): number,
 *   receive(len: number, nowMs: number): number,
 *   set_input(nowMs: number, direction: number, aim: number, pointerX: number, pointerY: number, primary: number,
 *     secondary: number, boost: number): void,
 *   set_hidden(hidden: number, nowMs: number): void,
 *   advance(nowMs: number): void, acknowledge(nowMs: number): void, leave(nowMs: number): void,
 *   draw(nowMs: number, halfWidth: number, halfHeight: number): void,
 *   take_outgoing(): number, take_event(): number,
 *   name_of(id: number): number, status(): number, explain(): number, words_for_close(code: number): number,
 *   describe(): number,
 *   array(index: number): number, array_len(index: number): number,
 *   recorded_place(axis: number): number,
 *   digest(): number, trial(seed: number, steps: number): number,
 * }} Exports
 */

/** @import { Controls } from './fracas.js' */

/** What {@link Core.receive} and {@link Core.start} return when all is well. */
export const OK = 0;
/** The server plays with other start-up data than the core was started with. */
export const OTHER_DATA = 3;

/** One of the core's arrays: rows of floats whose fields have names. The core tells which. */
export class Rows {
  /** @param {Core} core @param {number} index @param {string[]} fields */
  constructor(core, index, fields) {
    this.core = core;
    this.index = index;
    this.fields = fields;
    /** Floats in a row. */
    this.stride = fields.length;
    /** Where each field is in a row. @type {Record<string, number>} */
    this.at = Object.fromEntries(fields.map((field, at) => [field, at]));
  }

  /** All rows of the last picture, in the core's own memory: good until the next call of anything else. */
  floats() {
    const { core, index } = this;
    return core.floats(core.exports.array(index), core.exports.array_len(index));
  }

  /** The only row, by field; zeros if there is none yet. @returns {Record<string, number>} */
  row() {
    const floats = this.floats();
    return Object.fromEntries(this.fields.map((field, at) => [field, floats[at] ?? 0]));
  }
}

export class Core {
  /** @param {Exports} exports */
  constructor(exports) {
    this.exports = exports;
    this.encoder = new TextEncoder();
    this.decoder = new TextDecoder();
    exports.init();
    /** @type {{ arrays: { name: string, fields: string[] }[], shapes: string[], views: [number, number][] }} */
    const { arrays, shapes, views } = JSON.parse(this.text(exports.describe()) ?? '');
    /** The names of the shapes that entities have. */
    this.shapes = shapes;
    /** Sizes of the views in units, by aspect: the area is the same for all. */
    this.views = views;
    /** @type {Record<string, Rows>} */
    this.arrays = Object.fromEntries(arrays.map(({ name, fields }, index) => [name, new Rows(this, index, fields)]));
  }

  /**
   * Loads the core.
   * @param {BufferSource | Response | Promise<Response>} source where core.wasm comes from
   */
  static async load(source) {
    /** @type {Core | undefined} */
    let core;
    const page = {
      /** @param {number} at @param {number} len */
      panicked(at, len) {
        const words = core ? core.decoder.decode(new Uint8Array(core.exports.memory.buffer, at, len)) : 'at start';
        throw new Error(`the core stopped: ${words}`);
      },
    };
    const imports = { page };
    const loaded =
      source instanceof ArrayBuffer || ArrayBuffer.isView(source)
        ? await WebAssembly.instantiate(source, imports)
        : await WebAssembly.instantiateStreaming(/** @type {Promise<Response>} */ (source), imports);
    core = new Core(/** @type {Exports} */ (/** @type {unknown} */ (loaded.instance.exports)));
    return core;
  }

  /**
   * Begins a connection; what to send first is then in {@link outgoing}.
   * @param {Uint8Array} data the game's start-up data, as `GET /data` tells it
   * @param {string} name
   * @param {number} aspect the index of a view
   * @param {Uint8Array | null} token
   * @param {string} [room] the room to play in
   * @returns {number} {@link OK} or a fault
   */
  start(data, name, aspect, token, room = 'main') {
    const texts = [this.encoder.encode(name), token ?? new Uint8Array(), this.encoder.encode(room)];
    const parts = [data, ...texts];
    const inbox = this.inbox(parts.reduce((sum, part) => sum + part.length, 0));
    if (!inbox) return 1;
    let at = 0;
    for (const part of parts) {
      inbox.set(part, at);
      at += part.length;
    }
    const [nameLen, tokenLen, roomLen] = texts.map((part) => part.length);
    return this.exports.start(data.length, nameLen, tokenLen, roomLen, aspect);
  }

  // The buffer is looked up after all calls into the core: one that lets its memory grow leaves older views empty.

  /** Where to write so many bytes; null if that is too much. @param {number} len */
  inbox(len) {
    const at = this.exports.inbox(len);
    return at === 0 ? null : this.bytes(at, len);
  }

  /** @param {number} len */
  outbox(len) {
    return this.bytes(this.exports.outbox(), len);
  }

  /** @param {number} at @param {number} len */
  bytes(at, len) {
    return new Uint8Array(this.exports.memory.buffer, at, len);
  }

  /** @param {number} at @param {number} len */
  floats(at, len) {
    return new Float32Array(this.exports.memory.buffer, at, len);
  }

  /** @param {number} len a text's length in the outbox, or less than 0 */
  text(len) {
    return len < 0 ? null : this.decoder.decode(this.outbox(len));
  }

  /**
   * Takes a message from the server.
   * @param {ArrayBuffer} message
   * @param {number} nowMs
   * @returns {number} {@link OK} or a fault
   */
  receive(message, nowMs) {
    const inbox = this.inbox(message.byteLength);
    if (!inbox) return 2;
    inbox.set(new Uint8Array(message));
    return this.exports.receive(message.byteLength, nowMs);
  }

  /** Tells what the player wants. @param {number} nowMs @param {Partial<Controls>} controls */
  setInput(nowMs, { direction, aim, pointer, primary, secondary, boost }) {
    const { x, y } = pointer ?? { x: 0, y: 0 };
    const [first, second, third] = [primary, secondary, boost].map((pressed) => (pressed ? 1 : 0));
    this.exports.set_input(nowMs, direction ?? -1, aim ?? 0, x, y, first, second, third);
  }

  /** What is to be sent, each message copied out. @returns {Generator<Uint8Array<ArrayBuffer>>} */
  *outgoing() {
    for (let len = this.exports.take_outgoing(); len >= 0; len = this.exports.take_outgoing()) {
      yield this.outbox(len).slice();
    }
  }

  /** What has happened, each event as its records of fields. @returns {Generator<string[][]>} */
  *events() {
    for (let text = this.text(this.exports.take_event()); text !== null; text = this.text(this.exports.take_event())) {
      yield text.split('\n').map((record) => record.split('\t'));
    }
  }

  /** The name that an entity bears; null if it has none. @param {number} id */
  nameOf(id) {
    return this.text(this.exports.name_of(id));
  }

  /** What a player reads after a close, and whether to come back. @param {number} code */
  wordsForClose(code) {
    const [mayRetry, words] = (this.text(this.exports.words_for_close(code)) ?? '1\t').split('\t');
    return { mayRetry: mayRetry === '1', words };
  }

  /** Where the server has the own entity, in units; not a number if it has none. */
  recordedPlace() {
    return { x: this.exports.recorded_place(0), y: this.exports.recorded_place(1) };
  }
}
