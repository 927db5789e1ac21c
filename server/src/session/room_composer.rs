//! Composes the frames of one room's viewers on an event loop, for each role. Players are shown the last tick, and
//! spectators that one or an earlier one.

use crate::replication::{Composer, SpectatorOutput};
use crate::session::tick_packing::Ticks;
use crate::sim::channel::Published;
use fracas_protocol::game::authority::Game;
use std::sync::Arc;

/// The composers of both roles. Each room has its own, since the same ids mean other entities in another room.
pub(crate) struct RoomComposers<G: Game> {
    pub(crate) players: RoomComposer<G>,
    pub(crate) spectators: RoomComposer<G>,
    /// How many ticks late spectators are.
    pub(crate) delay: u32,
}

/// The composer of one role.
pub(crate) struct RoomComposer<G: Game> {
    pub(crate) composer: Composer<G>,
    /// The outputs that frames are made from now.
    pub(crate) ticks: Ticks<G::Rules>,
}

impl<G: Game> Default for RoomComposers<G> {
    fn default() -> Self {
        Self { players: RoomComposer::default(), spectators: RoomComposer::default(), delay: 0 }
    }
}

impl<G: Game> Default for RoomComposer<G> {
    fn default() -> Self {
        Self { composer: Composer::default(), ticks: Ticks::default() }
    }
}

impl<G: Game> RoomComposers<G> {
    /// The composers of the roles.
    pub(crate) fn roles(&mut self) -> [&mut RoomComposer<G>; 2] {
        [&mut self.players, &mut self.spectators]
    }

    /// Takes ticks of the room with this index. If there `is_gap`, some are missing before them. Returns whether the
    /// spectators' delay changes. Then the next ticks do not continue what they know.
    pub(crate) fn add(&mut self, index: usize, ticks: &[Published<G>], is_gap: bool) -> bool {
        let pack = ticks.last().map(|tick| tick.pack);
        for composer in self.roles() {
            if is_gap {
                composer.ticks.forget();
            }
            composer.ticks.begin(pack);
        }
        let mut is_switched = false;
        for tick in ticks {
            match tick.outputs.get(index).and_then(Option::as_ref) {
                Some(output) => self.players.ticks.add(Arc::clone(output)),
                // The room has ended. Clients of its next life must not see its state.
                None => self.players.ticks.forget(),
            }
            is_switched |= self.add_for_spectators(tick.spectator_outputs.get(index).and_then(Option::as_ref));
        }
        is_switched
    }

    fn add_for_spectators(&mut self, output: Option<&SpectatorOutput<G::Rules>>) -> bool {
        let ticks = &mut self.spectators.ticks;
        let Some(SpectatorOutput { output, delay }) = output else {
            // Nobody watches, or the room has ended.
            ticks.forget();
            return false;
        };
        let is_switched = std::mem::replace(&mut self.delay, *delay) != *delay;
        if is_switched {
            ticks.forget();
        }
        ticks.add(Arc::clone(output));
        is_switched
    }
}
