// The wasm core, as functions with types: loads it, moves bytes and texts in and out, and shows its arrays.

/**
 * The core's exports, all of them in assets/web/core/src/exports.rs.
 * @typedef {{
 *   memory: WebAssembly.Memory,
 *   init(): void,
 *   inbox(): number, inbox_len(): number, outbox(): number,
 *   start(dataLen: number, nameLen: number, tokenLen: number, roomLen: number, aspect: number): number,
 *   receive(len: number, nowMs: number): number,
 *   set_input(nowMs: number, thrust: number, aim: number, pressed: number): void,
 *   set_hidden(hidden: number, nowMs: number): void,
 *   advance(nowMs: number): void, acknowledge(nowMs: number): void, leave(nowMs: number): void,
 *   take_outgoing(): number, take_event(): number,
 *   name_of(id: number): number, own_name(): number, words_for_close(code: number): number,
 *   draw(nowMs: number, halfWidth: number, halfHeight: number): void,
 *   ships(): number, ships_len(): number, bolts(): number, bolts_len(): number,
 *   pickups(): number, pickups_len(): number, walls(): number, walls_len(): number,
 *   beams(): number, beams_len(): number,
 *   hud(): number, hud_len(): number, net(): number, net_len(): number,
 *   recorded_place(axis: number): number,
 *   tile_of_rank(rank: number, axis: number): number,
 *   digest(): number, steps_digest(seed: number, steps: number): number,
 * }} Exports
 */

/** What {@link Core.receive} and {@link Core.start} return when all is well. */
export const OK = 0;
/** The server plays with other start-up data than the core was started with. */
export const OTHER_DATA = 3;

/** Floats of one ship, bolt, pick-up, wall cell and beam; see assets/web/core/src/scene.rs. */
export const SHIP_FLOATS = 9;
export const BOLT_FLOATS = 4;
export const PICKUP_FLOATS = 3;
export const WALL_FLOATS = 3;
export const BEAM_FLOATS = 6;

/** Bits of what is pressed, for `set_input`. */
export const FIRE = 1;
export const DASH = 2;
export const RAIL = 4;

/** Where each number of {@link Core.hud} is; the order is that of assets/web/core/src/page.rs. */
export const HUD = /** @type {const} */ ({
  hull: 0,
  energy: 1,
  drained: 2,
  score: 3,
  rank: 4,
  timer: 5,
  ping: 6,
  x: 7,
  y: 8,
  tick: 9,
  known: 10,
  corrections: 11,
  mismatches: 12,
  open: 13,
  tile: 14,
  aspect: 15,
  dashPause: 16,
  rail: 17,
});

/** Where each number of {@link Core.net} is; the order is that of assets/web/core/src/net.rs. */
export const NET = /** @type {const} */ ({
  rtt: 0,
  jitter: 1,
  age: 2,
  slack: 3,
  lead: 4,
  work: 5,
  period: 6,
  late: 7,
  pushed: 8,
  unexplained: 9,
  serverStalls: 10,
  networkStalls: 11,
  starved: 12,
});

export class Core {
  /** @param {Exports} exports */
  constructor(exports) {
    this.exports = exports;
    this.encoder = new TextEncoder();
    this.decoder = new TextDecoder();
    exports.init();
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
   * @param {number} aspect 0 tall, 1 square, 2 wide, 3 ultrawide
   * @param {Uint8Array | null} token
   * @param {string} [room] the room to play in
   * @returns {number} {@link OK} or a fault
   */
  start(data, name, aspect, token, room = 'main') {
    const parts = [
      data,
      this.encoder.encode(name),
      token ?? new Uint8Array(),
      this.encoder.encode(room),
    ];
    let at = 0;
    for (const part of parts) {
      this.inbox().set(part, at);
      at += part.length;
    }
    const [dataLen, nameLen, tokenLen, roomLen] = parts.map((part) => part.length);
    return this.exports.start(dataLen, nameLen, tokenLen, roomLen, aspect);
  }

  inbox() {
    return this.bytes(this.exports.inbox(), this.exports.inbox_len());
  }

  /** @param {number} len */
  outbox(len) {
    return this.bytes(this.exports.outbox(), len);
  }

  // The buffer is looked up after all calls into the core: one that lets its memory grow leaves older views empty.

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
    const inbox = this.inbox();
    if (message.byteLength > inbox.length) return 2;
    inbox.set(new Uint8Array(message));
    return this.exports.receive(message.byteLength, nowMs);
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

  /** @param {number} id a ship's */
  nameOf(id) {
    return this.text(this.exports.name_of(id));
  }

  /** The name that others see at the own ship; null before it is known. */
  ownName() {
    return this.text(this.exports.own_name());
  }

  /** What a player reads after a close, and whether to come back. @param {number} code */
  wordsForClose(code) {
    const [mayRetry, words] = (this.text(this.exports.words_for_close(code)) ?? '1\t').split('\t');
    return { mayRetry: mayRetry === '1', words };
  }

  // The arrays of the last picture, in the core's own memory: good until the next call of anything else.
  ships() {
    return this.floats(this.exports.ships(), this.exports.ships_len());
  }

  bolts() {
    return this.floats(this.exports.bolts(), this.exports.bolts_len());
  }

  pickups() {
    return this.floats(this.exports.pickups(), this.exports.pickups_len());
  }

  walls() {
    return this.floats(this.exports.walls(), this.exports.walls_len());
  }

  beams() {
    return this.floats(this.exports.beams(), this.exports.beams_len());
  }

  hud() {
    return this.floats(this.exports.hud(), this.exports.hud_len());
  }

  net() {
    return this.floats(this.exports.net(), this.exports.net_len());
  }

  /** Where the server has the own ship, in units; not a number if it has none. */
  recordedPlace() {
    return { x: this.exports.recorded_place(0), y: this.exports.recorded_place(1) };
  }
}
