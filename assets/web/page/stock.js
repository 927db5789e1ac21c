// The stock page: plays any game by its look. With `?debug` in the address it shows what the engine counts.

import { fitView } from './canvas.js';
import { Controls } from './controls.js';
import { Lobby } from './lobby.js';
import { NetGraph } from './netgraph.js';
import { Painter } from './painter.js';

/** @import { DebugPanel } from './debug.js' */

/** How long a line of news stays, in milliseconds, and how many there are at the most; the style fades it out. */
const FEED_MS = 6000;
const FEED_MAX = 6;

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const canvas = /** @type {HTMLCanvasElement} */ (find('picture'));
const controls = new Controls(canvas);
const painter = new Painter(canvas);
const netGraph = new NetGraph();
/** @type {DebugPanel | null} */
let debug = null;

const lobby = new Lobby({
  onBegin() {
    painter.clear();
    netGraph.clear();
    debug?.clear();
    find('feed').replaceChildren();
    setText(find('status'), '');
  },
  onEvent(event) {
    const [kind, line] = event[0];
    if (kind === 'news') addLine(line);
    if (kind === 'correction') debug?.takeCorrection(event[0]);
  },
  onPlaying: (isPlaying) => controls.setActive(isPlaying),
});

/** @param {string} line */
function addLine(line) {
  const feed = find('feed');
  const item = document.createElement('li');
  item.textContent = line;
  feed.append(item);
  while (feed.children.length > FEED_MAX) feed.firstElementChild?.remove();
  setTimeout(() => item.remove(), FEED_MS);
}

/** Changes a text only if it differs: laying out costs more than comparing. @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One picture. @param {number} now in milliseconds, as performance.now() has it */
function frame(now) {
  requestAnimationFrame(frame);
  const { game } = lobby;
  if (!game || !lobby.isShown) return;
  const fit = fitView(canvas, game.view);
  game.input(controls.read(fit.pixelsPerUnit));
  game.show(fit.halfWidth, fit.halfHeight);
  painter.draw(game, fit, now / 1000);
  const { rtt } = game.net();
  setText(find('ping'), rtt < 0 ? '– ms' : `${Math.round(rtt)} ms`);
  setText(find('status'), game.status() ?? '');
  netGraph.update(game, performance.now());
  debug?.update(game, now);
}

/** A game has its name from its program. */
async function showTitle() {
  const { name } = await (await fetch('/game')).json();
  setText(find('title'), name.charAt(0).toUpperCase() + name.slice(1));
  document.title = name;
}

async function showDebug() {
  const { DebugPanel } = await import('./debug.js');
  debug = new DebugPanel();
}

showTitle().catch(() => {});
if (new URLSearchParams(location.search).has('debug')) showDebug();
requestAnimationFrame(frame);

/** What the page knows right now, for the console and for tests. It reads and changes nothing. */
Object.assign(globalThis, {
  fracas: {
    inspect() {
      const { game, phase } = lobby;
      if (!game) return { phase, entities: [] };
      const entities = game.entities().map((entity) => ({ ...entity, name: game.nameOf(entity.player) }));
      const [state, net, recorded] = [game.state(), game.net(), game.recordedPlace()];
      return { phase, state, net, entities, recorded, status: game.status(), workMs: painter.workMs };
    },
  },
});
