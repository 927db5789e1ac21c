//! The game: players walk about on a meadow.

use fracas_protocol::prelude::*;

/// Side of the meadow, in quanta of 1/64 unit. A screen shows some 1,200 by 680 units of it.
const SIDE: i32 = 2000 * QUANTA_PER_UNIT;
/// Top speed, in units a second.
const TOP_SPEED: i32 = 260;

/// What both ends share: how a walker moves, and how it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Meadow(TickRate);

impl Rules for Meadow {
    /// All that others see of a walker. Add fields here, and to `code`.
    type Entity = Mover;
    /// What a player wants on one tick.
    type Input = Steer;
    type Own = ();
    type World = ();
    type News = ();

    fn new(rate: TickRate, _data: &[u8]) -> Result<Self, DataError> {
        Ok(Self(rate))
    }

    fn position(walker: &Mover) -> Point {
        walker.position
    }

    fn predict(&self, walker: &mut Mover) -> Fate {
        let top = speed(TOP_SPEED, self.0);
        walker.advance(top, top / 8, SIDE);
        Fate::Lives
    }

    fn play(&self, walker: &mut Mover, _own: &mut (), input: &Steer) {
        walker.heading = input.heading;
        self.predict(walker);
    }

    fn code<C: Coder>(&self, walker: &mut Mover, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        walker.code(anchor, coder)
    }
}

/// What only the server decides: who is there, and where they begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Walk {
    meadow: Meadow,
    rng: Rng,
    walkers: Slots<Mover>,
}

impl Game for Walk {
    type Rules = Meadow;
    type Debt = ();
    type Brain = Walker;

    const NAME: &'static str = "my-game";

    fn new(GameSetup { rules, seed, .. }: GameSetup<'_, Meadow>) -> Self {
        Self { meadow: rules, rng: Rng::new(seed, 1), walkers: Slots::default() }
    }

    fn rules(&self) -> &Meadow {
        &self.meadow
    }

    fn join(&mut self, player: PlayerId, _joiner: &Joiner<()>) {
        self.walkers.insert(player, Mover::at(self.rng.place(SIDE)));
    }

    fn leave(&mut self, player: PlayerId) {
        self.walkers.remove(player);
    }

    fn step(&mut self, _tick: Tick, inputs: &[PlayerInput<Steer>]) {
        self.walkers.play(&self.meadow, inputs);
    }

    fn truth(&self, out: &mut Vec<(EntityId, Mover)>) {
        out.extend(self.walkers.entities::<Meadow>());
    }
}

/// A bot, which walks about.
#[derive(Clone, Debug)]
pub struct Walker {
    rng: Rng,
    heading: Option<Heading>,
}

impl Brain<Meadow> for Walker {
    const KINDS: &'static [BrainKind] = &[BrainKind::new("walk", "Walks about.")];

    fn new(_kind: usize, _skill: Skill, seed: u64) -> Self {
        Self { rng: Rng::new(seed, 3), heading: None }
    }

    fn think(&mut self, _sight: &Sight<'_, Meadow>) -> Steer {
        if self.rng.chance(1, 30) {
            self.heading = Some(Heading::new(self.rng.below(u32::from(Heading::TURN)) as u16));
        }
        Steer { heading: self.heading, act: None }
    }
}

impl Look for Meadow {
    fn look(&self, _id: EntityId, walker: &Mover) -> Option<Drawn> {
        let shape = Shape::Wedge { radius: 16.0, heading: walker.heading.unwrap_or_default().turns() };
        Some(Drawn::new(shape, Colour::ById).with_label())
    }

    fn ground(&self) -> [f32; 2] {
        [(SIDE / QUANTA_PER_UNIT) as f32; 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::game::check::check;
    use fracas_server::testkit::{Line, Match};

    #[test]
    fn it_keeps_the_laws_of_the_seam() {
        check::<Walk>().unwrap_or_else(|fault| panic!("{fault}"));
    }

    #[test]
    fn bots_on_a_bad_line_see_right() {
        let mut played = Match::<Walk>::new(1).on_line(Line { delay_ms: 50, jitter_ms: 20 });
        played.bots(20);
        played.run_ms(10_000);
        played.assert_sound();
    }
}
