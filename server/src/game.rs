//! The authority's half of a game: what only the server may decide. The shared half is `fracas_protocol::game::rules::Rules`.
//!
//! A room owns one value of the trait and is the only one to call it, from one thread, so a game needs no locks. It must
//! be a pure function of what it was made from and the calls it got: no clock, no hash map's order, no floats, no I/O.

pub mod attended;

use crate::ids::{PlayerId, PlayerKind};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, ViewTime};
use fracas_protocol::wire::message::Aspect;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// What a player wants on the tick that is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlayerInput<I> {
    /// Who.
    pub player: PlayerId,
    /// What; the last one held, if none came for this tick.
    pub input: I,
    /// What its screen can have shown when it wanted that.
    pub view: ViewWindow,
    /// The shape of that screen.
    pub aspect: Aspect,
}

/// From when to when a player's screen can have shown others as they were. A game that judges by what a player saw keeps
/// within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewWindow {
    /// The earliest moment.
    pub earliest: ViewTime,
    /// The latest, not before that.
    pub latest: ViewTime,
}

impl ViewWindow {
    /// What is claimed, as far as it is possible.
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

/// A piece of news and who gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GameEvent<N> {
    /// One player, or everybody.
    pub to: Option<PlayerId>,
    /// What is told.
    pub news: N,
}

/// The rules of a room, as the authority plays them. A copy of it that gets the same calls does the same, also one that was
/// written down and read again: so a panic can be repeated (see [`crate::sim::recording`]).
pub trait Game: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// The half that clients share.
    type Rules: Rules;

    /// What a player who leaves in the middle of something owes: the next session from its network begins with it.
    type Debt: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;

    /// The shared rules with the present world state.
    fn rules(&self) -> &Self::Rules;

    /// The player whose entity this is, if it bears a name.
    fn owner(id: EntityId) -> Option<PlayerId>;

    /// A player comes in, and pays a debt of its network if there is one. Returns the id of its entity, which is in
    /// [`Self::truth`] after the next step.
    fn join(&mut self, player: PlayerId, name: &Name, kind: PlayerKind, debt: Option<&Self::Debt>) -> EntityId;

    /// Whether a player who has left may go now. Until then its entity stays without its player, and whoever sits there has
    /// an input that wants nothing. The room asks before every step.
    fn may_go(&self, player: PlayerId) -> bool;

    /// What a player owes who is still here and who left, or lost its line, on tick `left`. None if nothing.
    fn debt(&self, player: PlayerId, left: Tick) -> Option<Self::Debt>;

    /// A player is gone, and what belongs to it goes with it.
    fn leave(&mut self, player: PlayerId);

    /// The next tick is 1 again, after [`fracas_protocol::wire::limits::TICK_LAST`]: whatever is remembered by its tick is over.
    fn begin_anew(&mut self) {}

    /// Runs one tick. `inputs` has one row per player, by id.
    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<InputOf<Self>>]);

    /// Appends every entity as it is now, by ascending id. An entity that the rules' `spawned_by` derives from another on
    /// this tick must be among them, exactly as derived.
    fn truth(&self, out: &mut Vec<(EntityId, EntityOf<Self>)>);

    /// What only this player is told about itself.
    fn own(&self, player: PlayerId) -> OwnOf<Self>;

    /// Appends what there is to tell on this tick.
    fn news(&mut self, tick: Tick, out: &mut Vec<GameEvent<NewsOf<Self>>>);

    /// Entities by kind, for the metric of that name: the same kinds in the same order each time.
    fn census(&self) -> Vec<(&'static str, usize)>;

    /// The last tick on which a player's entity did something that only somebody who plays does: what that is the game decides.
    /// None if it cannot tell; then what the player says is all that counts. A player of whom it is long ago is idle.
    fn active_at(&self, player: PlayerId) -> Option<Tick> {
        let _ = player;
        None
    }

    /// Somebody to watch, for a spectator who watches nobody: the best player, for example.
    fn to_watch(&self) -> Option<EntityId>;
}
