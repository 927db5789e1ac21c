// The page's life: a menu, a game, and what happens when the connection is lost.

import { Connection } from './connection.js';
import { Controls } from './controls.js';
import { Core, HUD, SHIP_FLOATS } from './core.js';
import { Effects } from './effects.js';
import { Hud } from './hud.js';
import { Labels } from './labels.js';
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
const loading = Core.load(fetch('/core.wasm'));

/** @type {Core | null} */
let core = null;
/** @type {Renderer | null} */
let renderer = null;
/** @type {Connection | null} */
let connection = null;

/** What the page shows: `menu`, `playing` or `lost`. @param {string} phase */
function setPhase(phase) {
  document.body.dataset.phase = phase;
  controls.setActive(phase === 'playing');
}

/** Back to the menu, with words if there is something to say. @param {string} words */
function showMenu(words) {
  setPhase('menu');
  find('trouble').textContent = words;
  play.disabled = false;
  nameField.focus();
}

/** @param {string} words @param {number} seconds */
function showWaiting(words, seconds) {
  setPhase('lost');
  find('overlay-text').textContent = `${words} Trying again in ${Math.max(1, Math.round(seconds))} s …`;
}

function leave() {
  connection?.leave();
  connection = null;
  showMenu('');
}

/** @param {string[][]} event */
function takeEvent(event) {
  if (event[0][0] === 'welcome') {
    play.disabled = false;
    setPhase('playing');
  }
  hud.take(event);
}

/** @param {string} name */
async function join(name) {
  core = await loading;
  renderer ??= new Renderer(arena);
  effects.clear();
  labels.clear();
  hud.reset(name);
  const aspect = aspectOf(innerWidth, innerHeight);
  connection = new Connection(core, name, aspect, {
    onEvent: takeEvent,
    onWaiting: showWaiting,
    onEnd: (words) => {
      connection = null;
      showMenu(words);
    },
  });
  await connection.open();
}

/** One picture. @param {number} now in milliseconds, as performance.now() has it */
function frame(now) {
  requestAnimationFrame(frame);
  if (!core || !renderer || !connection || document.body.dataset.phase === 'menu') return;
  const { thrust, aim, fire } = controls.read();
  core.exports.set_input(thrust, aim, fire ? 1 : 0);
  // Not the picture's own time, which is when it began: the core must not see its clock go back between messages.
  const present = performance.now();
  connection.advance(present);
  renderer.fit(connection.aspect);
  core.exports.draw(present, renderer.halfWidth, renderer.halfHeight);
  const numbers = core.hud();
  const camera = { x: numbers[HUD.x], y: numbers[HUD.y] };
  effects.update(core.ships(), camera, now / 1000);
  renderer.draw(core, effects.draw(camera), { ...camera, time: (now / 1000) % 1000 });
  labels.draw(core, renderer);
  hud.update(core);
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
  play.disabled = true;
  remember(name);
  join(name).catch((error) => showMenu(error.message));
});

find('overlay-leave').addEventListener('click', leave);
addEventListener('keydown', (event) => {
  if (event.code === 'Escape' && document.body.dataset.phase !== 'menu') leave();
});
// A page that goes away says so; the ship need not wait for it.
addEventListener('pagehide', () => connection?.leave());

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
      return { phase: document.body.dataset.phase, hud: numbers, ships, recorded: core.recordedPlace(), pixelsPerUnit };
    },
  },
});
