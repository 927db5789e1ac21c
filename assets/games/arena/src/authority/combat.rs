//! Bolts in flight and beams of rails, and what they hit.

use super::damage::Hit;
use super::draw::{Lot, Nearest};
use crate::rules::tuning::{BOLT_DAMAGE, BOLT_RADIUS, DASH_SPEED, RAIL_DAMAGE, SHIP_RADIUS};
use crate::rules::{Arena, Beam, Bolt, slot_of};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::history::Past;
use fracas_protocol::game::rules::{Fate, Point};
use fracas_protocol::grid::{Grid, Rect};
use fracas_protocol::ids::{EntityId, PlayerId};
use fracas_protocol::wire::limits::REWIND_MS_MAX;
use fracas_protocol::wire::message::Aspect;
use serde::{Deserialize, Serialize};

/// How near a bolt's path must come to a ship's centre to hit it, in quanta.
const HIT_REACH: i32 = (SHIP_RADIUS + BOLT_RADIUS) * QUANTA_PER_UNIT;

/// How far a ship can have moved within the longest rewind, plus two ship radii, in quanta.
const REWIND_REACH: i32 = (DASH_SPEED * REWIND_MS_MAX as i32 / 1000 + 2 * SHIP_RADIUS) * QUANTA_PER_UNIT;

/// Every bolt in the air, by ascending id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bolts {
    flying: Vec<(EntityId, Bolt)>,
}

impl Bolts {
    /// By ascending id.
    pub(super) fn flying(&self) -> &[(EntityId, Bolt)] {
        &self.flying
    }

    /// Adds the bolts fired on this tick, by ascending id.
    pub(super) fn add(&mut self, fired: &mut Vec<(EntityId, Bolt)>) {
        if !fired.is_empty() {
            self.flying.append(fired);
            self.flying.sort_by_key(|(id, _)| *id);
        }
    }

    /// Removes a ship's bolts.
    pub(super) fn remove_of(&mut self, slot: u16) {
        self.flying.retain(|(id, _)| slot_of(*id) != Some(slot));
    }

    /// One tick of flight for all. `ships` holds the ships that can be hit. `lot` gives their ranks in this tick's
    /// draws. Bolts that hit are removed, and their hits are added to `hits`.
    pub(super) fn advance(&mut self, arena: &Arena, ships: &Grid, lot: impl Fn(u16) -> Lot, hits: &mut Vec<Hit>) {
        let (tuning, map, open) = (arena.tuning(), arena.map(), arena.open());
        self.flying.retain_mut(|(id, bolt)| {
            let from = bolt.position;
            if bolt.advance(tuning, map, open) == Fate::Expires {
                return false;
            }
            let Some(shooter) = slot_of(*id) else { return false };
            let hit = first_hit(ships, from, bolt.position, shooter, &lot);
            hits.extend(hit);
            hit.is_none()
        });
    }
}

/// The first ship that a beam of `shooter` hits, with all others where they were at a moment in the `past`. Ships that were
/// destroyed since are among them. `ships` holds the living ships where they are now, and `fallen` the slots of the others.
/// `past` has the positions of each in its present or last life. A ship outside the shooter's view at that moment is
/// not hit, since its id would reveal a ship that the shooter does not know.
pub(super) fn beam_hit(
    beam: &Beam,
    (shooter, aspect): (u16, Aspect),
    ships: &Grid,
    fallen: impl Iterator<Item = u16>,
    past: &Past<'_>,
    lot: impl Fn(u16) -> Lot,
) -> Option<Hit> {
    let reach = REWIND_REACH;
    let path = Rect::bounds([beam.from, beam.to].into_iter())?.widened(reach, reach);
    let centre = past.position(PlayerId(shooter))?;
    let mut first = Nearest::new(lot);
    let mut consider = |slot: u16| {
        let place = if slot == shooter { None } else { past.position(PlayerId(slot)) };
        let place = place.filter(|place| aspect.is_in_view(centre, *place));
        if let Some(way) = place.and_then(|centre| beam.way_to(centre)) {
            first.offer(way, slot);
        }
    };
    ships.visit(&path, |id, _| slot_of(id).into_iter().for_each(&mut consider));
    fallen.for_each(&mut consider);
    let (_, victim) = first.best()?;
    let way_squared = past.position(PlayerId(victim)).map_or(0, |place| beam.from.distance_squared(place));
    Some(Hit { shooter, victim, damage: RAIL_DAMAGE, time: 0, way_squared })
}

/// The first ship that a bolt of `shooter` hits on one tick.
fn first_hit(ships: &Grid, from: Point, to: Point, shooter: u16, lot: impl Fn(u16) -> Lot) -> Option<Hit> {
    let path = Rect {
        min: Point { x: from.x.min(to.x) - HIT_REACH, y: from.y.min(to.y) - HIT_REACH },
        max: Point { x: from.x.max(to.x) + HIT_REACH, y: from.y.max(to.y) + HIT_REACH },
    };
    let mut first = Nearest::new(lot);
    ships.visit(&path, |id, centre| {
        let Some(slot) = slot_of(id).filter(|slot| *slot != shooter) else { return };
        if let Some(way) = way_to(from, to, centre) {
            first.offer(way, slot);
        }
    });
    let (way, victim) = first.best()?;
    let length_squared = from.distance_squared(to).max(1);
    let time = (way * i64::from(Hit::TICK_END) / length_squared) as u32;
    Some(Hit { shooter, victim, damage: BOLT_DAMAGE, time, way_squared: way * way / length_squared })
}

/// How far along the way from `from` to `to` it is nearest to `centre`, in parts of the squared length. None if that is
/// too far for a hit.
fn way_to(from: Point, to: Point, centre: Point) -> Option<i64> {
    let (dx, dy) = (i64::from(to.x - from.x), i64::from(to.y - from.y));
    let (cx, cy) = (i64::from(centre.x - from.x), i64::from(centre.y - from.y));
    let length_squared = dx * dx + dy * dy;
    let way = (cx * dx + cy * dy).clamp(0, length_squared);
    let reach_squared = i64::from(HIT_REACH) * i64::from(HIT_REACH);
    let near = if way == 0 {
        cx * cx + cy * cy <= reach_squared
    } else if way == length_squared {
        to.distance_squared(centre) <= reach_squared
    } else {
        let across = cx * dy - cy * dx;
        across * across <= reach_squared * length_squared
    };
    near.then_some(way)
}

#[cfg(test)]
mod tests {
    use super::super::draw::Draw;
    use super::*;
    use fracas_protocol::rng::Rng;

    const UNIT: i32 = QUANTA_PER_UNIT;

    #[test]
    fn a_bolt_hits_what_its_path_touches_even_between_two_ticks() {
        let at = |x: i32, y: i32| Point { x: x * UNIT, y: y * UNIT };
        assert!(way_to(at(0, 0), at(32, 0), at(16, 16)).is_some());
        assert!(way_to(at(0, 0), at(32, 0), at(16, 18)).is_none());
        assert!(way_to(at(0, 0), at(32, 0), at(-16, 0)).is_some(), "it starts inside");
        assert!(way_to(at(0, 0), at(32, 0), at(50, 0)).is_none());
        assert!(way_to(at(0, 0), at(0, 0), at(3, 3)).is_some(), "it stands still in a corner");
    }

    #[test]
    fn the_first_ship_on_the_way_is_hit_and_never_the_shooter() {
        let mut ships = Grid::default();
        let place = |x: i32| Point { x: x * UNIT, y: 0 };
        let ship = crate::rules::ship_id;
        ships.rebuild([(ship(1), place(25)), (ship(2), place(20)), (ship(3), place(5))].into_iter());
        let draw = Draw::new(&mut Rng::new(1, 1));
        let lot = |slot: u16| draw.lot(std::iter::once(u64::from(slot)), 0);
        let victim = |shooter| first_hit(&ships, place(0), place(30), shooter, lot).map(|hit| hit.victim);
        assert_eq!((victim(3), victim(2)), (Some(2), Some(3)));
    }
}
