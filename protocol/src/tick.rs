//! The number of a simulation step, and the three rates at which a room may run.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of one simulation step of a room. It never goes back and never wraps. At 60 Hz it lasts two years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(pub u32);

impl Tick {
    /// The tick `ticks` later.
    #[must_use]
    pub fn plus(self, ticks: u32) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    /// The next tick.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// How many ticks `self` is after `earlier`; negative if it is before.
    pub fn since(self, earlier: Self) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }

    /// Whether something with this `phase`, which is due every `every` ticks, is due on this tick.
    pub fn is_phase(self, phase: u32, every: u32) -> bool {
        self.0 % every == phase % every
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment between two ticks, in sixteenths. A screen shows such a moment, and a shot is judged at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Tick, u8)", into = "(Tick, u8)")]
pub struct ViewTime {
    tick: Tick,
    sixteenths: u8,
}

impl ViewTime {
    /// Parts of a tick that are told apart.
    pub const PARTS: i64 = 16;

    /// So many sixteenths of a tick after tick 0. A negative number gives tick 0.
    pub fn from_sixteenths(sixteenths: i64) -> Self {
        let sixteenths = sixteenths.clamp(0, i64::from(u32::MAX) * Self::PARTS + Self::PARTS - 1);
        Self { tick: Tick((sixteenths / Self::PARTS) as u32), sixteenths: (sixteenths % Self::PARTS) as u8 }
    }

    /// Sixteenths of a tick since tick 0.
    pub fn in_sixteenths(self) -> i64 {
        i64::from(self.tick.0) * Self::PARTS + i64::from(self.sixteenths)
    }

    /// The tick it is at or after.
    pub fn tick(self) -> Tick {
        self.tick
    }

    /// How many sixteenths after [`Self::tick`], 0 to 15.
    pub fn sixteenth(self) -> u8 {
        self.sixteenths
    }
}

impl From<Tick> for ViewTime {
    fn from(tick: Tick) -> Self {
        Self { tick, sixteenths: 0 }
    }
}

impl TryFrom<(Tick, u8)> for ViewTime {
    type Error = &'static str;

    fn try_from((tick, sixteenths): (Tick, u8)) -> Result<Self, Self::Error> {
        if i64::from(sixteenths) < Self::PARTS {
            Ok(Self { tick, sixteenths })
        } else {
            Err("a tick has 16 sixteenths")
        }
    }
}

impl From<ViewTime> for (Tick, u8) {
    fn from(view: ViewTime) -> Self {
        (view.tick, view.sixteenths)
    }
}

/// How many ticks a room runs in a second: 20, 30 or 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TickRate(u8);

impl TickRate {
    /// 20 ticks a second.
    pub const HZ_20: Self = Self(20);
    /// 30 ticks a second, the default.
    pub const HZ_30: Self = Self(30);
    /// 60 ticks a second.
    pub const HZ_60: Self = Self(60);

    /// Ticks in a second.
    pub const fn hz(self) -> u32 {
        self.0 as u32
    }

    /// Time between two ticks in microseconds, rounded down.
    pub fn period_us(self) -> u64 {
        1_000_000 / u64::from(self.0)
    }

    /// When a tick is due, in microseconds after tick 0. It is exact to the microsecond, since it does not add up
    /// rounded periods.
    pub fn due_us(self, tick: Tick) -> u64 {
        u64::from(tick.0) * 1_000_000 / u64::from(self.0)
    }

    /// The sixteenths of a tick in `ms` milliseconds, rounded down.
    pub fn sixteenths_in_ms(self, ms: u32) -> i64 {
        i64::from(ms) * i64::from(self.0) * ViewTime::PARTS / 1000
    }

    /// The ticks in `ms` milliseconds, rounded to the nearest.
    pub fn ticks_in_ms(self, ms: u32) -> u32 {
        (ms * self.hz() + 500) / 1000
    }
}

impl TryFrom<u8> for TickRate {
    type Error = &'static str;

    fn try_from(hz: u8) -> Result<Self, Self::Error> {
        match hz {
            20 | 30 | 60 => Ok(Self(hz)),
            _ => Err("the tick rate must be 20, 30 or 60"),
        }
    }
}

impl From<TickRate> for u8 {
    fn from(rate: TickRate) -> Self {
        rate.0
    }
}

impl fmt::Display for TickRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_do_not_drift() {
        assert_eq!(TickRate::HZ_30.due_us(Tick(30 * 3600)), 3_600_000_000);
        assert_eq!(TickRate::HZ_30.period_us(), 33_333);
    }

    #[test]
    fn a_view_time_is_told_in_sixteenths_and_never_before_the_beginning() {
        let view = ViewTime::from_sixteenths(16 * 100 + 5);
        assert_eq!((view.tick(), view.sixteenth(), view.in_sixteenths()), (Tick(100), 5, 1605));
        assert_eq!(ViewTime::from_sixteenths(-3), ViewTime::from(Tick(0)));
        assert_eq!(ViewTime::from_sixteenths(i64::MAX).tick(), Tick(u32::MAX));
        assert!(ViewTime::try_from((Tick(1), 16)).is_err());
    }

    #[test]
    fn only_three_rates_exist() {
        assert_eq!(TickRate::try_from(30), Ok(TickRate::HZ_30));
        assert!(TickRate::try_from(0).is_err());
        assert!(TickRate::try_from(25).is_err());
    }
}
