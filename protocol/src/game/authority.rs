//! The authority's half of a game: what only the server may decide. The shared half is [`Rules`].
//!
//! A room owns one value of the trait. Only the room calls it, from one thread, so a game needs no locks. A game must
//! be a pure function of its settings and of the calls: no clock, no hash map's order, no floats, no I/O.

use super::brain::Brain;
use super::page::PageFile;
use super::rules::Rules;
use super::settings::{Setting, Settings};
use crate::ids::{EntityId, PlayerId, PlayerKind};
use crate::name::Name;
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::message::Aspect;
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

/// What a game is made of.
#[derive(Clone, Debug)]
pub struct GameSetup<'a, R> {
    /// The rules, at the room's tick rate and for the start-up data.
    pub rules: R,
    /// Ticks in a second.
    pub rate: TickRate,
    /// The seed of all random draws.
    pub seed: u64,
    /// What the operator set.
    pub settings: &'a Settings,
}

/// A player that joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joiner<D> {
    /// The name that others see.
    pub name: Name,
    /// Who controls it.
    pub kind: PlayerKind,
    /// What its network owes: see [`Game::debt`].
    pub debt: Option<D>,
}

impl<D> Joiner<D> {
    /// A person who owes nothing.
    pub fn person(name: Name) -> Self {
        Self { name, kind: PlayerKind::Person, debt: None }
    }
}

/// A game as the authority plays it, in one room. A copy that gets the same calls does the same, also after
/// serialization. So a panic can be repeated.
///
/// A game must write the types and the methods without a default. A player's entity has the id that
/// [`Rules::IDS`] gives its slot.
pub trait Game: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// The half that clients share.
    type Rules: Rules;

    /// The debt of a player that leaves in the middle of something. The next session from its network begins with it.
    /// `()` for none.
    type Debt: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;

    /// What decides for its bots. [`Idle`](super::brain::Idle) if it has no brains.
    type Brain: Brain<Self::Rules>;

    /// The name of the game: of its program, and of what it keeps on a disk.
    const NAME: &'static str;

    /// The version of the state's form. Raise it when a field is added, removed or changed, and read older ones in
    /// [`Self::migrate`].
    const STATE_VERSION: u32 = 1;

    /// The settings that the game adds to the server's.
    const SETTINGS: &'static [Setting] = &[];

    /// The files of its own page. They come before those of the stock page with the same paths. Among them is `core.wasm`,
    /// the game's rules for the browser. The default has none.
    const PAGE: &'static [PageFile] = &[];

    /// Makes the start-up data, which every client fetches. The default has none.
    ///
    /// # Errors
    /// A message for the operator, if the settings do not allow it.
    fn start_data(settings: &Settings) -> Result<Vec<u8>, String> {
        let _ = settings;
        Ok(Vec::new())
    }

    /// A room without players.
    fn new(setup: GameSetup<'_, Self::Rules>) -> Self;

    /// State that an older build kept, if this one can still read it. `bytes` are what that build serialized.
    fn migrate(version: u32, bytes: &[u8]) -> Option<Self> {
        let _ = (version, bytes);
        None
    }

    /// The shared rules with the present world state.
    fn rules(&self) -> &Self::Rules;

    /// A player joins, and pays its debt if there is one. Its entity is in [`Self::truth`] after the next step.
    fn join(&mut self, player: PlayerId, joiner: &Joiner<Self::Debt>);

    /// Removes a player and everything that belongs to it.
    fn leave(&mut self, player: PlayerId);

    /// Runs one tick. `inputs` has one row per player, by id.
    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<InputOf<Self>>]);

    /// Appends every entity as it is now, by ascending id. An entity that `spawned_by` derives from another on this
    /// tick must be among them, exactly as derived.
    fn truth(&self, out: &mut Vec<(EntityId, EntityOf<Self>)>);

    /// Whether a player that has left may be removed now. Until then its entity stays without a player and gets empty
    /// input. The room asks before every step. The default lets it go at once.
    fn may_go(&self, player: PlayerId) -> bool {
        let _ = player;
        true
    }

    /// The debt of a player that left, or lost its connection, on tick `left`, and whose entity is still here. None if
    /// it owes nothing, which is the default.
    fn debt(&self, player: PlayerId, left: Tick) -> Option<Self::Debt> {
        let _ = (player, left);
        None
    }

    /// Ticks restart after [`crate::wire::limits::TICK_LAST`], and the next one is 1. Everything that was remembered by
    /// tick must be dropped. The default remembers nothing.
    fn begin_anew(&mut self) {}

    /// The own state of a player, which only this player is sent.
    fn own(&self, player: PlayerId) -> OwnOf<Self> {
        let _ = player;
        OwnOf::<Self>::default()
    }

    /// Appends the news of this tick. The default has none.
    fn news(&mut self, tick: Tick, out: &mut Vec<GameEvent<NewsOf<Self>>>) {
        let _ = (tick, out);
    }

    /// Entities by kind, for the metric of that name. The kinds and their order are always the same. The default counts
    /// what belongs to players and what does not.
    fn census(&self) -> Vec<(&'static str, usize)> {
        let mut truth = Vec::new();
        self.truth(&mut truth);
        let owned = truth.iter().filter(|(id, _)| Self::Rules::IDS.owner(*id).is_some()).count();
        vec![("owned", owned), ("unowned", truth.len() - owned)]
    }

    /// The last tick on which a player's entity did something that counts as playing. The game decides what that is.
    /// None if it cannot tell; then only new input counts. A player whose last action is long ago is idle.
    fn active_at(&self, player: PlayerId) -> Option<Tick> {
        let _ = player;
        None
    }

    /// An entity to watch for a spectator that watches none, for example the best player's. `truth` is what
    /// [`Self::truth`] gave on this tick. The default is the first player's.
    fn to_watch(&self, truth: &[(EntityId, EntityOf<Self>)]) -> Option<EntityId> {
        truth.iter().map(|(id, _)| *id).find(|id| Self::Rules::IDS.is_player(*id))
    }
}
