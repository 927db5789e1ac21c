// The arena's page: its picture, its heads-up display, and what the console may ask.

import { Controls } from './controls.js';
import { Effects } from './effects.js';
import { Hud } from './hud.js';
import { Labels } from './labels.js';
import { Lobby } from './lobby.js';
import { NetGraph } from './netgraph.js';
import { Renderer } from './renderer.js';

const find = (/** @type {string} */ id) => /** @type {HTMLCanvasElement} */ (document.getElementById(id));
const canvas = find('picture');
const controls = new Controls(canvas);
const hud = new Hud();
const effects = new Effects();
const labels = new Labels(find('labels'));
const netGraph = new NetGraph();
/** @type {Renderer | null} */
let renderer = null;

const lobby = new Lobby({
  onBegin(game, name) {
    renderer ??= new Renderer(canvas, game);
    renderer.game = game;
    effects.clear();
    labels.clear();
    netGraph.clear();
    hud.reset(name);
  },
  onEvent(event) {
    if (event[0][0] === 'rail' && Number(event[0][1]) >= 0) effects.hit(Number(event[0][1]));
    hud.take(event);
  },
  onPlaying: (isPlaying) => controls.setActive(isPlaying),
});

/** One picture. @param {number} now in milliseconds, as performance.now() has it */
function frame(now) {
  requestAnimationFrame(frame);
  const { game } = lobby;
  if (!game || !renderer || !lobby.isShown) return;
  renderer.fit();
  game.input(controls.read(renderer.pixelsPerUnit));
  game.show(renderer.halfWidth, renderer.halfHeight);
  const state = game.state();
  effects.update(game.rows('ships'), state, now / 1000);
  renderer.draw(effects.draw(state), { x: state.x, y: state.y, time: (now / 1000) % 1000 });
  labels.draw(game, renderer);
  hud.update(game, state);
  netGraph.update(game, performance.now());
}

requestAnimationFrame(frame);

/**
 * What the page knows right now, for the console and for tests. It reads and changes nothing.
 */
Object.assign(globalThis, {
  fracas: {
    inspect() {
      const { game, phase } = lobby;
      if (!game) return { phase, ships: [] };
      const rows = game.rows('ships');
      const { at, stride } = rows;
      const floats = rows.floats().slice();
      const ships = [];
      for (let i = 0; i < floats.length; i += stride) {
        const [x, y, hull, score, id] = [at.x, at.y, at.hull, at.score, at.id].map((field) => floats[i + field]);
        ships.push({ x, y, hull, own: floats[i + at.own] === 1, score, id, name: game.nameOf(id) });
      }
      const numbers = { ...game.rows('hud').row(), ...game.state() };
      const beams = game.rows('beams').floats().length;
      const [recorded, pixelsPerUnit] = [game.recordedPlace(), renderer?.pixelsPerUnit ?? 0];
      return { phase, hud: numbers, net: game.net(), ships, beams, recorded, pixelsPerUnit };
    },
  },
});
