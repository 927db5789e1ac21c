// A page of one's own, made with the SDK: it joins, steers, sees others, and comes back.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Picture } from './png.mjs';
import { prepareStage } from './stage.mjs';

/** @import { Game } from '../../assets/web/page/fracas.js' */

const FOLDER = new URL('own-page/', import.meta.url);
/** Lines of JavaScript that a page of one's own may take. */
const LINES_MAX = 60;

const stage = prepareStage(['--web', fileURLToPath(FOLDER)]);

/** Opens the page, which the server has beside the SDK. */
async function open() {
  const context = await stage.browser.newContext({ viewport: { width: 960, height: 600 } });
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(stage.server.url());
  await page.waitForFunction(() => /** @type {any} */ (globalThis).game?.phase === 'playing');
  await page.waitForFunction(() => /** @type {any} */ (globalThis).game.entities().some(({ own = false }) => own));
  return { page, faults };
}

/** @param {import('playwright-core').Page} page */
function numbers(page) {
  return page.evaluate(() => {
    const game = /** @type {Game} */ (/** @type {any} */ (globalThis).game);
    const { mismatches, x, y, inputs } = game.state();
    return { mismatches, x, y, inputs, recorded: game.recordedPlace(), entities: game.entities(), net: game.net() };
  });
}

test('a page of one’s own is short, plays, and draws what it is told', async () => {
  const source = await readFile(new URL('own.js', FOLDER), 'utf8');
  const lines = source.trimEnd().split('\n').length;
  assert.ok(lines <= LINES_MAX, `${lines} lines`);
  const { page, faults } = await open();
  const before = await numbers(page);
  const key = before.x % 1024 > 512 ? 'ArrowLeft' : 'ArrowRight';
  await page.keyboard.down(key);
  await page.waitForFunction((x) => {
    return Math.abs(/** @type {any} */ (globalThis).game.recordedPlace().x - x) > 60;
  }, before.recorded.x);
  await page.keyboard.up(key);
  await page.waitForTimeout(500);
  const after = await numbers(page);
  assert.equal(after.x > before.x, key === 'ArrowRight', 'where the key points');
  assert.deepEqual([after.mismatches, after.net.unexplained], [0, 0]);
  assert.match((await page.locator('#line').textContent()) ?? '', /^score \d+, \d+ ms$/);
  const picture = new Picture(await page.locator('#game').screenshot());
  const own = picture.brightness(480, 270, 4);
  // Something else may lie beside it, but not on all sides.
  const beside = [-60, 60].flatMap((d) => [picture.brightness(480 + d, 270, 4), picture.brightness(480, 270 + d, 4)]);
  assert.ok(own > Math.min(...beside) + 50, `a circle in the middle: ${own} against ${beside}`);
  assert.deepEqual(faults, []);
});

test('two pages of one’s own play at once, and a token takes an entity over', async () => {
  const [first, second] = [await open(), await open()];
  const end = Date.now() + 5000;
  while ((await stage.server.metric('fracas_players{kind="person"}')) < 2 && Date.now() < end) {
    await first.page.waitForTimeout(50);
  }
  assert.equal(await stage.server.metric('fracas_players{kind="person"}'), 2);
  const [token, id] = await second.page.evaluate(() => {
    const game = /** @type {Game} */ (/** @type {any} */ (globalThis).game);
    return [game.token, game.state().ownId];
  });
  await first.page.evaluate(async (token) => {
    const module = '/fracas.js';
    const { connect } = await import(module);
    /** @type {any} */ (globalThis).game.leave();
    Object.assign(globalThis, { game: await connect({ name: 'Bo', token }) });
  }, token);
  await first.page.waitForFunction((id) => /** @type {any} */ (globalThis).game.state().ownId === id, id);
  await second.page.waitForFunction(() => /** @type {any} */ (globalThis).game.phase === 'ended');
  assert.match((await second.page.locator('#line').textContent()) ?? '', /elsewhere|another/i);
});
