//! What the frames of one room's viewers are made with on an event loop, for each role: players are shown the tick that ran
//! last, spectators that one or an earlier one.

use crate::game::Game;
use crate::replication::{Composer, SpectatorOutput};
use crate::session::tick_packing::Ticks;
use crate::sim::channel::Published;
use std::sync::Arc;

/// What both roles' frames are made with. Each room has its own: on the same tick the same ids mean other entities in another
/// room.
pub(crate) struct RoomComposers<G: Game> {
    pub(crate) players: RoomComposer<G>,
    pub(crate) spectators: RoomComposer<G>,
    /// By how many ticks spectators are late.
    pub(crate) delay: u32,
}

/// What one role's frames are made with.
pub(crate) struct RoomComposer<G: Game> {
    pub(crate) composer: Composer<G>,
    /// What frames are made of now.
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
    /// The roles' own.
    pub(crate) fn roles(&mut self) -> [&mut RoomComposer<G>; 2] {
        [&mut self.players, &mut self.spectators]
    }

    /// Takes in ticks of the room with this index; some are missing before them if there `is_gap`. Whether spectators are late
    /// by more or fewer ticks from now on, so that what comes does not follow from what they know.
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
                // It has ended: what it was is not told to whoever comes into its next life.
                None => self.players.ticks.forget(),
            }
            is_switched |= self.add_for_spectators(tick.spectator_outputs.get(index).and_then(Option::as_ref));
        }
        is_switched
    }

    fn add_for_spectators(&mut self, output: Option<&SpectatorOutput<G::Rules>>) -> bool {
        let ticks = &mut self.spectators.ticks;
        let Some(SpectatorOutput { output, delay }) = output else {
            // Nobody watches, or it has ended.
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
