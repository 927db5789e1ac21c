//! The output of one tick, immutable and shared by all event loops.

use super::records::Records;
use crate::ids::PlayerId;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::frame::InputReport;
use std::sync::Arc;

/// The names of a room's players, by player. The serial distinguishes two holders of the same slot.
pub type Names = Vec<Option<(u64, Name)>>;

/// What only one player is sent.
#[derive(Clone, Copy, Debug)]
pub struct PlayerOutput<R: Rules> {
    /// The entity in the middle of its view.
    pub follow: Option<EntityId>,
    /// Its own state; a spectator has none.
    pub own: Option<R::Own>,
    /// How its inputs arrive.
    pub report: InputReport,
}

/// The output of one tick for the frames of a room's spectators.
#[derive(Clone, Debug)]
pub struct SpectatorOutput<R: Rules> {
    /// The tick's own output, or an earlier one.
    pub output: Arc<TickOutput<R>>,
    /// How many ticks late spectators are; 0 for no delay. Where that changes they start afresh.
    pub delay: u32,
}

/// The parts of one tick that frames are made from.
#[derive(Debug)]
pub struct TickOutput<R: Rules> {
    /// The tick.
    pub tick: Tick,
    /// Ticks in a second.
    pub rate: TickRate,
    /// The rules with this tick's world state.
    pub rules: R,
    /// What viewers believe of each entity.
    pub records: Records<R>,
    /// By player, from `first_player` on; `None` in slots that nobody has, or whose holder this is not for.
    pub players: Vec<Option<PlayerOutput<R>>>,
    /// The player of the first row. An output for spectators has no rows before it.
    pub first_player: PlayerId,
    /// By player.
    pub names: Arc<Names>,
}

impl<R: Rules> TickOutput<R> {
    /// An empty output of a room with this rate.
    pub fn empty(rules: R, rate: TickRate) -> Self {
        Self {
            tick: Tick(0),
            rate,
            rules,
            records: Records::default(),
            players: Vec::new(),
            first_player: PlayerId(0),
            names: Arc::default(),
        }
    }

    /// This player's row.
    pub fn player(&self, player: PlayerId) -> Option<&PlayerOutput<R>> {
        self.players.get(player.index().checked_sub(self.first_player.index())?)?.as_ref()
    }
}
