// What a file of browser tests stands on: one Chromium and one empty server, and no page left from the test before.

import { after, afterEach, before } from 'node:test';
import { launch } from './pages.mjs';
import { Server } from './server.mjs';

/**
 * Prepares the tests of the file that calls it. Browser and server are there when its tests run.
 * @param {string[]} args of the server, beside those of an empty one
 * @returns {{ browser: import('playwright-core').Browser, server: Server }}
 */
export function prepareStage(args = []) {
  const stage = /** @type {{ browser: import('playwright-core').Browser, server: Server }} */ ({});
  before(async () => {
    [stage.browser, stage.server] = await Promise.all([launch(), Server.start(['--fill', '0', ...args])]);
  });
  // Pages that draw in software slow each other down.
  afterEach(() => Promise.all(stage.browser.contexts().map((context) => context.close())));
  after(async () => {
    await stage.browser.close();
    await stage.server.stop();
  });
  return stage;
}
