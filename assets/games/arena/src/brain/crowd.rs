//! Goes to the middle of the arena and stays about there, so that everybody sees everybody. It holds its fire: a crowd
//! that shoots at itself is soon all over the arena, each where it respawned.

use super::Surroundings;
use super::steering::{bearing, steer};
use crate::rules::tuning::TIME_TO_REST_MS;
use crate::rules::{Arena, Heading, Input, Ship, ShipControls, Thrust};
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::TickRate;

/// How near to the middle is near enough, in units.
const NEAR: i32 = 180;

/// Goes to the middle.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    input: Input,
    decide_in: u32,
}

impl Crowd {
    pub(super) fn think(&mut self, around: &Surroundings<'_>, rng: &mut Rng) -> Input {
        if self.decide_in == 0 {
            self.decide_in = ticks_to_decision(around.arena().tuning().rate, rng);
            let (heading, distance) = bearing(around.own.position, middle(around.arena()));
            let whim = whim(rng);
            self.input.thrust = match distance > NEAR {
                true => steer(around, heading.turned(rng.between(-60, 60))),
                false if rng.chance(1, 3) => Thrust::NONE,
                false => steer(around, whim),
            };
            self.input.aim = whim;
        }
        self.decide_in -= 1;
        self.input
    }

    /// What to do on the next tick without looking: it only turns, since it could not find back.
    pub(super) fn stay(&mut self, rate: TickRate, rng: &mut Rng) -> Input {
        if self.decide_in == 0 {
            self.decide_in = ticks_to_decision(rate, rng);
            self.input.aim = whim(rng);
        }
        self.decide_in -= 1;
        Input { thrust: Thrust::NONE, ..self.input }
    }
}

/// Whether a ship that lets go of everything now comes to rest near the middle.
pub(super) fn rests_near_middle(arena: &Arena, ship: &Ship) -> bool {
    let distance = |ship: &Ship| bearing(ship.position, middle(arena)).1;
    if !ship.is_alive() || distance(ship) > 2 * NEAR {
        return false;
    }
    let mut ship = Ship { controls: ShipControls::default(), ..*ship };
    let tuning = arena.tuning();
    (0..tuning.rate.ticks_in_ms(TIME_TO_REST_MS)).for_each(|_| ship.advance(tuning, arena.map(), arena.open()));
    distance(&ship) <= NEAR
}

fn ticks_to_decision(rate: TickRate, rng: &mut Rng) -> u32 {
    rate.ticks_in_ms(200 + rng.below(600))
}

fn whim(rng: &mut Rng) -> Heading {
    Heading::new(rng.below(u32::from(Heading::TURN)) as u16)
}

/// The middle of the tile that opened first: the world's centre may be its corner.
fn middle(arena: &Arena) -> Point {
    let map = arena.map();
    let (column, row) = map.tile_of_rank(0).unwrap_or_default();
    let half = map.tile_quanta() / 2;
    let nudge = 8 * QUANTA_PER_UNIT;
    Point { x: column as i32 * map.tile_quanta() + half + nudge, y: row as i32 * map.tile_quanta() + half + nudge }
}
