// The smallest client of Fracas: it joins, acknowledges, pings and leaves. PROTOCOL.md, A1.
// node minimal_client.mjs [ws://127.0.0.1:8080/ws [seconds]]

const url = process.argv[2] ?? 'ws://127.0.0.1:8080/ws';
const seconds = Number(process.argv[3] ?? 5);
const HELLO = 0, ACK = 2, PING = 3, GOODBYE = 5;
const WELCOME = 0, PONG = 1, NEWS = 2;

// u16, u32 and u64 (A3): the shortest form that holds the value.
function number(value) {
  if (value <= 250) return [value];
  const [marker, width] = value < 2 ** 16 ? [251, 2] : value < 2 ** 32 ? [252, 4] : [253, 8];
  const bytes = [marker];
  for (let i = 0; i < width; i++) bytes.push(Math.floor(value / 256 ** i) % 256);
  return bytes;
}

function text(value) {
  const bytes = new TextEncoder().encode(value);
  return [...number(bytes.length), ...bytes];
}

class Reader {
  at = 0;
  constructor(bytes) { this.bytes = bytes; }
  byte() { return this.bytes[this.at++]; }
  take(length) { return this.bytes.slice(this.at, this.at += length); }
  number() {
    const first = this.byte();
    if (first <= 250) return first;
    const width = 2 ** (first - 250);
    return this.take(width).reduce((sum, byte, i) => sum + byte * 256 ** i, 0);
  }
  clock() { return { hold: this.number(), tick: this.number(), phase: this.number() }; }
}

const now = () => Math.round(performance.now() * 1000); // microseconds
const seen = { own: null, bodies: 0, fresh: 0, pongs: 0, news: 0, round_trip_ms: null, close: null };
let rate = 30, tick = null, acknowledged = null, joined = false, sent = 0;

const socket = new WebSocket(url, ['fracas.1']);
socket.binaryType = 'arraybuffer';

function send(...bytes) {
  socket.send(new Uint8Array(bytes));
  sent = now();
}

function handleFrame(bytes) { // A7.1: the header is enough to know which tick to acknowledge.
  const bodies = (bytes[0] & 15) + 1;
  const isFresh = (bytes[0] & 16) !== 0, isExplicit = (bytes[0] & 32) !== 0;
  const first = isExplicit ? new DataView(bytes.buffer).getUint32(1, true) : tick + 1;
  tick = first + bodies - 1;
  seen.bodies += bodies;
  seen.fresh += isFresh ? 1 : 0;
}

function handleControl(reader) {
  const kind = reader.byte();
  if (kind === WELCOME) {
    rate = reader.byte();
    reader.clock();
    seen.own = reader.byte() === 1 ? reader.number() : null; // then token, resumed, data, world, limits
    joined = true;
  } else if (kind === PONG) {
    const stamp = reader.number(), { hold } = reader.clock();
    seen.round_trip_ms = (now() - stamp - hold) / 1000;
    seen.pongs += 1;
  } else if (kind === NEWS) {
    seen.news += 1;
  }
}

socket.onopen = () => {
  const [none, player, wide] = [0, 0, 2];
  send(HELLO, ...number(2), ...text('Minimal'), none, ...text('main'), player, wide);
};

socket.onmessage = ({ data }) => {
  const bytes = new Uint8Array(data);
  if (bytes[0] >= 128) handleFrame(bytes);
  else handleControl(new Reader(bytes));
};

const acknowledging = setInterval(() => { // at least every 200 ms, and soon after a frame
  if (!joined || (tick === acknowledged && now() - sent < 150_000)) return;
  acknowledged = tick;
  send(ACK, ...number(tick ?? 0));
}, 1000 / rate);
const pinging = setInterval(() => joined && send(PING, ...number(now())), 457);
setTimeout(() => (joined ? send(GOODBYE) : socket.close()), seconds * 1000);

socket.onclose = ({ code, reason }) => {
  clearInterval(acknowledging);
  clearInterval(pinging);
  seen.close = code;
  console.log(JSON.stringify({ ...seen, tick, reason }));
};
