//! What this core holds and steps, as hashes: the build for the page and one for this machine must agree on all of them.

use crate::page::Page;
use fracas_arena::rules::own::ENERGY_FULL;
use fracas_arena::rules::tuning::HULL_MAX;
use fracas_arena::rules::{
    Arena, Bolt, Entity, FineHeading, Heading, Input, Map, OpenTiles, Own, RailShot, Ship, Thrust, ship_id,
};
use fracas_protocol::game::rules::{Fate, Intent, Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{TickRate, ViewTime};
use fracas_protocol::wire::digest::Digest;
use fracas_protocol::wire::limits::DEFAULT_ROOM;

/// A page without a page: the same calls as the exports, for a build for this machine.
pub struct Session(Page);

impl Session {
    /// Begins with the game's start-up data and a name. None if they cannot be used.
    pub fn start(data: &[u8], name: &str) -> Option<Self> {
        Page::new(data, name, DEFAULT_ROOM, 0, None).ok().map(Self)
    }

    /// Takes a message. Whether it could be understood.
    pub fn receive(&mut self, message: &[u8], now_ms: f64) -> bool {
        self.0.receive(message, now_ms).is_ok()
    }

    /// What the player wants, as the page tells it.
    pub fn set_input(&mut self, now_ms: f64, turns: (f32, f32), pressed: u32) {
        self.0.set_input(now_ms, turns, pressed);
    }

    /// Plays what is due.
    pub fn advance(&mut self, now_ms: f64) {
        self.0.advance(now_ms);
    }

    /// Makes the picture of a moment, of usual size.
    pub fn draw(&mut self, now_ms: f64) {
        self.0.draw(now_ms, 640.0, 360.0);
    }

    /// The next message to send.
    pub fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        while self.0.take_event().is_some() {}
        self.0.take_outgoing()
    }

    /// A hash of what it holds.
    pub fn digest(&self) -> u32 {
        self.0.digest()
    }

    /// Times the own ship was not where it was predicted.
    pub fn corrections(&self) -> u64 {
        self.0.client().counters().corrections
    }
}

impl Page {
    /// A hash of what it holds: the replica, the prediction, what was corrected and why, and what the last picture showed.
    pub(crate) fn digest(&self) -> u32 {
        let (client, mut digest) = (self.client(), Digest::default());
        digest.word(client.replica().tick().0);
        digest.word(client.replica().hash());
        own_words(client.replica().own(), &mut digest);
        if let (Some(id), Some((entity, own))) = (client.own_id(), client.prediction().newest()) {
            entity.digest(id, &mut digest);
            own_words(own, &mut digest);
            for (id, before, now) in client.prediction().children(id, client.replica()) {
                before.iter().for_each(|before| before.digest(id, &mut digest));
                now.digest(id, &mut digest);
            }
        }
        let counters = client.counters();
        for number in [
            counters.bodies,
            counters.view_mismatches,
            counters.corrections,
            counters.corrections_late,
            counters.corrections_pushed,
            counters.inputs_late,
            counters.inputs_sent,
            counters.stalls_of_network,
        ] {
            digest.word(number as u32);
        }
        let none = (ViewTime::from_sixteenths(0), Vec::new());
        let (view, shown) = self.shown().unwrap_or(&none);
        digest.word(view.in_sixteenths() as u32);
        for (id, place) in shown {
            [u32::from(id.0), place.x as u32, place.y as u32].into_iter().for_each(|word| digest.word(word));
        }
        digest.finish()
    }
}

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
pub fn steps(seed: u32, steps: u32) -> u32 {
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
