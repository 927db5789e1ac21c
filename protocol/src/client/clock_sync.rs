//! An estimate of the server's clock, from pings and the quickest message in each direction.
//!
//! The server reads its sockets once per tick, so a ping waits up to a tick before it is read. The answer's hold time
//! starts only then. So each direction is measured by itself, by its own quickest message. Later pings are timed to
//! arrive about when the server reads.

use crate::tick::TickRate;
use crate::wire::message::{Pong, ServerClock};
use std::collections::VecDeque;

/// Pings sent in quick succession after the welcome.
const FIRST_PINGS: u32 = 8;
/// Time between two of those, in microseconds: not a multiple of any tick period, so that their phases differ.
const FIRST_INTERVAL_US: u64 = 41_000;
/// Least time between two later pings.
const INTERVAL_US: u64 = 490_000;
/// Later pings are to arrive at most so long before the server reads, ...
const AIM_EARLY_US: i64 = 6_000;
/// ... and at most so long after, as far as is known. The true quickest message may be quicker yet.
const AIM_LATE_US: i64 = 4_000;
/// For how long the quickest message counts. Clocks drift apart by some ten microseconds a second.
const BUCKET_US: u64 = 2_500_000;
const BUCKETS: usize = 8;
/// Periods whose round trip is reported. The last one has only begun.
const RECENT_BUCKETS: usize = 2;

/// The least of what was measured lately.
#[derive(Clone, Debug, Default)]
struct Least {
    /// When each period began, the least of its values, and their number.
    buckets: VecDeque<(u64, i64, u32)>,
}

impl Least {
    fn add(&mut self, now_us: u64, value: i64) {
        match self.buckets.back_mut() {
            Some((began_us, least, values)) if now_us < *began_us + BUCKET_US => {
                (*least, *values) = ((*least).min(value), *values + 1);
            }
            _ => {
                if self.buckets.len() == BUCKETS {
                    self.buckets.pop_front();
                }
                self.buckets.push_back((now_us, value, 1));
            }
        }
    }

    fn get(&self) -> Option<i64> {
        self.of_last(BUCKETS).map(|(least, _)| least)
    }

    fn values(&self) -> u32 {
        self.of_last(BUCKETS).map_or(0, |(_, values)| values)
    }

    /// The least value of the last periods, and the number of values in them.
    fn of_last(&self, buckets: usize) -> Option<(i64, u32)> {
        let last = self.buckets.iter().rev().take(buckets);
        last.map(|(_, least, values)| (*least, *values)).reduce(|a, b| (a.0.min(b.0), a.1 + b.1))
    }
}

/// An estimate of the server's clock: microseconds since its tick 0 was due.
#[derive(Clone, Debug)]
pub struct ClockSync {
    rate: TickRate,
    /// The server's clock when it read a message, less ours when we sent it.
    there: Least,
    /// Our clock when a message came, less the server's when it was written.
    back: Least,
    /// How long before a tick is due the server reads for it.
    read_lead_us: i64,
    pings: u32,
    ping_at_us: u64,
}

impl ClockSync {
    /// A clock before the first measurement.
    pub fn new(rate: TickRate) -> Self {
        Self { rate, there: Least::default(), back: Least::default(), read_lead_us: 0, pings: 0, ping_at_us: u64::MAX }
    }

    /// Takes the welcome's clock as the answer to what was sent at `sent_us`, if that is known, and starts to ping.
    pub(super) fn start(&mut self, now_us: u64, sent_us: Option<u64>, clock: &ServerClock) {
        self.ping_at_us = now_us;
        if let Some(sent_us) = sent_us {
            self.measure(now_us, sent_us, clock);
        }
    }

    /// When the next ping is due.
    pub(super) fn ping_at_us(&self) -> u64 {
        self.ping_at_us
    }

    /// The stamp of a ping to send now, if one is due.
    pub(super) fn ping_due(&mut self, now_us: u64) -> Option<u64> {
        if now_us < self.ping_at_us {
            return None;
        }
        self.pings = self.pings.saturating_add(1);
        self.ping_at_us =
            if self.pings < FIRST_PINGS { now_us + FIRST_INTERVAL_US } else { self.aimed(now_us + INTERVAL_US) };
        Some(now_us)
    }

    /// The time after `at_us` at which to send a ping, so that it arrives about when the server reads.
    fn aimed(&self, at_us: u64) -> u64 {
        let (Some(there_us), period_us) = (self.there_us(), self.rate.period_us() as i64) else { return at_us };
        // Multiples of the golden ratio fill the range evenly.
        let spread = (i64::from(self.pings.wrapping_mul(0x9e37_79b1) >> 16) * (AIM_EARLY_US + AIM_LATE_US)) >> 16;
        let wanted_us = -self.read_lead_us - AIM_EARLY_US + spread;
        at_us + (wanted_us - there_us - at_us as i64).rem_euclid(period_us) as u64
    }

    /// Takes an answer. Returns the round trip without the server's hold time, in microseconds. None if the answer
    /// cannot be true (a stamp from the future).
    pub(super) fn record_pong(&mut self, now_us: u64, pong: &Pong) -> Option<u64> {
        let away_us = now_us.checked_sub(pong.stamp)?;
        self.measure(now_us, pong.stamp, &pong.clock);
        Some(away_us.saturating_sub(u64::from(pong.clock.hold_us)))
    }

    fn measure(&mut self, now_us: u64, sent_us: u64, clock: &ServerClock) {
        let (hold_us, phase_us) = (i64::from(clock.hold_us), i64::from(clock.phase_us));
        let written_us = self.rate.due_us(clock.tick) as i64 + phase_us;
        self.there.add(now_us, written_us - hold_us - sent_us as i64);
        self.back.add(now_us, now_us as i64 - written_us);
        // A ping that the server held for longer was read for an earlier tick.
        self.read_lead_us = (hold_us - phase_us).rem_euclid(self.rate.period_us() as i64);
    }

    /// The expected least wait of so many messages until they are read, if they arrive at any time of the tick.
    fn wait_us(&self, messages: u32) -> i64 {
        self.rate.period_us() as i64 / i64::from(messages + 1)
    }

    /// The quickest message to the server, with the difference of the clocks included.
    fn there_us(&self) -> Option<i64> {
        Some(self.there.get()? - self.wait_us(self.there.values()))
    }

    /// The shortest round trip of the last seconds, in microseconds: the network's own. It is for people, who want to
    /// see at once that a line got worse. The clock uses a longer time.
    pub fn rtt_us(&self) -> Option<u64> {
        let (there_us, messages) = self.there.of_last(RECENT_BUCKETS)?;
        let (back_us, _) = self.back.of_last(RECENT_BUCKETS)?;
        Some((there_us - self.wait_us(messages) + back_us).max(0) as u64)
    }

    /// The server's clock now, in microseconds since its tick 0 was due, if both ways take the same time.
    pub fn server_us(&self, now_us: u64) -> Option<i64> {
        Some(now_us as i64 + (self.there_us()? - self.back.get()?) / 2)
    }

    /// The server's clock when a message that is sent now arrives, if it is as quick as the quickest was. The time that
    /// the quickest one waited to be read is included. So the result is too late while little has been measured.
    pub(super) fn arrival_us(&self, now_us: u64) -> Option<i64> {
        Some(now_us as i64 + self.there.get()?)
    }

    /// How long before a tick is due the server reads for it, in microseconds.
    pub fn read_lead_us(&self) -> i64 {
        self.read_lead_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const RATE: TickRate = TickRate::HZ_30;
    const PERIOD: u64 = 33_333;
    /// The server's clock is so far ahead of ours, reads so long before a tick is due, and writes so long after.
    const AHEAD_US: u64 = 7_000_000;
    const READ_LEAD_US: u64 = 1_000;
    const WRITE_US: u64 = 2_000;

    /// Sends pings for so many seconds over a line with a delay, at any time, and up to `jitter_us` more in each
    /// direction. Returns the clock at the end, and the time then.
    fn ping(seed: u64, delay_us: impl Fn(u64) -> u64, jitter_us: u64, seconds: u64) -> (ClockSync, u64) {
        let (mut clock, mut rng) = (ClockSync::new(RATE), Rng::new(seed, 1));
        let mut way_us = |at_us: u64| delay_us(at_us) + u64::from(rng.below(jitter_us as u32 + 1));
        let mut answer = |sent_us: u64| {
            let arrived_us = sent_us + AHEAD_US + way_us(sent_us);
            // Read for the first tick whose reading is not over, and answered just after that tick.
            let tick = (arrived_us + READ_LEAD_US).div_ceil(PERIOD) as u32;
            let (due_us, read_us) = (RATE.due_us(crate::tick::Tick(tick)), u64::from(tick) * PERIOD - READ_LEAD_US);
            let written_us = due_us + WRITE_US;
            let server = ServerClock {
                hold_us: (written_us - read_us) as u32,
                tick: crate::tick::Tick(tick),
                phase_us: WRITE_US as u32,
            };
            (written_us - AHEAD_US + way_us(sent_us), server)
        };
        let (came_us, server) = answer(1_000);
        clock.start(came_us, Some(1_000), &server);
        let mut now_us = came_us;
        while now_us < seconds * 1_000_000 {
            now_us = clock.ping_at_us();
            if let Some(stamp) = clock.ping_due(now_us) {
                let (came_us, server) = answer(stamp);
                clock.record_pong(came_us, &Pong { stamp, clock: server, work_us: 0 });
            }
        }
        (clock, now_us)
    }

    /// The error of the estimate after so many seconds.
    fn error_us(seed: u64, delay_us: u64, jitter_us: u64, seconds: u64) -> i64 {
        let (clock, now_us) = ping(seed, |_| delay_us, jitter_us, seconds);
        clock.server_us(now_us).expect("an estimate") - (now_us + AHEAD_US) as i64
    }

    fn p95_us(delay_us: u64, jitter_us: u64, seconds: u64) -> i64 {
        let mut errors: Vec<_> = (0..200).map(|seed| error_us(seed, delay_us, jitter_us, seconds).abs()).collect();
        errors.sort_unstable();
        errors[190]
    }

    #[test]
    fn the_welcome_alone_is_good_for_half_a_tick() {
        assert!(p95_us(50_000, 20_000, 0) < PERIOD as i64 / 2, "{}", p95_us(50_000, 20_000, 0));
    }

    #[test]
    fn ten_seconds_of_pings_over_a_line_with_jitter_are_good_for_a_few_milliseconds() {
        assert!(p95_us(50_000, 20_000, 10) <= 4_000, "{}", p95_us(50_000, 20_000, 10));
        assert!(p95_us(1_000, 0, 10) <= 1_000, "{}", p95_us(1_000, 0, 10));
    }

    #[test]
    fn a_round_trip_that_changed_is_told_within_seconds() {
        let rtt_us =
            |delay_us: fn(u64) -> u64, seconds| ping(1, delay_us, 0, seconds).0.rtt_us().expect("a round trip");
        let longer = |at_us| if at_us < 30_000_000 { 10_000 } else { 100_000 };
        assert!((15_000..=25_000).contains(&rtt_us(longer, 29)), "{}", rtt_us(longer, 29));
        assert!((195_000..=225_000).contains(&rtt_us(longer, 36)), "{}", rtt_us(longer, 36));
        let shorter = |at_us| if at_us < 30_000_000 { 100_000 } else { 10_000 };
        assert!((15_000..=35_000).contains(&rtt_us(shorter, 34)), "{}", rtt_us(shorter, 34));
    }

    #[test]
    fn an_answer_from_the_future_is_none() {
        let pong = Pong { stamp: 10, clock: ServerClock::default(), work_us: 0 };
        assert_eq!(ClockSync::new(RATE).record_pong(9, &pong), None);
    }
}
