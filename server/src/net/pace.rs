//! When those who are sent away are asked to come back: one after another, so that a crowd that was sent away together does
//! not come back together. No I/O in here.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many a second are asked to come back: joins that a busy server does not notice.
const PER_S: u32 = 500;
/// Nobody is asked to come back sooner ...
const SOONEST: Duration = Duration::from_secs(1);
/// ... or later. A longer row than that comes back unevenly, as far as the clients' own chance goes.
const LATEST: Duration = Duration::from_secs(30);

/// Hands out times to come back at.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the one who was sent away last is to come.
    last: Mutex<Option<Instant>>,
}

impl Pace {
    /// How long from `now` the next one is to stay away.
    pub fn next(&self, now: Instant) -> Duration {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = last.map_or(now, |last| last + Duration::from_secs(1) / PER_S);
        let at = behind.clamp(now + SOONEST, now + LATEST);
        *last = Some(at);
        at - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_sent_away_at_once_come_back_evenly() {
        let (pace, now) = (Pace::default(), Instant::now());
        let pauses: Vec<Duration> = (0..1000).map(|_| pace.next(now)).collect();
        assert_eq!(pauses[0], SOONEST);
        assert!(pauses.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(2)));
        let later = now + Duration::from_secs(10);
        assert_eq!(pace.next(later), SOONEST, "that row has been");
    }

    #[test]
    fn nobody_is_sent_away_for_longer_than_half_a_minute() {
        let (pace, now) = (Pace::default(), Instant::now());
        let longest = (0..100_000).map(|_| pace.next(now)).max();
        assert_eq!(longest, Some(LATEST));
    }
}
