//! What a room's game was, and what has been called on it since: enough to repeat the last second or two of it, and the
//! panic at their end.
//!
//! What replication believed before is not kept: a replay starts with nothing told, as for a new viewer.

use super::rooms::{ROOMS_MAX, panic_message};
use crate::game::{Game, InputOf, PlayerInput};
use crate::ids::RoomId;
use crate::ids::{PlayerId, PlayerKind};
use crate::replication::{Records, changes};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::bits::{BitReader, BitWriter};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something that was called on a game.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Call<D> {
    /// A tick began.
    Tick(Tick),
    Join(PlayerId, Name, PlayerKind, Option<D>),
    Leave(PlayerId),
    /// A step with so many inputs.
    Step(u32),
}

/// Inputs kept are what a player costs most memory with here, so their vectors grow by such a part of themselves, and not by
/// as much again.
const GROWTH: usize = 8;

/// A game as it was, and what has been called on it since then for at most a second.
#[derive(Clone, Debug)]
struct Stretch<G: Game> {
    game: G,
    calls: Vec<Call<G::Debt>>,
    /// Of all steps, one after the other.
    inputs: Vec<PlayerInput<InputOf<G>>>,
}

/// Keeps the last stretch and the one before, so that a whole second precedes whatever happens, if the room is that old.
/// More is never kept: what is written down of a second is bounded by the room's places and its tick rate.
#[derive(Debug)]
pub(super) struct Recorder<G: Game> {
    before: Option<Stretch<G>>,
    now: Option<Stretch<G>>,
    /// When the next stretch begins.
    due: Tick,
    /// By how much the first one is shorter, in parts of [`ROOMS_MAX`]: rooms copy their games on different ticks.
    shift: u32,
}

impl<G: Game> Recorder<G> {
    pub(super) fn new(room: RoomId) -> Self {
        Self { before: None, now: None, due: Tick(0), shift: u32::from(room.0) }
    }

    /// A tick begins, of which nothing has been called yet.
    pub(super) fn begin(&mut self, tick: Tick, rate: TickRate, game: &G) {
        if self.now.is_none() || tick >= self.due {
            let shorter = if self.now.is_none() { rate.hz() * self.shift / ROOMS_MAX as u32 } else { 0 };
            self.due = tick.plus(rate.hz() - shorter);
            self.turn(game);
        }
        self.call(Call::Tick(tick));
    }

    /// Begins a new stretch, in the memory of the oldest.
    fn turn(&mut self, game: &G) {
        let oldest = std::mem::replace(&mut self.before, self.now.take());
        let most = self.before.as_ref().map_or(0, |stretch| stretch.inputs.len());
        let stretch = match oldest {
            Some(mut stretch) => {
                stretch.game.clone_from(game);
                stretch.calls.clear();
                stretch.inputs.clear();
                // A room that was full once need not hold what it held then.
                stretch.inputs.shrink_to(most + most / GROWTH);
                stretch
            }
            None => Stretch { game: game.clone(), calls: Vec::new(), inputs: Vec::with_capacity(most) },
        };
        self.now = Some(stretch);
    }

    fn call(&mut self, call: Call<G::Debt>) {
        if let Some(now) = &mut self.now {
            now.calls.push(call);
        }
    }

    pub(super) fn join(&mut self, player: PlayerId, name: &Name, kind: PlayerKind, debt: Option<&G::Debt>) {
        self.call(Call::Join(player, name.clone(), kind, debt.cloned()));
    }

    pub(super) fn leave(&mut self, player: PlayerId) {
        self.call(Call::Leave(player));
    }

    pub(super) fn step(&mut self, inputs: &[PlayerInput<InputOf<G>>]) {
        if let Some(now) = &mut self.now {
            now.calls.push(Call::Step(inputs.len() as u32));
            if now.inputs.capacity() - now.inputs.len() < inputs.len() {
                now.inputs.reserve_exact(inputs.len().max(now.inputs.len() / GROWTH));
            }
            now.inputs.extend_from_slice(inputs);
        }
    }

    /// All that is kept, as one.
    pub(super) fn finish(self) -> Option<Recording<G>> {
        match (self.before, self.now) {
            (Some(Stretch { game, mut calls, mut inputs }), Some(now)) => {
                calls.extend(now.calls);
                inputs.extend(now.inputs);
                Some(Recording { game, calls, inputs })
            }
            (Some(only), None) | (None, Some(only)) => {
                Some(Recording { game: only.game, calls: only.calls, inputs: only.inputs })
            }
            (None, None) => None,
        }
    }
}

/// A game, and what was called on it until a panic.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Recording<G: Game> {
    game: G,
    calls: Vec<Call<G::Debt>>,
    inputs: Vec<PlayerInput<InputOf<G>>>,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// With a panic.
    Panicked {
        /// On which tick.
        tick: Tick,
        /// What it said.
        message: String,
    },
    /// All was called, and nothing happened.
    Ran {
        /// The last tick.
        last: Tick,
    },
}

impl<G: Game> Recording<G> {
    /// The ticks that it holds.
    pub fn ticks(&self) -> usize {
        self.calls.iter().filter(|call| matches!(call, Call::Tick(_))).count()
    }

    /// Calls all of it again, and what a room calls in between.
    pub fn replay(self) -> Replayed {
        let at = Cell::new(Tick(0));
        match catch_unwind(AssertUnwindSafe(|| self.call_all(&at))) {
            Ok(()) => Replayed::Ran { last: at.get() },
            Err(payload) => Replayed::Panicked { tick: at.get(), message: panic_message(&*payload) },
        }
    }

    fn call_all(self, at: &Cell<Tick>) {
        let Self { mut game, calls, inputs } = self;
        let (mut rest, mut told) = (&inputs[..], InputsFedAgain::default());
        for call in calls {
            match call {
                Call::Tick(tick) => at.set(tick),
                Call::Join(player, name, kind, debt) => drop(game.join(player, &name, kind, debt.as_ref())),
                Call::Leave(player) => game.leave(player),
                Call::Step(len) => {
                    // A file that ends too soon has nothing more to say.
                    let Some((now, later)) = rest.split_at_checked(len as usize) else { return };
                    rest = later;
                    game.step(at.get(), now);
                    told.feed(&mut game, at.get(), now);
                }
            }
        }
    }
}

/// What a room makes of a step, in its order: the game's code is called there, too.
struct InputsFedAgain<G: Game> {
    records: [Records<G::Rules>; 2],
}

impl<G: Game> Default for InputsFedAgain<G> {
    fn default() -> Self {
        Self { records: [Records::default(), Records::default()] }
    }
}

impl<G: Game> InputsFedAgain<G> {
    fn feed(&mut self, game: &mut G, tick: Tick, inputs: &[PlayerInput<InputOf<G>>]) {
        game.news(tick, &mut Vec::new());
        let mut truth = Vec::new();
        game.truth(&mut truth);
        let [last, next] = &mut self.records;
        next.update(last, game.rules(), tick, &truth);
        // For spectators, who are shown the same later.
        let mut bits = BitWriter::new();
        changes::write(game.rules(), last.entities(), next, &mut bits);
        changes::read(game.rules(), last.entities(), &mut truth, &mut BitReader::new(&bits.finish()));
        self.records.swap(0, 1);
        for input in inputs {
            let _ = game.own(input.player);
            let _ = (game.may_go(input.player), game.debt(input.player, tick));
        }
        let _ = game.to_watch();
        if tick.is_phase(0, game.rules().tick_rate().hz()) {
            let _ = game.census();
        }
    }
}
