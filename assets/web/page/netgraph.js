// The net graph on F3: how the line and the server do, and whose fault it is when something stalls.

import { fitCanvas } from './canvas.js';

/** @import { Game, Net, Traffic } from './fracas.js' */

/** Pictures in the graph's history. */
const HISTORY = 240;
/** A picture that comes later than this after the one before is our own stall, in milliseconds. */
const OWN_STALL_MS = 60;
/** How often the numbers change, in milliseconds: faster cannot be read. */
const TEXT_MS = 250;
/** What the graph's height stands for, in milliseconds. */
const SCALE_MS = 250;

export class NetGraph {
  constructor() {
    const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
    this.panel = find('netgraph');
    this.text = find('netgraph-text');
    this.canvas = /** @type {HTMLCanvasElement} */ (find('netgraph-canvas'));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    /** Round trip and age of what is shown, in milliseconds, of the last pictures. @type {[number, number][]} */
    this.history = [];
    this.ownStalls = 0;
    this.frameAt = 0;
    this.textAt = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    /** How much slower the line is to be each way, in milliseconds. */
    this.delayMs = 0;
    this.offerDelay(/** @type {HTMLInputElement} */ (find('netgraph-delay')), find('netgraph-delay-text'));
    addEventListener('keydown', (event) => {
      if (event.code !== 'F3') return;
      event.preventDefault();
      this.panel.hidden = !this.panel.hidden;
    });
    document.addEventListener('visibilitychange', () => this.pause());
  }

  /** @param {HTMLInputElement} slider @param {HTMLElement} text */
  offerDelay(slider, text) {
    slider.addEventListener('input', () => {
      this.delayMs = Number(slider.value);
      text.textContent = this.delayMs === 0 ? 'off' : `by ${this.delayMs} ms each way`;
    });
    // The game is played with the keys and the mouse that move a slider.
    slider.addEventListener('change', () => slider.blur());
    for (const kind of ['pointerdown', 'pointermove', 'pointerup']) {
      this.panel.addEventListener(kind, (event) => event.stopPropagation());
    }
  }

  /** Begins anew. */
  clear() {
    this.history = [];
    this.ownStalls = 0;
    this.frameAt = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
  }

  /** After each picture. @param {Game} game @param {number} now in milliseconds */
  update(game, now) {
    game.setDelay(this.delayMs);
    const gap = this.frameAt > 0 ? now - this.frameAt : 0;
    this.frameAt = now;
    if (gap > OWN_STALL_MS) this.ownStalls += 1;
    const net = game.net();
    this.history.push([net.rtt, net.age]);
    if (this.history.length > HISTORY) this.history.shift();
    if (this.panel.hidden) return;
    this.draw(net.period);
    if (now - this.textAt >= TEXT_MS) {
      this.write(net, game.traffic, (now - this.textAt) / 1000);
      this.textAt = now;
    }
  }

  /** A page that is not shown is not late. */
  pause() {
    this.frameAt = 0;
  }

  /** @param {Net} net @param {Traffic} traffic @param {number} seconds since it was last written */
  write(net, traffic, seconds) {
    const ms = (/** @type {number} */ value) => (value < 0 ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} ms`);
    const rate = (/** @type {number} */ bytes) => `${(bytes / seconds / 1024).toFixed(1)} KiB/s`;
    const inNow = rate(traffic.bytesIn - this.bytesIn);
    const outNow = rate(traffic.bytesOut - this.bytesOut);
    [this.bytesIn, this.bytesOut] = [traffic.bytesIn, traffic.bytesOut];
    this.text.textContent = [
      `round trip      ${ms(net.rtt)}, jitter ${ms(net.jitter)}`,
      `others shown    ${ms(net.age)} ago, ${(net.starved * 100).toFixed(1)} % foretold`,
      `inputs          ${ms(net.slack)} early, lead ${net.lead}`,
      `server tick     ${ms(net.work)} of ${ms(net.period)}`,
      `bytes           ${inNow} in, ${outNow} out`,
      `corrections     ${net.late} late input, ${net.pushed} pushed, ${net.unexplained} unexplained`,
      `stalls          ${net.serverStalls} server, ${net.networkStalls} network, ${this.ownStalls} this page`,
    ].join('\n');
  }

  /** Round trip above, age of what is shown below it. @param {number} period of a tick, in milliseconds */
  draw(period) {
    const { canvas, context } = this;
    const ratio = fitCanvas(canvas);
    const [width, height] = [canvas.width / ratio, canvas.height / ratio];
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const y = (/** @type {number} */ value) => height - (Math.min(Math.max(value, 0), SCALE_MS) / SCALE_MS) * height;
    context.strokeStyle = 'rgb(147 163 200 / 25%)';
    context.beginPath();
    for (let tick = period; tick < SCALE_MS; tick += period) {
      context.moveTo(0, y(tick));
      context.lineTo(width, y(tick));
    }
    context.stroke();
    for (const [index, colour] of ['#5ce1ff', '#ffb454'].entries()) {
      context.strokeStyle = colour;
      context.beginPath();
      for (const [at, values] of this.history.entries()) {
        context.lineTo((at / HISTORY) * width, y(values[index]));
      }
      context.stroke();
    }
  }
}
