//! A copy of a room's game, and all calls on it since. It is enough to replay the last second or two, and the panic at
//! their end.
//!
//! The state of replication is not kept. A replay starts without records, as for a new viewer.

use super::game_tick::GameTick;
use super::panics;
use super::spectator_feed::SpectatorFeed;
use crate::ids::PlayerId;
use crate::replication::TickOutput;
use fracas_protocol::game::authority::{Game, InputOf, Joiner, PlayerInput};
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use serde::{Deserialize, Serialize};
use std::cell::Cell;

/// A call on a game.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Call<D> {
    /// A tick began.
    Tick(Tick),
    Join(PlayerId, Joiner<D>),
    Leave(PlayerId),
    /// A step with so many inputs.
    Step(u32),
}

/// A game as it was, and what was called on it after that.
#[derive(Clone, Debug)]
pub struct Recording<G: Game> {
    pub(super) rate: TickRate,
    pub(super) game: G,
    pub(super) calls: Vec<Call<G::Debt>>,
    /// Of all steps, one after the other.
    pub(super) inputs: Vec<PlayerInput<InputOf<G>>>,
}

/// A recording in bytes. The game's state is apart, so that a game may read the one of an older build in its own way.
#[derive(Serialize, Deserialize)]
struct Written<D, I> {
    rate: TickRate,
    game: Vec<u8>,
    calls: Vec<Call<D>>,
    inputs: Vec<PlayerInput<I>>,
}

/// Why bytes are no recording of this build's game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingError {
    /// They are damaged, or were written by a build with another form of recordings.
    Unreadable,
    /// The game's state has another version, and the game cannot read it.
    StateVersion,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// With a panic.
    Panicked {
        /// On which tick.
        tick: Tick,
        /// The panic's message.
        message: String,
    },
    /// All calls were made without a panic.
    Ran {
        /// The last tick.
        last: Tick,
    },
}

impl<G: Game> Recording<G> {
    /// Appends it as bytes, with the game's state in its present version.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut game = Vec::new();
        codec::encode(&self.game, &mut game);
        codec::encode(&Written { rate: self.rate, game, calls: self.calls.clone(), inputs: self.inputs.clone() }, out);
    }

    /// Reads it from at most `LIMIT` bytes, with the game's state in this version.
    ///
    /// # Errors
    /// If that is not possible. The game decides about versions other than its own.
    pub fn read<const LIMIT: usize>(bytes: &[u8], state_version: u32) -> Result<Self, RecordingError> {
        let written = codec::decode::<Written<G::Debt, InputOf<G>>, LIMIT>(bytes);
        let Written { rate, game, calls, inputs } = written.map_err(|_| RecordingError::Unreadable)?;
        let game = if state_version == G::STATE_VERSION {
            codec::decode::<G, LIMIT>(&game).map_err(|_| RecordingError::Unreadable)?
        } else {
            G::migrate(state_version, &game).ok_or(RecordingError::StateVersion)?
        };
        Ok(Self { rate, game, calls, inputs })
    }

    /// The ticks that it holds.
    pub fn ticks(&self) -> usize {
        self.calls.iter().filter(|call| matches!(call, Call::Tick(_))).count()
    }

    /// Repeats all calls, and those that a room makes in between.
    pub fn replay(self) -> Replayed {
        let at = Cell::new(Tick(0));
        match panics::catch(|| self.call_all(&at)) {
            Ok(()) => Replayed::Ran { last: at.get() },
            Err(message) => Replayed::Panicked { tick: at.get(), message },
        }
    }

    fn call_all(self, at: &Cell<Tick>) {
        let Self { rate, mut game, calls, inputs } = self;
        let (mut rest, mut replay) = (&inputs[..], Replay::new(game.rules(), rate));
        for call in calls {
            match call {
                Call::Tick(tick) => at.set(tick),
                Call::Join(player, joiner) => game.join(player, &joiner),
                Call::Leave(player) => game.leave(player),
                Call::Step(len) => {
                    // The file ends too early. There are no more calls.
                    let Some((now, later)) = rest.split_at_checked(len as usize) else { return };
                    rest = later;
                    replay.tick(&mut game, at.get(), now);
                }
            }
        }
    }
}

/// What a room that is watched makes of its game.
struct Replay<G: Game> {
    made: GameTick<G>,
    last: TickOutput<G::Rules>,
    next: TickOutput<G::Rules>,
    /// What spectators are shown, as soon as can be.
    feed: SpectatorFeed<G::Rules>,
}

impl<G: Game> Replay<G> {
    fn new(rules: &G::Rules, rate: TickRate) -> Self {
        let empty = || TickOutput::empty(rules.clone(), rate);
        Self {
            made: GameTick::default(),
            last: empty(),
            next: empty(),
            feed: SpectatorFeed::new(rules.clone(), rate, 1),
        }
    }

    fn tick(&mut self, game: &mut G, tick: Tick, inputs: &[PlayerInput<InputOf<G>>]) {
        let Self { made, last, next, feed } = self;
        made.run(game, tick, inputs, &last.records, next, &mut |_| ());
        feed.record(last.records.entities(), next, 0, made.to_watch, Vec::new());
        if let Some(shown) = feed.advance(&mut made.truth) {
            feed.output(shown.tick, &made.truth, |_| ());
        }
        std::mem::swap(last, next);
        // What a room asks now and then.
        for input in inputs {
            let _ = (game.may_go(input.player), game.debt(input.player, tick));
        }
        if tick.is_phase(0, next.rate.hz()) {
            let _ = game.census();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::game::authority::{EntityOf, GameSetup, ViewWindow};
    use fracas_protocol::game::toy::{Runner, Step, Yard, YardGame};
    use fracas_protocol::ids::EntityId;
    use fracas_protocol::name::Name;
    use fracas_protocol::wire::message::Aspect;

    const LIMIT: usize = 1 << 20;

    /// The toy game, whose state has got a field since version 1.
    #[derive(Clone, Serialize, Deserialize)]
    struct Counted {
        yard: YardGame,
        steps: u32,
    }

    impl Game for Counted {
        type Rules = Yard;
        type Debt = u16;
        type Brain = Runner;

        const NAME: &'static str = YardGame::NAME;
        const STATE_VERSION: u32 = 2;

        fn new(setup: GameSetup<'_, Yard>) -> Self {
            Self { yard: YardGame::new(setup), steps: 0 }
        }

        fn migrate(version: u32, bytes: &[u8]) -> Option<Self> {
            let yard = (version == 1).then(|| codec::decode::<YardGame, LIMIT>(bytes).ok())??;
            Some(Self { yard, steps: 0 })
        }

        fn rules(&self) -> &Yard {
            self.yard.rules()
        }

        fn join(&mut self, player: PlayerId, joiner: &Joiner<u16>) {
            self.yard.join(player, joiner);
        }

        fn leave(&mut self, player: PlayerId) {
            self.yard.leave(player);
        }

        fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Step>]) {
            self.steps += 1;
            assert!(self.steps < 3, "the third step");
            self.yard.step(tick, inputs);
        }

        fn truth(&self, out: &mut Vec<(EntityId, EntityOf<Self>)>) {
            self.yard.truth(out);
        }
    }

    /// Four ticks of the toy game, on the first of which somebody joins.
    fn recorded() -> Recording<YardGame> {
        let rate = TickRate::HZ_30;
        let (rules, settings) = (Yard::ruleset(rate).rules().clone(), Default::default());
        let game = YardGame::new(GameSetup { rules, rate, seed: 1, settings: &settings });
        let joiner = Joiner::person(Name::parse("Ada").expect("a name"));
        let mut calls = vec![Call::Tick(Tick(7)), Call::Join(PlayerId(0), joiner), Call::Step(1)];
        calls.extend((8..11).flat_map(|tick| [Call::Tick(Tick(tick)), Call::Step(1)]));
        let (player, input) = (PlayerId(0), Step::default());
        let input = PlayerInput { player, input, view: ViewWindow::default(), aspect: Aspect::default() };
        Recording { rate, game, calls, inputs: vec![input; 4] }
    }

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        recorded().write(&mut bytes);
        bytes
    }

    #[test]
    fn a_recording_reads_as_it_was_written() {
        let read = Recording::<YardGame>::read::<LIMIT>(&written(), YardGame::STATE_VERSION).expect("it is one");
        assert_eq!((read.ticks(), read.replay()), (4, Replayed::Ran { last: Tick(10) }));
    }

    #[test]
    fn a_game_reads_its_state_of_an_older_version_and_the_calls_go_on_from_there() {
        let read = Recording::<Counted>::read::<LIMIT>(&written(), 1).expect("the game can read it");
        assert_eq!(read.game.steps, 0);
        let message = "the third step".into();
        assert_eq!(read.replay(), Replayed::Panicked { tick: Tick(9), message });
    }

    #[test]
    fn a_version_that_the_game_does_not_know_and_damaged_bytes_are_told_apart() {
        let error =
            |bytes: &[u8], version| Recording::<Counted>::read::<LIMIT>(bytes, version).map(|_| ()).unwrap_err();
        let bytes = written();
        assert_eq!(error(&bytes, 3), RecordingError::StateVersion);
        assert_eq!(error(&bytes, 2), RecordingError::Unreadable, "its state is of another form");
        assert_eq!(error(&bytes[1..], 1), RecordingError::Unreadable);
    }
}
