//! Tag with a mistake in it.

use fracas_protocol::game::brain::Idle;
use fracas_protocol::prelude::*;
use fracas_tag::{Runner, Tag, Yard};
use std::collections::HashSet;
use std::time::SystemTime;

/// The mistakes there are.
pub(crate) struct Mistake;

impl Mistake {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const STEP_FORGETS_INPUT: u8 = 1;
    pub(crate) const CODE_FORGETS_FIELD: u8 = 2;
    pub(crate) const UNSORTED: u8 = 3;
    pub(crate) const STRANGER: u8 = 4;
    pub(crate) const HASH_MAP: u8 = 5;
    pub(crate) const CLOCK: u8 = 6;
    pub(crate) const SKIPPED_FIELD: u8 = 7;
    pub(crate) const UNDECLARED: u8 = 8;
}

/// The rules of tag with a mistake.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WrongTag<const MISTAKE: u8>(Tag);

impl<const MISTAKE: u8> Rules for WrongTag<MISTAKE> {
    type Entity = Runner;
    type Input = Steer;
    type Own = ();
    type World = ();
    type News = ();

    fn new(rate: TickRate, data: &[u8]) -> Result<Self, DataError> {
        Tag::new(rate, data).map(Self)
    }

    fn position(runner: &Runner) -> Point {
        Tag::position(runner)
    }

    fn predict(&self, runner: &mut Runner) -> Fate {
        self.0.predict(runner)
    }

    fn play(&self, runner: &mut Runner, own: &mut (), input: &Steer) {
        self.0.play(runner, own, input);
    }

    fn code<C: Coder>(&self, runner: &mut Runner, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        if MISTAKE == Mistake::CODE_FORGETS_FIELD {
            let mut position = Tag::position(runner);
            return code_point(&mut position, anchor, 0, coder);
        }
        self.0.code(runner, anchor, coder)
    }

    fn take_over(predicted: &mut Runner, truth: &Runner) {
        if MISTAKE != Mistake::UNDECLARED {
            Tag::take_over(predicted, truth);
        }
    }
}

/// The yard with a mistake.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WrongYard<const MISTAKE: u8> {
    yard: Yard,
    rules: WrongTag<MISTAKE>,
    players: HashSet<u16>,
    tick: Tick,
    #[serde(skip)]
    steps: u32,
}

impl<const MISTAKE: u8> Game for WrongYard<MISTAKE> {
    type Rules = WrongTag<MISTAKE>;
    type Debt = ();
    type Brain = Idle;
    const NAME: &'static str = "wrong tag";

    fn new(GameSetup { rules, rate, seed, settings }: GameSetup<'_, Self::Rules>) -> Self {
        let yard = Yard::new(GameSetup { rules: rules.0.clone(), rate, seed, settings });
        Self { yard, rules, players: HashSet::new(), tick: Tick(0), steps: 0 }
    }

    fn rules(&self) -> &Self::Rules {
        &self.rules
    }

    fn join(&mut self, player: PlayerId, joiner: &Joiner<()>) {
        self.players.insert(player.0);
        // Each join draws a position; each hash set has an order of its own.
        let draws = match MISTAKE {
            Mistake::HASH_MAP => usize::from(self.players.iter().next().copied().unwrap_or(0)),
            Mistake::CLOCK => nanoseconds() % 16,
            _ => 0,
        };
        (0..=draws).for_each(|_| self.yard.join(player, joiner));
    }

    fn leave(&mut self, player: PlayerId) {
        self.players.remove(&player.0);
        self.yard.leave(player);
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Steer>]) {
        (self.tick, self.steps) = (tick, self.steps + 1);
        let is_lazy = match MISTAKE {
            Mistake::STEP_FORGETS_INPUT => tick.0.is_multiple_of(16),
            Mistake::SKIPPED_FIELD => self.steps > 60,
            _ => false,
        };
        self.yard.step(tick, if is_lazy { &[] } else { inputs });
    }

    fn truth(&self, out: &mut Vec<(EntityId, Runner)>) {
        self.yard.truth(out);
        match MISTAKE {
            Mistake::UNSORTED => out.reverse(),
            Mistake::STRANGER if self.tick == Tick(100) => {
                out.push((Tag::IDS.of_player(PlayerId(99)), Runner::default()));
            }
            _ => {}
        }
    }
}

fn nanoseconds() -> usize {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.subsec_nanos() as usize / 1000
}
