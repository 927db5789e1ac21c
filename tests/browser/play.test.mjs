// Plays the game in Chromium against the real server: what a person does, and what others see of it.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, Player } from './pages.mjs';
import { Picture } from './png.mjs';
import { Server } from './server.mjs';

const OUT = fileURLToPath(new URL('out/', import.meta.url));
/** With this set, the picture in the README is made anew. */
const SCREENSHOT = process.env.FRACAS_WRITE_SCREENSHOT && new URL('../../assets/screenshot.png', import.meta.url);

/** @type {import('playwright-core').Browser} */
let browser;

/** A map without walls, so that two players can fly straight to each other. */
async function openMap() {
  const walls = { type: 'tilelayer', name: 'walls', data: new Array(256).fill(0) };
  const file = `${OUT}open.tmj`;
  await writeFile(file, JSON.stringify({ width: 16, height: 16, layers: [walls] }));
  return file;
}

before(async () => {
  browser = await launch();
  await mkdir(OUT, { recursive: true });
});

after(() => browser.close());

test('a person joins by name, flies, is seen by another page, and leaves', async (t) => {
  const server = await Server.start(['--fill', '0', '--map', await openMap()]);
  t.after(() => server.stop());
  const opening = Date.now();
  const ada = await Player.open(browser, server.url());
  await ada.join('Ada');
  const opened = Date.now() - opening;
  assert.ok(opened < 3000, `playable within 3 s of opening, not ${opened} ms`);
  const bo = await Player.open(browser, server.url());
  await bo.join('<b>Bo</b>');

  await t.test('both are told of each other, and names are only ever text', async () => {
    await ada.page.waitForFunction(() => document.getElementById('leaders')?.children.length === 2);
    const leaders = await ada.page.locator('#leaders .who').allTextContents();
    assert.deepEqual(leaders.sort(), ['<b>Bo</b>', 'Ada']);
    assert.equal(await ada.page.locator('#leaders b').count(), 0);
    await ada.page.waitForFunction(() => /^\d+ ms$/.test(document.getElementById('ping')?.textContent ?? ''));
  });

  await t.test('keys move the ship: here, in the server’s record, and on the other page', async () => {
    await bo.flyTo(ada, 190);
    await bo.until('the ship has come to rest', ({ hud }) => hud.hull > 0);
    const before = { here: await ada.inspect(), there: await bo.sees('Ada') };
    assert.ok(before.there, 'Bo sees Ada');
    // Past Bo and not at it, and towards the wall that is farther away.
    const { hud } = before.here;
    const axis = before.here.ships.some(({ own, x, y }) => !own && Math.abs(x) > Math.abs(y)) ? 'y' : 'x';
    const isNearEnd = hud[axis] % hud.tile > hud.tile / 2;
    const key = { x: isNearEnd ? 'KeyA' : 'KeyD', y: isNearEnd ? 'KeyW' : 'KeyS' }[axis];
    await ada.page.keyboard.down(key);
    await ada.until('it has flown a hundred units', (now) => Math.abs(now.hud[axis] - hud[axis]) > 100);
    await ada.page.keyboard.up(key);
    const here = await ada.until('the server has it there too', ({ recorded }) => {
      return Math.abs(recorded[axis] - before.here.recorded[axis]) > 100;
    });
    const there = await bo.sees('Ada');
    assert.ok(there && Math.abs(there.world[axis] - before.there.world[axis]) > 60, 'Bo sees it fly');
    assert.ok(Math.abs(there.world[axis] - here.hud[axis]) < 120, 'to about the same place');
    assert.equal(here.hud.mismatches, 0);
  });

  await t.test('pixels differ where ships are', async () => {
    await bo.flyTo(ada, 190);
    // At rest, so that the picture and the numbers are of the same moment.
    await ada.page.waitForTimeout(1500);
    const { pixelsPerUnit } = await ada.inspect();
    const picture = async () => new Picture(await ada.page.screenshot({ path: `${OUT}ships.png` }));
    const other = await ada.sees('<b>Bo</b>');
    assert.ok(other, 'Bo is in view');
    const at = { x: 480 + other.x * pixelsPerUnit, y: 270 + other.y * pixelsPerUnit };
    const withShip = await picture();
    await bo.page.keyboard.press('Escape');
    await ada.until('Bo is gone', ({ ships }) => ships.length === 1);
    await ada.page.waitForTimeout(300);
    const without = await picture();
    const [seen, empty] = [withShip.brightness(at.x, at.y, 6), without.brightness(at.x, at.y, 6)];
    assert.ok(seen > empty + 25, `Bo's ship is drawn: ${seen} against ${empty}`);
    const own = without.brightness(480, 270, 6);
    assert.ok(own > without.brightness(at.x, at.y, 6) + 25, `the own ship is drawn in the middle: ${own}`);
  });

  await t.test('the mouse aims and fires, and firing costs energy', async () => {
    await ada.page.mouse.move(700, 200);
    await ada.page.mouse.down();
    await ada.until('energy is spent', ({ hud }) => hud.energy < 0.9);
    await ada.page.mouse.up();
  });

  await t.test('leaving takes the ship away and shows the menu', async () => {
    await ada.page.keyboard.press('Escape');
    await ada.page.waitForSelector('#menu', { state: 'visible' });
    const until = Date.now() + 5000;
    while ((await server.metric('fracas_players{kind="person"}')) > 0 && Date.now() < until) {
      await ada.page.waitForTimeout(50);
    }
    assert.equal(await server.metric('fracas_players{kind="person"}'), 0);
    assert.equal(await ada.page.inputValue('#name'), 'Ada', 'the name is remembered');
  });

  assert.deepEqual([...ada.faults, ...bo.faults], []);
});

test('what the server refuses is told in words a person can read', async (t) => {
  const server = await Server.start(['--fill', '0', '--max-players', '1']);
  t.after(() => server.stop());
  const first = await Player.open(browser, server.url());
  const { page } = first;
  await page.click('#play');
  assert.equal(await page.textContent('#trouble'), 'Type a name first.');
  // The field takes 20 characters, but a person can paste what cannot be shown.
  await page.evaluate(() => {
    const field = /** @type {HTMLInputElement} */ (document.getElementById('name'));
    field.value = 'a\u202eb';
  });
  await page.click('#play');
  await page.waitForFunction(() => document.getElementById('trouble')?.textContent?.includes('invisible'));
  await first.join('first');
  const second = await Player.open(browser, server.url());
  await second.page.fill('#name', 'second');
  await second.page.keyboard.press('Enter');
  await second.isTold(/^The server is full\. Trying again in \d+ s/);
  await second.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const claims = await second.page.locator(':is(#banner, #score, #standing, #hull .text)').allTextContents();
  assert.equal(claims.join(''), '', 'nothing is said of a ship that there is not');
  await page.keyboard.press('Escape');
  await second.until('it gets the seat by itself', ({ phase }) => phase === 'playing', 30);
});

test('a page whose server stops says so, and comes back by itself when it is there again', async (t) => {
  let server = await Server.start(['--fill', '2']);
  t.after(() => server.stop());
  const player = await Player.open(browser, server.url());
  await player.join('Ada');
  const { game } = server;
  assert.equal(await server.stop(), 0);
  await player.isTold(/^The server is stopping\./);
  await player.page.setViewportSize({ width: 500, height: 900 });
  server = await Server.start(['--fill', '2'], game);
  const back = await player.until('it plays again', ({ phase, hud }) => phase === 'playing' && hud.hull > 0, 30);
  assert.equal(back.hud.aspect, 0, 'with a view for the window as it is now');
});

test('on a server started without any argument there is company and a fight at once', async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const player = new Player(await context.newPage());
  await player.page.goto(server.url());
  await player.join('Ada');
  const joined = Date.now();
  await player.until('another ship', ({ ships }) => ships.some(({ own, hull }) => !own && hull > 0), 3);
  await player.page.mouse.move(900, 300);
  await player.page.mouse.down();
  const fight = await player.until('a fight', ({ hud }) => hud.hull < 1 || hud.score > 0, 15);
  t.diagnostic(`another ship at once, a fight after ${Date.now() - joined} ms`);
  assert.equal(fight.hud.mismatches, 0);
  await player.page.mouse.up();
  const isNear = (/** @type {import('./pages.mjs').Ship} */ { x, y }) => Math.abs(x) < 520 && Math.abs(y) < 250;
  await player.until('a crowd', ({ hud, ships }) => hud.hull > 0 && ships.filter(isNear).length > 6, 60);
  const picture = await player.page.screenshot({ path: `${OUT}arena.png` });
  if (SCREENSHOT) await writeFile(SCREENSHOT, picture);
  assert.deepEqual(player.faults, []);
});
