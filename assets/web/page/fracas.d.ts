// A game of Fracas in a page of one's own. `connect` plays it, and comes back by itself when the connection is lost.
//
//   const game = await connect({ name: 'Ada' });
//   requestAnimationFrame(function picture() {
//     game.input({ direction: 0.25 });
//     game.show(600, 340);
//     for (const { x, y, width } of game.entities()) circle(x, y, width / 2);
//     requestAnimationFrame(picture);
//   });
//
// Lengths are in units, x to the right and y downwards. Directions are in turns, clockwise from the right.

/** Whom to play as, and whom to tell what happens. */
export interface Options {
  /** The name that others see. */
  name: string;
  /** The room to play in; `main` if there is none. */
  room?: string;
  /** The server's address; the page's own if there is none. */
  server?: string;
  /** The token of an earlier game, which takes its entity back: see {@link Game.token}. */
  token?: string;
  /** The index of the view to ask for, of {@link Game.views}; the one nearest to the window's shape if there is none. */
  aspect?: () => number;
  /**
   * Something has happened: records of fields. The first field of the first record is the kind. Every game has `welcome`
   * (token, whether resumed, ticks in a second), `goodbye` (code, pause in ms, words) and `correction` (tick, cause,
   * units). A game with a look has `news` (a line); any other has kinds of its own.
   */
  onEvent?: (event: string[][]) => void;
  /** The connection is lost, for this reason. The next attempt is made after so many seconds. */
  onWaiting?: (words: string, seconds: number) => void;
  /** The game is over for this page, for this reason. */
  onEnd?: (words: string) => void;
}

/** What a player's keys and pointer say. What is left out is not pressed. */
export interface Controls {
  /** Where the direction keys point, or null. */
  direction: number | null;
  /** Where the pointer is, seen from the middle of the picture. */
  aim: number;
  /** Where it is from there, in units. */
  pointer: { x: number; y: number };
  /** Whether the first button is held. */
  primary: boolean;
  /** Whether the second button was pressed since the last input. */
  secondary: boolean;
  /** Whether the boost was pressed since the last input. */
  boost: boolean;
}

/** An entity as it is shown in the last picture. */
export interface Entity {
  /** Its place, seen from the middle of the picture. */
  x: number;
  y: number;
  id: number;
  /** The id of the player's entity that it is or belongs to; -1 if it belongs to nobody. */
  player: number;
  /** Whether it is, or belongs to, this page's player. */
  own: boolean;
  shape: 'disc' | 'wedge' | 'bar';
  width: number;
  height: number;
  /** Where a wedge points. */
  heading: number;
  /** The number of a colour; null for one by its id. */
  colour: number | null;
  /** How much of it is seen, 0 to 1. */
  strength: number;
  /** Whether a ring sets it apart. */
  ring: boolean;
  /** Whether its name stands beside it. */
  label: boolean;
}

/** What every game counts. */
export interface State {
  /** Where the middle of the picture is in the world. */
  x: number;
  y: number;
  /** The sides of the ground, from the world's corner. */
  groundWidth: number;
  groundHeight: number;
  /** The own entity's id; -1 for none. */
  ownId: number;
  /** The last tick received, and ticks in a second. */
  tick: number;
  hz: number;
  /** The index of the view. */
  aspect: number;
  /** Entities that the server tells of. */
  known: number;
  /** Ticks received, and inputs sent. */
  bodies: number;
  inputs: number;
  /** Times that the own entity was not where it was predicted. */
  corrections: number;
  /** Hashes of the server that did not agree, frames that could not be read, and fresh starts. */
  mismatches: number;
  desyncs: number;
  resyncs: number;
}

/** How the line and the server do. Times are in milliseconds, -1 if not known. */
export interface Net {
  rtt: number;
  /** How late bodies arrive: their 95th percentile. */
  jitter: number;
  /** How old what is shown of others is. */
  age: number;
  /** How much before the server reads inputs are to arrive. */
  slack: number;
  /** How many ticks ahead the last input was. */
  lead: number;
  /** How long the server's last tick took, and how long it may take. */
  work: number;
  period: number;
  /** Corrections, by cause: an input came late; the server did what nobody could foresee; none is known. */
  late: number;
  pushed: number;
  unexplained: number;
  /** Times that bodies were late, and whose fault it was. */
  serverStalls: number;
  networkStalls: number;
  /** The share of pictures that lacked a body, 0 to 1. */
  starved: number;
}

/** What has gone over the connection, in bytes of payload. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
  /** Of each of the last messages that came. */
  sizes: readonly number[];
}

/** An array of the game's own: rows of floats whose fields have names. */
export interface Rows {
  /** Floats in a row, and where each field is in it. */
  readonly stride: number;
  readonly at: Readonly<Record<string, number>>;
  /** All rows of the last picture; good until the next call of anything. */
  floats(): Float32Array;
  /** The only row, by field. */
  row(): Record<string, number>;
}

/** One player's game. */
export interface Game {
  /** `joining` until the server's first answer, `waiting` while the connection is lost, `ended` for good. */
  readonly phase: 'joining' | 'playing' | 'waiting' | 'ended';
  /** What takes the own entity back, also after the page was closed; null before the first welcome. A secret. */
  readonly token: string | null;
  /** Sizes of all views in units, and of the one that is seen. */
  readonly views: readonly (readonly [number, number])[];
  readonly view: readonly [number, number];
  readonly traffic: Traffic;
  /** Sets what the player wants from now on. Call it before each {@link show}. */
  input(controls: Partial<Controls>): void;
  /** Plays what is due, and makes the picture of this moment, so many units to each side of its middle. */
  show(halfWidth: number, halfHeight: number): void;
  /** Everything in the last picture, the own entity last. */
  entities(): Entity[];
  state(): State;
  net(): Net;
  /** An array of the game's own by its name. Throws if there is none. */
  rows(name: string): Rows;
  /** The name of a player's entity; null if it is not known. */
  nameOf(id: number): string | null;
  /** A line about the own entity; null if the game has none. */
  status(): string | null;
  /** The record and the prediction of the own entity, as text; null if the game does not tell. */
  explain(): string | null;
  /** Where the server has the own entity in the world; not a number if it has none. */
  recordedPlace(): { x: number; y: number };
  /** Makes the line slower by so many milliseconds each way, to feel what others feel. */
  setDelay(delayMs: number): void;
  /** Leaves the game. */
  leave(): void;
}

/** Loads the game's rules for the browser, so that {@link connect} need not. */
export function load(server?: string): Promise<void>;

/** Plays a game. Rejects if its rules cannot be loaded. */
export function connect(options: Options): Promise<Game>;
