// Names beside the ships, on a canvas of their own: text is what WebGL does not do.

import { fitCanvas } from './canvas.js';
import { SHIP_FLOATS } from './core.js';

/** @import { Core } from './core.js' */
/** @import { Renderer } from './renderer.js' */

export class Labels {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    /** @type {Map<number, string>} */
    this.names = new Map();
  }

  /** @param {Core} core @param {Renderer} renderer */
  draw(core, renderer) {
    const { canvas, context } = this;
    const ratio = fitCanvas(canvas);
    const [width, height] = [canvas.width / ratio, canvas.height / ratio];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    const seen = new Map();
    // Copied, because asking for a name moves the core's memory along.
    const ships = core.ships().slice();
    for (let i = 0; i < ships.length; i += SHIP_FLOATS) {
      const [x, y, , , hull, , own] = ships.subarray(i, i + SHIP_FLOATS);
      const id = ships[i + 8];
      const name = this.names.get(id) ?? core.nameOf(id);
      if (name === null) continue;
      seen.set(id, name);
      if (hull === 0 || own === 1) continue;
      context.fillStyle = 'rgb(232 238 252 / 80%)';
      const scale = renderer.pixelsPerUnit;
      context.fillText(name, width / 2 + x * scale, height / 2 + (y - 36) * scale);
    }
    // A name is kept while its ship is in sight: the next one with this id may be somebody else's.
    this.names = seen;
  }

  clear() {
    this.names.clear();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }
}
