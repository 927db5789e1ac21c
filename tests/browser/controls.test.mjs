// Keys, buttons and tabs in Chromium: what the page tells the server that its player wants.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HIDE, Player } from './pages.mjs';
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
  await player.says(HIDE);
  const { recorded } = await player.inspect();
  await player.page.waitForTimeout(1500);
  await player.show();
  await player.sends('nothing is wanted', ({ thrust, fire }) => thrust === 0 && !fire);
  const after = await player.inspect();
  const units = Math.hypot(after.recorded.x - recorded.x, after.recorded.y - recorded.y);
  assert.ok(units < 150, `it came to rest, and did not fly on for ${units} units`);
});

test('a dash and a rail are told once for each press, and a beam is seen', async () => {
  const player = await joined();
  const { keyboard, mouse } = player.page;
  await mouse.move(700, 200);
  await keyboard.down('Shift');
  await player.page.waitForTimeout(300);
  await keyboard.up('Shift');
  await player.until('the rail of a new ship is loaded', ({ hud }) => hud.rail === 1);
  await mouse.down({ button: 'right' });
  await player.until('a beam is seen', ({ beams }) => beams > 0, 2);
  await player.page.waitForTimeout(300);
  await mouse.up({ button: 'right' });
  assert.deepEqual([player.dashes, player.rails], [1, 1]);
  await keyboard.press('KeyE');
  await player.page.waitForTimeout(200);
  assert.equal(player.rails, 2, 'the key does the same');
});

test('F3 shows how the line does', async () => {
  const player = await joined();
  const graph = player.page.locator('#netgraph');
  assert.ok(!(await graph.isVisible()));
  await player.page.keyboard.press('F3');
  await player.page.locator('#netgraph-text', { hasText: /round trip +\d/ }).waitFor({ timeout: 3000 });
  const { net } = await player.inspect();
  assert.ok(net.rtt >= 0 && net.rtt < 50 && net.work > 0 && net.age > 30 && net.age < 250, JSON.stringify(net));
  assert.equal(net.unexplained, 0);
  await player.page.keyboard.press('F3');
  assert.ok(!(await graph.isVisible()));
});

test('a line can be made slower to feel what others feel, and the own ship still answers at once', async () => {
  const player = await joined();
  await player.page.keyboard.press('F3');
  await player.page.locator('#netgraph-delay').fill('100');
  await player.page.locator('#netgraph-delay-text', { hasText: 'by 100 ms each way' }).waitFor({ timeout: 1000 });
  await player.until('the clock knows of it', ({ net }) => net.rtt > 150 && net.age > 130);
  const before = await player.inspect();
  await player.page.keyboard.down('KeyD');
  const first = await player.page.waitForFunction(({ hud, recorded }) => {
    const now = /** @type {any} */ (globalThis).fracas.inspect();
    if (now.recorded.x !== recorded.x) return 'the server';
    return now.hud.x === hud.x ? null : 'the page';
  }, before);
  assert.equal(await first.jsonValue(), 'the page', 'it shows what was pressed before the server can have told it');
  await player.until('the server tells it, too', ({ recorded }) => recorded.x !== before.recorded.x);
  await player.page.keyboard.up('KeyD');
  const { net, hud } = await player.inspect();
  assert.deepEqual([net.unexplained, hud.mismatches], [0, 0]);
  await player.page.locator('#netgraph-delay').fill('0');
  await player.until('the line is as it was', ({ net }) => net.age < 130);
});
