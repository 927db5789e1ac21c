//! One tick of a game: its step, and all that is asked of it on every tick. A room runs it, and so
//! does the replay of what a room recorded: a panic in here is met again there.

use super::phase::Phase;
use crate::replication::{Records, TickOutput};
use fracas_protocol::game::authority::{EntityOf, Game, GameEvent, InputOf, NewsOf, OwnOf, PlayerInput};
#[cfg(debug_assertions)]
use fracas_protocol::game::laws::LawWatch;
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;

/// Of the entities that were there before, one in so many is read back on each tick of a developer's build.
#[cfg(debug_assertions)]
const LAWS_SHARE: u32 = 8;

/// What a game had to say on a tick, beside the output. Kept for its memory.
#[derive(Debug)]
pub(super) struct GameTick<G: Game> {
    /// Every entity, by ascending id.
    pub(super) truth: Vec<(EntityId, EntityOf<G>)>,
    /// What there is to tell.
    pub(super) events: Vec<GameEvent<NewsOf<G>>>,
    /// What each player is told about itself, in the order of the inputs.
    pub(super) own: Vec<OwnOf<G>>,
    /// Whom a spectator is to watch who watches nobody.
    pub(super) to_watch: Option<EntityId>,
    /// Holds the game to the laws of the seam.
    #[cfg(debug_assertions)]
    laws: Option<LawWatch<G::Rules>>,
    is_trusted: bool,
}

impl<G: Game> Default for GameTick<G> {
    fn default() -> Self {
        Self {
            truth: Vec::new(),
            events: Vec::new(),
            own: Vec::new(),
            to_watch: None,
            #[cfg(debug_assertions)]
            laws: None,
            is_trusted: !cfg!(debug_assertions),
        }
    }
}

impl<G: Game> GameTick<G> {
    /// The game is not held to the laws: what a tick costs can be counted then.
    pub(super) fn trust(&mut self) {
        self.is_trusted = true;
    }

    /// Runs the tick, and makes `out` of it: the records from those `before` it. Whom the players
    /// are is left to the room.
    pub(super) fn run(
        &mut self,
        game: &mut G,
        tick: Tick,
        inputs: &[PlayerInput<InputOf<G>>],
        before: &Records<G::Rules>,
        out: &mut TickOutput<G::Rules>,
        mark: &mut impl FnMut(Phase),
    ) {
        self.events.clear();
        self.truth.clear();
        self.own.clear();
        fail_if_wanted(game, tick, inputs.len());
        game.step(tick, inputs);
        game.news(tick, &mut self.events);
        mark(Phase::Step);

        game.truth(&mut self.truth);
        out.tick = tick;
        out.rules.clone_from(game.rules());
        out.records.update(before, game.rules(), tick, &self.truth);
        mark(Phase::Records);

        self.own.extend(inputs.iter().map(|input| game.own(input.player)));
        #[cfg(debug_assertions)]
        if !self.is_trusted {
            self.check_laws(game, tick, inputs);
        }
        self.to_watch = game.to_watch(&self.truth);
    }

    /// A developer's build does not go on with a game that breaks a law: what is sent from then on would be wrong somewhere.
    #[cfg(debug_assertions)]
    fn check_laws(&mut self, game: &G, tick: Tick, inputs: &[PlayerInput<InputOf<G>>]) {
        let laws = self.laws.get_or_insert_with(|| LawWatch::new(game.rules().clone()).sampling(LAWS_SHARE));
        if let Err(broken) = laws.tick(game.rules(), tick, inputs, &self.truth, &self.own) {
            panic!("the game breaks a law of the seam {broken}");
        }
    }
}

/// A test may have the step panic: by `FAILPOINTS=game-step=return(60,120:2)` on tick 60, and on tick 120 if there are two
/// players. A build without the feature `failpoints` of the crate `fail` has none of this.
#[inline]
fn fail_if_wanted<G: Game>(game: &G, tick: Tick, players: usize) {
    fail::fail_point!("game-step", |when| {
        use fracas_protocol::{game::rules::Rules, wire::digest::Digest};
        let (tick, mut truth, mut digest) = (tick.0.to_string(), Vec::new(), Digest::default());
        let here = format!("{tick}:{players}");
        if when.is_some_and(|when| when.split(',').any(|when| when == tick || when == here)) {
            game.truth(&mut truth);
            // So only the same entities in the same state give the same message.
            truth.iter().for_each(|(id, entity)| game.rules().digest(*id, entity, &mut digest));
            panic!("sabotage among {players} players: {:x}", digest.finish());
        }
    });
    // Without fail points nothing is asked.
    let _ = (game, tick, players);
}
