//! When ticks are due. The times are absolute, from one start, so that nothing drifts.

use fracas_protocol::tick::{Tick, TickRate};
use std::time::{Duration, Instant};

/// Late steps that are still run one after the other. With more the tick number jumps.
pub const LATE_STEPS_MAX: u32 = 3;

/// The times at which a room's ticks are due.
#[derive(Clone, Copy, Debug)]
pub struct TickClock {
    /// When `first` was due.
    start: Instant,
    first: Tick,
    rate: TickRate,
}

impl TickClock {
    /// A clock whose tick 0 was due at `start`.
    pub fn new(start: Instant, rate: TickRate) -> Self {
        Self { start, first: Tick(0), rate }
    }

    /// A clock whose `tick` is due at `due`.
    pub fn with_tick(tick: Tick, due: Instant, rate: TickRate) -> Self {
        Self { first: tick, ..Self::new(due, rate) }
    }

    /// When a tick is due.
    pub fn due(&self, tick: Tick) -> Instant {
        self.start + Duration::from_micros(self.rate.due_us(tick).saturating_sub(self.rate.due_us(self.first)))
    }

    /// How long ago a tick was due; zero if it is not yet.
    pub fn phase(&self, tick: Tick, now: Instant) -> Duration {
        now.saturating_duration_since(self.due(tick))
    }

    /// How often they are due.
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// The tick to run now; `next` follows the last one. It is `next`, unless more than [`LATE_STEPS_MAX`] steps would
    /// have to be made up.
    pub fn tick_to_run(&self, next: Tick, now: Instant) -> Tick {
        let late = self.phase(next, now).as_micros() * u128::from(self.rate.hz()) / 1_000_000;
        if late <= u128::from(LATE_STEPS_MAX) { next } else { next.plus(late as u32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_begins_late_in_time_is_as_exact() {
        let (start, first) = (Instant::now(), Tick(u32::MAX - 1000));
        let clock = TickClock::with_tick(first, start, TickRate::HZ_30);
        assert_eq!(clock.due(first), start);
        assert_eq!(clock.due(first.plus(30)), start + Duration::from_secs(1));
        assert_eq!(
            clock.tick_to_run(Tick(u32::MAX), start + Duration::from_secs(3600)),
            Tick(u32::MAX),
            "it stays there"
        );
    }

    #[test]
    fn three_late_steps_are_made_up_for_and_more_are_skipped() {
        let start = Instant::now();
        let clock = TickClock::new(start, TickRate::HZ_20);
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(clock.tick_to_run(Tick(10), at(500)), Tick(10), "on time");
        assert_eq!(clock.tick_to_run(Tick(10), at(500 + 150)), Tick(10), "three late");
        assert_eq!(clock.tick_to_run(Tick(10), at(500 + 200)), Tick(14), "four are given up");
        assert_eq!(clock.tick_to_run(Tick(10), at(500 + 5_020)), Tick(110));
    }
}
