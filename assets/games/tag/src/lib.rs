//! Tag: whoever is *it* runs a little faster, and touches another as its own screen shows that one.

use fracas_protocol::prelude::*;

/// Side of the yard, and how far an arm reaches, in quanta.
const SIDE: i32 = 2400 * QUANTA_PER_UNIT;
const REACH: i32 = 40 * QUANTA_PER_UNIT;
/// One of so many runners is it.
const RUNNERS_PER_IT: usize = 8;

/// A runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runner {
    mover: Mover,
    /// Whether it has to catch somebody. Only the server decides that.
    is_it: bool,
}

/// A player's input for one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    heading: Option<Heading>,
    /// To reach for whoever the screen shows near at this moment.
    touch: Option<ViewTime>,
}

impl Intent for Run {}

/// The rules, for one tick rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tag(TickRate);

impl Rules for Tag {
    type Entity = Runner;
    type Input = Run;
    type Own = ();
    type World = ();
    type News = ();

    fn new(rate: TickRate, _data: &[u8]) -> Result<Self, DataError> {
        Ok(Self(rate))
    }

    fn position(runner: &Runner) -> Point {
        runner.mover.position
    }

    fn predict(&self, runner: &mut Runner) -> Fate {
        let top = speed(if runner.is_it { 300 } else { 260 }, self.0);
        runner.mover.advance(top, top / 8, SIDE);
        Fate::Lives
    }

    fn play(&self, runner: &mut Runner, _own: &mut (), input: &Run) {
        runner.mover.heading = input.heading;
        self.predict(runner);
    }

    fn code<C: Coder>(&self, runner: &mut Runner, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        runner.mover.code(anchor, coder)?;
        runner.is_it = coder.flag(runner.is_it)?;
        Ok(())
    }

    fn take_over(predicted: &mut Runner, truth: &Runner) {
        predicted.is_it = truth.is_it;
    }
}

/// What only the server decides: who is it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Yard {
    tag: Tag,
    rng: Rng,
    runners: Slots<Runner>,
    /// Where those were who could be caught.
    history: History,
}

impl Game for Yard {
    type Rules = Tag;
    type Debt = ();
    type Brain = fracas_protocol::game::brain::Idle;
    const NAME: &'static str = "tag";

    fn new(GameSetup { rules, seed, .. }: GameSetup<'_, Tag>) -> Self {
        Self { tag: rules, rng: Rng::new(seed, 1), runners: Slots::default(), history: History::default() }
    }

    fn rules(&self) -> &Tag {
        &self.tag
    }

    fn join(&mut self, player: PlayerId, _joiner: &Joiner<()>) {
        let position = Point { x: self.rng.between(0, SIDE), y: self.rng.between(0, SIDE) };
        self.history.forget(player);
        self.runners.insert(player, Runner { mover: Mover::at(position), is_it: false });
    }

    fn leave(&mut self, player: PlayerId) {
        self.runners.remove(player);
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Run>]) {
        for told in inputs {
            self.runners
                .get_mut(told.player)
                .into_iter()
                .for_each(|runner| self.tag.play(runner, &mut (), &told.input));
        }
        for told in inputs {
            let toucher = self.runners.get(told.player).filter(|runner| runner.is_it).copied();
            let Some((toucher, view)) = toucher.zip(told.input.touch) else { continue };
            let past = self.history.at(told.view.clamp(view));
            let distance = |player| Some((past.position(player)?.distance(toucher.mover.position), player));
            let near = self.runners.iter().filter_map(|(player, _)| distance(player)).min();
            if let Some((_, met)) = near.filter(|(distance, _)| *distance <= REACH) {
                self.runners.get_mut(told.player).into_iter().for_each(|runner| runner.is_it = false);
                self.runners.get_mut(met).into_iter().for_each(|runner| runner.is_it = true);
            }
        }
        if self.runners.iter().filter(|(_, runner)| runner.is_it).count() * RUNNERS_PER_IT < self.runners.len() {
            let chosen = self.rng.below(self.runners.len() as u32) as usize;
            self.runners.iter_mut().nth(chosen).into_iter().for_each(|(_, runner)| runner.is_it = true);
        }
        let free = |runner: Option<&Runner>| runner.filter(|runner| !runner.is_it).map(|runner| runner.mover.position);
        self.history.record(tick, self.tag.0, self.runners.by_slot().map(free));
    }

    fn truth(&self, out: &mut Vec<(EntityId, Runner)>) {
        out.extend(self.runners.entities::<Tag>());
    }
}
