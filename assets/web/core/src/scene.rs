//! What is to be drawn in one picture: arrays of floats, in units relative to the camera.

use crate::beams::ShownBeam;
use fracas_arena::rules::map::{CELL_UNITS, Map, cell, cell_start};
use fracas_arena::rules::{Arena, Bolt, Entity, Ship};
use fracas_protocol::client::Moment;
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;

/// Floats of one ship: x, y, aim in turns, thrust in turns (below 0 for none), hull 0 to 1 (0 is destroyed), protected
/// 0 or 1, own 0 or 1, score, id.
pub(crate) const SHIP_FLOATS: usize = 9;
/// Floats of one bolt: x, y, heading in turns, own 0 or 1.
pub(crate) const BOLT_FLOATS: usize = 4;
/// Floats of one pick-up: x, y, kind.
pub(crate) const PICKUP_FLOATS: usize = 3;
/// Floats of one beam: x, y of its beginning and of its end, how much of it is left (1 to 0), own 0 or 1.
pub(crate) const BEAM_FLOATS: usize = 6;
/// Floats of one wall cell: x, y of its corner; 0 if it is inside of the arena, else 1 and more: 1, 2, 4 and 8 for the
/// sides (left, right, top, bottom) at which the arena begins.
pub(crate) const WALL_FLOATS: usize = 3;

const SHIPS_MAX: usize = 2048;
const BOLTS_MAX: usize = 6144;
const PICKUPS_MAX: usize = 1024;
const WALLS_MAX: usize = 1024;
const BEAMS_MAX: usize = 256;

/// A ship that moved farther than this in a tick has not flown there: it is not drawn in between.
const JUMP_UNITS: f32 = 120.0;

/// One array of a picture; what exceeds it is not drawn.
pub(crate) struct Floats {
    values: Vec<f32>,
    max: usize,
}

impl Floats {
    fn new(things: usize, floats: usize) -> Self {
        Self { values: Vec::with_capacity(things * floats), max: things * floats }
    }

    fn push<const N: usize>(&mut self, thing: [f32; N]) {
        if self.values.len() + N <= self.max {
            self.values.extend_from_slice(&thing);
        }
    }

    pub(crate) fn pointer(&self) -> *const f32 {
        self.values.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

/// A place in units, as far as floats can tell it.
#[derive(Clone, Copy, Default)]
pub(crate) struct ScreenPoint {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl ScreenPoint {
    pub(crate) fn of(point: Point) -> Self {
        let units = |quanta: i32| f64::from(quanta) / f64::from(QUANTA_PER_UNIT);
        Self { x: units(point.x), y: units(point.y) }
    }

    pub(crate) fn between(from: Point, to: Point, fraction: f64) -> Self {
        let (from, to) = (Self::of(from), Self::of(to));
        Self { x: from.x + (to.x - from.x) * fraction, y: from.y + (to.y - from.y) * fraction }
    }

    fn seen_from(self, camera: Self) -> [f32; 2] {
        [(self.x - camera.x) as f32, (self.y - camera.y) as f32]
    }
}

/// The arrays of one picture.
pub(crate) struct Scene {
    pub(crate) ships: Floats,
    pub(crate) bolts: Floats,
    pub(crate) pickups: Floats,
    pub(crate) walls: Floats,
    pub(crate) beams: Floats,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            ships: Floats::new(SHIPS_MAX, SHIP_FLOATS),
            bolts: Floats::new(BOLTS_MAX, BOLT_FLOATS),
            pickups: Floats::new(PICKUPS_MAX, PICKUP_FLOATS),
            walls: Floats::new(WALLS_MAX, WALL_FLOATS),
            beams: Floats::new(BEAMS_MAX, BEAM_FLOATS),
        }
    }

    pub(crate) fn clear(&mut self) {
        for floats in [&mut self.ships, &mut self.bolts, &mut self.pickups, &mut self.walls, &mut self.beams] {
            floats.values.clear();
        }
    }

    /// Adds everything but the own ship and its bolts, as it is at a moment.
    pub(crate) fn add_others(&mut self, moment: &Moment<'_, Arena>, own: Option<EntityId>, camera: ScreenPoint) {
        for (id, now) in &moment.to.entities {
            let is_own = own.is_some() && (own == Some(*id) || own == Arena::IDS.parent(*id));
            match (now, moment.from.get(*id)) {
                _ if is_own => {}
                (Entity::Ship(now), before) => {
                    let before = if let Some(Entity::Ship(before)) = before { before } else { now };
                    self.add_ship(*id, before, now, moment, camera);
                }
                // A bolt is shown from its first whole tick on: it must not hang at the muzzle before it is fired.
                (Entity::Bolt(now), Some(Entity::Bolt(before))) => {
                    self.add_bolt(before, now, moment.fraction, false, camera);
                }
                (Entity::Pickup(pickup), _) => {
                    let [x, y] = ScreenPoint::of(pickup.position).seen_from(camera);
                    self.pickups.push([x, y, pickup.kind as u8 as f32]);
                }
                _ => {}
            }
        }
    }

    /// Adds a bolt between two ticks.
    pub(crate) fn add_bolt(&mut self, before: &Bolt, now: &Bolt, fraction: f64, is_own: bool, camera: ScreenPoint) {
        let [x, y] = ScreenPoint::between(before.position, now.position, fraction).seen_from(camera);
        self.bolts.push([x, y, turns(now.heading.steps()), flag(is_own)]);
    }

    /// Adds beams of rails.
    pub(crate) fn add_beams<'a>(&mut self, beams: impl Iterator<Item = (&'a ShownBeam, f64)>, camera: ScreenPoint) {
        for (beam, left) in beams {
            let ([from_x, from_y], [to_x, to_y]) = (beam.from.seen_from(camera), beam.to.seen_from(camera));
            self.beams.push([from_x, from_y, to_x, to_y, left as f32, flag(beam.is_own)]);
        }
    }

    fn add_ship(&mut self, id: EntityId, before: &Ship, now: &Ship, moment: &Moment<'_, Arena>, camera: ScreenPoint) {
        let [from_x, from_y] = ScreenPoint::of(before.position).seen_from(camera);
        let [to_x, to_y] = ScreenPoint::of(now.position).seen_from(camera);
        let jumped = (to_x - from_x).abs() + (to_y - from_y).abs() > JUMP_UNITS;
        let fraction = if jumped { 1.0 } else { moment.fraction };
        let (place, eased) = (ScreenPoint::between(before.position, now.position, fraction), moment.eased(id));
        let quanta = f64::from(QUANTA_PER_UNIT);
        let place = ScreenPoint { x: place.x + eased.0 / quanta, y: place.y + eased.1 / quanta };
        let turn = now.aim.turn_from(before.aim) as f32 / 1024.0;
        let aim = turns(before.aim.steps()) + turn * fraction as f32;
        self.push_ship(id, now, place, aim, false, camera);
    }

    /// Adds the own ship where it is predicted, aiming where the player aims now.
    pub(crate) fn add_own(&mut self, id: EntityId, ship: &Ship, place: ScreenPoint, aim: f32, camera: ScreenPoint) {
        self.push_ship(id, ship, place, aim, true, camera);
    }

    fn push_ship(&mut self, id: EntityId, ship: &Ship, place: ScreenPoint, aim: f32, own: bool, camera: ScreenPoint) {
        let [x, y] = place.seen_from(camera);
        let thrust = ship.controls.thrust.heading().map_or(-1.0, |heading| turns(heading.steps()));
        let hull = f32::from(ship.hull) / f32::from(fracas_arena::rules::tuning::HULL_MAX);
        let protected = flag(ship.is_protected());
        self.ships.push([x, y, aim, thrust, hull, protected, flag(own), f32::from(ship.score), f32::from(id.0)]);
    }

    /// Adds the walls within `half_width` and `half_height` units of the camera.
    pub(crate) fn add_walls(&mut self, map: &Map, open: u16, camera: ScreenPoint, half_width: f64, half_height: f64) {
        let cell_at = |units: f64| cell((units * f64::from(QUANTA_PER_UNIT)) as i32);
        for y in cell_at(camera.y - half_height)..=cell_at(camera.y + half_height) {
            for x in cell_at(camera.x - half_width)..=cell_at(camera.x + half_width) {
                if map.is_wall_cell(x, y, open) {
                    let corner = Point { x: cell_start(x), y: cell_start(y) };
                    let inside = (0..=Point::MAX).contains(&corner.x) && (0..=Point::MAX).contains(&corner.y);
                    let is_outside = !inside || map.rank_at(corner) >= open;
                    let [left, top] = ScreenPoint::of(corner).seen_from(camera);
                    let kind = if is_outside { 1 + arena_sides(map, open, x, y) } else { 0 };
                    self.walls.push([left, top, f32::from(kind)]);
                }
            }
        }
    }
}

/// The sides of a cell outside of the arena at which the arena begins.
fn arena_sides(map: &Map, open: u16, x: i32, y: i32) -> u8 {
    let is_arena = |x: i32, y: i32| {
        let corner = Point { x: cell_start(x), y: cell_start(y) };
        let inside = (0..=Point::MAX).contains(&corner.x) && (0..=Point::MAX).contains(&corner.y);
        inside && map.rank_at(corner) < open
    };
    let beside = [is_arena(x - 1, y), is_arena(x + 1, y), is_arena(x, y - 1), is_arena(x, y + 1)];
    beside.into_iter().enumerate().fold(0, |sides, (side, is)| sides | (u8::from(is) << side))
}

fn turns(steps: u16) -> f32 {
    f32::from(steps) / 1024.0
}

pub(crate) fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

const _: () = assert!(CELL_UNITS == 64, "the page draws cells of 64 units");
