//! How much one peer has sent and asked for, measured against the policy's rates, and for how long it has been too much.

use crate::io::policy::Rates;
use crate::io::rate_limiter::{RateLimit, RateLimiter};
use std::time::{Duration, Instant};

/// What one peer has left of the [`Rates`].
#[derive(Debug)]
pub(crate) struct InboundLimits {
    bytes: RateLimiter,
    messages: RateLimiter,
    pings: RateLimiter,
    /// Since when the peer has been exceeding its limits, and when it last did.
    exceeded: Option<(Instant, Instant)>,
    /// Messages and pings that were dropped since this was last drained.
    dropped: u32,
}

impl InboundLimits {
    /// A peer that has kept within its limits for so long starts anew.
    const RELIEF: Duration = Duration::from_secs(1);

    pub(crate) fn new(now: Instant) -> Self {
        let limiter = RateLimiter::new(now);
        Self { bytes: limiter, messages: limiter, pings: limiter, exceeded: None, dropped: 0 }
    }

    /// Bytes that may be read now.
    pub(crate) fn bytes_left(&self, rates: &Rates, now: Instant) -> usize {
        self.bytes.left(now, rates.bytes) as usize
    }

    /// So many bytes came.
    pub(crate) fn record_bytes(&mut self, rates: &Rates, now: Instant, len: usize) {
        self.bytes.try_acquire(now, rates.bytes, len as u32);
    }

    /// The peer has more bytes than may be read.
    pub(crate) fn exceed(&mut self, now: Instant) {
        let since = self.exceeded.filter(|(_, last)| now.saturating_duration_since(*last) <= Self::RELIEF);
        self.exceeded = Some((since.map_or(now, |(since, _)| since), now));
    }

    /// A message came. Whether it is within the limit; it is to be dropped otherwise.
    pub(crate) fn admit_message(&mut self, rates: Option<&Rates>, now: Instant) -> bool {
        let is_within = rates.is_none_or(|rates| acquire_one(&mut self.messages, rates.messages, now));
        self.count(is_within, now)
    }

    /// A ping came, which the WebSocket layer has answered already: too many count as an offence all the same.
    pub(crate) fn count_ping(&mut self, rates: Option<&Rates>, now: Instant) {
        let is_within = rates.is_none_or(|rates| acquire_one(&mut self.pings, rates.pings, now));
        self.count(is_within, now);
    }

    fn count(&mut self, is_within: bool, now: Instant) -> bool {
        if !is_within {
            self.dropped += 1;
            self.exceed(now);
        }
        is_within
    }

    /// Whether the peer has been exceeding its limits for longer than is put up with.
    pub(crate) fn is_beyond_patience(&self, rates: &Rates, now: Instant) -> bool {
        self.exceeded.is_some_and(|(since, last)| {
            let is_over = now.saturating_duration_since(last) <= Self::RELIEF;
            is_over && now.saturating_duration_since(since) > rates.patience
        })
    }

    /// Messages and pings that were dropped since the last call.
    pub(crate) fn drain_dropped(&mut self) -> u32 {
        std::mem::take(&mut self.dropped)
    }
}

fn acquire_one(limiter: &mut RateLimiter, limit: RateLimit, now: Instant) -> bool {
    limiter.try_acquire(now, limit, 1)
}
