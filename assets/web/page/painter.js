// Draws any game on a canvas: a dark ground with a grid that moves, and a disc, a wedge or a bar for each entity.

/** @import { Entity, Game, State } from './fracas.js' */

/**
 * Half the picture's sides in units, CSS pixels to a unit, and device pixels to a CSS pixel.
 * @typedef {{ halfWidth: number, halfHeight: number, pixelsPerUnit: number, ratio: number }} Fit
 */

/** Distances between lines of the grid, in units, with their colours. */
const GRID = /** @type {const} */ ([
  [64, 'rgb(78 104 178 / 13%)'],
  [256, 'rgb(96 128 214 / 22%)'],
]);
const GROUND = '#0b1020';
const OUTSIDE = '#05070f';
const EDGE = 'rgb(110 150 255 / 70%)';
const OWN = '#5ce1ff';
/** Neighbours differ in lightness too. None is like the own colour. */
const PALETTE = ['#ff8c42', '#f25c8c', '#ffcc59', '#b885ff', '#4ade80', '#f87171', '#6f9bff', '#e8eefc'];
/** The corners of a wedge whose radius is 1, as it points to the right. */
const DART = /** @type {const} */ ([
  [1, 0],
  [-0.66, 0.72],
  [-0.34, 0],
  [-0.66, -0.72],
]);
/** Fills by colour. @type {Map<string, string>} */
const fills = new Map();
/** Units between an entity and the name above it, and its ring. */
const LABEL_GAP = 9;
const RING_GAP = 6;

export class Painter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
    /** @type {Map<number, string>} */
    this.names = new Map();
    /** How long a picture takes to draw, in milliseconds, on average. */
    this.workMs = 0;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  clear() {
    this.names.clear();
  }

  /** Draws the last picture. @param {Game} game @param {Fit} fit @param {number} now in seconds */
  draw(game, fit, now) {
    const began = performance.now();
    const { context } = this;
    const { halfWidth, halfHeight, ratio } = fit;
    const scale = fit.pixelsPerUnit * ratio;
    context.setTransform(scale, 0, 0, scale, halfWidth * scale, halfHeight * scale);
    this.drawGround(game.state(), fit);
    const entities = game.entities();
    // Bars are ground and walls: all of a colour at once, for there may be thousands. The own entity comes last.
    this.drawBars(entities.filter(isGround), scale);
    const others = entities.filter((entity) => !isGround(entity));
    for (const entity of others) this.drawEntity(entity, scale, now);
    this.drawLabels(game, others, fit);
    this.workMs += (performance.now() - began - this.workMs) / 30;
  }

  /** @param {State} state @param {Fit} fit */
  drawGround({ x, y, groundWidth, groundHeight }, { halfWidth, halfHeight, pixelsPerUnit }) {
    const { context } = this;
    context.fillStyle = OUTSIDE;
    context.fillRect(-halfWidth, -halfHeight, 2 * halfWidth, 2 * halfHeight);
    context.fillStyle = GROUND;
    context.fillRect(-x, -y, groundWidth, groundHeight);
    for (const [step, colour] of GRID) {
      context.strokeStyle = colour;
      context.lineWidth = 1.2 / pixelsPerUnit;
      context.beginPath();
      const [left, right] = [Math.max(-halfWidth, -x), Math.min(halfWidth, groundWidth - x)];
      const [top, bottom] = [Math.max(-halfHeight, -y), Math.min(halfHeight, groundHeight - y)];
      for (const at of multiples(step, x, left, right)) {
        context.moveTo(at, top);
        context.lineTo(at, bottom);
      }
      for (const at of multiples(step, y, top, bottom)) {
        context.moveTo(left, at);
        context.lineTo(right, at);
      }
      context.stroke();
    }
    context.strokeStyle = EDGE;
    context.lineWidth = 3;
    context.strokeRect(-x, -y, groundWidth, groundHeight);
    const light = context.createRadialGradient(0, 0, 0, 0, 0, Math.hypot(halfWidth, halfHeight));
    light.addColorStop(0, 'rgb(60 90 180 / 12%)');
    light.addColorStop(1, 'rgb(2 4 12 / 45%)');
    context.fillStyle = light;
    context.fillRect(-halfWidth, -halfHeight, 2 * halfWidth, 2 * halfHeight);
  }

  /** @param {Entity[]} bars @param {number} scale device pixels to a unit */
  drawBars(bars, scale) {
    const { context } = this;
    /** @type {Map<string, Entity[]>} */
    const byColour = new Map();
    for (const bar of bars) {
      const same = byColour.get(colourOf(bar));
      if (same) same.push(bar);
      else byColour.set(colourOf(bar), [bar]);
    }
    for (const [colour, same] of byColour) {
      context.beginPath();
      // A line between neighbours stays open, so that one sees where each ends.
      const gap = 1 / scale;
      for (const { x, y, width, height } of same) {
        context.rect(x - width / 2 + gap, y - height / 2 + gap, width - 2 * gap, height - 2 * gap);
      }
      context.fillStyle = fillOf(colour);
      context.fill();
    }
  }

  /** @param {Entity} entity @param {number} scale device pixels to a unit @param {number} now in seconds */
  drawEntity(entity, scale, now) {
    const { context } = this;
    const colour = colourOf(entity);
    context.globalAlpha = entity.strength;
    context.beginPath();
    trace(context, entity);
    context.fillStyle = fillOf(colour);
    context.fill();
    context.strokeStyle = colour;
    context.lineJoin = 'round';
    context.lineWidth = Math.min(2.4, Math.max(entity.width / 6, 1.5 / scale));
    context.stroke();
    if (entity.ring) {
      const swing = this.calm.matches ? 0 : 1.2 * Math.sin(now * 6);
      context.beginPath();
      context.arc(entity.x, entity.y, Math.hypot(entity.width, entity.height) / 2.8 + RING_GAP + swing, 0, 7);
      context.strokeStyle = '#ffffff';
      context.globalAlpha = 0.75 * entity.strength;
      context.lineWidth = 2;
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  /** Names, upright and as large on every screen. @param {Game} game @param {Entity[]} entities @param {Fit} fit */
  drawLabels(game, entities, { halfWidth, halfHeight, pixelsPerUnit, ratio }) {
    const { context } = this;
    const seen = new Map();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = '600 13px system-ui, sans-serif';
    context.textAlign = 'center';
    context.lineJoin = 'round';
    context.lineWidth = 3;
    context.strokeStyle = 'rgb(5 8 18 / 85%)';
    for (const entity of entities) {
      if (!entity.label) continue;
      const name = this.names.get(entity.id) ?? game.nameOf(entity.id);
      if (name === null) continue;
      seen.set(entity.id, name);
      const x = (halfWidth + entity.x) * pixelsPerUnit;
      const y = (halfHeight + entity.y - entity.height / 2 - LABEL_GAP) * pixelsPerUnit;
      context.strokeText(name, x, y);
      context.fillStyle = entity.own ? OWN : '#dfe7fb';
      context.fillText(name, x, y);
    }
    // A name is kept while its entity is in sight: the next one with this id may be somebody else's.
    this.names = seen;
  }
}

/** Whether an entity is a plain bar that belongs to nobody. @param {Entity} entity */
function isGround({ shape, player, strength, ring, label }) {
  return shape === 'bar' && player < 0 && strength === 1 && !ring && !label;
}

/** What a shape is filled with, darker than its edge. @param {string} colour */
function fillOf(colour) {
  let fill = fills.get(colour);
  if (!fill) {
    const channel = (/** @type {number} */ at) => Number.parseInt(colour.slice(at, at + 2), 16);
    const [red, green, blue] = [1, 3, 5].map((at) => Math.round(0.6 * channel(at) + 6));
    fill = `rgb(${red} ${green} ${blue})`;
    fills.set(colour, fill);
  }
  return fill;
}

/**
 * Where multiples of a step are between two places, seen from the camera.
 * @param {number} step @param {number} camera @param {number} from @param {number} to
 */
function multiples(step, camera, from, to) {
  const first = Math.ceil((camera + from) / step);
  const count = Math.max(0, Math.floor((camera + to) / step) - first + 1);
  return Array.from({ length: count }, (_, i) => (first + i) * step - camera);
}

/** @param {Entity} entity */
function colourOf({ colour, own, player, id }) {
  if (colour !== null) return PALETTE[colour % PALETTE.length];
  if (own) return OWN;
  const number = player >= 0 ? player : id;
  // Ids of players lie a fixed distance apart: neighbours must not all get the same.
  return PALETTE[Math.floor(((number * 0.618034) % 1) * PALETTE.length)];
}

/** @param {CanvasRenderingContext2D} context @param {Entity} entity */
function trace(context, { x, y, shape, width, height, heading }) {
  if (shape === 'disc') {
    context.arc(x, y, width / 2, 0, 2 * Math.PI);
  } else if (shape === 'bar') {
    context.roundRect(x - width / 2, y - height / 2, width, height, Math.min(4, width / 6, height / 6));
  } else {
    const [cos, sin] = [Math.cos(heading * 2 * Math.PI), Math.sin(heading * 2 * Math.PI)];
    for (const [ahead, aside] of DART) {
      const [dx, dy] = [(ahead * width) / 2, (aside * width) / 2];
      context.lineTo(x + dx * cos - dy * sin, y + dx * sin + dy * cos);
    }
    context.closePath();
  }
}
