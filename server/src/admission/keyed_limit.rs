//! Rate limits per key, for example per network: token buckets for a bounded number of keys. No I/O and no clock in
//! here: callers pass the time.

use dashmap::DashMap;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Least time between two searches for keys to forget.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A rate, with a burst after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    interval: Duration,
    burst: NonZeroU32,
}

impl Rate {
    /// `count` in every `period`, and `burst` at once; one at least.
    pub(crate) fn new(count: u32, period: Duration, burst: u32) -> Self {
        let interval = (period / count.max(1)).max(Duration::from_nanos(1));
        Self { interval, burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN) }
    }

    /// `per_s` in every second, and `burst` at once; one at least.
    pub(crate) fn per_second(per_s: u32, burst: u32) -> Self {
        Self::new(per_s, Duration::from_secs(1), burst)
    }

    fn quota(self) -> Quota {
        let quota = Quota::with_period(self.interval).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        quota.allow_burst(self.burst)
    }
}

/// The rule for keys beyond those that can be remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beyond {
    /// They are not limited.
    Free,
    /// All of them together have this rate.
    Shared(Rate),
}

/// A clock that callers set: the time since the first call, by the latest caller.
#[derive(Clone, Debug, Default)]
struct ToldClock {
    start: Arc<OnceLock<Instant>>,
    latest_ns: Arc<AtomicU64>,
}

impl ToldClock {
    fn advance_to(&self, now: Instant) {
        let since = now.saturating_duration_since(*self.start.get_or_init(|| now));
        // Callers on other threads may be ahead already. Time does not go back.
        self.latest_ns.fetch_max(since.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Clock for ToldClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.latest_ns.load(Ordering::Relaxed))
    }
}

/// The limiter's states, in a store whose keys we can inspect.
#[derive(Clone, Debug)]
struct Store<K: Hash + Eq>(Arc<DashMap<K, InMemoryState>>);

impl<K: Hash + Eq + Clone> StateStore for Store<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, measure)
    }
}

type Limiter<K, S> = RateLimiter<K, S, ToldClock, NoOpMiddleware<Nanos>>;

/// A limit for each key. Keys with a full bucket are soon forgotten.
#[derive(Debug)]
pub(crate) struct KeyedLimit<K: Hash + Eq + Clone> {
    rate: Rate,
    clock: ToldClock,
    store: Store<K>,
    limiter: Limiter<K, Store<K>>,
    keys_max: usize,
    beyond: Option<Limiter<NotKeyed, InMemoryState>>,
    swept_ns: AtomicU64,
}

impl<K: Hash + Eq + Clone> KeyedLimit<K> {
    /// A limit of which so many keys are remembered.
    pub(crate) fn new(rate: Rate, keys_max: usize, beyond: Beyond) -> Self {
        let (clock, store) = (ToldClock::default(), Store(Arc::default()));
        let limiter = RateLimiter::new(rate.quota(), store.clone(), clock.clone());
        let beyond = match beyond {
            Beyond::Free => None,
            Beyond::Shared(rate) => Some(RateLimiter::new(rate.quota(), InMemoryState::default(), clock.clone())),
        };
        Self { rate, clock, store, limiter, keys_max, beyond, swept_ns: AtomicU64::new(0) }
    }

    /// Takes one from a key's bucket. The error is how long until one is left.
    pub(crate) fn try_acquire(&self, key: &K, now: Instant) -> Result<(), Duration> {
        self.clock.advance_to(now);
        let at = self.clock.now();
        let taken = match (self.has_room_for(key), &self.beyond) {
            (true, _) => self.limiter.check_key(key),
            (false, Some(beyond)) => beyond.check(),
            (false, None) => return Ok(()),
        };
        taken.map_err(|refused| refused.wait_time_from(at))
    }

    /// Gives one back to a key's bucket that was not used.
    pub(crate) fn give_back(&self, key: &K) {
        let interval = self.rate.interval.as_nanos() as u64;
        let earlier = |whole_at: Option<Nanos>| {
            let whole_at = whole_at.map_or(0, Nanos::as_u64).saturating_sub(interval);
            Ok::<_, ()>(((), Nanos::new(whole_at)))
        };
        // A key that is not remembered has a full bucket.
        if self.remembers(key) {
            let _ = self.store.measure_and_replace(key, earlier);
        }
    }

    /// Whether a key's bucket has one now. Nothing is taken.
    pub(crate) fn has_left(&self, key: &K, now: Instant) -> bool {
        self.clock.advance_to(now);
        let Some(state) = self.store.0.get(key) else { return true };
        drop(state);
        // A failing measurement replaces nothing. This one only returns when the bucket is full again.
        let whole_at = self.store.measure_and_replace(key, Err::<((), Nanos), _>);
        let whole_at = whole_at.err().flatten().map_or(0, Nanos::as_u64);
        let most = self.rate.interval.as_nanos() as u64 * u64::from(self.rate.burst.get() - 1);
        whole_at.saturating_sub(self.clock.now().as_u64()) <= most
    }

    /// Whether a key is remembered.
    pub(crate) fn remembers(&self, key: &K) -> bool {
        self.store.0.contains_key(key)
    }

    /// How many keys are remembered.
    pub(crate) fn len(&self) -> usize {
        self.store.0.len()
    }

    /// Forgets the keys with a full bucket, at most once a second. Returns whether it did.
    pub(crate) fn sweep(&self, now: Instant) -> bool {
        self.clock.advance_to(now);
        let at = self.clock.now().as_u64();
        let swept = self.swept_ns.load(Ordering::Relaxed);
        let is_due = at >= swept + SWEEP_EVERY.as_nanos() as u64;
        // One of several threads does it.
        let is_ours = is_due && self.swept_ns.compare_exchange(swept, at, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours {
            self.store.0.retain_recent(Nanos::new(at));
        }
        is_ours
    }

    fn has_room_for(&self, key: &K) -> bool {
        self.len() < self.keys_max || self.remembers(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limit: &KeyedLimit<u32>, key: u32, at: Instant, tries: u32) -> usize {
        (0..tries).filter(|_| limit.try_acquire(&key, at).is_ok()).count()
    }

    #[test]
    fn each_key_has_its_burst_once_and_the_rate_for_ever() {
        let (limit, start) = (KeyedLimit::new(Rate::per_second(2, 64), 10, Beyond::Free), Instant::now());
        assert_eq!((taken(&limit, 1, start, 100), taken(&limit, 2, start, 100)), (64, 64));
        assert_eq!(limit.try_acquire(&1, start), Err(Duration::from_millis(500)), "it is told when");
        assert_eq!(taken(&limit, 1, start + Duration::from_secs(10), 100), 20);
        assert_eq!(taken(&limit, 1, start + Duration::from_secs(60), 100), 64);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_once() {
        let (limit, start) = (KeyedLimit::new(Rate::per_second(1, 4), 10, Beyond::Free), Instant::now());
        limit.give_back(&1);
        assert_eq!((taken(&limit, 1, start, 10), limit.len()), (4, 1));
        (0..3).for_each(|_| limit.give_back(&1));
        assert_eq!(taken(&limit, 1, start, 10), 3);
        (0..100).for_each(|_| limit.give_back(&1));
        assert_eq!(taken(&limit, 1, start, 10), 4, "never more than all");
    }

    #[test]
    fn what_is_left_can_be_asked_for_without_taking_it() {
        let (limit, start) = (KeyedLimit::new(Rate::per_second(1, 3), 10, Beyond::Free), Instant::now());
        assert!(limit.has_left(&1, start) && limit.len() == 0, "nor is a key remembered for it");
        for left in [true, true, false] {
            assert!(limit.try_acquire(&1, start).is_ok());
            assert_eq!([limit.has_left(&1, start), limit.has_left(&1, start)], [left; 2]);
        }
        assert!(!limit.has_left(&1, start + Duration::from_millis(900)));
        assert!(limit.has_left(&1, start + Duration::from_millis(1000)));
    }

    #[test]
    fn only_so_many_keys_are_remembered_and_those_beyond_share_one_allowance() {
        let limit = KeyedLimit::new(Rate::per_second(1, 4), 100, Beyond::Shared(Rate::per_second(10, 10)));
        let start = Instant::now();
        let joined = (0..1000).filter(|key| limit.try_acquire(key, start).is_ok()).count();
        assert_eq!((joined, limit.len()), (110, 100));
        assert_eq!(taken(&limit, 5, start, 10), 3, "a key that is remembered has its own");
        let later = start + Duration::from_secs(30);
        assert!(limit.sweep(later) && limit.len() == 0, "all are whole again");
        assert!(!limit.sweep(later), "once a second");
        assert_eq!(taken(&limit, 777, later, 10), 4);
    }

    #[test]
    fn a_key_that_owes_nothing_is_forgotten_and_one_that_does_is_not() {
        let (limit, start) = (KeyedLimit::new(Rate::per_second(1, 10), 100, Beyond::Free), Instant::now());
        assert_eq!((taken(&limit, 1, start, 1), taken(&limit, 2, start, 10)), (1, 10));
        assert!(limit.sweep(start + Duration::from_secs(5)));
        assert!(!limit.remembers(&1) && limit.remembers(&2));
    }

    #[test]
    fn a_caller_whose_clock_is_behind_does_not_turn_time_back() {
        let (limit, start) = (KeyedLimit::new(Rate::per_second(1, 1), 10, Beyond::Free), Instant::now());
        let at = |s| start + Duration::from_secs(s);
        assert!(limit.try_acquire(&1, at(0)).is_ok() && limit.try_acquire(&1, at(5)).is_ok());
        assert!(limit.try_acquire(&1, at(4)).is_err(), "it is 5 s for everybody");
    }
}
