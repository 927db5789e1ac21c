// Names beside the ships, on a canvas of their own: text is what WebGL does not do.

import { fitCanvas } from './canvas.js';

/** @import { Game } from './fracas.js' */
/** @import { Renderer } from './renderer.js' */

export class Labels {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    /** @type {Map<number, string>} */
    this.names = new Map();
  }

  /** @param {Game} game @param {Renderer} renderer */
  draw(game, renderer) {
    const { canvas, context } = this;
    const ratio = fitCanvas(canvas);
    const [width, height] = [canvas.width / ratio, canvas.height / ratio];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    const seen = new Map();
    const { at, stride } = game.rows('ships');
    // Copied, because asking for a name moves the core's memory along.
    const floats = game.rows('ships').floats().slice();
    for (let i = 0; i < floats.length; i += stride) {
      const id = floats[i + at.id];
      const name = this.names.get(id) ?? game.nameOf(id);
      if (name === null) continue;
      seen.set(id, name);
      if (floats[i + at.hull] === 0 || floats[i + at.own] === 1) continue;
      context.fillStyle = 'rgb(232 238 252 / 80%)';
      const scale = renderer.pixelsPerUnit;
      context.fillText(name, width / 2 + floats[i + at.x] * scale, height / 2 + (floats[i + at.y] - 36) * scale);
    }
    // A name is kept while its ship is in sight: the next one with this id may be somebody else's.
    this.names = seen;
  }

  clear() {
    this.names.clear();
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }
}
