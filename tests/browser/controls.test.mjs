// Keys, buttons and tabs in Chromium: what the page tells the server that its player wants.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Player } from './pages.mjs';
import { prepareStage } from './stage.mjs';

const stage = prepareStage();

async function joined() {
  const player = await Player.open(stage.browser, stage.server.url());
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
