// The stock page with a game that has no page of its own: what a person sees of it, and what `?debug` shows.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from './pages.mjs';
import { Picture } from './png.mjs';
import { Server } from './server.mjs';

/**
 * @import { Entity, Net, State } from '../../assets/web/page/fracas.js'
 * @typedef {{ phase: string, state: State, net: Net, entities: (Entity & { name: string | null })[], status: string | null,
 *   recorded: { x: number, y: number }, workMs: number }} Inspection
 */

const OUT = fileURLToPath(new URL('out/', import.meta.url));
/** What a picture may cost the page's own script, in milliseconds: a third of what there is at 60 Hz. */
const WORK_MS_MAX = 5.5;

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Server} */
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start(['--fill', '0'], undefined, 'fracas-tag')]);
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
after(async () => {
  await browser.close();
  await server.stop();
});

/** A page of the game, and what went wrong in it. @param {string} path */
async function open(path = '/') {
  const context = await browser.newContext({ viewport: { width: 960, height: 540 } });
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(server.url(path));
  return { page, faults };
}

/** @param {import('playwright-core').Page} page @returns {Promise<Inspection>} */
const inspect = (page) => page.evaluate(() => /** @type {any} */ (globalThis).fracas.inspect());

/** @param {import('playwright-core').Page} page @param {string} name */
async function join(page, name) {
  await page.fill('#name', name);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => {
    const { phase, entities } = /** @type {any} */ (globalThis).fracas.inspect();
    return phase === 'playing' && entities.some((/** @type {Entity} */ { own }) => own);
  });
}

test('a game without a page of its own is played by the stock page', async () => {
  const { page, faults } = await open();
  await page.waitForFunction(() => document.title === 'tag');
  assert.equal(await page.textContent('#title'), 'Tag');
  await page.click('#play');
  assert.equal(await page.textContent('#trouble'), 'Type a name first.');
  await join(page, '<i>Ada</i>');
  const before = await inspect(page);
  assert.deepEqual(
    before.entities.map(({ own, name }) => [own, name]),
    [[true, '<i>Ada</i>']],
  );
  const key = before.state.x > before.state.groundWidth / 2 ? 'ArrowLeft' : 'ArrowRight';
  await page.keyboard.down(key);
  await page.waitForFunction((x) => {
    return Math.abs(/** @type {any} */ (globalThis).fracas.inspect().recorded.x - x) > 100;
  }, before.recorded.x);
  await page.keyboard.up(key);
  const after = await inspect(page);
  assert.equal(after.state.x > before.state.x, key === 'ArrowRight', 'where the key points');
  assert.deepEqual([after.state.mismatches, after.net.unexplained], [0, 0]);
  assert.match((await page.textContent('#ping')) ?? '', /^\d+ ms$/);
  assert.equal(await page.textContent('#status'), after.status ?? '');
  const picture = new Picture(await page.screenshot({ path: `${OUT}stock.png` }));
  assert.ok(picture.brightness(480, 270, 4) > picture.brightness(480, 270 + 80, 4) + 25, 'it is drawn in the middle');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#menu', { state: 'visible' });
  assert.deepEqual(faults, []);
});

test('the stock page shows what the engine counts, if one asks', async () => {
  const { page, faults } = await open('/?debug');
  await join(page, 'Ada');
  const text = page.locator('#debug pre');
  for (const words of [
    /bytes by frame +\d+\.\d mean/,
    /ticks decoded +[1-9]/,
    /entities +1 known, 1 shown/,
    /record /,
  ]) {
    await text.filter({ hasText: words }).waitFor({ timeout: 5000 });
  }
  assert.match((await text.textContent()) ?? '', /corrections +\d+ late, \d+ pushed, 0 unexplained/);
  assert.deepEqual(faults, []);
});

test('a page whose server stops comes back by itself', async () => {
  const { page } = await open();
  await join(page, 'Ada');
  const { game } = server;
  assert.equal(await server.stop(), 0);
  await page.locator('#overlay-text', { hasText: 'Trying again' }).waitFor();
  server = await Server.start(['--fill', '0'], game, 'fracas-tag');
  await page.waitForFunction(() => /** @type {any} */ (globalThis).fracas.inspect().phase === 'playing');
});

test('two hundred entities are drawn in a third of a frame', async (t) => {
  const { page } = await open();
  const workMs = await page.evaluate(async () => {
    const module = '/painter.js';
    const { Painter } = await import(module);
    const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('picture'));
    Object.assign(canvas, { width: 960, height: 540 });
    const painter = new Painter(canvas);
    const entities = Array.from({ length: 200 }, (_, id) => {
      const place = {
        x: ((id * 61) % 1200) - 600,
        y: ((id * 37) % 680) - 340,
        width: 24,
        height: 24,
        heading: id / 200,
      };
      const shape = ['disc', 'wedge', 'bar'][id % 3];
      return {
        ...place,
        id,
        player: id,
        own: id === 0,
        shape,
        colour: null,
        strength: 1,
        ring: id % 5 === 0,
        label: true,
      };
    });
    const game = {
      entities: () => entities,
      state: () => ({ x: 1000, y: 1000, groundWidth: 2400, groundHeight: 2400 }),
      nameOf: (/** @type {number} */ id) => `Player ${id}`,
    };
    const fit = { halfWidth: 600, halfHeight: 337, pixelsPerUnit: 0.8, ratio: 1 };
    // At the screen's own pace: what was drawn too soon would wait for what draws in software.
    for (let picture = 0; picture < 60; picture++) {
      painter.draw(game, fit, picture / 60);
      await new Promise(requestAnimationFrame);
    }
    return /** @type {number} */ (painter.workMs);
  });
  t.diagnostic(`a picture of 200 entities takes ${workMs.toFixed(2)} ms`);
  assert.ok(workMs < WORK_MS_MAX, `${workMs} ms`);
});
