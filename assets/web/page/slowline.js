// A slower line on demand: holds messages back in both directions, so that one can feel what players far away feel.

/** Messages held in one direction at the most; with more they are let go, as by a line that got better. */
const HELD_MAX = 1000;

/** One direction. Nothing in it overtakes anything. */
export class SlowLine {
  constructor() {
    this.delayMs = 0;
    /** By the time at which they come out. @type {{ at: number, deliver: () => void }[]} */
    this.held = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Delivers after the delay; at once if there is none, and nothing is held. @param {() => void} deliver */
  pass(deliver) {
    if (this.delayMs === 0 && this.held.length === 0) {
      deliver();
      return;
    }
    const at = Math.max(performance.now() + this.delayMs, this.held.at(-1)?.at ?? 0);
    this.held.push({ at, deliver });
    if (this.held.length > HELD_MAX) this.flush();
    else if (this.held.length === 1) this.wait();
  }

  wait() {
    clearTimeout(this.timer);
    const next = this.held[0];
    if (next) this.timer = setTimeout(() => this.release(), next.at - performance.now());
  }

  release() {
    // Half a millisecond: timers may fire a little early.
    const now = performance.now() + 0.5;
    while (this.held.length > 0 && this.held[0].at <= now) this.held.shift()?.deliver();
    this.wait();
  }

  /** Delivers all that is held. */
  flush() {
    clearTimeout(this.timer);
    for (const { deliver } of this.held.splice(0)) deliver();
  }

  /** Forgets what is held. */
  clear() {
    clearTimeout(this.timer);
    this.held = [];
  }
}
