//! Whether the swarm itself was the limit: then its figures say nothing about the server.

use crate::report::measures::Times;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A worker that uses more than this part of a core has no time left to measure with.
const BUSY_MAX: f64 = 0.9;
/// A timer that is later than this once in a hundred times makes measured times meaningless.
const TIMER_LATE_MAX_MS: f64 = 40.0;
/// How often a worker looks at its own timer.
pub(super) const PROBE: Duration = Duration::from_millis(20);

/// How late a worker's own timers were.
#[derive(Clone, Debug, Default)]
pub(super) struct Saturation {
    timer_late: Times,
}

impl Saturation {
    pub(super) fn add(&mut self, late: Duration) {
        self.timer_late.add(late.as_micros() as u64);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.timer_late.merge(&other.timer_late);
    }

    /// Whether the workers had too much to do.
    pub(super) fn is_the_limit(&self, cpu: Duration, duration: Duration, workers: usize) -> bool {
        let busy = cpu.as_secs_f64() / (duration.as_secs_f64() * workers as f64);
        busy > BUSY_MAX || self.timer_late.percentile_ms(99.0) > TIMER_LATE_MAX_MS
    }
}

/// CPU time this process has used.
pub(super) fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
