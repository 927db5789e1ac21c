//! Which addresses show session tokens that nobody knows, and how many of them may be mistakes. No I/O in here.

use crate::admission::keyed_limit::{Beyond, KeyedLimit, Rate};
use dashmap::DashMap;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The period in which an address may use up its allowed errors. Then it has to wait.
const ERRORS_PERIOD: Duration = Duration::from_secs(600);
/// The least number of allowed errors.
const ERRORS_LEAST: usize = 16;
/// Connections a second that an address may begin while it has to wait.
const BARRED_PER_S: u32 = 5;
/// Addresses that are remembered. Further ones are not limited: even so many addresses cannot guess 128 bits.
const GUESSERS_MAX: usize = 16 * 1024;

/// Which addresses have shown tokens that nobody knows.
#[derive(Debug)]
pub(crate) struct TokenAbuse {
    /// The last unknown tokens of each address, as many as it may err. Showing the same token again, because the room
    /// is full, is no guess.
    shown: DashMap<IpAddr, VecDeque<u64>>,
    /// For limited addresses, and for exempt ones.
    errors: [Errors; 2],
    /// The connections of addresses that have to wait.
    barred: KeyedLimit<IpAddr>,
}

/// How often an address may err.
#[derive(Debug)]
struct Errors {
    most: usize,
    left: KeyedLimit<IpAddr>,
}

impl Errors {
    fn new(most: usize) -> Self {
        let most = most.max(ERRORS_LEAST);
        let often = u32::try_from(most).unwrap_or(u32::MAX);
        Self { most, left: KeyedLimit::new(Rate::new(often, ERRORS_PERIOD, often), GUESSERS_MAX, Beyond::Free) }
    }
}

impl TokenAbuse {
    /// An address may err as often as it may have connections, since as many can have lost their sessions. For an
    /// exempt address it is the number of connections in all.
    pub(crate) fn new(per_address_max: usize, connections_max: usize) -> Self {
        let barred = KeyedLimit::new(Rate::per_second(BARRED_PER_S, BARRED_PER_S), GUESSERS_MAX, Beyond::Free);
        Self { shown: DashMap::new(), errors: [per_address_max, connections_max].map(Errors::new), barred }
    }

    /// Records an unknown token, by its short hash. Returns whether the address may still err.
    pub(crate) fn may_show(&self, network: IpAddr, is_exempt: bool, shown: u64, now: Instant) -> bool {
        let errors = &self.errors[usize::from(is_exempt)];
        if errors.left.len() >= GUESSERS_MAX && !errors.left.remembers(&network) {
            self.sweep(now);
            if errors.left.len() >= GUESSERS_MAX {
                return true;
            }
        }
        let mut row = self.shown.entry(network).or_default();
        if row.contains(&shown) {
            return true;
        }
        let may_err = errors.left.try_acquire(&network, now).is_ok();
        if may_err {
            if row.len() >= errors.most {
                row.pop_front();
            }
            row.push_back(shown);
        }
        may_err
    }

    /// Whether an address may begin a connection. One that guesses may do so only now and then, since enough tries
    /// would find a token in the end.
    pub(crate) fn may_enter(&self, network: IpAddr, is_exempt: bool, now: Instant) -> bool {
        let errors = &self.errors[usize::from(is_exempt)];
        errors.left.has_left(&network, now) || self.barred.try_acquire(&network, now).is_ok()
    }

    /// How many addresses are remembered.
    pub(crate) fn len(&self) -> usize {
        self.errors.iter().map(|errors| errors.left.len()).sum()
    }

    /// Forgets the addresses that have not erred for a while.
    pub(crate) fn sweep(&self, now: Instant) {
        self.barred.sweep(now);
        let swept = self.errors.each_ref().map(|errors| errors.left.sweep(now));
        if swept.contains(&true) {
            self.shown.retain(|network, _| self.errors.iter().any(|errors| errors.left.remembers(network)));
        }
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
        let (guesses, start) = (TokenAbuse::new(64, 200), Instant::now());
        let mut token = 0;
        let mut errors = |at: Instant, of: u32| {
            let mut shown = || {
                token += 1;
                token
            };
            (0..1000).filter(|_| guesses.may_show(address(of), false, shown(), at)).count()
        };
        assert_eq!((errors(start, 1), errors(start, 2)), (64, 64));
        assert_eq!(errors(start + Duration::from_secs(60), 1), 6, "a tenth of the time brings a tenth back");
        assert_eq!(errors(start + Duration::from_secs(1200), 1), 64);
    }

    #[test]
    fn an_address_that_has_to_wait_begins_few_connections_until_it_need_not() {
        let (guesses, start) = (TokenAbuse::new(64, 200), Instant::now());
        let entered = |at: Instant, of: u32| (0..1000).filter(|_| guesses.may_enter(address(of), false, at)).count();
        assert_eq!(entered(start, 1), 1000, "one that has never erred");
        assert_eq!((0..64).filter(|token| guesses.may_show(address(1), false, *token, start)).count(), 64);
        assert_eq!((entered(start, 1), entered(start, 2)), (5, 1000));
        assert_eq!(entered(start + Duration::from_secs(2), 1), 5);
        assert_eq!(entered(start + Duration::from_secs(10), 1), 1000, "one more error is no guess again");
    }

    #[test]
    fn a_crowd_of_guessers_is_not_remembered_for_ever() {
        let (guesses, start) = (TokenAbuse::new(64, 200), Instant::now());
        for number in 0..100_000 {
            assert!(guesses.may_show(address(number), false, 0, start));
        }
        assert_eq!((guesses.len(), guesses.shown.len()), (GUESSERS_MAX, GUESSERS_MAX));
        let later = start + Duration::from_secs(700);
        assert_eq!((0..100).filter(|token| guesses.may_show(address(u32::MAX), false, *token, later)).count(), 64);
        assert_eq!((guesses.len(), guesses.shown.len()), (1, 1), "the others have been forgotten");
    }

    #[test]
    fn who_waits_for_a_seat_with_a_token_that_is_over_is_no_guesser() {
        let (guesses, start) = (TokenAbuse::new(64, 200), Instant::now());
        for try_number in 0..1000 {
            let at = start + Duration::from_secs(5) * try_number;
            assert!((0..10).all(|player| guesses.may_show(address(1), false, player, at)), "try {try_number}");
        }
    }
}
