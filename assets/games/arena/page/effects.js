// Sparks: what flies about when a ship is hit or destroyed. Derived from what the pictures show; no message is needed.

/** @import { Rows } from './fracas.js' */

/** Sparks at the same time; the oldest make room. */
const SPARKS_MAX = 1500;
/** The layout of sparks, as the card gets them. */
export const SPARKS = { stride: 7, at: { x: 0, y: 1, size: 2, red: 3, green: 4, blue: 5, strength: 6 } };

/**
 * @typedef {{ x: number, y: number, vx: number, vy: number, age: number, life: number, size: number,
 *   colour: [number, number, number] }} Spark
 */

export class Effects {
  constructor() {
    /** @type {Spark[]} */
    this.sparks = [];
    /** @type {Map<number, { hull: number, x: number, y: number }>} */
    this.ships = new Map();
    this.instances = new Float32Array(SPARKS_MAX * SPARKS.stride);
    this.last = 0;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  clear() {
    this.sparks.length = 0;
    this.ships.clear();
  }

  /**
   * Looks at the ships of a picture, in units relative to the camera, and moves the sparks on.
   * @param {Rows} ships
   * @param {{ x: number, y: number }} camera
   * @param {number} now in seconds
   */
  update(ships, camera, now) {
    const seen = new Map();
    const { at, stride } = ships;
    const floats = ships.floats();
    for (let i = 0; i < floats.length; i += stride) {
      const id = floats[i + at.id];
      const ship = { hull: floats[i + at.hull], x: floats[i + at.x] + camera.x, y: floats[i + at.y] + camera.y };
      const before = this.ships.get(id);
      if (before && ship.hull < before.hull) {
        if (ship.hull === 0) this.burst(before.x, before.y, 60, 320, 0.9, [1, 0.6, 0.25]);
        else this.burst(ship.x, ship.y, 9, 160, 0.35, [1, 0.85, 0.5]);
      }
      seen.set(id, ship);
    }
    this.ships = seen;
    const elapsed = Math.min(now - this.last, 0.1);
    this.last = now;
    for (const spark of this.sparks) {
      spark.age += elapsed;
      spark.x += spark.vx * elapsed;
      spark.y += spark.vy * elapsed;
      spark.vx *= 1 - 2.5 * elapsed;
      spark.vy *= 1 - 2.5 * elapsed;
    }
    this.sparks = this.sparks.filter((spark) => spark.age < spark.life);
  }

  /** The own rail hit a ship: a mark where it is. @param {number} id */
  hit(id) {
    const ship = this.ships.get(id);
    if (ship) this.burst(ship.x, ship.y, 14, 90, 0.5, [0.4, 0.95, 1]);
  }

  /**
   * @param {number} x @param {number} y
   * @param {number} count @param {number} speed @param {number} life
   * @param {[number, number, number]} colour
   */
  burst(x, y, count, speed, life, colour) {
    const amount = this.calm.matches ? Math.ceil(count / 5) : count;
    for (let i = 0; i < amount; i++) {
      const angle = Math.random() * 2 * Math.PI;
      const v = speed * (0.2 + 0.8 * Math.random());
      const spark = { x, y, vx: Math.cos(angle) * v, vy: Math.sin(angle) * v, age: 0, colour };
      this.sparks.push({ ...spark, life: life * (0.4 + 0.6 * Math.random()), size: 4 + 7 * Math.random() });
    }
    if (this.sparks.length > SPARKS_MAX) this.sparks.splice(0, this.sparks.length - SPARKS_MAX);
  }

  /** The sparks as the card wants them. @param {{ x: number, y: number }} camera */
  draw(camera) {
    let at = 0;
    for (const { x, y, size, colour, age, life } of this.sparks) {
      const strength = 1 - age / life;
      this.instances.set([x - camera.x, y - camera.y, size, ...colour, strength], at);
      at += SPARKS.stride;
    }
    return this.instances.subarray(0, at);
  }
}
