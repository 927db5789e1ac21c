//! A copy of a room's game, and all calls on it since. It is enough to replay the last second or two, and the panic at
//! their end.
//!
//! The state of replication is not kept. A replay starts without records, as for a new viewer.

use super::game_tick::GameTick;
use super::panics;
use super::spectator_feed::SpectatorFeed;
use crate::ids::PlayerId;
use crate::replication::TickOutput;
use fracas_protocol::game::authority::{Game, InputOf, Joiner, PlayerInput};
use fracas_protocol::tick::{Tick, TickRate};
use serde::{Deserialize, Serialize};
use std::cell::Cell;

/// A call on a game.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Call<D> {
    /// A tick began.
    Tick(Tick),
    Join(PlayerId, Joiner<D>),
    Leave(PlayerId),
    /// A step with so many inputs.
    Step(u32),
}

/// A game as it was, and what was called on it after that.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Recording<G: Game> {
    pub(super) rate: TickRate,
    pub(super) game: G,
    pub(super) calls: Vec<Call<G::Debt>>,
    /// Of all steps, one after the other.
    pub(super) inputs: Vec<PlayerInput<InputOf<G>>>,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// With a panic.
    Panicked {
        /// On which tick.
        tick: Tick,
        /// The panic's message.
        message: String,
    },
    /// All calls were made without a panic.
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

    /// Repeats all calls, and those that a room makes in between.
    pub fn replay(self) -> Replayed {
        let at = Cell::new(Tick(0));
        match panics::catch(|| self.call_all(&at)) {
            Ok(()) => Replayed::Ran { last: at.get() },
            Err(message) => Replayed::Panicked { tick: at.get(), message },
        }
    }

    fn call_all(self, at: &Cell<Tick>) {
        let Self { rate, mut game, calls, inputs } = self;
        let (mut rest, mut replay) = (&inputs[..], Replay::new(game.rules(), rate));
        for call in calls {
            match call {
                Call::Tick(tick) => at.set(tick),
                Call::Join(player, joiner) => game.join(player, &joiner),
                Call::Leave(player) => game.leave(player),
                Call::Step(len) => {
                    // The file ends too early. There are no more calls.
                    let Some((now, later)) = rest.split_at_checked(len as usize) else { return };
                    rest = later;
                    replay.tick(&mut game, at.get(), now);
                }
            }
        }
    }
}

/// What a room that is watched makes of its game.
struct Replay<G: Game> {
    made: GameTick<G>,
    last: TickOutput<G::Rules>,
    next: TickOutput<G::Rules>,
    /// What spectators are shown, as soon as can be.
    feed: SpectatorFeed<G::Rules>,
}

impl<G: Game> Replay<G> {
    fn new(rules: &G::Rules, rate: TickRate) -> Self {
        let empty = || TickOutput::empty(rules.clone(), rate);
        Self {
            made: GameTick::default(),
            last: empty(),
            next: empty(),
            feed: SpectatorFeed::new(rules.clone(), rate, 1),
        }
    }

    fn tick(&mut self, game: &mut G, tick: Tick, inputs: &[PlayerInput<InputOf<G>>]) {
        let Self { made, last, next, feed } = self;
        made.run(game, tick, inputs, &last.records, next, &mut |_| ());
        feed.record(last.records.entities(), next, 0, made.to_watch, Vec::new());
        if let Some(shown) = feed.advance(&mut made.truth) {
            feed.output(shown.tick, &made.truth, |_| ());
        }
        std::mem::swap(last, next);
        // What a room asks now and then.
        for input in inputs {
            let _ = (game.may_go(input.player), game.debt(input.player, tick));
        }
        if tick.is_phase(0, next.rate.hz()) {
            let _ = game.census();
        }
    }
}
