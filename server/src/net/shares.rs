//! What each address has of something, and how often it has guessed. No I/O in here.

use super::allowance::{Allowance, Limit};
use dashmap::DashMap;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The address that another counts for: an IPv6 host has a whole /64 to itself.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// How many each address has. Those that have none are not in it.
#[derive(Debug, Default)]
pub(crate) struct Shares(DashMap<IpAddr, usize>);

impl Shares {
    /// One more for an address, unless it has the most it may have.
    pub(crate) fn take(self: &Arc<Self>, network: IpAddr, most: usize) -> Option<Share> {
        let mut count = self.0.entry(network).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share { of: Arc::clone(self), network })
    }

    /// How many an address has.
    pub(crate) fn count(&self, network: IpAddr) -> usize {
        self.0.get(&network).map_or(0, |count| *count)
    }

    /// Addresses that have any.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What counts for an address until it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    network: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.0.remove_if_mut(&self.network, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}

/// In so many seconds an address may err as often as it may at all; then it has to wait.
const ERRORS_PERIOD_S: u32 = 600;
/// As often, if it may have fewer connections.
const ERRORS_LEAST: usize = 16;
/// Connections that an address may begin while it has to wait.
const BARRED: Limit = Limit { per_s: 5, burst: Duration::from_secs(1) };
/// Addresses that are remembered. Beyond, those that have not erred for a while are forgotten; and if there are none, nobody
/// else is taken for a guesser: of 128 bits so many addresses guess none either.
const GUESSERS_MAX: usize = 16 * 1024;

/// Between two searches for addresses to forget.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Which addresses have shown tokens that nobody knows.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    guessers: DashMap<IpAddr, Guesser>,
    swept: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug)]
struct Guesser {
    /// What it has shown last, as many as it may err: who shows the same again, because the room is full, guesses nothing.
    shown: VecDeque<u64>,
    errors: Allowance,
    /// So many a second, for [`ERRORS_PERIOD_S`] seconds, of which each error costs as many as there are seconds.
    limit: Limit,
    entries: Allowance,
}

impl Guesses {
    /// Takes note of an error: what was shown, shortly. Whether it is one of at most `most` of this address, of late.
    pub(super) fn take(&self, network: IpAddr, shown: u64, most: usize, now: Instant) -> bool {
        if !self.has_room_for(network, now) {
            return true;
        }
        let mut guesser = self.guessers.entry(network).or_insert_with(|| Guesser {
            shown: VecDeque::new(),
            errors: Allowance::new(now),
            limit: Limit {
                per_s: u32::try_from(most.max(ERRORS_LEAST)).unwrap_or(u32::MAX),
                burst: Duration::from_secs(u64::from(ERRORS_PERIOD_S)),
            },
            entries: Allowance::new(now),
        });
        if guesser.shown.contains(&shown) {
            return true;
        }
        let limit = guesser.limit;
        let may_err = guesser.errors.take(now, limit, ERRORS_PERIOD_S);
        if may_err {
            if guesser.shown.len() >= limit.per_s as usize {
                guesser.shown.pop_front();
            }
            guesser.shown.push_back(shown);
        }
        may_err
    }

    fn has_room_for(&self, network: IpAddr, now: Instant) -> bool {
        if self.guessers.len() < GUESSERS_MAX || self.guessers.contains_key(&network) {
            return true;
        }
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_EVERY) {
            *swept = Some(now);
            self.guessers.retain(|_, guesser| !guesser.errors.is_whole(now));
        }
        self.guessers.len() < GUESSERS_MAX
    }

    /// Whether an address may begin a connection: one that guesses may do so only now and then, since whoever can try often
    /// enough finds something in the end.
    pub(super) fn may_enter(&self, network: IpAddr, now: Instant) -> bool {
        let Some(mut guesser) = self.guessers.get_mut(&network) else { return true };
        let may_err = guesser.errors.left(now, guesser.limit) >= ERRORS_PERIOD_S;
        may_err || guesser.entries.take(now, BARRED, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn an_address_that_errs_too_often_has_to_wait_and_others_do_not() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let mut token = 0;
        let mut errors = |at: Instant, of: u32| {
            let mut shown = || {
                token += 1;
                token
            };
            (0..1000).filter(|_| guesses.take(address(of), shown(), 64, at)).count()
        };
        assert_eq!((errors(start, 1), errors(start, 2)), (64, 64));
        assert_eq!(errors(start + Duration::from_secs(60), 1), 6, "a tenth of the time brings a tenth back");
        assert_eq!(errors(start + Duration::from_secs(1200), 1), 64);
    }

    #[test]
    fn an_address_that_has_to_wait_begins_few_connections_until_it_need_not() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let entered = |at: Instant, of: u32| (0..1000).filter(|_| guesses.may_enter(address(of), at)).count();
        assert_eq!(entered(start, 1), 1000, "one that has never erred");
        assert_eq!((0..64).filter(|token| guesses.take(address(1), *token, 64, start)).count(), 64);
        assert_eq!((entered(start, 1), entered(start, 2)), (5, 1000));
        assert_eq!(entered(start + Duration::from_secs(2), 1), 5);
        assert_eq!(entered(start + Duration::from_secs(10), 1), 1000, "one more error is no guess again");
    }

    #[test]
    fn a_crowd_of_guessers_is_not_remembered_for_ever() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for number in 0..100_000 {
            assert!(guesses.take(address(number), 0, 64, start));
        }
        assert_eq!(guesses.guessers.len(), GUESSERS_MAX);
        let later = start + Duration::from_secs(700);
        assert_eq!((0..100).filter(|token| guesses.take(address(u32::MAX), *token, 64, later)).count(), 64);
        assert_eq!(guesses.guessers.len(), 1, "the others have been forgotten");
    }

    #[test]
    fn who_waits_for_a_seat_with_a_token_that_is_over_is_no_guesser() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for try_number in 0..1000 {
            let at = start + Duration::from_secs(5) * try_number;
            assert!((0..10).all(|player| guesses.take(address(1), player, 16, at)), "try {try_number}");
        }
    }
}
