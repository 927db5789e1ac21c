//! How brains steer: towards a place, but not into a wall.

use super::Surroundings;
use crate::rules::ship::HALF_SIDE;
use crate::rules::{Heading, Thrust};
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT};

/// How far ahead it looks for walls, in units.
const LOOK_AHEAD: i32 = 90;
/// Steps between two headings that are tried.
const DETOUR_STEP: i32 = 96;

/// The direction and distance, in units, from one place to another.
pub(super) fn bearing(from: Point, to: Point) -> (Heading, i32) {
    let distance = (from.distance_squared(to) as u64).isqrt() as i32 / QUANTA_PER_UNIT;
    (Heading::towards(to.x - from.x, to.y - from.y), distance)
}

/// Thrust along `heading`, or the nearest heading to it that does not end in a wall.
pub(super) fn steer(around: &Surroundings<'_>, heading: Heading) -> Thrust {
    let from = around.own.position;
    let detours = [0, 1, -1, 2, -2, 3, -3, 4, 5].map(|i| heading.turned(i * DETOUR_STEP));
    let clear = detours.into_iter().find(|heading| is_clear(around, from, *heading, LOOK_AHEAD, HALF_SIDE));
    Thrust::towards(clear.unwrap_or(heading))
}

/// Whether nothing but `half_width` of open space lies along the way.
pub(super) fn is_clear(around: &Surroundings<'_>, from: Point, heading: Heading, units: i32, half_width: i32) -> bool {
    const STRIDE: i32 = 28;
    let side = heading.turned(256).vector(half_width);
    (1..=(units + STRIDE - 1) / STRIDE).all(|i| {
        let ahead = heading.vector((i * STRIDE).min(units) * QUANTA_PER_UNIT);
        let at = |sign: i32| Point { x: from.x + ahead.x + sign * side.x, y: from.y + ahead.y + sign * side.y };
        !around.arena().is_wall(at(1)) && (half_width == 0 || !around.arena().is_wall(at(-1)))
    })
}
