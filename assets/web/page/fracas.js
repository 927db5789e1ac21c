// A game in a page of one's own: what fracas.d.ts promises.

import { Connection } from './connection.js';
import { Core } from './core.js';

/** @import * as sdk from './fracas.d.ts' */

/** The core of each server, loaded once. @type {Map<string, Promise<Core>>} */
const cores = new Map();

/** @param {string} [server] */
const urlOf = (server) => new URL(server ?? location.href);

/** A core that could not be loaded is loaded again by the next try. @param {URL} server */
function loadCore(server) {
  const url = new URL('/core.wasm', server).href;
  const loading =
    cores.get(url) ??
    Core.load(fetch(url)).catch((error) => {
      cores.delete(url);
      throw new Error(`The game could not be loaded (${error.message}). Try again.`);
    });
  cores.set(url, loading);
  return loading;
}

/** The view whose shape is nearest to the window's. @param {readonly (readonly [number, number])[]} views */
function windowAspect(views) {
  const distances = views.map(([width, height]) => Math.abs(Math.log((width / height) * (innerHeight / innerWidth))));
  return distances.indexOf(Math.min(...distances));
}

/** @implements {sdk.Game} */
class Game {
  /** @param {Core} core @param {sdk.Options} options */
  constructor(core, options) {
    this.core = core;
    /** @type {sdk.Game['phase']} */
    this.phase = 'joining';
    this.connection = new Connection(core, {
      server: urlOf(options.server),
      name: options.name,
      room: options.room ?? 'main',
      token: options.token ?? null,
      windowAspect: options.aspect ?? (() => windowAspect(core.views)),
      onEvent: (event) => {
        if (event[0][0] === 'welcome') this.phase = 'playing';
        options.onEvent?.(event);
      },
      onWaiting: (words, seconds) => {
        this.phase = 'waiting';
        options.onWaiting?.(words, seconds);
      },
      onEnd: (words) => {
        this.end();
        options.onEnd?.(words);
      },
    });
    // A hidden page is not drawn any more, so nothing need come to it; one that goes away leaves.
    this.onVisibility = () => this.connection.setHidden(document.hidden);
    this.onPageHide = () => this.leave();
    document.addEventListener('visibilitychange', this.onVisibility);
    addEventListener('pagehide', this.onPageHide);
    this.connection.open();
  }

  get token() {
    return this.connection.token;
  }

  get views() {
    return this.core.views;
  }

  get view() {
    return this.core.views[this.connection.aspect];
  }

  get traffic() {
    return this.connection;
  }

  /** @param {Partial<sdk.Controls>} controls */
  input(controls) {
    this.core.setInput(performance.now(), controls);
  }

  /** @param {number} halfWidth @param {number} halfHeight */
  show(halfWidth, halfHeight) {
    // Not the picture's own time, which is when it began: the core must not see its clock go back between messages.
    const now = performance.now();
    this.connection.advance(now);
    this.core.exports.draw(now, halfWidth, halfHeight);
  }

  entities() {
    const { stride, at, floats } = this.layout('entities');
    const { shapes } = this.core;
    /** @type {sdk.Entity[]} */
    const entities = [];
    for (let i = 0; i < floats.length; i += stride) {
      const field = (/** @type {string} */ name) => floats[i + at[name]];
      entities.push({
        x: field('x'),
        y: field('y'),
        id: field('id'),
        player: field('player'),
        own: field('own') === 1,
        shape: /** @type {sdk.Entity['shape']} */ (shapes[field('shape')]),
        width: field('width'),
        height: field('height'),
        heading: field('heading'),
        colour: field('colour') < 0 ? null : field('colour'),
        strength: field('strength'),
        ring: field('ring') === 1,
        label: field('label') === 1,
      });
    }
    return entities;
  }

  /** @param {string} name */
  layout(name) {
    const rows = this.rows(name);
    return { stride: rows.stride, at: rows.at, floats: rows.floats() };
  }

  state() {
    return /** @type {sdk.State} */ (/** @type {unknown} */ (this.rows('state').row()));
  }

  net() {
    return /** @type {sdk.Net} */ (/** @type {unknown} */ (this.rows('net').row()));
  }

  /** @param {string} name */
  rows(name) {
    const rows = this.core.arrays[name];
    if (!rows) throw new Error(`the game has no array ${name}`);
    return rows;
  }

  /** @param {number} id */
  nameOf(id) {
    return this.core.nameOf(id);
  }

  status() {
    return this.core.text(this.core.exports.status());
  }

  explain() {
    return this.core.text(this.core.exports.explain());
  }

  recordedPlace() {
    return this.core.recordedPlace();
  }

  /** @param {number} delayMs */
  setDelay(delayMs) {
    this.connection.setDelay(delayMs);
  }

  leave() {
    if (this.phase === 'ended') return;
    this.connection.leave();
    this.end();
  }

  end() {
    this.phase = 'ended';
    document.removeEventListener('visibilitychange', this.onVisibility);
    removeEventListener('pagehide', this.onPageHide);
  }
}

/** @type {typeof sdk.load} */
export async function load(server) {
  await loadCore(urlOf(server));
}

/** @type {typeof sdk.connect} */
export async function connect(options) {
  return new Game(await loadCore(urlOf(options.server)), options);
}
