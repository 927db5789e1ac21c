//! Ships that are flown at random, as a hash: the build for the page and one for this machine must agree on it.

use crate::rules::own::ENERGY_FULL;
use crate::rules::tuning::HULL_MAX;
use crate::rules::{
    Arena, Bolt, Entity, FineHeading, Heading, Input, Map, OpenTiles, Own, RailShot, Ship, Thrust, ship_id,
};
use fracas_protocol::game::rules::{Fate, Intent, Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{TickRate, ViewTime};
use fracas_protocol::wire::digest::Digest;

fn own_words(own: &Own, digest: &mut Digest) {
    digest.word(u32::from(own.energy) | u32::from(own.drained) << 16);
    digest.word(u32::from(own.dash_pause) | u32::from(own.rail_pause) << 8 | u32::from(own.rank) << 16);
}

/// Ships that fly at the same time.
const FLYERS: u32 = 32;
/// Bolts in the air; more are not fired.
const BOLTS_MAX: usize = 256;
/// Steps until all flies elsewhere, at another rate.
const STEPS_PER_ARENA: u32 = 1 << 16;

/// A hash of so many steps of ships that are flown at random, and of all bolts and beams that they fire.
pub(super) fn steps(seed: u32, steps: u32) -> u32 {
    let (mut rng, mut digest) = (Rng::new(u64::from(seed), 9), Digest::default());
    let mut flight = Flight::new(&mut rng);
    for step in 0..steps {
        if step % STEPS_PER_ARENA == STEPS_PER_ARENA - 1 {
            flight = Flight::new(&mut rng);
        }
        flight.step(step % FLYERS, &mut rng, &mut digest);
    }
    digest.finish()
}

/// An arena, and what flies in it.
struct Flight {
    arena: Arena,
    flyers: Vec<(Ship, Own, Input)>,
    bolts: Vec<(EntityId, Bolt)>,
}

impl Flight {
    fn new(rng: &mut Rng) -> Self {
        let map = loop {
            let rows: Vec<Vec<bool>> = (0..16).map(|_| (0..16).map(|_| rng.chance(1, 9)).collect()).collect();
            if let Ok(map) = Map::new(&rows) {
                break map;
            }
        };
        let rates = [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60];
        let mut arena = Arena::on(rates[rng.below(3) as usize], map);
        let possible = arena.set_world(OpenTiles(rng.between(1, 9) as u16));
        debug_assert!(possible.is_ok());
        let flyers = (0..FLYERS).map(|_| (Ship::default(), Own::default(), Input::default())).collect();
        Self { arena, flyers, bolts: Vec::new() }
    }

    fn step(&mut self, slot: u32, rng: &mut Rng, digest: &mut Digest) {
        let id = ship_id(slot as u16);
        let (mut ship, mut own, mut input) = self.flyers[slot as usize];
        if !ship.is_alive() && ship.timer == 0 {
            (ship, own) = (self.arrive(rng), Own { energy: ENERGY_FULL, ..own });
        } else if rng.chance(1, 400) {
            ship.destroy(self.arena.tuning().respawn);
        }
        if rng.chance(1, 8) {
            input = anything(rng);
        }
        let mut entity = Entity::Ship(ship);
        self.arena.play(&mut entity, &mut own, &input);
        entity.digest(id, digest);
        own_words(&own, digest);
        if let Some((id, Entity::Bolt(bolt))) = self.arena.spawned_by(id, &entity)
            && self.bolts.len() < BOLTS_MAX
        {
            self.bolts.push((id, bolt));
        }
        if let Entity::Ship(flown) = entity {
            ship = flown;
        }
        self.flyers[slot as usize] = (ship, own, input.held());
        if let Some(aim) = ship.rail {
            self.beam(ship.position, aim, digest);
        }
        if slot == 0 {
            self.bolts.retain_mut(|(id, bolt)| {
                let mut entity = Entity::Bolt(*bolt);
                let lives = self.arena.predict(&mut entity) == Fate::Lives;
                entity.digest(*id, digest);
                if let Entity::Bolt(flown) = entity {
                    *bolt = flown;
                }
                lives
            });
        }
    }

    /// A ship somewhere in the open.
    fn arrive(&self, rng: &mut Rng) -> Ship {
        let reach = 2 * self.arena.map().tile_quanta();
        let middle = self.arena.map().centre();
        loop {
            let (dx, dy) = (rng.between(-reach, reach), rng.between(-reach, reach));
            let position = Point { x: middle.x + dx, y: middle.y + dy };
            if !self.arena.is_wall(position) {
                return Ship { position, hull: HULL_MAX, timer: self.arena.tuning().protection, ..Ship::default() };
            }
        }
    }

    /// Where a beam ends, and whom it meets.
    fn beam(&self, from: Point, aim: FineHeading, digest: &mut Digest) {
        let beam = self.arena.beam(from, aim);
        [beam.to.x as u32, beam.to.y as u32].into_iter().for_each(|word| digest.word(word));
        for (ship, ..) in &self.flyers {
            digest.word(beam.way_to(ship.position).map_or(0, |way| way as u32 ^ (way >> 32) as u32));
        }
    }
}

/// Any input there is.
fn anything(rng: &mut Rng) -> Input {
    let heading = |rng: &mut Rng| Heading::new(rng.below(u32::from(Heading::TURN)) as u16);
    let aim = FineHeading::new(rng.below(u32::from(FineHeading::TURN)) as u16);
    let rail = rng.chance(1, 4).then_some(RailShot { aim, view: ViewTime::from_sixteenths(0) });
    Input {
        thrust: if rng.chance(1, 5) { Thrust::NONE } else { Thrust::towards(heading(rng)) },
        aim: heading(rng),
        fire: rng.chance(1, 2),
        dash: rng.chance(1, 4),
        rail,
    }
}
