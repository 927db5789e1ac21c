// Connections that break, hang or are abandoned, in Chromium: what the page makes of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HIDE, launch, Player } from './pages.mjs';
import { prepareStage } from './stage.mjs';

const stage = prepareStage();

test('a page whose server falls silent does not fly a ghost, and comes back to its ship', async (t) => {
  t.after(() => stage.server.child.kill('SIGCONT'));
  const player = await Player.open(stage.browser, stage.server.url());
  await player.join('Ada');
  // No socket closes: the server stands still, as if the network swallowed everything.
  stage.server.child.kill('SIGSTOP');
  await player.isTold(/^The server does not answer\./);
  stage.server.child.kill('SIGCONT');
  await player.until('it plays again', ({ phase, hud }) => phase === 'playing' && hud.hull > 0, 30);
  assert.ok((await stage.server.metric('fracas_sessions_resumed_total')) > 0, 'with the ship it had');
});

test('a hidden tab gets nothing, is not given up, and is whole again as soon as it is shown', async () => {
  const player = await Player.open(stage.browser, stage.server.url());
  await player.join('Ada');
  await player.hide();
  await player.says(HIDE);
  await player.page.waitForTimeout(500);
  const { heard } = player;
  // Its timers do not run either.
  await player.page.evaluate(() => {
    const end = performance.now() + 5500;
    while (performance.now() < end);
  });
  assert.equal(await stage.server.metric('fracas_hidden_players'), 1);
  assert.equal(player.heard, heard, 'no frames');
  const resyncs = await stage.server.metric('fracas_resyncs_total');
  const { hud } = await player.inspect();
  await player.show();
  const shown = await player.until('it is in the present', ({ hud: now }) => now.tick > hud.tick + 5 * 30, 1);
  assert.ok(shown.hud.hull > 0, 'with its ship');
  assert.equal(await stage.server.metric('fracas_resyncs_total'), resyncs + 1);
  assert.equal(await stage.server.metric('fracas_stale_players'), 0);
  assert.equal(player.connections, 1, 'on the same connection');
});

test('Esc leaves while the page still connects, and start-up data that never comes is not waited for', async () => {
  const player = await Player.open(stage.browser, stage.server.url());
  const { page } = player;
  await page.route('**/data', () => {});
  await page.fill('#name', 'Ada');
  await page.keyboard.press('Enter');
  await player.until('it connects', ({ phase }) => phase === 'joining');
  assert.ok(await page.isDisabled('#play'));
  await page.keyboard.press('Escape');
  await player.until('the menu', ({ phase }) => phase === 'menu');
  assert.ok(await page.isEnabled('#play'));
  await page.keyboard.press('Enter');
  await player.isTold(/^The server cannot be reached\./);
  await page.unroute('**/data');
  await player.until('it plays', ({ phase, hud }) => phase === 'playing' && hud.hull > 0);
});

test('a core that could not be loaded is loaded again by the next try', async () => {
  const context = await stage.browser.newContext();
  const player = new Player(await context.newPage());
  await player.page.route('**/core.wasm', (route) => route.abort());
  await player.page.goto(stage.server.url());
  await player.page.fill('#name', 'Ada');
  await player.page.keyboard.press('Enter');
  await player.page.locator('#trouble', { hasText: 'could not be loaded' }).waitFor();
  await player.page.unroute('**/core.wasm');
  await player.join('Ada');
});

test('the back button shows the menu, not the picture of a game that is over', async (t) => {
  // Only with its cache of whole pages does Chromium bring the page back as it was.
  const caching = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  t.after(() => caching.close());
  const player = await Player.open(caching, stage.server.url());
  await player.join('Ada');
  await player.page.evaluate(() => {
    addEventListener('pageshow', ({ persisted }) => document.body.classList.toggle('persisted', persisted));
  });
  await player.page.goto(stage.server.url('/icon.svg'));
  await player.page.goBack({ waitUntil: 'commit' });
  await player.page.waitForSelector('body.persisted #menu', { state: 'visible' });
  await player.join('Ada');
});

test('pages that lost their server do not come back in lock-step', async () => {
  const player = await Player.open(stage.browser, stage.server.url());
  const pauses = await player.page.evaluate(async () => {
    const module = '/connection.js';
    const { pauseMs } = await import(module);
    return Array.from({ length: 300 }, () => /** @type {number} */ (pauseMs(500, 1000)));
  });
  const [least, most] = [Math.min(...pauses), Math.max(...pauses)];
  assert.ok(least >= 1000, `none before the server asked for it: ${least} ms`);
  assert.ok(most < 2000 && most - least > 900, `spread over a second: ${least} to ${most} ms`);
  const asked = await player.page.evaluate(async () => {
    const module = '/connection.js';
    const { pauseMs } = await import(module);
    return /** @type {number} */ (pauseMs(500, 2 ** 32 - 1));
  });
  assert.ok(asked <= 120_000, `a server cannot ask for a pause that a timer does not hold: ${asked} ms`);
});

test('on a screen with small pixels names and the map are as sharp as the arena', async () => {
  const player = await Player.open(stage.browser, stage.server.url(), 2);
  await player.join('Ada');
  for (const id of ['picture', 'labels', 'map']) {
    const [pixels, wide] = await player.page.locator(`canvas#${id}`).evaluate((element) => {
      return [/** @type {HTMLCanvasElement} */ (element).width, element.clientWidth];
    });
    assert.equal(pixels, 2 * wide, id);
  }
});
