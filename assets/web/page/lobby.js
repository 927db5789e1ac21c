// A page's life around a game: the form for a name, waiting for the server, coming back, leaving.

import { connect, load } from './fracas.js';

/** @import { Game } from './fracas.js' */

/**
 * What a page does with a game.
 * @typedef {{
 *   onBegin(game: Game, name: string): void,
 *   onEvent(event: string[][]): void,
 *   onPlaying(isPlaying: boolean): void,
 * }} Host
 */

const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class Lobby {
  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    /** @type {Game | null} */
    this.game = null;
    /** Counts joining and leaving: who joined, and left while the core was loading, does not want to play any more. */
    this.turns = 0;
    this.nameField = /** @type {HTMLInputElement} */ (find('name'));
    this.play = /** @type {HTMLButtonElement} */ (find('play'));
    find('join').addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    find('overlay-leave').addEventListener('click', () => this.leave());
    addEventListener('keydown', (event) => {
      if (event.code === 'Escape' && this.phase !== 'menu') this.leave();
    });
    // If the page comes back, by the browser's button, it is as it was left: with the menu.
    addEventListener('pagehide', () => this.leave());
    try {
      this.nameField.value = localStorage.getItem('name') ?? '';
    } catch {}
    // Begun before it is needed; what goes wrong is said to who wants to play.
    load().catch(() => {});
  }

  /** What the page shows: `menu`, `joining` (the menu, until the first answer), `playing` or `lost`. */
  get phase() {
    return document.body.dataset.phase ?? 'menu';
  }

  set phase(phase) {
    document.body.dataset.phase = phase;
    this.play.disabled = phase === 'joining';
    this.host.onPlaying(phase === 'playing');
  }

  /** Whether there is a game to draw. */
  get isShown() {
    return this.game !== null && (this.phase === 'playing' || this.phase === 'lost');
  }

  submit() {
    const name = this.nameField.value.trim();
    if (!name) {
      this.showMenu('Type a name first.');
      return;
    }
    find('trouble').textContent = '';
    // Storage may be shut off; then a name is just not remembered.
    try {
      localStorage.setItem('name', name);
    } catch {}
    this.join(name);
  }

  /** @param {string} name */
  async join(name) {
    this.turns += 1;
    const turn = this.turns;
    this.phase = 'joining';
    try {
      await load();
      if (turn !== this.turns) return;
      const room = new URLSearchParams(location.search).get('room') ?? undefined;
      const game = await connect({
        name,
        room,
        onEvent: (event) => {
          if (event[0][0] === 'welcome') this.phase = 'playing';
          this.host.onEvent(event);
        },
        onWaiting: (words, seconds) => this.showWaiting(words, seconds),
        onEnd: (words) => {
          this.game = null;
          this.showMenu(words);
        },
      });
      this.game = game;
      this.host.onBegin(game, name);
    } catch (error) {
      if (turn === this.turns) this.showMenu(/** @type {Error} */ (error).message);
    }
  }

  leave() {
    this.turns += 1;
    this.game?.leave();
    this.game = null;
    this.showMenu('');
  }

  /** Back to the menu, with words if there is something to say. @param {string} words */
  showMenu(words) {
    this.phase = 'menu';
    find('trouble').textContent = words;
    this.nameField.focus();
  }

  /** @param {string} words @param {number} seconds */
  showWaiting(words, seconds) {
    this.phase = 'lost';
    find('overlay-text').textContent = `${words} Trying again in ${Math.max(1, Math.round(seconds))} s …`;
  }
}
