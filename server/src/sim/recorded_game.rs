//! A room's game, and what has been called on it lately. All that changes the game is called here,
//! so that nothing is missing from the recording; what only asks goes to the game as it is.

use super::game_tick::GameTick;
use super::phase::Phase;
use super::recording::{Call, Recording};
use crate::ids::{PlayerId, ROOMS_MAX, RoomId};
use crate::replication::{Records, TickOutput};
use fracas_protocol::game::authority::{Game, InputOf, Joiner, PlayerInput};
use fracas_protocol::tick::{Tick, TickRate};
use std::ops::Deref;

/// The kept inputs are most of a player's memory here. So their vectors grow by this part of their size, and not to
/// twice the size.
const GROWTH: usize = 8;

/// A game, recorded: the last stretch of calls and the one before are kept, so that a whole second
/// precedes whatever happens, if the room is that old. More is never kept: what is written down of
/// a second is bounded by the room's slots and its tick rate.
#[derive(Debug)]
pub(super) struct RecordedGame<G: Game> {
    game: G,
    rate: TickRate,
    before: Option<Recording<G>>,
    now: Option<Recording<G>>,
    /// When the next stretch begins.
    due: Tick,
    /// How much shorter the first stretch is, in parts of [`ROOMS_MAX`]. So rooms copy their games on different ticks.
    shift: u32,
}

impl<G: Game> Deref for RecordedGame<G> {
    type Target = G;

    fn deref(&self) -> &G {
        &self.game
    }
}

impl<G: Game> RecordedGame<G> {
    pub(super) fn new(game: G, rate: TickRate, room: RoomId) -> Self {
        Self { game, rate, before: None, now: None, due: Tick(0), shift: u32::from(room.0) }
    }

    /// Ticks in a second.
    pub(super) fn rate(&self) -> TickRate {
        self.rate
    }

    /// A tick begins, on which nothing has been called yet.
    pub(super) fn begin_tick(&mut self, tick: Tick) {
        let hz = self.rate.hz();
        if self.now.is_none() || tick >= self.due {
            let shorter = if self.now.is_none() { hz * self.shift / ROOMS_MAX as u32 } else { 0 };
            self.due = tick.plus(hz - shorter);
            self.turn();
        }
        self.record(Call::Tick(tick));
    }

    /// Begins a new stretch, in the memory of the oldest.
    fn turn(&mut self) {
        let oldest = std::mem::replace(&mut self.before, self.now.take());
        let most = self.before.as_ref().map_or(0, |stretch| stretch.inputs.len());
        let stretch = match oldest {
            Some(mut stretch) => {
                stretch.game.clone_from(&self.game);
                stretch.calls.clear();
                stretch.inputs.clear();
                // A room that was full once does not keep that memory.
                stretch.inputs.shrink_to(most + most / GROWTH);
                stretch
            }
            None => Recording {
                rate: self.rate,
                game: self.game.clone(),
                calls: Vec::new(),
                inputs: Vec::with_capacity(most),
            },
        };
        self.now = Some(stretch);
    }

    fn record(&mut self, call: Call<G::Debt>) {
        if let Some(now) = &mut self.now {
            now.calls.push(call);
        }
    }

    /// See [`Game::join`].
    pub(super) fn join(&mut self, player: PlayerId, joiner: Joiner<G::Debt>) {
        // First, since it may panic.
        self.record(Call::Join(player, joiner.clone()));
        self.game.join(player, &joiner);
    }

    /// See [`Game::leave`].
    pub(super) fn leave(&mut self, player: PlayerId) {
        self.record(Call::Leave(player));
        self.game.leave(player);
    }

    /// See [`GameTick::run`].
    pub(super) fn tick(
        &mut self,
        tick: Tick,
        inputs: &[PlayerInput<InputOf<G>>],
        before: &Records<G::Rules>,
        made: &mut GameTick<G>,
        out: &mut TickOutput<G::Rules>,
        mark: &mut impl FnMut(Phase),
    ) {
        if let Some(now) = &mut self.now {
            now.calls.push(Call::Step(inputs.len() as u32));
            if now.inputs.capacity() - now.inputs.len() < inputs.len() {
                now.inputs.reserve_exact(inputs.len().max(now.inputs.len() / GROWTH));
            }
            now.inputs.extend_from_slice(inputs);
        }
        made.run(&mut self.game, tick, inputs, before, out, mark);
    }

    /// See [`Game::begin_anew`]. What was before is not to be repeated as if the ticks that follow
    /// came after it.
    pub(super) fn begin_anew(&mut self) {
        self.game.begin_anew();
        (self.before, self.now, self.due) = (None, None, Tick(0));
    }

    /// All that is kept, as one.
    pub(super) fn into_recording(self) -> Option<Recording<G>> {
        match (self.before, self.now) {
            (Some(mut whole), Some(now)) => {
                whole.calls.extend(now.calls);
                whole.inputs.extend(now.inputs);
                Some(whole)
            }
            (before, now) => before.or(now),
        }
    }
}
