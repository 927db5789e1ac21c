//! Goes to the middle of the arena and stays about there, so that everybody sees everybody.

use super::Sight;
use super::pilot::{bearing, steer};
use fracas_protocol::arena::{Heading, Input, Thrust};
use fracas_protocol::dice::Dice;
use fracas_protocol::rules::{Point, QUANTA_PER_UNIT};

/// How near to the middle is near enough, in units.
const NEAR: i32 = 180;

/// Goes to the middle.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    input: Input,
    decide_in: u32,
}

impl Crowd {
    pub(super) fn think(&mut self, sight: &Sight<'_>, dice: &mut Dice) -> Input {
        if self.decide_in == 0 {
            let rate = sight.arena().tuning().rate;
            self.decide_in = rate.ticks_in_ms(200 + dice.below(600));
            let (heading, distance) = bearing(sight.own.position, middle(sight));
            let whim = Heading::new(dice.below(u32::from(Heading::TURN)) as u16);
            self.input.thrust = match distance > NEAR {
                true => steer(sight, heading.turned(dice.between(-60, 60))),
                false if dice.chance(1, 3) => Thrust::NONE,
                false => steer(sight, whim),
            };
            self.input.aim = whim;
            self.input.fire = dice.chance(1, 8);
        }
        self.decide_in -= 1;
        self.input
    }
}

/// The middle of the tile that opened first: the world's centre may be its corner.
fn middle(sight: &Sight<'_>) -> Point {
    let map = sight.arena().map();
    let (column, row) = map.tile_of_rank(0).unwrap_or_default();
    let half = map.tile_quanta() / 2;
    let nudge = 8 * QUANTA_PER_UNIT;
    Point { x: column as i32 * map.tile_quanta() + half + nudge, y: row as i32 * map.tile_quanta() + half + nudge }
}
