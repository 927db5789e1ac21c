//! When refused clients should retry. Retry times are spread, so a crowd that was refused together does not return
//! together. They are handed out by network, so a network that asks over and over delays no other. No I/O in here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Retry times a second of each of the two queues. A busy server can handle twice so many joins.
const PER_S: u32 = 250;
/// The earliest retry time ...
const SOONEST: Duration = Duration::from_secs(1);
/// ... and the latest. If a queue is full up to here, retries are spread only by the clients' own jitter.
const LATEST: Duration = Duration::from_secs(30);
/// Retry times of one network in the first queue, which holds only the first ones of each network. Further ones are in
/// the second queue.
const FIRST_TURNS: usize = 8;
/// Retry times of one network at the same time. Beyond, it is given the last of them again. It is more than one
/// server's players behind one address.
const TURNS_MAX: usize = 1024;
/// So many clients that are not known by name yet get the same retry time. Each takes an entry in the queue all the
/// same.
const SHARED_BY: u8 = 8;
/// Networks that are remembered before those without a retry time are forgotten. The queues have room for fewer.
const NETWORKS_MAX: usize = 16 * 1024;

/// A client that asks for a retry time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryClient {
    /// Its network. None for built-in bots.
    pub network: Option<IpAddr>,
    /// A hash of its token or name, which distinguishes it from others of its network. None before the hello.
    pub client: Option<u64>,
}

/// Hands out retry times.
#[derive(Debug, Default)]
pub struct RetryScheduler(Mutex<RetryQueues>);

#[derive(Debug, Default)]
struct RetryQueues {
    /// The last retry time of each queue: the first ones of networks, and their further ones.
    last: [Option<Instant>; 2],
    rows: HashMap<Option<IpAddr>, TurnQueue>,
}

/// The retry times of one network that are still to come.
#[derive(Debug, Default)]
struct TurnQueue {
    turns: Vec<Turn>,
    /// The retry time that clients without a name get at present, and how many have got it.
    shared: Option<(Instant, u8)>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Instant,
    client: Option<u64>,
}

impl RetryScheduler {
    /// How long from `now` a client should wait. A client that asks again before its retry time is given the same one.
    pub fn turn(&self, retry_client: RetryClient, now: Instant) -> Duration {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.turn(retry_client, now).saturating_duration_since(now)
    }

    /// How many retry times are still to come.
    pub fn waiting(&self, now: Instant) -> usize {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.forget(now);
        turns.rows.values().map(|row| row.turns.len()).sum()
    }
}

impl RetryQueues {
    fn turn(&mut self, retry_client: RetryClient, now: Instant) -> Instant {
        if self.rows.len() >= NETWORKS_MAX {
            self.forget(now);
        }
        let row = self.rows.entry(retry_client.network).or_default();
        row.turns.retain(|turn| turn.at > now);
        let is_same = |turn: &&Turn| retry_client.client.is_some() && turn.client == retry_client.client;
        if let Some(turn) = row.turns.iter().find(is_same) {
            return turn.at;
        }
        let last = row.turns.last().filter(|_| row.turns.len() >= TURNS_MAX);
        if let Some(last) = last {
            return last.at;
        }
        let queue = usize::from(row.turns.len() >= FIRST_TURNS);
        let Some(at) = next(&mut self.last[queue], now) else {
            if row.turns.is_empty() {
                self.rows.remove(&retry_client.network);
            }
            return now + LATEST;
        };
        row.turns.push(Turn { at, client: retry_client.client });
        if retry_client.client.is_some() {
            return at;
        }
        let shared = row.shared.filter(|(shared_at, by)| *shared_at > now && *by < SHARED_BY);
        let (at, by) = shared.unwrap_or((at, 0));
        row.shared = Some((at, by + 1));
        at
    }

    fn forget(&mut self, now: Instant) {
        self.rows.retain(|_, row| {
            row.turns.retain(|turn| turn.at > now);
            !row.turns.is_empty()
        });
    }
}

/// The next retry time of a queue, unless it is full.
fn next(last: &mut Option<Instant>, now: Instant) -> Option<Instant> {
    let behind = last.map_or(now, |last| last + Duration::from_secs(1) / PER_S);
    let at = behind.max(now + SOONEST);
    if at > now + LATEST {
        return None;
    }
    *last = Some(at);
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_client(network: u32, client: impl Into<Option<u64>>) -> RetryClient {
        RetryClient { network: Some(IpAddr::from(network.to_be_bytes())), client: client.into() }
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn somebody_who_retries_for_25_s_makes_nobody_else_wait_6_s() {
        let (retries, start) = (RetryScheduler::default(), Instant::now());
        let mut longest = Duration::ZERO;
        // 700 refusals a second of one network, under another name each time, and then under none; one a second of others.
        for ask in 0..25 * 700 {
            let now = start + Duration::from_secs(1) * ask / 700;
            let client = (ask < 12 * 700).then_some(u64::from(ask));
            retries.turn(retry_client(1, client), now);
            if ask % 700 == 699 {
                longest = longest.max(retries.turn(retry_client(2 + ask, 0), now));
            }
        }
        assert!((ms(1000)..=ms(1008)).contains(&longest), "{longest:?}: it was 1 to 6.3 s");
    }

    #[test]
    fn who_asks_again_before_its_turn_is_told_the_same_turn() {
        let (retries, start) = (RetryScheduler::default(), Instant::now());
        for client in [Some(7), None] {
            let told = retries.turn(retry_client(1, client), start);
            for (after, other) in [(ms(1), 2), (ms(300), 3), (ms(999), 4)] {
                retries.turn(retry_client(other, client), start + after);
                assert_eq!(retries.turn(retry_client(1, client), start + after) + after, told, "{client:?}");
            }
            assert!(retries.turn(retry_client(1, client), start + told) >= SOONEST, "its turn has come");
        }
    }

    #[test]
    fn a_thousand_sent_away_at_once_come_back_evenly() {
        let (retries, now) = (RetryScheduler::default(), Instant::now());
        let pauses: Vec<Duration> = (0..1000).map(|network| retries.turn(retry_client(network, 0), now)).collect();
        assert_eq!(pauses[0], SOONEST);
        assert!(pauses.windows(2).all(|pair| pair[1] - pair[0] == ms(4)));
        let later = now + Duration::from_secs(10);
        assert_eq!(retries.turn(retry_client(1, 0), later), SOONEST, "that row has been");
    }

    #[test]
    fn a_thousand_behind_one_address_come_back_evenly_too_with_names_and_without() {
        for is_named in [true, false] {
            let (retries, now) = (RetryScheduler::default(), Instant::now());
            let ask = |client: u64| retries.turn(retry_client(1, is_named.then_some(client)), now);
            let pauses: Vec<Duration> = (0..1000).map(ask).collect();
            let at_most_within = |span: Duration| {
                let within = |from: &Duration| pauses.iter().filter(|at| *from <= **at && **at < *from + span).count();
                pauses.iter().map(within).max()
            };
            assert!(at_most_within(ms(100)) <= Some(2 * 25 + usize::from(SHARED_BY)), "{:?}", at_most_within(ms(100)));
            assert!(pauses.iter().max() <= Some(&ms(5000)), "{:?}", pauses.iter().max());
        }
    }

    #[test]
    fn never_more_than_five_hundred_a_second_are_asked_back() {
        let (retries, start) = (RetryScheduler::default(), Instant::now());
        let mut due = vec![0_u32; 120];
        for ask in 0..100_000_u32 {
            let after = ms(u64::from(ask / 5));
            let told = retries.turn(retry_client(ask % 3000, u64::from(ask)), start + after);
            if told < LATEST {
                due[(after + told).as_secs() as usize] += 1;
            }
        }
        assert!(due.iter().all(|count| *count <= 2 * PER_S + 2), "{due:?}");
    }

    #[test]
    fn nobody_is_sent_away_for_longer_than_half_a_minute_and_little_is_remembered() {
        let (retries, now) = (RetryScheduler::default(), Instant::now());
        let longest = (0..100_000).map(|number| retries.turn(retry_client(number, u64::from(number)), now)).max();
        assert_eq!(longest, Some(LATEST));
        let one = (0..100_000).map(|number| retries.turn(retry_client(u32::MAX, number), now)).max();
        assert_eq!(one, Some(LATEST));
        assert!(retries.waiting(now) <= 2 * 30 * PER_S as usize, "{}", retries.waiting(now));
        let rows = |retries: &RetryScheduler| retries.0.lock().expect("nobody panics").rows.len();
        assert!(rows(&retries) <= NETWORKS_MAX);
        assert_eq!((retries.waiting(now + LATEST + ms(1)), rows(&retries)), (0, 0));
    }
}
