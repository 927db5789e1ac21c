//! A small game for the engine's own tests, which uses every part of the seam: runners with inertia on a yard with a wall.
//!
//! A runner throws stones (its children) and sees the wall move (the world state). Pebbles lie about and belong to nobody.

use super::authority::{Game, GameEvent, GameSetup, Joiner, PlayerInput};
use super::brain::{Brain, BrainKind, Sight, Skill};
use super::data::{DataError, StartData};
use super::rules::{Coded, Fate, Intent, Point, QUANTA_PER_UNIT, Rules, code_point};
use super::ruleset::Ruleset;
use super::settings::{Setting, SettingKind};
use crate::WireError;
use crate::fixed::{Heading, SUBQUANTA_PER_QUANTUM, SUBQUANTA_PER_UNIT, Vector};
use crate::ids::{EntityId, IdLayout, PlayerId};
use crate::rng::Rng;
use crate::tick::{Tick, TickRate};
use crate::wire::bits::Coder;
use serde::{Deserialize, Serialize};

/// Top speed of a runner, in units a second.
const TOP_SPEED: i32 = 280;
/// Top speed is reached in so many parts of a second.
const TO_TOP_PARTS: i32 = 4;
/// How long a stone flies, in milliseconds, and how fast, in units a second.
const STONE_MS: u32 = 500;
const STONE_SPEED: i32 = 600;
/// Between two throws, in milliseconds.
const PAUSE_MS: u32 = 200;
/// Stones of one runner that can fly at the same time.
const STONES: u16 = 4;
/// Pebbles that lie about.
const PEBBLES: u16 = 3;
/// The middle of the yard.
pub const MIDDLE: Point = Point { x: 1 << (Point::BITS - 1), y: 1 << (Point::BITS - 1) };

/// An entity: a runner, a stone or a pebble, by its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// Where it is.
    pub position: Point,
    /// How it moves.
    pub velocity: Vector,
    /// Where a runner runs to, while it does.
    pub run: Option<Heading>,
    /// Where it looks. Others are told on every second tick.
    pub look: Heading,
    /// Ticks until it may throw again; of a stone, ticks until it is gone.
    pub timer: u8,
    /// How many stones it has thrown, modulo [`STONES`].
    pub thrown: u8,
    /// What only the server decides. A runner without health lies still.
    pub health: u8,
}

/// What only the runner's own player is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breath(pub u16);

/// Where the yard ends to the right, in units from its middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall(pub u16);

/// A player's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where to run.
    pub run: Option<Heading>,
    /// Where to look.
    pub look: Heading,
    /// To throw a stone, once.
    pub throw: bool,
}

impl Intent for Step {
    fn held(self) -> Self {
        Self { throw: false, ..self }
    }

    fn merge(&mut self, earlier: Self) {
        self.throw |= earlier.throw;
    }
}

impl Coded for Breath {
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.0 = coder.uint(u32::from(self.0), 16)? as u16;
        Ok(())
    }
}

impl Coded for Wall {
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.0 = coder.uint(u32::from(self.0), 16)? as u16;
        Ok(())
    }
}

/// The shared rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Yard {
    rate: TickRate,
    wall: Wall,
}

impl Yard {
    /// The rules as a client has them.
    pub fn ruleset(rate: TickRate) -> Ruleset<Self> {
        Ruleset::new(rate, StartData::new(*b"yard")).unwrap_or_else(|error| unreachable!("its own data: {error}"))
    }

    /// A velocity of so many units a second.
    fn speed(&self, units: i32) -> i32 {
        units * SUBQUANTA_PER_UNIT / self.rate.hz() as i32
    }

    fn fly(&self, thing: &mut Thing) {
        let last = MIDDLE.x + i32::from(self.wall.0) * QUANTA_PER_UNIT;
        let x = thing.position.x + thing.velocity.x / SUBQUANTA_PER_QUANTUM;
        let y = thing.position.y + thing.velocity.y / SUBQUANTA_PER_QUANTUM;
        thing.position = Point { x: x.clamp(0, last.max(0)), y: y.clamp(0, Point::MAX) };
        if x > last {
            thing.velocity.x = 0;
        }
    }

    fn advance(&self, runner: &mut Thing, throws: bool) {
        let top = self.speed(TOP_SPEED);
        runner.timer = runner.timer.saturating_sub(1);
        if runner.health == 0 {
            return;
        }
        let wanted = runner.run.map_or(Vector::default(), |heading| heading.vector(top));
        runner.velocity = runner.velocity.approach(wanted, top * TO_TOP_PARTS / self.rate.hz() as i32);
        self.fly(runner);
        if throws && runner.timer == 0 {
            runner.timer = self.rate.ticks_in_ms(PAUSE_MS) as u8;
            runner.thrown = (runner.thrown + 1) % STONES as u8;
        }
    }
}

impl Rules for Yard {
    type Entity = Thing;
    type Input = Step;
    type Own = Breath;
    type World = Wall;
    type News = String;

    const IDS: IdLayout = IdLayout { unowned: 16, per_player: 1 + STONES };

    fn new(rate: TickRate, data: &[u8]) -> Result<Self, DataError> {
        if data != b"yard" {
            return Err(DataError("it is no yard".into()));
        }
        Ok(Self { rate, wall: Wall(1000) })
    }

    fn position(entity: &Thing) -> Point {
        entity.position
    }

    fn predict(&self, entity: &mut Thing) -> Fate {
        if entity.health > 0 || entity.run.is_some() {
            self.advance(entity, false);
        } else if entity.timer > 0 {
            // A stone, or somebody who lies still.
            entity.timer -= 1;
            self.fly(entity);
            if entity.timer == 0 && entity.thrown == STONES as u8 {
                return Fate::Expires;
            }
        }
        Fate::Lives
    }

    fn play(&self, entity: &mut Thing, own: &mut Breath, input: &Step) {
        if entity.health > 0 {
            (entity.run, entity.look) = (input.run, input.look);
        }
        self.advance(entity, input.throw);
        self.predict_own(entity, own);
    }

    fn code<C: Coder>(&self, entity: &mut Thing, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        code_point(&mut entity.position, anchor, 0, coder)?;
        entity.velocity.code(coder)?;
        if coder.flag(entity.run.is_some())? {
            entity.run.get_or_insert_default().code(coder)?;
        } else {
            entity.run = None;
        }
        entity.look.code(coder)?;
        entity.timer = coder.seldom(u32::from(entity.timer), 8)? as u8;
        entity.thrown = coder.ranged(u32::from(entity.thrown), 3, u32::from(STONES))? as u8;
        entity.health = coder.uint(u32::from(entity.health), 7)? as u8;
        Ok(())
    }

    fn world(&self) -> Wall {
        self.wall
    }

    fn set_world(&mut self, world: Wall) -> Result<(), WireError> {
        self.wall = world;
        Ok(())
    }

    fn is_corrected(id: EntityId) -> bool {
        Self::IDS.is_player(id)
    }

    fn spawned_by(&self, id: EntityId, entity: &Thing) -> Option<(EntityId, Thing)> {
        let has_thrown = Self::IDS.is_player(id) && u32::from(entity.timer) == self.rate.ticks_in_ms(PAUSE_MS);
        let stone = Thing {
            position: entity.position,
            velocity: entity.look.vector(self.speed(STONE_SPEED)),
            timer: self.rate.ticks_in_ms(STONE_MS) as u8,
            thrown: STONES as u8,
            ..Thing::default()
        };
        has_thrown.then(|| (EntityId(id.0 + 1 + u16::from(entity.thrown)), stone))
    }

    fn settle(&self, tick: Tick, id: EntityId, predicted: &Thing, truth: &Thing) -> Thing {
        let has_thrown = self.spawned_by(id, truth).is_some();
        let tells = tick.is_phase(u32::from(id.0), 2) || has_thrown || !Self::IDS.is_player(id);
        Thing { look: if tells { truth.look } else { predicted.look }, ..*truth }
    }

    fn take_over(predicted: &mut Thing, truth: &Thing) {
        (predicted.look, predicted.health) = (truth.look, truth.health);
    }

    fn is_overruled(predicted: &Thing, truth: &Thing) -> bool {
        (predicted.health > 0) != (truth.health > 0)
    }

    fn predict_own(&self, entity: &Thing, own: &mut Breath) {
        own.0 = if entity.run.is_some() { own.0.saturating_sub(1) } else { own.0.saturating_add(2).min(500) };
    }
}

/// The authority: what happens in the yard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct YardGame {
    yard: Yard,
    rng: Rng,
    runners: Vec<Option<(Thing, Breath)>>,
    stones: Vec<(EntityId, Thing)>,
    pebbles: Vec<Thing>,
}

impl Game for YardGame {
    type Rules = Yard;
    type Debt = u16;
    type Brain = Runner;

    const NAME: &'static str = "yard";
    const SETTINGS: &'static [Setting] = &[Setting {
        name: "wall",
        value_name: "UNITS",
        help: "Where the yard ends.",
        kind: SettingKind::Number { default: Some(1000), min: 100, max: 60_000 },
    }];

    fn start_data(_settings: &super::settings::Settings) -> Result<Vec<u8>, String> {
        Ok(b"yard".to_vec())
    }

    fn new(setup: GameSetup<'_, Yard>) -> Self {
        let mut rng = Rng::new(setup.seed, 1);
        let wall = Wall(setup.settings.number("wall").unwrap_or(1000) as u16);
        let mut place = || Thing { position: near_middle(&mut rng), ..Thing::default() };
        let pebbles = (0..PEBBLES).map(|_| place()).collect();
        let (runners, stones) = (Vec::new(), Vec::new());
        Self { yard: Yard { wall, ..setup.rules }, rng, runners, stones, pebbles }
    }

    fn rules(&self) -> &Yard {
        &self.yard
    }

    fn join(&mut self, player: PlayerId, joiner: &Joiner<u16>) {
        if self.runners.len() <= player.index() {
            self.runners.resize(player.index() + 1, None);
        }
        let runner = Thing { position: near_middle(&mut self.rng), health: 100, ..Thing::default() };
        self.runners[player.index()] = Some((runner, Breath(joiner.debt.unwrap_or(500))));
    }

    fn leave(&mut self, player: PlayerId) {
        if let Some(runner) = self.runners.get_mut(player.index()) {
            *runner = None;
        }
        self.stones.retain(|(id, _)| Yard::IDS.owner(*id) != Some(player));
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Step>]) {
        let yard = &self.yard;
        self.stones.retain_mut(|(_, stone)| yard.predict(stone) == Fate::Lives);
        for input in inputs {
            let Some(Some((runner, breath))) = self.runners.get_mut(input.player.index()) else { continue };
            yard.play(runner, breath, &input.input);
            self.stones.extend(yard.spawned_by(Yard::IDS.of_player(input.player), runner));
        }
        self.stones.sort_by_key(|(id, _)| *id);
        if tick.is_phase(0, 10 * self.yard.rate.hz()) {
            self.yard.wall.0 = self.yard.wall.0.saturating_add(1);
        }
    }

    fn truth(&self, out: &mut Vec<(EntityId, Thing)>) {
        out.extend(self.pebbles.iter().enumerate().map(|(id, pebble)| (EntityId(id as u16), *pebble)));
        let owned = out.len();
        let runners = self
            .runners
            .iter()
            .enumerate()
            .filter_map(|(slot, runner)| Some((Yard::IDS.of_player(PlayerId(slot as u16)), runner.as_ref()?.0)));
        out.extend(runners);
        out.extend_from_slice(&self.stones);
        out[owned..].sort_by_key(|(id, _)| *id);
    }

    fn own(&self, player: PlayerId) -> Breath {
        self.runners.get(player.index()).copied().flatten().map_or(Breath::default(), |(_, breath)| breath)
    }

    fn debt(&self, player: PlayerId, _left: Tick) -> Option<u16> {
        Some(self.own(player).0).filter(|breath| *breath < 100)
    }

    fn news(&mut self, tick: Tick, out: &mut Vec<GameEvent<String>>) {
        if tick.is_phase(0, self.yard.rate.hz()) {
            out.push(GameEvent { to: None, news: format!("tick {tick}") });
        }
    }
}

fn near_middle(rng: &mut Rng) -> Point {
    let mut near = |middle: i32| middle + rng.between(-300, 300) * QUANTA_PER_UNIT;
    Point { x: near(MIDDLE.x), y: near(MIDDLE.y) }
}

/// Runs about, and throws now and then.
#[derive(Clone, Debug)]
pub struct Runner {
    rng: Rng,
    is_idle: bool,
    input: Step,
}

impl Runner {
    fn turn(&mut self) -> Step {
        if self.is_idle {
            return Step::default();
        }
        if self.rng.chance(1, 20) {
            let heading = Heading::new(self.rng.below(u32::from(Heading::TURN)) as u16);
            self.input.run = self.rng.chance(4, 5).then_some(heading);
            self.input.look = heading;
        }
        Step { throw: self.rng.chance(1, 30), ..self.input }
    }
}

impl Brain<Yard> for Runner {
    const KINDS: &'static [BrainKind] =
        &[BrainKind::new("run", "Runs about."), BrainKind { is_idle: true, ..BrainKind::new("idle", "Does nothing.") }];

    fn new(kind: usize, _skill: Skill, seed: u64) -> Self {
        Self { rng: Rng::new(seed, 3), is_idle: kind == 1, input: Step::default() }
    }

    fn think(&mut self, _sight: &Sight<'_, Yard>) -> Step {
        self.turn()
    }

    fn think_blind(&mut self, _rate: TickRate) -> Step {
        self.turn()
    }
}
