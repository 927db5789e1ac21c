//! Tag: whoever is *it* runs a little faster, and touches another as its own screen shows that one.

use fracas_protocol::{page_files, prelude::*};

/// Side of the yard, in quanta.
const SIDE: i32 = 2400 * QUANTA_PER_UNIT;
/// How far an arm reaches, in quanta.
pub const REACH: i32 = 40 * QUANTA_PER_UNIT;
/// One of so many runners is it.
const RUNNERS_PER_IT: usize = 8;

/// A runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runner {
    mover: Mover,
    /// Whether it has to catch somebody. Only the server decides that.
    pub is_it: bool,
}

/// The rules, for one tick rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tag(TickRate);

impl Rules for Tag {
    type Entity = Runner;
    type Input = Steer;
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

    fn play(&self, runner: &mut Runner, _own: &mut (), input: &Steer) {
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
    type Brain = Chaser;
    const NAME: &'static str = "tag";
    const PAGE: &'static [PageFile] = page_files!("page": "core.wasm");

    fn new(GameSetup { rules, seed, .. }: GameSetup<'_, Tag>) -> Self {
        Self { tag: rules, rng: Rng::new(seed, 1), runners: Slots::default(), history: History::default() }
    }

    fn rules(&self) -> &Tag {
        &self.tag
    }

    fn join(&mut self, player: PlayerId, _joiner: &Joiner<()>) {
        self.runners.insert(player, Runner { mover: Mover::at(self.rng.place(SIDE)), is_it: false });
    }

    fn leave(&mut self, player: PlayerId) {
        self.runners.remove(player);
        self.history.forget(player);
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Steer>]) {
        self.runners.play(&self.tag, inputs);
        for told in inputs {
            let me = self.runners[told.player];
            let Some(view) = told.input.act.filter(|_| me.is_it) else { continue };
            let past = self.history.at(told.view.clamp(view));
            let Some(met) = past.nearest(me.mover.position, REACH) else { continue };
            self.runners[told.player].is_it = false;
            self.runners[met].is_it = true;
        }
        let its = self.runners.iter().filter(|(_, runner)| runner.is_it).count();
        if its * RUNNERS_PER_IT < self.runners.len()
            && let Some(player) = self.runners.draw(&mut self.rng)
        {
            self.runners[player].is_it = true;
        }
        let free = self.runners.by_slot(|runner| (!runner.is_it).then_some(runner.mover.position));
        self.history.record(tick, self.tag.0, free);
    }

    fn truth(&self, out: &mut Vec<(EntityId, Runner)>) {
        out.extend(self.runners.entities::<Tag>());
    }
}

/// A bot: runs after who is free while it is it, else away from who is it. It always reaches out.
#[derive(Debug)]
pub struct Chaser;

impl Brain<Tag> for Chaser {
    const KINDS: &'static [BrainKind] = &[BrainKind::new("chase", "Runs after others, or away.").looking()];

    fn new(_kind: usize, _skill: Skill, _seed: u64) -> Self {
        Self
    }

    fn think(&mut self, sight: &Sight<'_, Tag>) -> Steer {
        let (me, away) = (sight.own.mover.position, if sight.own.is_it { 0 } else { 512 });
        let nearest = sight.nearest(|other| other.is_it != sight.own.is_it);
        Steer { heading: nearest.map(|at| me.heading_to(at).turned(away)), act: None }
    }

    fn aim(&mut self, _sight: &Sight<'_, Tag>, screen: &Moment<'_, Tag>, input: Steer) -> Steer {
        Steer { act: Some(screen.view), ..input }
    }
}

impl Look for Tag {
    fn look(&self, _id: EntityId, runner: &Runner) -> Option<Drawn> {
        let shape = Shape::Wedge { radius: 16.0, heading: runner.mover.heading.unwrap_or_default().turns() };
        Some(Drawn::new(shape, Colour::ById).with_ring(runner.is_it).with_label())
    }

    fn ground(&self) -> [f32; 2] {
        [(SIDE / QUANTA_PER_UNIT) as f32; 2]
    }
}

#[cfg(feature = "web")]
fracas_web::core!(Tag);
