// The page's life: a menu, a game, and what happens when the connection is lost.

import { Connection } from './connection.js';
import { Controls } from './controls.js';
import { Core, DASH, FIRE, HUD, NET, RAIL, SHIP_FLOATS } from './core.js';
import { Effects } from './effects.js';
import { Hud } from './hud.js';
import { Labels } from './labels.js';
import { NetGraph } from './netgraph.js';
import { aspectOf, Renderer } from './renderer.js';

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (find('join'));
const nameField = /** @type {HTMLInputElement} */ (find('name'));
const play = /** @type {HTMLButtonElement} */ (find('play'));

const arena = /** @type {HTMLCanvasElement} */ (find('arena'));
const controls = new Controls(arena);
const hud = new Hud();
const effects = new Effects();
const labels = new Labels(/** @type {HTMLCanvasElement} */ (find('labels')));
const netGraph = new NetGraph();

/** @type {Promise<Core> | null} */
let loading = null;
/** @type {Core | null} */
let core = null;
/** @type {Renderer | null} */
let renderer = null;
/** @type {Connection | null} */
let connection = null;
/** Counts joining and leaving: who joined, and left while the core was loading, does not want to play any more. */
let turns = 0;

/** The core, loaded once; or again, if it could not be. */
function loadCore() {
  loading ??= Core.load(fetch('/core.wasm')).catch((error) => {
    loading = null;
    throw new Error(`The game could not be loaded (${error.message}). Try again.`);
  });
  return loading;
}

/**
 * What the page shows: `menu`, `joining` (the menu, until the first answer), `playing` or `lost`.
 * @param {string} phase
 */
function setPhase(phase) {
  document.body.dataset.phase = phase;
  play.disabled = phase === 'joining';
  controls.setActive(phase === 'playing');
}

/** Back to the menu, with words if there is something to say. @param {string} words */
function showMenu(words) {
  setPhase('menu');
  find('trouble').textContent = words;
  nameField.focus();
}

/** @param {string} words @param {number} seconds */
function showWaiting(words, seconds) {
  setPhase('lost');
  find('overlay-text').textContent = `${words} Trying again in ${Math.max(1, Math.round(seconds))} s …`;
}

function leave() {
  turns += 1;
  connection?.leave();
  connection = null;
  showMenu('');
}

/** @param {string[][]} event */
function takeEvent(event) {
  if (event[0][0] === 'welcome') setPhase('playing');
  if (event[0][0] === 'rail' && Number(event[0][1]) >= 0) effects.hit(Number(event[0][1]));
  hud.take(event);
}

/** @param {string} name */
async function join(name) {
  turns += 1;
  const turn = turns;
  setPhase('joining');
  try {
    const loaded = await loadCore();
    if (turn === turns) await connect(loaded, name);
  } catch (error) {
    if (turn === turns) showMenu(/** @type {Error} */ (error).message);
  }
}

/** @param {Core} loaded @param {string} name */
async function connect(loaded, name) {
  core = loaded;
  renderer ??= new Renderer(arena);
  effects.clear();
  labels.clear();
  netGraph.clear();
  hud.reset(name);
  const windowAspect = () => aspectOf(innerWidth, innerHeight);
  connection = new Connection(core, name, windowAspect, {
    onEvent: takeEvent,
    onWaiting: showWaiting,
    onEnd: (words) => {
      connection = null;
      showMenu(words);
    },
  });
  await connection.open();
}

/** Tells the core what the player wants. @param {number} now in milliseconds */
function steer(now) {
  const { thrust, aim, fire, dash, rail } = controls.read();
  core?.exports.set_input(now, thrust, aim, (fire ? FIRE : 0) | (dash ? DASH : 0) | (rail ? RAIL : 0));
}

/** Whether there is an arena to draw. */
function isArenaShown() {
  return document.body.dataset.phase === 'playing' || document.body.dataset.phase === 'lost';
}

/** One picture. @param {number} now in milliseconds, as performance.now() has it */
function frame(now) {
  requestAnimationFrame(frame);
  if (!core || !renderer || !connection || !isArenaShown()) return;
  // Not the picture's own time, which is when it began: the core must not see its clock go back between messages.
  const present = performance.now();
  steer(present);
  connection.advance(present);
  renderer.fit(connection.aspect);
  core.exports.draw(present, renderer.halfWidth, renderer.halfHeight);
  const numbers = core.hud();
  const camera = { x: numbers[HUD.x], y: numbers[HUD.y] };
  effects.update(core.ships(), camera, now / 1000);
  renderer.draw(core, effects.draw(camera), { ...camera, time: (now / 1000) % 1000 });
  labels.draw(core, renderer);
  hud.update(core);
  netGraph.update(core, connection, present);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = nameField.value.trim();
  if (!name) {
    find('trouble').textContent = 'Type a name first.';
    nameField.focus();
    return;
  }
  find('trouble').textContent = '';
  remember(name);
  join(name);
});

find('overlay-leave').addEventListener('click', leave);
addEventListener('keydown', (event) => {
  if (event.code === 'Escape' && document.body.dataset.phase !== 'menu') leave();
});
// A page that goes away says so; the ship need not wait for it. If it comes back, by the browser's button, it is as it
// was left: with the menu.
addEventListener('pagehide', leave);
// A hidden page is not drawn any more, so nothing need come to it; and what was held is let go.
document.addEventListener('visibilitychange', () => {
  netGraph.pause();
  connection?.setHidden(document.hidden);
});

/** Storage may be shut off; then a name is just not remembered. @param {string} name */
function remember(name) {
  try {
    localStorage.setItem('name', name);
  } catch {}
}

try {
  nameField.value = localStorage.getItem('name') ?? '';
} catch {}

requestAnimationFrame(frame);
// Begun before it is needed; what goes wrong is said to who wants to play.
loadCore().catch(() => {});

/**
 * What the page knows right now, for the console and for tests. It reads and changes nothing.
 */
Object.assign(globalThis, {
  fracas: {
    inspect() {
      if (!core) return { phase: document.body.dataset.phase, ships: [] };
      const numbers = Object.fromEntries(Object.entries(HUD).map(([name, at]) => [name, core?.hud()[at]]));
      const floats = core.ships().slice();
      const ships = [];
      for (let i = 0; i < floats.length; i += SHIP_FLOATS) {
        const [x, y, , , hull, , own, score, id] = floats.subarray(i, i + SHIP_FLOATS);
        ships.push({ x, y, hull, own: own === 1, score, id, name: core.nameOf(id) });
      }
      const pixelsPerUnit = renderer?.pixelsPerUnit ?? 0;
      const net = Object.fromEntries(Object.entries(NET).map(([name, at]) => [name, core?.net()[at]]));
      const beams = core.beams().length;
      const recorded = core.recordedPlace();
      return { phase: document.body.dataset.phase, hud: numbers, net, ships, beams, recorded, pixelsPerUnit };
    },
  },
});
