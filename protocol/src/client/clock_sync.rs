//! What time it is on the server: an estimate from pings, kept by the sample that waited least.
//!
//! The server reads its sockets once per tick, so a ping waits up to a tick before it is read and only the quickest of
//! several tells the network's own delay. They are therefore spread over the tick's phase, and the pong carries the
//! time the server held the ping after reading it.

use crate::message::Pong;
use crate::tick::{Tick, TickRate};

/// Pings sent in quick succession after the welcome.
const FIRST_PINGS: u32 = 8;
/// Time between two of those: not a multiple of any tick period, so that their phases differ.
const FIRST_INTERVAL_US: u64 = 41_000;
/// Time between two later pings. Likewise.
const INTERVAL_US: u64 = 707_000;
/// Samples remembered: about ten seconds' worth.
const SAMPLES: usize = 16;

/// One answered ping.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Without the server's hold time.
    rtt_us: u64,
    /// The server's clock (microseconds since its tick 0 was due) less ours, if both ways took the same time.
    offset_us: i64,
}

/// An estimate of the server's clock.
#[derive(Clone, Debug)]
pub struct ClockSync {
    rate: TickRate,
    samples: Vec<Sample>,
    next: usize,
    pings: u32,
    ping_at_us: u64,
    /// Until the first pong: the server's clock less ours as the newest tick has it.
    guess_us: Option<i64>,
}

impl ClockSync {
    /// A clock that knows nothing.
    pub fn new(rate: TickRate) -> Self {
        Self { rate, samples: Vec::new(), next: 0, pings: 0, ping_at_us: u64::MAX, guess_us: None }
    }

    /// Starts to ping after the welcome.
    pub(super) fn start(&mut self, now_us: u64, tick: Tick) {
        self.ping_at_us = now_us;
        self.body(now_us, tick);
    }

    /// Uses a body's tick as a first guess.
    pub(super) fn body(&mut self, now_us: u64, tick: Tick) {
        if self.samples.is_empty() {
            self.guess_us = Some(self.rate.due_us(tick) as i64 - now_us as i64);
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
        let interval = if self.pings < FIRST_PINGS { FIRST_INTERVAL_US } else { INTERVAL_US };
        self.ping_at_us = now_us + interval;
        Some(now_us)
    }

    /// Takes an answer. Returns the round trip without the server's hold time, in microseconds, unless the answer
    /// cannot be one (a stamp from the future).
    pub(super) fn take(&mut self, now_us: u64, pong: &Pong) -> Option<u64> {
        let away_us = now_us.checked_sub(pong.stamp)?;
        let rtt_us = away_us.saturating_sub(u64::from(pong.hold_us));
        let server_us = self.rate.due_us(pong.tick) + u64::from(pong.phase_us) + rtt_us / 2;
        let sample = Sample { rtt_us, offset_us: server_us as i64 - now_us as i64 };
        if self.samples.len() < SAMPLES {
            self.samples.push(sample);
        } else {
            self.samples[self.next] = sample;
        }
        self.next = (self.next + 1) % SAMPLES;
        Some(rtt_us)
    }

    fn best(&self) -> Option<Sample> {
        self.samples.iter().copied().min_by_key(|sample| sample.rtt_us)
    }

    /// The shortest round trip of late, in microseconds: the network's own.
    pub fn rtt_us(&self) -> Option<u64> {
        self.best().map(|sample| sample.rtt_us)
    }

    /// The server's clock now, in microseconds since its tick 0 was due.
    pub fn server_us(&self, now_us: u64) -> Option<i64> {
        let offset_us = self.best().map(|sample| sample.offset_us).or(self.guess_us)?;
        Some(now_us as i64 + offset_us)
    }

    /// The server's clock when something sent now will be there.
    pub(super) fn input_target_us(&self, now_us: u64) -> Option<i64> {
        Some(self.server_us(now_us)? + self.rtt_us().unwrap_or(0) as i64 / 2)
    }
}
