//! The authority's half of a game: what only the server may decide. The shared half is `fracas_protocol::game::rules::Rules`.
//!
//! A room owns one value of the trait. Only the room calls it, from one thread, so a game needs no locks. A game must
//! be a pure function of its settings and of the calls: no clock, no hash map's order, no floats, no I/O.

pub mod attended;

use crate::ids::{PlayerId, PlayerKind};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, ViewTime};
use fracas_protocol::wire::message::Aspect;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A player's input for the tick that is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlayerInput<I> {
    /// Who.
    pub player: PlayerId,
    /// The input. If none came for this tick, it is the last one, held.
    pub input: I,
    /// The moments that its screen can have shown when it sent the input.
    pub view: ViewWindow,
    /// Its aspect.
    pub aspect: Aspect,
}

/// The moments at which a player's screen can have shown others. A game that judges by what a player saw keeps within
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewWindow {
    /// The earliest moment.
    pub earliest: ViewTime,
    /// The latest, not before that.
    pub latest: ViewTime,
}

impl ViewWindow {
    /// The claimed moment, moved into the window.
    pub fn clamp(&self, claimed: ViewTime) -> ViewTime {
        claimed.clamp(self.earliest, self.latest)
    }
}

/// The shared rules' types of a game, by short names.
pub type EntityOf<G> = <<G as Game>::Rules as Rules>::Entity;
/// See [`EntityOf`].
pub type InputOf<G> = <<G as Game>::Rules as Rules>::Input;
/// See [`EntityOf`].
pub type OwnOf<G> = <<G as Game>::Rules as Rules>::Own;
/// See [`EntityOf`].
pub type NewsOf<G> = <<G as Game>::Rules as Rules>::News;

/// A piece of news and its receivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GameEvent<N> {
    /// One player, or everybody.
    pub to: Option<PlayerId>,
    /// The news.
    pub news: N,
}

/// The rules of a room, as the authority plays them. A copy that gets the same calls does the same, also after
/// serialization. So a panic can be repeated (see [`crate::sim::recording`]).
pub trait Game: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// The half that clients share.
    type Rules: Rules;

    /// The debt of a player that leaves in the middle of something. The next session from its network begins with it.
    type Debt: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;

    /// The shared rules with the present world state.
    fn rules(&self) -> &Self::Rules;

    /// The player of this entity, if the entity has a name.
    fn owner(id: EntityId) -> Option<PlayerId>;

    /// A player joins, and pays a debt of its network if there is one. Returns the id of its entity, which is in
    /// [`Self::truth`] after the next step.
    fn join(&mut self, player: PlayerId, name: &Name, kind: PlayerKind, debt: Option<&Self::Debt>) -> EntityId;

    /// Whether a player that has left may be removed now. Until then its entity stays without a player and gets empty
    /// input. The room asks before every step.
    fn may_go(&self, player: PlayerId) -> bool;

    /// The debt of a player that left, or lost its connection, on tick `left`, and whose entity is still here. None if
    /// it owes nothing.
    fn debt(&self, player: PlayerId, left: Tick) -> Option<Self::Debt>;

    /// Removes a player and everything that belongs to it.
    fn leave(&mut self, player: PlayerId);

    /// Ticks restart after [`fracas_protocol::wire::limits::TICK_LAST`], and the next one is 1. Everything that was
    /// remembered by tick must be dropped.
    fn begin_anew(&mut self) {}

    /// Runs one tick. `inputs` has one row per player, by id.
    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<InputOf<Self>>]);

    /// Appends every entity as it is now, by ascending id. An entity that `spawned_by` derives from another on this
    /// tick must be among them, exactly as derived.
    fn truth(&self, out: &mut Vec<(EntityId, EntityOf<Self>)>);

    /// The own state of a player, which only this player is sent.
    fn own(&self, player: PlayerId) -> OwnOf<Self>;

    /// Appends the news of this tick.
    fn news(&mut self, tick: Tick, out: &mut Vec<GameEvent<NewsOf<Self>>>);

    /// Entities by kind, for the metric of that name. The kinds and their order are always the same.
    fn census(&self) -> Vec<(&'static str, usize)>;

    /// The last tick on which a player's entity did something that counts as playing. The game decides what that is.
    /// None if it cannot tell; then only new input counts. A player whose last action is long ago is idle.
    fn active_at(&self, player: PlayerId) -> Option<Tick> {
        let _ = player;
        None
    }

    /// An entity to watch for a spectator that watches none, for example the best player's.
    fn to_watch(&self) -> Option<EntityId>;
}
