//! Places on the screen, in units.

use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT};

/// What moved farther than this in a tick has not gone there: it is not drawn in between. In units.
const JUMP_UNITS: i64 = 120;

/// A place in units, as far as floats can tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

impl Place {
    /// The same place as a point.
    pub fn of(point: Point) -> Self {
        let units = |quanta: i32| f64::from(quanta) / f64::from(QUANTA_PER_UNIT);
        Self { x: units(point.x), y: units(point.y) }
    }

    /// A place so much of the way from one point to another.
    #[must_use]
    pub fn between(from: Point, to: Point, fraction: f64) -> Self {
        let (from, to) = (Self::of(from), Self::of(to));
        Self { x: from.x + (to.x - from.x) * fraction, y: from.y + (to.y - from.y) * fraction }
    }

    /// The same, but at once at the end if nothing can have moved that far in a tick.
    #[must_use]
    pub fn on_the_way(from: Point, to: Point, fraction: f64) -> Self {
        if Self::is_jump(from, to) { Self::of(to) } else { Self::between(from, to, fraction) }
    }

    /// The place that is so far away.
    #[must_use]
    pub fn moved(self, (x, y): (f64, f64)) -> Self {
        Self { x: self.x + x, y: self.y + y }
    }

    /// Where it is, seen from the camera.
    pub fn seen_from(self, camera: Self) -> [f32; 2] {
        [(self.x - camera.x) as f32, (self.y - camera.y) as f32]
    }

    /// The nearest point in the world.
    pub(crate) fn to_point(self) -> Point {
        let quanta = |units: f64| (units * f64::from(QUANTA_PER_UNIT)).clamp(0.0, f64::from(Point::MAX)) as i32;
        Point { x: quanta(self.x), y: quanta(self.y) }
    }

    /// Whether nothing moves that far in a tick: it was placed anew.
    pub fn is_jump(from: Point, to: Point) -> bool {
        from.distance_squared(to) > (JUMP_UNITS * i64::from(QUANTA_PER_UNIT)).pow(2)
    }
}
