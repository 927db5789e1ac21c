//! A position in the world, in fixed point.

use crate::tick::ViewTime;
use serde::{Deserialize, Serialize};

/// Position quanta in a unit. Views and speeds are given in units.
pub const QUANTA_PER_UNIT: i32 = 64;

/// A position in the world, in quanta of 1/64 unit, from the world's corner. x grows to the right, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// To the right, 0 to [`Point::MAX`].
    pub x: i32,
    /// Downwards, 0 to [`Point::MAX`].
    pub y: i32,
}

impl Point {
    /// Bits of a coordinate.
    pub const BITS: u32 = 22;
    /// The largest coordinate: the world is 65,536 units wide and high.
    pub const MAX: i32 = (1 << Self::BITS) - 1;
    /// Bits of a coordinate that is sent relative to the view's centre.
    pub const NEAR_BITS: u32 = 17;

    /// The position so many sixteenths (0 to 16) of the way to `to`, rounded towards this one: where something is shown, and
    /// judged, between two ticks.
    #[must_use]
    pub fn towards(self, to: Self, sixteenths: u8) -> Self {
        let part = |from: i32, to: i32| from + (to - from) * i32::from(sixteenths) / ViewTime::PARTS as i32;
        Self { x: part(self.x, to.x), y: part(self.y, to.y) }
    }

    /// Whether the lower bits of this position name it near `other`: it is within 1,024 units on either axis.
    pub fn is_near(self, other: Self) -> bool {
        let half = 1 << (Self::NEAR_BITS - 1);
        let is_near = |offset: i32| (-half..half).contains(&offset);
        is_near(self.x - other.x) && is_near(self.y - other.y)
    }

    /// The nearest position whose coordinates are 0 to `side`.
    #[must_use]
    pub fn within(self, side: i32) -> Self {
        Self { x: self.x.clamp(0, side), y: self.y.clamp(0, side) }
    }

    /// The distance to `other`, in quanta, rounded down.
    pub fn distance(self, other: Self) -> i32 {
        (self.distance_squared(other) as u64).isqrt() as i32
    }

    /// The square of the distance to `other`, in square quanta.
    pub fn distance_squared(self, other: Self) -> i64 {
        let (dx, dy) = (i64::from(self.x - other.x), i64::from(self.y - other.y));
        dx * dx + dy * dy
    }
}
