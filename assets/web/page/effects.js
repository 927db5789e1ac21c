// Sparks: what flies about when a ship is hit or destroyed. Derived from what the pictures show; no message is needed.

import { SHIP_FLOATS } from './core.js';

/** Sparks at the same time; the oldest make room. */
const SPARKS_MAX = 1500;
/** Floats of a spark as the card gets it: x, y, size, red, green, blue, strength. */
const FLOATS = 7;

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
    this.instances = new Float32Array(SPARKS_MAX * FLOATS);
    this.last = 0;
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  clear() {
    this.sparks.length = 0;
    this.ships.clear();
  }

  /**
   * Looks at the ships of a picture, in units relative to the camera, and moves the sparks on.
   * @param {Float32Array} ships
   * @param {{ x: number, y: number }} camera
   * @param {number} now in seconds
   */
  update(ships, camera, now) {
    const seen = new Map();
    for (let i = 0; i < ships.length; i += SHIP_FLOATS) {
      const id = ships[i + 8];
      const ship = { hull: ships[i + 4], x: ships[i] + camera.x, y: ships[i + 1] + camera.y };
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
      at += FLOATS;
    }
    return this.instances.subarray(0, at);
  }
}
