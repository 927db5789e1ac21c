//! A rate limit for one peer: so much a second, and a burst after a quiet time.

use std::time::{Duration, Instant};

/// A rate, and how many seconds' worth may come at once. After a stall of the line all waiting messages come together,
/// which is allowed.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// How much a second.
    pub per_s: u32,
    /// The seconds' worth that may come at once.
    pub burst: Duration,
}

/// What one peer has left of a [`RateLimit`]. It stores the time until which its use so far would take at that rate.
/// (The generic cell rate algorithm, ITU-T I.371.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimiter {
    spent_until: Instant,
}

impl RateLimiter {
    /// A limiter with its full burst.
    pub(crate) fn new(now: Instant) -> Self {
        Self { spent_until: now }
    }

    /// How much is left.
    pub(crate) fn left(&self, now: Instant, limit: RateLimit) -> u32 {
        let free = limit.burst.saturating_sub(self.spent_until.saturating_duration_since(now));
        (free.as_nanos() * u128::from(limit.per_s) / 1_000_000_000) as u32
    }

    /// Takes so much, if so much is left.
    pub(crate) fn try_acquire(&mut self, now: Instant, limit: RateLimit, amount: u32) -> bool {
        let cost = Duration::from_secs(1) * amount / limit.per_s;
        let spent_until = self.spent_until.max(now) + cost;
        let is_left = spent_until - now <= limit.burst;
        if is_left {
            self.spent_until = spent_until;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { per_s: 10, burst: Duration::from_secs(3) };

    #[test]
    fn a_burst_is_allowed_once_and_the_rate_for_ever() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(start);
        let taken = (0..100).filter(|_| limiter.try_acquire(start, LIMIT, 1)).count();
        assert_eq!(taken, 30, "three seconds' worth at once");
        let at = |ms: u64| start + Duration::from_millis(ms);
        let later = (1..=1000).filter(|i| limiter.try_acquire(at(i * 10), LIMIT, 1)).count();
        assert_eq!(later, 100, "then ten a second, however many are tried");
        assert!((0..30).all(|_| limiter.try_acquire(at(14_000), LIMIT, 1)), "and after some quiet, a burst again");
        assert!(!limiter.try_acquire(at(14_000), LIMIT, 1));
        assert!(!limiter.try_acquire(at(18_000), LIMIT, 31), "more than ever fits");
        assert_eq!((limiter.left(at(18_000), LIMIT), limiter.left(at(16_000), LIMIT)), (30, 20));
    }
}
