//! Whether the swarm itself was the limit: then its figures say nothing about the server.

use super::observer::Window;
use crate::bot::Clock;
use crate::report::measures::Times;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A worker that uses more than this part of a core has no time left to measure with.
const BUSY_MAX: f64 = 0.9;
/// How often a worker looks at its own timer, in microseconds.
const PROBE_US: u64 = 20_000;

/// How a worker fared in the steady part.
#[derive(Clone, Debug, Default)]
pub(super) struct Saturation {
    /// How late its timers were.
    timer_late: Times,
    /// The part of a core that it used.
    busy: f64,
}

impl Saturation {
    /// Watches the worker that this runs on. The probes are due on a schedule, so that one long delay counts for as many
    /// as it covered.
    pub(super) async fn watch(clock: Clock, window: Window) -> Self {
        tokio::time::sleep_until(clock.at(window.from_us)).await;
        let (began_us, cpu_before) = (clock.now_us(), cpu(ClockId::ThreadCPUTime));
        let mut timer_late = Times::default();
        for due_us in (window.from_us..window.to_us).step_by(PROBE_US as usize) {
            tokio::time::sleep_until(clock.at(due_us)).await;
            timer_late.add(clock.now_us().saturating_sub(due_us));
        }
        let used = cpu(ClockId::ThreadCPUTime).saturating_sub(cpu_before);
        let elapsed_us = clock.now_us().saturating_sub(began_us).max(1);
        Self { timer_late, busy: used.as_micros() as f64 / elapsed_us as f64 }
    }

    /// Whether the worker had too much to do: once in a hundred times it was later than a body may be to be on time, so
    /// bodies may be late by its own doing; or it had hardly any time to spare.
    pub(super) fn is_the_limit(&self, tick_hz: u32) -> bool {
        self.busy > BUSY_MAX || self.timer_late.percentile_ms(99.0) > 500.0 / f64::from(tick_hz)
    }
}

/// CPU time this process has used.
pub fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker whose timers were late by so many milliseconds, and that used so much of a core.
    fn worker(late_ms: impl Iterator<Item = u64>, busy: f64) -> Saturation {
        let mut timer_late = Times::default();
        late_ms.for_each(|ms| timer_late.add(ms * 1000));
        Saturation { timer_late, busy }
    }

    #[test]
    fn a_swarm_that_makes_bodies_late_by_itself_says_so() {
        let late = |ms| worker((0..100).map(|i| if i < 98 { 1 } else { ms }), 0.3);
        assert!(late(20).is_the_limit(30), "20 ms are more than half a period of 33");
        assert!(!late(20).is_the_limit(20) && late(20).is_the_limit(60));
        assert!(!late(12).is_the_limit(30));
        assert!(worker(std::iter::once(1), 0.95).is_the_limit(30));
    }

    #[test]
    fn one_long_delay_counts_for_all_the_probes_it_covered() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (clock, window) = (Clock::start(), Window { from_us: 50_000, to_us: 450_000 });
        let seen = runtime.block_on(async {
            let watch = Saturation::watch(clock, window);
            let hog = async {
                tokio::time::sleep_until(clock.at(150_000)).await;
                std::thread::sleep(Duration::from_millis(200));
            };
            tokio::join!(watch, hog).0
        });
        // Ten of twenty probes were due while the worker slept.
        assert!(seen.timer_late.percentile_ms(70.0) > 40.0, "{}", seen.timer_late.percentile_ms(70.0));
        assert!(seen.is_the_limit(20));
    }
}
