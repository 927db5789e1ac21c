// Replays recorded sessions in core.wasm: writes a hash of random steps, and then those of what the core holds after each message
// and each picture, as 32-bit words. Called as: replay.mjs CORE_WASM SESSIONS OUTPUT SEED STEPS

import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { Core, OK } from '../../assets/web/page/core.js';

/** Kinds of calls, as record.rs numbers them. */
const START = 0;
const RECEIVE = 1;
const SET_INPUT = 2;
const ADVANCE = 3;
const DRAW = 4;

const [wasm, sessions, output, seed, steps] = argv.slice(2);
const core = await Core.load(new Uint8Array(readFileSync(wasm)));
const bytes = readFileSync(sessions);
/** @type {number[]} */
const digests = [core.exports.trial(Number(seed), Number(steps))];
let at = 0;

function take(/** @type {number} */ len) {
  at += len;
  return bytes.subarray(at - len, at);
}

const takeLength = () => take(4).readUInt32LE();
const takeFloat = () => take(4).readFloatLE();
const takeDouble = () => take(8).readDoubleLE();

while (at < bytes.length) {
  const [kind] = take(1);
  const nowMs = takeDouble();
  switch (kind) {
    case START: {
      const data = Uint8Array.from(take(takeLength()));
      expectOk(core.start(data, take(takeLength()).toString(), 0, null));
      break;
    }
    case RECEIVE:
      expectOk(core.receive(Uint8Array.from(take(takeLength())).buffer, nowMs));
      while (core.exports.take_event() >= 0);
      while (core.exports.take_outgoing() >= 0);
      digests.push(core.exports.digest());
      break;
    case SET_INPUT: {
      const [direction, aim, x, y] = [takeFloat(), takeFloat(), takeDouble(), takeDouble()];
      const [primary, secondary, boost] = take(3);
      core.exports.set_input(nowMs, direction, aim, x, y, primary, secondary, boost);
      break;
    }
    case ADVANCE:
      core.exports.advance(nowMs);
      break;
    case DRAW:
      core.exports.draw(nowMs, 640, 360);
      digests.push(core.exports.digest());
      break;
    default:
      throw new Error(`no call ${kind} at ${at}`);
  }
}
writeFileSync(output, new Uint8Array(Uint32Array.from(digests).buffer));

function expectOk(/** @type {number} */ fault) {
  if (fault !== OK) throw new Error(`fault ${fault} at ${at}`);
}
