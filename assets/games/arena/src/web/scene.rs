//! What is to be drawn in one picture: arrays of floats, in units relative to the camera.

use super::beams::ShownBeam;
use crate::rules::map::{CELL_UNITS, Map, cell, cell_start};
use crate::rules::tuning::HULL_MAX;
use crate::rules::{Arena, Bolt, Entity, Ship};
use fracas_protocol::client::Moment;
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;
use fracas_web::{OthersShown, Place, RowSet, Rows, Shown};

/// Ships. `aim` and `thrust` are in turns, no thrust is less than 0; `hull` is 0 to 1, and 0 is destroyed.
pub(super) static SHIPS: Rows<9> =
    Rows::own(0, "ships", ["x", "y", "aim", "thrust", "hull", "shield", "own", "score", "id"]);
/// Bolts; the heading is in turns.
pub(super) static BOLTS: Rows<4> = Rows::own(1, "bolts", ["x", "y", "heading", "own"]);
/// Pick-ups.
pub(super) static PICKUPS: Rows<3> = Rows::own(2, "pickups", ["x", "y", "kind"]);
/// Wall cells by their corner. The kind is 0 for one inside of the arena, else 1 and more: 1, 2, 4 and 8 for the sides
/// (left, right, top, bottom) at which the arena begins.
pub(super) static WALLS: Rows<3> = Rows::own(3, "walls", ["x", "y", "kind"]);
/// Beams of rails, from their beginning to their end, and how much of them is left, 1 to 0.
pub(super) static BEAMS: Rows<6> = Rows::own(4, "beams", ["x", "y", "endX", "endY", "left", "own"]);
/// One row: the numbers of the heads-up display. `timer` is in seconds, `tile` in units, `dashPause` is 1 to 0.
pub(super) static HUD: Rows<9> =
    Rows::own(5, "hud", ["hull", "energy", "drained", "score", "rank", "timer", "tile", "dashPause", "rail"]);
/// The open tiles, in the order in which they open.
pub(super) static TILES: Rows<2> = Rows::own(6, "tiles", ["column", "row"]);

/// Adds everything but the own ship and its bolts, as it is at a moment.
pub(super) fn add_others(moment: &Moment<'_, Arena>, shown: OthersShown, rows: &mut RowSet) {
    let (own, camera) = (shown.own, shown.camera);
    for (id, now) in &moment.to.entities {
        let is_own = own.is_some() && (own == Some(*id) || own == Arena::IDS.parent(*id));
        match (now, moment.from.get(*id)) {
            _ if is_own => {}
            (Entity::Ship(now), before) => {
                let before = if let Some(Entity::Ship(before)) = before { before } else { now };
                add_ship(*id, before, now, moment, camera, rows);
            }
            // A bolt is shown from its first whole tick on: it must not hang at the muzzle before it is fired.
            (Entity::Bolt(now), Some(Entity::Bolt(before))) => {
                add_bolt(before, now, moment.fraction, false, camera, rows);
            }
            (Entity::Pickup(pickup), _) => {
                let [x, y] = Place::of(pickup.position).seen_from(camera);
                rows.push(&PICKUPS, [x, y, pickup.kind as u8 as f32]);
            }
            _ => {}
        }
    }
}

/// Adds a bolt between two ticks.
fn add_bolt(before: &Bolt, now: &Bolt, fraction: f64, is_own: bool, camera: Place, rows: &mut RowSet) {
    let [x, y] = Place::between(before.position, now.position, fraction).seen_from(camera);
    rows.push(&BOLTS, [x, y, turns(now.heading.steps()), flag(is_own)]);
}

/// Adds beams of rails.
pub(super) fn add_beams<'a>(beams: impl Iterator<Item = (&'a ShownBeam, f64)>, camera: Place, rows: &mut RowSet) {
    for (beam, left) in beams {
        let ([from_x, from_y], [to_x, to_y]) = (beam.from.seen_from(camera), beam.to.seen_from(camera));
        rows.push(&BEAMS, [from_x, from_y, to_x, to_y, left as f32, flag(beam.is_own)]);
    }
}

fn add_ship(id: EntityId, before: &Ship, now: &Ship, moment: &Moment<'_, Arena>, camera: Place, rows: &mut RowSet) {
    let fraction = if Place::is_jump(before.position, now.position) { 1.0 } else { moment.fraction };
    let (eased_x, eased_y) = moment.eased(id);
    let quanta = f64::from(QUANTA_PER_UNIT);
    let place = Place::between(before.position, now.position, fraction);
    let place = place.moved((eased_x / quanta, eased_y / quanta));
    let turn = now.aim.turn_from(before.aim) as f32 / 1024.0;
    let aim = turns(before.aim.steps()) + turn * fraction as f32;
    push_ship(id, now, place, (aim, false), camera, rows);
}

/// Adds the own ship and its bolts where they are predicted. The ship aims where the player aims now.
pub(super) fn add_own(shown: &Shown<'_, Arena>, record: Option<&Ship>, aim: f32, rows: &mut RowSet) {
    let Some(own) = &shown.own else { return };
    let (client, fraction) = (shown.client, shown.own_fraction());
    for (_, before, now) in client.prediction().children(own.id, client.replica()) {
        if let (Some(Entity::Bolt(before)), Entity::Bolt(now)) = (before, now) {
            add_bolt(&before, &now, fraction, true, shown.camera, rows);
        }
    }
    if let Entity::Ship(ship) = own.entity {
        // What only the server decides is shown as it told it.
        let told = record.copied().unwrap_or(ship);
        let ship = Ship { hull: told.hull, timer: told.timer, score: told.score, ..ship };
        push_ship(own.id, &ship, own.place, (aim, true), shown.camera, rows);
    }
}

fn push_ship(id: EntityId, ship: &Ship, place: Place, (aim, is_own): (f32, bool), camera: Place, rows: &mut RowSet) {
    let [x, y] = place.seen_from(camera);
    let thrust = ship.controls.thrust.heading().map_or(-1.0, |heading| turns(heading.steps()));
    let hull = f32::from(ship.hull) / f32::from(HULL_MAX);
    let protected = flag(ship.is_protected());
    rows.push(&SHIPS, [x, y, aim, thrust, hull, protected, flag(is_own), f32::from(ship.score), f32::from(id.0)]);
}

/// Adds the walls in the picture.
pub(super) fn add_walls(rules: &Arena, shown: &Shown<'_, Arena>, rows: &mut RowSet) {
    let (map, open, camera, (half_width, half_height)) = (rules.map(), rules.open(), shown.camera, shown.half);
    let cell_at = |units: f64| cell((units * f64::from(QUANTA_PER_UNIT)) as i32);
    for y in cell_at(camera.y - half_height)..=cell_at(camera.y + half_height) {
        for x in cell_at(camera.x - half_width)..=cell_at(camera.x + half_width) {
            if map.is_wall_cell(x, y, open) {
                let corner = Point { x: cell_start(x), y: cell_start(y) };
                let inside = (0..=Point::MAX).contains(&corner.x) && (0..=Point::MAX).contains(&corner.y);
                let is_outside = !inside || map.rank_at(corner) >= open;
                let [left, top] = Place::of(corner).seen_from(camera);
                let kind = if is_outside { 1 + arena_sides(map, open, x, y) } else { 0 };
                rows.push(&WALLS, [left, top, f32::from(kind)]);
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

pub(super) fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

const _: () = assert!(CELL_UNITS == 64, "the page draws cells of 64 units");
