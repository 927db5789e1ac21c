//! A seeded random generator, for all draws that must be repeatable: in a room, in a brain, in a test.

use crate::point::Point;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;
use serde::{Deserialize, Serialize};

/// Draws numbers that depend only on the seed and the draws before. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng(Pcg32);

impl Rng {
    /// A generator for a seed. Different `stream`s of one seed are independent of each other.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(seed, stream))
    }

    /// A number below `sides`; 0 for 0 sides. All are equally likely up to one part in 2^32 / `sides`.
    ///
    /// It is the product's high half, not a remainder (Lemire, Fast Random Integer Generation in an Interval, 2019).
    pub fn below(&mut self, sides: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(sides)) >> 32) as u32
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: i32, most: i32) -> i32 {
        least + self.below((most - least + 1) as u32) as i32
    }

    /// True `times` out of `of` times.
    pub fn chance(&mut self, times: u32, of: u32) -> bool {
        self.below(of) < times
    }

    /// A position in a square of `side` quanta.
    pub fn place(&mut self, side: i32) -> Point {
        Point { x: self.between(0, side), y: self.between(0, side) }
    }

    /// Any 64 bits, for a seed.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_stays_in_range() {
        let (mut one, mut other) = (Rng::new(7, 1), Rng::new(7, 1));
        for _ in 0..1000 {
            let drawn = one.between(-3, 3);
            assert_eq!(drawn, other.between(-3, 3));
            assert!((-3..=3).contains(&drawn));
        }
        assert_eq!(one.below(0), 0);
        assert_ne!(Rng::new(7, 1).word(), Rng::new(7, 2).word());
    }
}
