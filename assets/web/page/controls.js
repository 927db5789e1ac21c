// Keyboard and mouse: what the player wants, as a direction, an aim and what is pressed.

/** @import { Controls as Wanted } from './fracas.js' */

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = {
  KeyW: [0, -1],
  KeyA: [-1, 0],
  KeyS: [0, 1],
  KeyD: [1, 0],
  ArrowUp: [0, -1],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowRight: [1, 0],
};

/** Keys that do something once when they go down. @type {Record<string, 'boost' | 'secondary'>} */
const ACTS = { ShiftLeft: 'boost', ShiftRight: 'boost', KeyE: 'secondary' };

const TURN = 2 * Math.PI;

export class Controls {
  /** @param {HTMLElement} surface what the mouse aims on; its middle is the own entity */
  constructor(surface) {
    /** @type {Set<string>} */
    this.held = new Set();
    this.aim = 0;
    /** Where the pointer is from the middle of the surface, in CSS pixels. */
    this.pointer = { x: 0, y: 0 };
    this.trigger = false;
    /** What was pressed since it was last read. */
    this.pressed = { boost: false, secondary: false };
    /** Whether the mouse's right button is down. */
    this.secondButton = false;
    this.active = false;
    this.surface = surface;
    addEventListener('keydown', (event) => this.key(event, true));
    addEventListener('keyup', (event) => this.key(event, false));
    for (const kind of /** @type {const} */ (['pointerdown', 'pointermove', 'pointerup'])) {
      addEventListener(kind, (event) => this.point(event));
    }
    addEventListener('pointercancel', () => {
      this.trigger = false;
    });
    surface.addEventListener('contextmenu', (event) => event.preventDefault());
    // A key that goes up elsewhere is never seen to go up.
    addEventListener('blur', () => this.release());
    document.addEventListener('visibilitychange', () => this.release());
  }

  /** @param {boolean} active whether there is something to control */
  setActive(active) {
    this.active = active;
    this.release();
  }

  release() {
    this.held.clear();
    this.trigger = false;
    this.secondButton = false;
    this.pressed = { boost: false, secondary: false };
  }

  /** @param {KeyboardEvent} event @param {boolean} down */
  key(event, down) {
    // While Meta is down some systems do not tell which keys go up.
    if (event.key === 'Meta') this.release();
    if (!this.active) return;
    // Those are the browser's own; what was pressed before must still go up.
    if (down && (event.ctrlKey || event.metaKey || event.altKey)) return;
    if (!(event.code in DIRECTIONS) && !(event.code in ACTS) && event.code !== 'Space') return;
    event.preventDefault();
    if (event.code in ACTS) {
      if (down && !event.repeat) this.pressed[ACTS[event.code]] = true;
      return;
    }
    if (down) this.held.add(event.code);
    else this.held.delete(event.code);
  }

  /** @param {PointerEvent} event */
  point(event) {
    const { left, top, width, height } = this.surface.getBoundingClientRect();
    const x = event.clientX - left - width / 2;
    const y = event.clientY - top - height / 2;
    this.pointer = { x, y };
    if (x !== 0 || y !== 0) this.aim = Math.atan2(y, x) / TURN;
    // Of several buttons only the first to go down and the last to go up have events of their own; the others move.
    this.trigger = this.active && (event.buttons & 1) === 1;
    const secondButton = this.active && (event.buttons & 2) === 2;
    if (secondButton && !this.secondButton) this.pressed.secondary = true;
    this.secondButton = secondButton;
  }

  /**
   * What is wanted now; what is pressed once is told once.
   * @param {number} pixelsPerUnit CSS pixels to a unit
   * @returns {Wanted}
   */
  read(pixelsPerUnit) {
    let [x, y] = [0, 0];
    for (const code of this.held) {
      const [dx, dy] = DIRECTIONS[code] ?? [0, 0];
      x += dx;
      y += dy;
    }
    // Opposite keys cancel out; two keys for one direction are one.
    const direction = x === 0 && y === 0 ? null : (Math.atan2(Math.sign(y), Math.sign(x)) / TURN + 1) % 1;
    const { boost, secondary } = this.pressed;
    this.pressed = { boost: false, secondary: false };
    const pointer = { x: this.pointer.x / pixelsPerUnit, y: this.pointer.y / pixelsPerUnit };
    return { direction, aim: this.aim, pointer, primary: this.trigger || this.held.has('Space'), secondary, boost };
  }
}
