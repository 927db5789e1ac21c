//! A game with an attendant that is called at each step: to observe, or to fail on purpose.

use super::authority::{EntityOf, Game, GameEvent, GameSetup, InputOf, Joiner, NewsOf, OwnOf, PlayerInput};
use super::page::PageFile;
use super::settings::{Setting, Settings};
use crate::ids::{EntityId, PlayerId};
use crate::tick::Tick;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The attendant of a game. Its state is part of the game's, so that a replay includes it.
pub trait Attendant<G: Game>: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// The game is about to make a step with these inputs. Returns other inputs, if it is to get others.
    fn intervene(&mut self, _tick: Tick, _inputs: &[PlayerInput<InputOf<G>>]) -> Option<Vec<PlayerInput<InputOf<G>>>> {
        None
    }

    /// The game has made a step with these inputs.
    fn stepped(&mut self, game: &G, tick: Tick, inputs: &[PlayerInput<InputOf<G>>]);
}

/// The game with its attendant. Otherwise it behaves as it does alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attended<G, A> {
    /// The game itself.
    pub game: G,
    /// The attendant.
    pub attendant: A,
}

impl<G: Game, A: Attendant<G> + Default> Game for Attended<G, A> {
    type Rules = G::Rules;
    type Debt = G::Debt;
    type Brain = G::Brain;

    const NAME: &'static str = G::NAME;
    const STATE_VERSION: u32 = G::STATE_VERSION;
    const SETTINGS: &'static [Setting] = G::SETTINGS;
    const PAGE: &'static [PageFile] = G::PAGE;

    fn start_data(settings: &Settings) -> Result<Vec<u8>, String> {
        G::start_data(settings)
    }

    fn new(setup: GameSetup<'_, Self::Rules>) -> Self {
        Self { game: G::new(setup), attendant: A::default() }
    }

    fn rules(&self) -> &Self::Rules {
        self.game.rules()
    }

    fn join(&mut self, player: PlayerId, joiner: &Joiner<Self::Debt>) {
        self.game.join(player, joiner);
    }

    fn leave(&mut self, player: PlayerId) {
        self.game.leave(player);
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<InputOf<Self>>]) {
        let changed = self.attendant.intervene(tick, inputs);
        let inputs = changed.as_deref().unwrap_or(inputs);
        self.game.step(tick, inputs);
        self.attendant.stepped(&self.game, tick, inputs);
    }

    fn truth(&self, out: &mut Vec<(EntityId, EntityOf<Self>)>) {
        self.game.truth(out);
    }

    fn may_go(&self, player: PlayerId) -> bool {
        self.game.may_go(player)
    }

    fn debt(&self, player: PlayerId, left: Tick) -> Option<Self::Debt> {
        self.game.debt(player, left)
    }

    fn begin_anew(&mut self) {
        self.game.begin_anew();
    }

    fn own(&self, player: PlayerId) -> OwnOf<Self> {
        self.game.own(player)
    }

    fn news(&mut self, tick: Tick, out: &mut Vec<GameEvent<NewsOf<Self>>>) {
        self.game.news(tick, out);
    }

    fn census(&self) -> Vec<(&'static str, usize)> {
        self.game.census()
    }

    fn active_at(&self, player: PlayerId) -> Option<Tick> {
        self.game.active_at(player)
    }

    fn to_watch(&self, truth: &[(EntityId, EntityOf<Self>)]) -> Option<EntityId> {
        self.game.to_watch(truth)
    }
}
