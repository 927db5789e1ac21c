// What `?debug` shows: frames decoded, entities, records against prediction, corrections with their cause, bytes by frame.

import { fitCanvas } from './canvas.js';

/** @import { Game } from './fracas.js' */

/** Corrections that are listed. */
const CORRECTIONS_MAX = 8;
/** How often the text changes, in milliseconds. */
const TEXT_MS = 250;

export class DebugPanel {
  constructor() {
    this.panel = document.createElement('div');
    this.panel.id = 'debug';
    this.canvas = document.createElement('canvas');
    this.text = document.createElement('pre');
    this.panel.append(this.canvas, this.text);
    document.getElementById('hud')?.append(this.panel);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    /** @type {string[]} */
    this.corrections = [];
    this.textAt = 0;
  }

  clear() {
    this.corrections = [];
  }

  /** @param {string[]} event */
  takeCorrection([, tick, cause, units]) {
    this.corrections.unshift(`tick ${tick}  ${cause}, by ${units} units`);
    this.corrections.length = Math.min(this.corrections.length, CORRECTIONS_MAX);
  }

  /** After each picture. @param {Game} game @param {number} now in milliseconds */
  update(game, now) {
    if (now - this.textAt < TEXT_MS) return;
    this.textAt = now;
    this.drawSizes(game.traffic.sizes);
    const [state, net, recorded] = [game.state(), game.net(), game.recordedPlace()];
    const { sizes } = game.traffic;
    const mean = sizes.reduce((sum, size) => sum + size, 0) / Math.max(1, sizes.length);
    const [dx, dy] = [state.x - recorded.x, state.y - recorded.y];
    this.text.textContent = [
      `bytes by frame  ${mean.toFixed(1)} mean, ${Math.max(0, ...sizes)} most, of the last ${sizes.length}`,
      `ticks decoded   ${state.bodies}, at ${state.tick}; ${state.inputs} inputs sent`,
      `entities        ${state.known} known, ${game.rows('entities').floats().length / game.rows('entities').stride} shown`,
      `hashes wrong    ${state.mismatches}; desyncs ${state.desyncs}, fresh starts ${state.resyncs}`,
      `place           ${at(state)} shown, ${at(recorded)} recorded: ${Math.hypot(dx, dy).toFixed(1)} units ahead`,
      `corrections     ${net.late} late, ${net.pushed} pushed, ${net.unexplained} unexplained`,
      ...this.corrections.map((line) => `  ${line}`),
      game.explain() ?? '',
    ].join('\n');
  }

  /** A bar for each of the last frames. @param {readonly number[]} sizes */
  drawSizes(sizes) {
    const { canvas, context } = this;
    const ratio = fitCanvas(canvas);
    const [width, height] = [canvas.width / ratio, canvas.height / ratio];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const [step, most] = [width / 240, Math.max(64, ...sizes)];
    context.fillStyle = '#ffb454';
    for (const [at, size] of sizes.entries()) {
      const bar = (size / most) * height;
      context.fillRect(at * step, height - bar, Math.max(1, step - 0.5), bar);
    }
  }
}

/** @param {{ x: number, y: number }} place */
function at({ x, y }) {
  return `${x.toFixed(1)}, ${y.toFixed(1)}`;
}
