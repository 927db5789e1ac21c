//! Fixed-point arithmetic: headings and their sine, and vectors that round toward zero.
//!
//! Divisions here round toward zero, which treats both directions alike. An arithmetic shift rounds a negative number
//! down: everything would drift left and up.

use crate::WireError;
use crate::tick::TickRate;
use crate::wire::bits::Coder;
use serde::{Deserialize, Serialize};

use crate::point::Point;
pub use crate::point::QUANTA_PER_UNIT;

/// Velocity sub-quanta in a unit per tick.
pub const SUBQUANTA_PER_UNIT: i32 = 1024;

/// Velocity sub-quanta in a position quantum per tick.
pub const SUBQUANTA_PER_QUANTUM: i32 = SUBQUANTA_PER_UNIT / QUANTA_PER_UNIT;

/// So many units a second as sub-quanta in a tick, rounded toward zero.
pub const fn speed(units_per_s: i32, rate: TickRate) -> i32 {
    units_per_s * SUBQUANTA_PER_UNIT / rate.hz() as i32
}

/// The table's value for a sine of one.
pub const SINE_ONE: i32 = 1 << 14;

/// A direction: 0 is to the right, 256 downwards, 1,024 a full turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Heading(u16);

impl TryFrom<u16> for Heading {
    type Error = &'static str;

    fn try_from(steps: u16) -> Result<Self, Self::Error> {
        if steps < Self::TURN { Ok(Self(steps)) } else { Err("a heading is 0 to 1023") }
    }
}

impl From<Heading> for u16 {
    fn from(heading: Heading) -> Self {
        heading.0
    }
}

impl Heading {
    /// Bits of a heading.
    pub const BITS: u32 = 10;
    /// Headings in a full turn.
    pub const TURN: u16 = 1 << Self::BITS;

    /// The heading `steps` 1,024ths of a turn from the right, clockwise on the screen; whole turns are taken off.
    pub const fn new(steps: u16) -> Self {
        Self(steps % Self::TURN)
    }

    /// Steps from the right, 0 to 1,023.
    pub const fn steps(self) -> u16 {
        self.0
    }

    /// Turns from the right, 0 to 1, for what is drawn.
    pub fn turns(self) -> f32 {
        f32::from(self.0) / f32::from(Self::TURN)
    }

    /// The heading that points along (`x`, `y`), to the nearest step; to the right for (0, 0).
    ///
    /// For brains and pages. No rule depends on it, so it may use floats.
    pub fn towards(x: i32, y: i32) -> Self {
        let turns = f64::from(y).atan2(f64::from(x)) / std::f64::consts::TAU;
        Self::new((turns * f64::from(Self::TURN)).round() as i32 as u16)
    }

    /// The shortest turn from `other` to this heading: -512 to 511 steps.
    pub const fn turn_from(self, other: Self) -> i32 {
        let steps = (self.0 as i32 - other.0 as i32) & (Self::TURN as i32 - 1);
        if steps < 512 { steps } else { steps - 1024 }
    }

    /// The heading turned by `steps`.
    #[must_use]
    pub const fn turned(self, steps: i32) -> Self {
        Self((self.0 as i32 + steps).rem_euclid(Self::TURN as i32) as u16)
    }

    /// The heading after a bounce off a vertical wall: left and right swapped.
    #[must_use]
    pub const fn mirrored_x(self) -> Self {
        Self::new(Self::TURN / 2 + Self::TURN - self.0)
    }

    /// The heading after a bounce off a horizontal wall: up and down swapped.
    #[must_use]
    pub const fn mirrored_y(self) -> Self {
        Self::new(Self::TURN - self.0)
    }

    /// Codes the heading.
    pub fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.0 = coder.uint(u32::from(self.0), Self::BITS)? as u16;
        Ok(())
    }

    /// A vector of this heading and the given length, each part rounded toward zero. `length` is at most 2^17.
    pub const fn vector(self, length: i32) -> Vector {
        Vector { x: length * cosine(self) / SINE_ONE, y: length * sine(self) / SINE_ONE }
    }
}

/// A direction sixteen times as fine as a [`Heading`], for shots at a long range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct FineHeading(u16);

impl TryFrom<u16> for FineHeading {
    type Error = &'static str;

    fn try_from(steps: u16) -> Result<Self, Self::Error> {
        if steps < Self::TURN { Ok(Self(steps)) } else { Err("a fine heading is 0 to 16383") }
    }
}

impl From<FineHeading> for u16 {
    fn from(heading: FineHeading) -> Self {
        heading.0
    }
}

impl FineHeading {
    /// Bits of a fine heading.
    pub const BITS: u32 = 14;
    /// Fine headings in a full turn.
    pub const TURN: u16 = 1 << Self::BITS;
    /// Fine steps in one step of a [`Heading`].
    const STEP: u16 = Self::TURN / Heading::TURN;

    /// The heading `steps` 16,384ths of a turn from the right, clockwise on the screen; whole turns are taken off.
    pub const fn new(steps: u16) -> Self {
        Self(steps % Self::TURN)
    }

    /// Steps from the right, 0 to 16,383.
    pub const fn steps(self) -> u16 {
        self.0
    }

    /// The fine heading that points along (`x`, `y`), to the nearest step; to the right for (0, 0).
    ///
    /// For brains and pages. No rule depends on it, so it may use floats.
    pub fn towards(x: i32, y: i32) -> Self {
        let turns = f64::from(y).atan2(f64::from(x)) / std::f64::consts::TAU;
        Self::new((turns * f64::from(Self::TURN)).round() as i32 as u16)
    }

    /// A vector of this heading and the given length, at most 2^16, each part rounded toward zero. Sine and cosine are
    /// interpolated between the table's headings. The error, at most (pi / 1024)^2 / 2, is below the table's own.
    pub fn vector(self, length: i32) -> Vector {
        let (from, part) = (Heading::new(self.0 / Self::STEP), (self.0 % Self::STEP) as i32);
        let to = from.turned(1);
        let between = |from: i32, to: i32| from * (Self::STEP as i32 - part) + to * part;
        let one = SINE_ONE as i64 * Self::STEP as i64;
        let part_of = |sixteenths: i32| (length as i64 * sixteenths as i64 / one) as i32;
        Vector { x: part_of(between(cosine(from), cosine(to))), y: part_of(between(sine(from), sine(to))) }
    }
}

/// The sine of a heading, in 1/16,384.
pub const fn sine(heading: Heading) -> i32 {
    let steps = heading.0 as usize;
    let in_half = steps % 512;
    let quarter = if in_half <= 256 { in_half } else { 512 - in_half };
    if steps < 512 { QUARTER[quarter] } else { -QUARTER[quarter] }
}

/// The cosine of a heading, in 1/16,384.
pub const fn cosine(heading: Heading) -> i32 {
    sine(Heading::new(heading.0 + 256))
}

/// `round(16384 * sin(2 pi i / 1024))` for i from 0 to 256.
static QUARTER: [i32; 257] = quarter_table();

const fn quarter_table() -> [i32; 257] {
    let mut table = [0; 257];
    let mut i = 0;
    while i <= 256 {
        table[i] = quarter_sine(i as i128);
        i += 1;
    }
    table
}

/// The Taylor series of the sine to the 25th power, in integers scaled by 2^80. The compiler has no floating-point
/// sine. A table made by the machine's own library could differ between machines.
const fn quarter_sine(i: i128) -> i32 {
    const ONE: i128 = 1 << 80;
    // 2 pi scaled by 2^80.
    const TAU: i128 = 7_595_904_947_272_677_161_575_987;
    let x = TAU * i / 1024;
    let x_squared = mul(x, x);
    let (mut term, mut sum, mut n) = (x, x, 1);
    while n < 25 {
        term = -mul(term, x_squared) / ((n + 1) * (n + 2));
        sum += term;
        n += 2;
    }
    return ((sum * (SINE_ONE as i128) * 2 / ONE + 1) / 2) as i32;

    const fn mul(a: i128, b: i128) -> i128 {
        // Halves of 40 bits keep the product inside 127 bits; the error is far below the rounding.
        (a >> 40) * (b >> 40)
    }
}

/// A velocity in sub-quanta (1/1,024 unit per tick), or a length in any unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector {
    /// To the right.
    pub x: i32,
    /// Downwards.
    pub y: i32,
}

impl Vector {
    /// Bits of a velocity's part.
    pub const BITS: u32 = 17;

    /// Codes a velocity: each part is below 2^16 either way, which is 64 units a tick.
    pub fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.x = coder.int(self.x, Self::BITS)?;
        self.y = coder.int(self.y, Self::BITS)?;
        Ok(())
    }

    /// This vector moved towards `target` by at most `reach`. Within reach the result is exactly `target`.
    #[must_use]
    pub fn approach(self, target: Self, reach: i32) -> Self {
        let (dx, dy) = (i64::from(target.x - self.x), i64::from(target.y - self.y));
        let distance = ((dx * dx + dy * dy) as u64).isqrt() as i64;
        let reach = i64::from(reach);
        if distance <= reach {
            return target;
        }
        Self { x: self.x + (dx * reach / distance) as i32, y: self.y + (dy * reach / distance) as i32 }
    }

    /// This vector times `by` divided by `of`, each part rounded toward zero.
    #[must_use]
    pub fn scaled(self, by: i32, of: i32) -> Self {
        let part = |part: i32| (i64::from(part) * i64::from(by) / i64::from(of)) as i32;
        Self { x: part(self.x), y: part(self.y) }
    }

    /// The length, rounded down.
    pub fn length(self) -> i32 {
        let (x, y) = (i64::from(self.x), i64::from(self.y));
        ((x * x + y * y) as u64).isqrt() as i32
    }
}

impl Point {
    /// The position after one tick at a velocity in sub-quanta, rounded toward this one.
    #[must_use]
    pub fn moved(self, velocity: Vector) -> Self {
        let part = |at: i32, speed: i32| at + speed / SUBQUANTA_PER_QUANTUM;
        Self { x: part(self.x, velocity.x), y: part(self.y, velocity.y) }
    }

    /// The heading from here to `other`; to the right if they are one.
    ///
    /// For brains and pages. No rule depends on it, so it may use floats.
    pub fn heading_to(self, other: Self) -> Heading {
        Heading::towards(other.x - self.x, other.y - self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_table_is_the_rounded_sine() {
        for steps in 0..Heading::TURN {
            let exact = (f64::from(steps) / 1024.0 * std::f64::consts::TAU).sin() * f64::from(SINE_ONE);
            assert_eq!(f64::from(sine(Heading::new(steps))), exact.round(), "step {steps}");
        }
    }

    #[test]
    fn a_bounce_keeps_the_speed_and_turns_one_part() {
        for steps in 0..Heading::TURN {
            let (heading, length) = (Heading::new(steps), 20_480);
            let flown = heading.vector(length);
            assert_eq!(heading.mirrored_x().vector(length), Vector { x: -flown.x, y: flown.y });
            assert_eq!(heading.mirrored_y().vector(length), Vector { x: flown.x, y: -flown.y });
        }
    }

    #[test]
    fn a_fine_heading_is_as_exact_as_the_table() {
        let length = 60_000;
        for steps in 0..FineHeading::TURN {
            let turns = f64::from(steps) / f64::from(FineHeading::TURN) * std::f64::consts::TAU;
            let vector = FineHeading::new(steps).vector(length);
            let off = f64::from(vector.x) - turns.cos() * f64::from(length);
            assert!(off.abs() <= f64::from(length) / f64::from(SINE_ONE) + 1.0, "step {steps}: {off}");
        }
        assert_eq!(FineHeading::new(16 * 77).vector(length), Heading::new(77).vector(length));
        assert_eq!(FineHeading::towards(-5, 0).steps(), FineHeading::TURN / 2);
    }

    #[test]
    fn an_approach_arrives_and_favours_no_side() {
        for steps in 0..Heading::TURN {
            let target = Heading::new(steps).vector(9557);
            let mut v = Vector::default();
            let mut ticks = 0;
            while v != target {
                v = v.approach(target, 1064);
                ticks += 1;
            }
            assert_eq!(ticks, 9, "heading {steps}");
            let mirrored = Vector::default().approach(Vector { x: -target.x, y: -target.y }, 1000);
            let plain = Vector::default().approach(target, 1000);
            assert_eq!((mirrored.x, mirrored.y), (-plain.x, -plain.y), "heading {steps}");
        }
    }

    #[test]
    fn headings_turn_the_short_way() {
        assert_eq!(Heading::new(10).turn_from(Heading::new(1020)), 14);
        assert_eq!(Heading::new(1020).turn_from(Heading::new(10)), -14);
        assert_eq!(Heading::new(5).turned(-10), Heading::new(1019));
        assert_eq!(Heading::towards(0, -5), Heading::new(768));
    }
}
