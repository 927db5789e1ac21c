// Keys, buttons and tabs in Chromium: what the page tells the server that its player wants.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, Player } from './pages.mjs';
import { Server } from './server.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Server} */
let server;

before(async () => {
  [browser, server] = await Promise.all([launch(), Server.start(['--fill', '0'])]);
});

// Pages that draw in software slow each other down.
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

after(async () => {
  await browser.close();
  await server.stop();
});

async function joined() {
  const player = await Player.open(browser, server.url());
  await player.join('Ada');
  await player.sends('nothing is wanted', ({ thrust, fire }) => thrust === 0 && !fire);
  return player;
}

test('a key that goes up while a modifier is down is not stuck', async () => {
  const player = await joined();
  const { keyboard } = player.page;
  for (const modifier of ['Control', 'Alt', 'Meta']) {
    await keyboard.down('KeyD');
    await player.sends('thrust', ({ thrust }) => thrust !== 0);
    await keyboard.down(modifier);
    await keyboard.up('KeyD');
    await keyboard.up(modifier);
    await player.sends(`no thrust after ${modifier}`, ({ thrust }) => thrust === 0);
  }
  await keyboard.down('KeyD');
  await player.sends('thrust', ({ thrust }) => thrust !== 0);
  await keyboard.down('Meta');
  await player.sends('no thrust, as the key may go up unheard', ({ thrust }) => thrust === 0);
});

test('the first mouse button fires whatever the others do', async () => {
  const player = await joined();
  const { mouse } = player.page;
  await mouse.move(700, 200);
  await mouse.down({ button: 'right' });
  await mouse.down();
  await player.sends('fire, though another button was first', ({ fire }) => fire);
  await mouse.up();
  await player.sends('no fire, though another button is down', ({ fire }) => !fire);
  await mouse.down();
  await player.sends('fire', ({ fire }) => fire);
  await mouse.up({ button: 'right' });
  const { tick } = /** @type {import('./pages.mjs').Inputs} */ (player.inputs);
  await player.sends('more inputs', (inputs) => inputs.tick > tick + 3);
  assert.ok(player.inputs?.fire, 'still fire when another button goes up');
});

test('a hidden tab does not thrust and fire on', async () => {
  const player = await joined();
  await player.page.keyboard.down('KeyD');
  await player.page.mouse.move(700, 200);
  await player.page.mouse.down();
  await player.sends('thrust and fire', ({ thrust, fire }) => thrust !== 0 && fire);
  await player.hide();
  await player.sends('nothing is wanted', ({ thrust, fire }) => thrust === 0 && !fire);
});
