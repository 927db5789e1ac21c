//! Everything one tick has to say, immutable and shared by all event loops.

use super::records::Records;
use crate::ids::PlayerId;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::frame::InputReport;
use std::sync::Arc;

/// The names of a room's players, by player. `serial` tells two holders of the same slot apart.
pub type Names = Vec<Option<(u64, Name)>>;

/// What only one player is told.
#[derive(Clone, Copy, Debug)]
pub struct PlayerOutput<R: Rules> {
    /// The entity in the middle of its view.
    pub follow: Option<EntityId>,
    /// Its own state; a spectator has none.
    pub own: Option<R::Own>,
    /// How its inputs arrive.
    pub report: InputReport,
}

/// What the frames of a room's spectators are made of on one tick.
#[derive(Clone, Debug)]
pub struct SpectatorOutput<R: Rules> {
    /// The tick's own output, or one of some time ago.
    pub output: Arc<TickOutput<R>>,
    /// By how many ticks spectators are late; 0 if they are not. Where that changes they start afresh.
    pub delay: u32,
}

/// What a frame needs of one tick.
#[derive(Debug)]
pub struct TickOutput<R: Rules> {
    /// The tick.
    pub tick: Tick,
    /// The rules with this tick's world state.
    pub rules: R,
    /// What viewers believe of each entity.
    pub records: Records<R>,
    /// By player, from `first_player` on; `None` in slots that nobody has, or whose holder this is not for.
    pub players: Vec<Option<PlayerOutput<R>>>,
    /// The player whose row is the first: an output for spectators has none for all the others.
    pub first_player: PlayerId,
    /// By player.
    pub names: Arc<Names>,
}

impl<R: Rules> TickOutput<R> {
    /// Nothing to say yet.
    pub fn empty(rules: R) -> Self {
        Self {
            tick: Tick(0),
            rules,
            records: Records::default(),
            players: Vec::new(),
            first_player: PlayerId(0),
            names: Arc::default(),
        }
    }

    /// What this player is told.
    pub fn player(&self, player: PlayerId) -> Option<&PlayerOutput<R>> {
        self.players.get(player.index().checked_sub(self.first_player.index())?)?.as_ref()
    }
}
