// The heads-up display: vitals, score, leaders, kill feed, ping, and where the fight is. Names only ever go in as text.

import { fitCanvas } from './canvas.js';

/** @import { Game, State } from './fracas.js' */

/** Lines of the kill feed. */
const FEED_MAX = 6;
/** How long a line stays, in milliseconds; the style fades it out. */
const FEED_MS = 6000;

export class Hud {
  constructor() {
    const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
    this.ping = find('ping');
    this.leaders = find('leaders');
    this.standing = find('standing');
    this.feed = find('feed');
    this.hull = find('hull');
    this.energy = find('energy');
    this.dash = find('dash');
    this.rail = find('rail');
    this.score = find('score');
    this.banner = find('banner');
    this.map = /** @type {HTMLCanvasElement} */ (find('map'));
    this.mapContext = /** @type {CanvasRenderingContext2D} */ (this.map.getContext('2d'));
    this.ownName = '';
    this.isNamed = false;
    this.destroyedBy = '';
    this.players = 0;
    /** @type {number[]} */
    this.density = [];
  }

  /** @param {string} ownName */
  reset(ownName) {
    this.ownName = ownName;
    this.isNamed = false;
    this.destroyedBy = '';
    this.density = [];
    this.feed.replaceChildren();
    this.leaders.replaceChildren();
    this.blank();
  }

  /** The server may show a player by another name than was typed, when somebody has it already. @param {string | null} name */
  takeName(name) {
    if (name === null) return;
    this.ownName = name;
    this.isNamed = true;
  }

  /** Claims nothing: before the first frame it is not known whether there is a ship at all. */
  blank() {
    for (const element of [this.hull, this.energy]) bar(element, 0, '');
    for (const element of [this.dash, this.rail]) element.classList.remove('ready');
    for (const element of [this.score, this.standing, this.banner]) setText(element, '');
    setText(this.ping, '– ms');
    this.mapContext.clearRect(0, 0, this.map.width, this.map.height);
  }

  /** Takes an event from the core. @param {string[][]} event */
  take([[kind, ...fields], ...records]) {
    if (kind === 'leaderboard') this.showLeaders(Number(fields[0]), records);
    else if (kind === 'kills') this.showKills(Number(fields[0]), records);
    else if (kind === 'destroyed') this.destroyedBy = fields[0];
    else if (kind === 'density') this.density = fields.map(Number);
  }

  /** @param {number} players @param {string[][]} rows */
  showLeaders(players, rows) {
    this.players = players;
    const items = rows.map(([score, name]) => {
      const item = document.createElement('li');
      if (name === this.ownName) item.className = 'own';
      item.append(span('who', name), span('points', score));
      return item;
    });
    this.leaders.replaceChildren(...items);
  }

  /** @param {number} more @param {string[][]} kills */
  showKills(more, kills) {
    for (const [killer, victim] of kills) {
      const item = document.createElement('li');
      const own = (/** @type {string} */ name, /** @type {string} */ other) => (name === this.ownName ? 'own' : other);
      item.append(span(own(killer, 'killer'), killer), ' destroyed ', span(own(victim, 'victim'), victim));
      this.addLine(item);
    }
    if (more > 0) {
      const item = document.createElement('li');
      item.append(`and ${more} more`);
      this.addLine(item);
    }
  }

  /** @param {HTMLLIElement} item */
  addLine(item) {
    this.feed.append(item);
    while (this.feed.children.length > FEED_MAX) this.feed.firstElementChild?.remove();
    setTimeout(() => item.remove(), FEED_MS);
  }

  /** Shows the numbers of the last picture. @param {Game} game @param {State} state */
  update(game, state) {
    if (!this.isNamed) this.takeName(game.nameOf(state.ownId));
    const hud = game.rows('hud').row();
    if (!(hud.tile > 0)) return this.blank();
    const alive = hud.hull > 0;
    const percent = (/** @type {number} */ part) => Math.ceil(part * 100);
    bar(this.hull, hud.hull, `${percent(hud.hull)}`);
    this.hull.classList.toggle('low', hud.hull < 0.35);
    bar(this.energy, hud.energy, hud.drained ? 'recharging' : `${percent(hud.energy)}`);
    this.energy.classList.toggle('drained', hud.drained === 1);
    this.dash.classList.toggle('ready', alive && hud.dashPause === 0);
    this.rail.classList.toggle('ready', alive && hud.rail === 1);
    setText(this.score, `${hud.score}`);
    const { rtt } = game.net();
    setText(this.ping, rtt < 0 ? '– ms' : `${Math.round(rtt)} ms`);
    const rank = hud.rank > 0 ? `You are ${hud.rank} of ${this.players}` : '';
    setText(this.standing, rank);
    if (alive) this.destroyedBy = '';
    setText(this.banner, alive ? this.welcome(hud.timer) : this.epitaph(hud.timer));
    this.drawMap(game, hud.tile, state);
  }

  /** @param {number} seconds of protection left */
  welcome(seconds) {
    return seconds > 0 ? 'Protected until you fire' : '';
  }

  /** @param {number} seconds until respawn */
  epitaph(seconds) {
    const by = this.destroyedBy ? ` by ${this.destroyedBy}` : '';
    return `Destroyed${by} · back in ${Math.ceil(seconds)}`;
  }

  /**
   * Draws the open tiles, brighter where more ships are, and the own place.
   * @param {Game} game @param {number} tile the side of one in units @param {State} state
   */
  drawMap(game, tile, { x, y }) {
    const { map, mapContext: context } = this;
    const ratio = fitCanvas(map);
    const side = map.width / ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, side, side);
    const { at, stride } = game.rows('tiles');
    const floats = game.rows('tiles').floats();
    const tiles = Array.from({ length: floats.length / stride }, (_, rank) => ({
      column: floats[rank * stride + at.column],
      row: floats[rank * stride + at.row],
      ships: this.density[rank] ?? 0,
    }));
    const columns = tiles.map((t) => t.column);
    const rows = tiles.map((t) => t.row);
    const [left, top] = [Math.min(...columns), Math.min(...rows)];
    const span = Math.max(Math.max(...columns) - left, Math.max(...rows) - top) + 1;
    const size = (side - 16) / span;
    const most = Math.max(1, ...this.density);
    for (const { column, row, ships } of tiles) {
      context.fillStyle = `rgb(255 180 84 / ${Math.round(10 + (40 * ships) / most)}%)`;
      context.fillRect(8 + (column - left) * size, 8 + (row - top) * size, size - 1, size - 1);
    }
    context.fillStyle = '#5ce1ff';
    context.beginPath();
    context.arc(8 + (x / tile - left) * size, 8 + (y / tile - top) * size, 3, 0, 7);
    context.fill();
  }
}

/** @param {HTMLElement} element @param {number} part @param {string} words */
function bar(element, part, words) {
  const [fill, label] = /** @type {HTMLElement[]} */ ([...element.children]);
  fill.style.transform = `scaleX(${part})`;
  element.classList.toggle('empty', part < 0.55);
  setText(label, words);
}

/** Changes a text only if it differs: laying out costs more than comparing. @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} name of a class @param {string} text */
function span(name, text) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  return element;
}
