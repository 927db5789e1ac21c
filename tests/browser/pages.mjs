// Pages in a real Chromium, and what a test asks of them.

import { chromium } from 'playwright-core';

/**
 * Debian's Chromium, drawing WebGL2 in software, quiet about the network.
 * @param {import('playwright-core').LaunchOptions} options
 */
export function launch(options = {}) {
  return chromium.launch({
    ...options,
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
    ],
  });
}

/**
 * @typedef {{ x: number, y: number, hull: number, own: boolean, score: number, id: number, name: string | null }} Ship
 * @typedef {{ phase: string, hud: Record<string, number>, net: Record<string, number>, ships: Ship[], beams: number,
 *   recorded: { x: number, y: number }, pixelsPerUnit: number }} Inspection
 * @typedef {{ ack: number, tick: number, thrust: number, aim: number, fire: boolean, dash: boolean, rail: boolean }} Inputs
 */

/** Numbers of a client's control messages. */
export const HIDE = 6;
export const SHOW = 7;

/**
 * Runs in the page before all else, so that {@link Player.hide} can hold its pictures back as a hidden tab's are, and
 * {@link Player.show} can let them go on.
 */
function holdPictures() {
  const ask = globalThis.requestAnimationFrame.bind(globalThis);
  /** @type {FrameRequestCallback[]} */
  let held = [];
  const releasePictures = () => {
    const waiting = held;
    held = [];
    for (const draw of waiting) ask(draw);
  };
  Object.assign(globalThis, {
    requestAnimationFrame: (/** @type {FrameRequestCallback} */ draw) =>
      ask((now) => (document.hidden ? held.push(draw) : draw(now))),
    releasePictures,
  });
  // Where the browser had put the page aside as a whole, it was hidden before that.
  addEventListener('pageshow', releasePictures);
}

/** Reads the control message *inputs*; null if it is another. @param {Buffer} message @returns {Inputs | null} */
function inputsOf(message) {
  if (message[0] !== 1) return null;
  let at = 1;
  const uint = () => {
    const first = message[at++];
    if (first <= 250) return first;
    const bytes = first === 251 ? 2 : 4;
    at += bytes;
    return message.readUIntLE(at - bytes, bytes);
  };
  const [ack, tick, thrust, aim] = [uint(), uint(), message[at++], uint()];
  return { ack, tick, thrust, aim, fire: message[at] === 1, dash: message[at + 1] === 1, rail: message[at + 2] === 1 };
}

/** One player's page. */
export class Player {
  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
    /** @type {string[]} What went wrong in it. */
    this.faults = [];
    /** How many connections it has opened, and the last inputs it sent. */
    this.connections = 0;
    /** @type {Inputs | null} */
    this.inputs = null;
    /** The numbers of all control messages it sent, and how many messages it got. @type {number[]} */
    this.said = [];
    this.heard = 0;
    /** How many of its inputs had a dash, and a rail. */
    this.dashes = 0;
    this.rails = 0;
    page.on('websocket', (socket) => {
      this.connections += 1;
      socket.on('framesent', ({ payload }) => {
        if (Buffer.isBuffer(payload)) this.take(payload);
      });
      socket.on('framereceived', () => {
        this.heard += 1;
      });
    });
    page.on('pageerror', (error) => this.faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.faults.push(message.text());
    });
  }

  /** Takes note of a message that it sends. @param {Buffer} payload */
  take(payload) {
    this.said.push(payload[0]);
    const inputs = inputsOf(payload);
    if (!inputs) return;
    this.inputs = inputs;
    this.dashes += inputs.dash ? 1 : 0;
    this.rails += inputs.rail ? 1 : 0;
  }

  /**
   * Opens the page in a profile of its own.
   * @param {import('playwright-core').Browser} browser @param {string} url
   */
  static async open(browser, url, deviceScaleFactor = 1) {
    const context = await browser.newContext({ viewport: { width: 960, height: 540 }, deviceScaleFactor });
    const player = new Player(await context.newPage());
    await player.page.addInitScript(holdPictures);
    await player.page.goto(url);
    return player;
  }

  /** Types a name and plays. @param {string} name */
  async join(name) {
    await this.page.fill('#name', name);
    await this.page.keyboard.press('Enter');
    await this.until('is in the arena', ({ phase, hud }) => phase === 'playing' && hud.hull > 0);
  }

  /** @returns {Promise<Inspection>} */
  inspect() {
    return this.page.evaluate(() => /** @type {any} */ (globalThis).fracas.inspect());
  }

  /**
   * Asks again and again until `is` holds.
   * @param {string} what @param {(inspection: Inspection) => boolean} is
   */
  async until(what, is, seconds = 15) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const inspection = await this.inspect();
      if (is(inspection)) return inspection;
      if (Date.now() > end) throw new Error(`never: ${what}; ${JSON.stringify(inspection).slice(0, 600)}`);
      await this.page.waitForTimeout(30);
    }
  }

  /** Waits until it says a control message. @param {number} number */
  async says(number, seconds = 5) {
    const end = Date.now() + seconds * 1000;
    while (!this.said.includes(number)) {
      if (Date.now() > end) throw new Error(`never said: ${number}`);
      await this.page.waitForTimeout(10);
    }
  }

  /** Waits until the inputs it sends are such. @param {string} what @param {(inputs: Inputs) => boolean} are */
  async sends(what, are, seconds = 5) {
    const end = Date.now() + seconds * 1000;
    while (!this.inputs || !are(this.inputs)) {
      if (Date.now() > end) throw new Error(`never sent: ${what}; ${JSON.stringify(this.inputs)}`);
      await this.page.waitForTimeout(10);
    }
  }

  /**
   * Hides the page as a tab in front of it does: it is told so, and makes no more pictures. Acted, because every page of
   * a Chromium without a screen is in front.
   */
  hide() {
    return this.page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
  }

  /** Shows it again. */
  show() {
    return this.page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: false });
      /** @type {any} */ (globalThis).releasePictures();
      document.dispatchEvent(new Event('visibilitychange'));
    });
  }

  /** What the overlay of a lost connection says, as soon as it says it. @param {RegExp} words */
  async isTold(words, seconds = 10) {
    await this.page.locator('#overlay-text', { hasText: words }).waitFor({ timeout: seconds * 1000 });
  }

  /** Another ship in view, and where it is in the arena. @param {string} name */
  async sees(name) {
    const { ships, hud } = await this.inspect();
    const ship = ships.find((candidate) => candidate.name === name && candidate.hull > 0);
    return ship && { ...ship, world: { x: hud.x + ship.x, y: hud.y + ship.y } };
  }

  /**
   * Flies with the arrow keys until another player's ship is nearer than `units`. It asks that player's page where it
   * is: the two may have come into the arena out of each other's sight.
   * @param {Player} other @param {number} units
   */
  async flyTo(other, units) {
    const { keyboard } = this.page;
    /** @type {Set<string>} */
    let held = new Set();
    const end = Date.now() + 30_000;
    for (;;) {
      const [{ hud: here }, { hud: there }] = await Promise.all([this.inspect(), other.inspect()]);
      const [x, y] = [there.x - here.x, there.y - here.y];
      const keys = new Set();
      if (Math.hypot(x, y) > units) {
        if (Math.abs(x) > 20) keys.add(x > 0 ? 'ArrowRight' : 'ArrowLeft');
        if (Math.abs(y) > 20) keys.add(y > 0 ? 'ArrowDown' : 'ArrowUp');
      }
      for (const key of held) if (!keys.has(key)) await keyboard.up(key);
      for (const key of keys) if (!held.has(key)) await keyboard.down(key);
      held = keys;
      if (keys.size === 0) return;
      if (Date.now() > end) throw new Error(`out of reach: ${x}, ${y} units away`);
      await this.page.waitForTimeout(50);
    }
  }
}
