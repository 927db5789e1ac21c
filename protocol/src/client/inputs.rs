//! Which tick the client plays now. It is ahead of the server's by the network's delay and a slack, steered by the
//! server's reports. Its time never goes back.

use super::arrival::Arrival;
use crate::tick::{Tick, TickRate};
use crate::wire::frame::InputReport;

/// Inputs are to arrive so much before the server reads, beyond the jitter of the line, in microseconds.
const MARGIN_US: i64 = 5_000;
/// The percentile of the bodies' delay that counts as jitter. Inputs go the other way, mostly over the same line.
const JITTER_PERCENT: usize = 95;
/// The most jitter that the slack covers, and the most that late inputs add to it, in tick periods. On a line that
/// needs more, some inputs are late. After a stall many are late, and sending everything that much earlier is not worth
/// it.
const JITTER_PERIODS_MAX: i64 = 2;
const EXTRA_PERIODS_MAX: i64 = 3;
/// The least time between two additions for late inputs, in microseconds. Inputs that are late together are one event.
const EXTRA_INTERVAL_US: u64 = 250_000;
/// How fast that addition shrinks again, in microseconds per input: half a millisecond a second at 30 Hz.
const EXTRA_DECAY_US: i64 = 16;
/// Most ticks played in one call; beyond, the clock jumps.
const TICKS_PER_CALL_MAX: u32 = 8;

/// The clock by which a client plays and stamps its inputs.
#[derive(Clone, Debug)]
pub struct InputClock {
    rate: TickRate,
    /// Where the clock is, in microseconds of the server's time; none until the first call.
    at_us: Option<i64>,
    moved_us: u64,
    /// The last tick played.
    tick: Tick,
    /// How much earlier inputs are sent because some came late, beyond the jitter, and when that last grew.
    extra_us: i64,
    extra_at_us: Option<u64>,
    /// How much before the server reads inputs are to arrive.
    slack_us: i64,
}

impl InputClock {
    /// A clock that has not started.
    pub fn new(rate: TickRate) -> Self {
        let slack_us = rate.period_us() as i64 / 2;
        Self { rate, at_us: None, moved_us: 0, tick: Tick(0), extra_us: 0, extra_at_us: None, slack_us }
    }

    /// Takes the server's report on one of our inputs.
    pub(super) fn record_report(&mut self, now_us: u64, report: InputReport) {
        if report.age == 0 {
            self.extra_us = (self.extra_us - EXTRA_DECAY_US).max(0);
            return;
        }
        // Reports of inputs sent before the addition are still on their way.
        if self.extra_at_us.is_none_or(|at| now_us.saturating_sub(at) >= EXTRA_INTERVAL_US) {
            let period = self.rate.period_us() as i64;
            self.extra_at_us = Some(now_us);
            self.extra_us = (self.extra_us + period / 4).min(period * EXTRA_PERIODS_MAX);
        }
    }

    /// Sets how much before the server reads inputs are to arrive.
    pub(super) fn update_slack(&mut self, arrival: &Arrival) {
        let most = self.rate.period_us() as i64 * JITTER_PERIODS_MAX;
        self.slack_us = (arrival.late_us(JITTER_PERCENT) + MARGIN_US).min(most) + self.extra_us;
    }

    /// Moves towards `target_us` plus the slack, and returns the ticks that have passed since the last call.
    /// `target_us` is the server's clock when something sent now arrives, plus how long before its ticks the server
    /// reads.
    ///
    /// It runs 2 % faster or slower for an error under one period, 10 % up to three, and jumps forward beyond.
    pub(super) fn advance(&mut self, now_us: u64, target_us: i64) -> impl Iterator<Item = Tick> + use<> {
        let period = self.rate.period_us() as i64;
        let goal = target_us + self.slack_us;
        let elapsed = now_us.saturating_sub(self.moved_us) as i64;
        self.moved_us = now_us;
        let at_us = match self.at_us {
            None => goal,
            Some(at) => {
                let error = goal - (at + elapsed);
                if error > 3 * period {
                    goal
                } else {
                    let percent = if error.abs() < period { 2 } else { 10 };
                    let most = elapsed * percent / 100;
                    at + elapsed + error.clamp(-most, most)
                }
            }
        };
        let started = self.at_us.replace(at_us).is_some();
        let newest = self.tick_at(at_us);
        if !started || newest.since(self.tick) > i64::from(TICKS_PER_CALL_MAX) {
            self.tick = Tick(newest.0.saturating_sub(1));
        }
        let before = self.tick;
        self.tick = before.max(newest);
        (before.0..newest.0).map(|tick| Tick(tick + 1))
    }

    fn tick_at(&self, at_us: i64) -> Tick {
        let tick = (at_us.max(0) as u64).saturating_mul(u64::from(self.rate.hz())) / 1_000_000;
        Tick(u32::try_from(tick).unwrap_or(u32::MAX))
    }

    /// When the next tick comes, in the host's time, if the clock neither hurries nor lags.
    pub(super) fn wake_us(&self, now_us: u64) -> u64 {
        let Some(at_us) = self.at_us else { return now_us };
        if self.tick.0 == u32::MAX {
            // No tick follows the last one, however far ahead the server claims to be.
            return u64::MAX;
        }
        let wait_us = self.rate.due_us(self.tick.next()) as i64 + 1 - at_us;
        self.moved_us.saturating_add_signed(wait_us)
    }

    /// The last tick played, and how much of the next has passed at `now_us`, from 0 to 1.
    pub fn tick_and_fraction(&self, now_us: u64) -> (Tick, f64) {
        let since_us = now_us.saturating_sub(self.moved_us) as i64;
        let into_us = self.at_us.unwrap_or(0) + since_us - self.rate.due_us(self.tick) as i64;
        (self.tick, (into_us as f64 / self.rate.period_us() as f64).clamp(0.0, 1.0))
    }

    /// How much before the server reads inputs are to arrive, in microseconds.
    pub fn slack_us(&self) -> i64 {
        self.slack_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: i64 = 33_333;

    /// Advances in steps of 5 ms against a server clock that is `ahead_us` ahead of ours; returns the ticks played.
    fn run(clock: &mut InputClock, from_us: u64, ms: u64, ahead_us: i64) -> Vec<Tick> {
        (0..ms / 5)
            .flat_map(|i| {
                let now = from_us + i * 5000;
                clock.advance(now, now as i64 + ahead_us)
            })
            .collect()
    }

    #[test]
    fn every_tick_is_played_once_and_in_order() {
        let mut clock = InputClock::new(TickRate::HZ_30);
        let ticks = run(&mut clock, 0, 3000, 100_000);
        assert!(ticks.windows(2).all(|pair| pair[1] == pair[0].next()), "{ticks:?}");
        assert!((89..=92).contains(&ticks.len()), "{}", ticks.len());
    }

    #[test]
    fn a_step_of_the_target_back_slows_the_clock_and_never_turns_it() {
        let mut clock = InputClock::new(TickRate::HZ_30);
        run(&mut clock, 0, 1000, 200_000);
        let before = clock.at_us.expect("started");
        let ticks = run(&mut clock, 1_000_000, 1000, 200_000 - 2 * PERIOD);
        assert!(clock.at_us.expect("started") > before);
        assert!(ticks.windows(2).all(|pair| pair[1] > pair[0]));
        assert!(ticks.len() < 30, "it lags on purpose: {}", ticks.len());
    }

    #[test]
    fn a_far_target_is_jumped_to() {
        let mut clock = InputClock::new(TickRate::HZ_30);
        run(&mut clock, 0, 100, 0);
        let ticks: Vec<_> = clock.advance(100_000, 10_000_000).collect();
        assert!(ticks.len() <= 2, "the ticks in between are not played: {ticks:?}");
        assert!(ticks[0].0 >= 299);
    }

    #[test]
    fn slack_follows_the_jitter_and_what_comes_late_all_the_same_adds_to_it_for_a_while() {
        let (mut clock, mut arrival) = (InputClock::new(TickRate::HZ_30), Arrival::new(TickRate::HZ_30));
        for tick in 0..200 {
            arrival.record(TickRate::HZ_30.due_us(Tick(tick)) + u64::from(tick * 7 % 20) * 1000, Tick(tick));
        }
        clock.update_slack(&arrival);
        let calm = clock.slack_us();
        assert!((21_000..=26_000).contains(&calm), "up to 19 ms of jitter and 5: {calm}");
        let late = InputReport { age: 1, lead: -1 };
        (0..5).for_each(|i| clock.record_report(1_000_000 + i * 33_333, late));
        clock.update_slack(&arrival);
        assert_eq!(clock.slack_us(), calm + PERIOD / 4, "those that come late together are one event");
        (0..100).for_each(|i| clock.record_report(2_000_000 + i * 300_000, late));
        clock.update_slack(&arrival);
        assert_eq!(clock.slack_us(), calm + 3 * (PERIOD - 1) + 3, "not ever more");
        (0..30 * 250).for_each(|_| clock.record_report(0, InputReport::default()));
        clock.update_slack(&arrival);
        assert_eq!(clock.slack_us(), calm);
    }
}
