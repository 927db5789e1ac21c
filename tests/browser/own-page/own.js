// A page of one's own for any game: circles on a canvas, steered with the arrow keys and the mouse.

import { connect } from './fracas.js';

const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('game'));
const line = /** @type {HTMLElement} */ (document.getElementById('line'));
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
/** Which way each key points. @type {Record<string, [number, number]>} */
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @type {Set<string>} */
const held = new Set();
let [aim, primary] = [0, false];

const turnsOf = (/** @type {number} */ x, /** @type {number} */ y) => Math.atan2(y, x) / (2 * Math.PI);

addEventListener('keydown', ({ code }) => held.add(code));
addEventListener('keyup', ({ code }) => held.delete(code));
addEventListener('pointermove', ({ offsetX, offsetY }) => {
  aim = turnsOf(offsetX - canvas.width / 2, offsetY - canvas.height / 2);
});
addEventListener('pointerdown', () => {
  primary = true;
});
addEventListener('pointerup', () => {
  primary = false;
});

const game = await connect({
  name: 'Ada',
  onWaiting(words, seconds) {
    line.textContent = `${words} Again in ${Math.round(seconds)} s`;
  },
  onEnd(words) {
    line.textContent = words;
  },
});

function picture() {
  requestAnimationFrame(picture);
  const [x, y] = [...held].reduce(([x, y], code) => [x + (KEYS[code]?.[0] ?? 0), y + (KEYS[code]?.[1] ?? 0)], [0, 0]);
  game.input({ direction: x || y ? (turnsOf(x, y) + 1) % 1 : null, aim, primary });
  game.show(canvas.width / 2, canvas.height / 2);
  context.fillStyle = '#111';
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const entity of game.entities()) {
    context.beginPath();
    context.arc(canvas.width / 2 + entity.x, canvas.height / 2 + entity.y, entity.width / 2, 0, 7);
    context.fillStyle = entity.own ? 'cyan' : 'orange';
    context.fill();
  }
  if (game.phase === 'playing') line.textContent = `${game.status()}, ${Math.round(game.net().rtt)} ms`;
}

picture();
Object.assign(globalThis, { game });
