//! Beams of rails: when they are fired on the screen, and how long they can still be seen.

use crate::rules::{Arena, Beam, Entity, FineHeading, Ship};
use fracas_protocol::client::Client;
use fracas_protocol::game::rules::Point;
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use fracas_web::Place;

/// How long a beam can be seen, in milliseconds.
const SHOWN_MS: f64 = 250.0;
/// Beams at the same time; more are not shown.
const BEAMS_MAX: usize = 256;

/// A beam that can be seen.
#[derive(Debug)]
pub(super) struct ShownBeam {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) is_own: bool,
    since_ms: f64,
}

/// All that can be seen, and up to which ticks they were looked for.
#[derive(Debug, Default)]
pub(super) struct Beams {
    shown: Vec<ShownBeam>,
    others_until: Tick,
    own_until: Tick,
}

/// A rail that a ship fired on a tick.
fn rail_of(entity: &Entity) -> Option<(&Ship, FineHeading)> {
    match entity {
        Entity::Ship(ship) => ship.rail.map(|aim| (ship, aim)),
        _ => None,
    }
}

impl Beams {
    /// Takes in what others fired on the ticks that the screen has come to.
    pub(super) fn add_others(&mut self, client: &Client<Arena>, view: Tick, now_ms: f64) {
        let until = std::mem::replace(&mut self.others_until, view);
        for snapshot in client.timeline().decided_ticks().filter(|told| told.tick > until && told.tick <= view) {
            let fired = snapshot.entities.iter().filter(|(id, _)| client.own_id() != Some(*id));
            for (id, (ship, aim)) in fired.filter_map(|(id, entity)| Some((*id, rail_of(entity)?))) {
                let beam = client.replica().rules().beam(ship.position, aim);
                let others = snapshot.entities.iter().filter(|(other, _)| *other != id);
                let places = others.filter_map(|(_, entity)| Some(entity.flying()?.position));
                self.add(&beam, places, false, now_ms);
            }
        }
    }

    /// Takes in what the own ship fired, as it is predicted: at once, and up to the first ship that the screen shows in
    /// the way.
    pub(super) fn add_own(&mut self, client: &Client<Arena>, shown: &[(EntityId, Point)], now_ms: f64) {
        let newest = client.input_clock().tick_and_fraction((now_ms * 1000.0) as u64).0;
        let until = std::mem::replace(&mut self.own_until, newest);
        for tick in (until.0 + 1).max(newest.0.saturating_sub(8))..=newest.0 {
            if let Some((ship, aim)) = client.prediction().on(Tick(tick)).and_then(rail_of) {
                let beam = client.replica().rules().beam(ship.position, aim).on_screen(client.aspect());
                self.add(&beam, shown.iter().map(|(_, place)| *place), true, now_ms);
            }
        }
    }

    fn add(&mut self, beam: &Beam, ships: impl Iterator<Item = Point>, is_own: bool, now_ms: f64) {
        let (from, to) = (Place::of(beam.from), Place::of(beam.to));
        let length_squared = beam.from.distance_squared(beam.to).max(1) as f64;
        let part = ships.filter_map(|centre| beam.way_to(centre)).min().map_or(1.0, |way| way as f64 / length_squared);
        if self.shown.len() < BEAMS_MAX {
            let to = Place { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
            self.shown.push(ShownBeam { from, to, is_own, since_ms: now_ms });
        }
    }

    /// Those that can be seen, and how much of each is left, 1 to 0.
    pub(super) fn shown(&mut self, now_ms: f64) -> impl Iterator<Item = (&ShownBeam, f64)> {
        self.shown.retain(|beam| now_ms - beam.since_ms < SHOWN_MS);
        self.shown.iter().map(move |beam| (beam, 1.0 - (now_ms - beam.since_ms) / SHOWN_MS))
    }
}
