//! The budget of each network: how many new players a second and at once, and how many handshakes. A resumed session is
//! no new player. No I/O in here.

use crate::admission::keyed_limit::{Beyond, KeyedLimit, Rate};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Networks that are remembered: those with recent joins. They take 4 MB.
const NETWORKS_MAX: usize = 32 * 1024;
/// Joins a second, and at once, of all networks beyond those remembered. They share this budget. With so many, overload
/// control holds joins back anyway.
const BEYOND_PER_S: u32 = 500;
/// Handshakes that a network may make for each join. Resuming costs no join, but a handshake costs time.
const HANDSHAKES_PER_JOIN: u32 = 8;

/// `--joins-per-address`: new players that one network may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinRate {
    per_s: u32,
    at_once: u32,
}

impl JoinRate {
    /// The largest setting. A larger limit would be none.
    const MOST: u32 = 1_000_000;
    /// Joins at once for each join a second, if only the rate is set.
    const AT_ONCE_PER_S: u32 = 32;
}

impl Default for JoinRate {
    /// Two a second, and 64 at once. That is enough for a household after an outage, or for a school class.
    fn default() -> Self {
        Self { per_s: 2, at_once: 64 }
    }
}

impl fmt::Display for JoinRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.per_s, self.at_once)
    }
}

impl FromStr for JoinRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("write it as N or N:BURST, each 1 to {}: joins a second, and joins at once", Self::MOST);
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().filter(|number| (1..=Self::MOST).contains(number));
            number.ok_or_else(wrong)
        };
        match text.split_once(':') {
            Some((per_s, at_once)) => Ok(Self { per_s: number(per_s)?, at_once: number(at_once)? }),
            None => {
                let per_s = number(text)?;
                Ok(Self { per_s, at_once: per_s * Self::AT_ONCE_PER_S })
            }
        }
    }
}

/// The joins and handshakes that every network has left.
#[derive(Debug)]
pub(crate) struct JoinBudget {
    joins: KeyedLimit<IpAddr>,
    handshakes: KeyedLimit<IpAddr>,
}

impl JoinBudget {
    pub(crate) fn new(rate: JoinRate) -> Self {
        let limit = |times: u32| {
            let own = Rate::per_second(rate.per_s * times, rate.at_once * times);
            let beyond = Rate::per_second(BEYOND_PER_S * times, BEYOND_PER_S * times);
            KeyedLimit::new(own, NETWORKS_MAX, Beyond::Shared(beyond))
        };
        Self { joins: limit(1), handshakes: limit(HANDSHAKES_PER_JOIN) }
    }

    /// Takes a join of a network. The error is how long until one is left.
    pub(crate) fn take_join(&self, network: IpAddr, now: Instant) -> Result<(), Duration> {
        self.joins.try_acquire(&network, now)
    }

    /// Gives back a join that was not used.
    pub(crate) fn give_back_join(&self, network: IpAddr) {
        self.joins.give_back(&network);
    }

    /// Takes a handshake of a network. The error is how long until one is left.
    pub(crate) fn take_handshake(&self, network: IpAddr, now: Instant) -> Result<(), Duration> {
        self.handshakes.try_acquire(&network, now)
    }

    /// How many networks have a budget that is not full.
    pub(crate) fn len(&self) -> usize {
        self.joins.len().max(self.handshakes.len())
    }

    /// Forgets networks whose budget is full again.
    pub(crate) fn sweep(&self, now: Instant) {
        self.joins.sweep(now);
        self.handshakes.sweep(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn one_network_brings_two_a_second_and_sixty_four_at_once_and_others_do_not_notice() {
        let (budget, start) = (JoinBudget::new(JoinRate::default()), Instant::now());
        let joined = |of: u32, at: Instant| (0..400).filter(|_| budget.take_join(network(of), at).is_ok()).count();
        assert_eq!((joined(1, start), joined(2, start)), (64, 64));
        assert_eq!(budget.take_join(network(1), start), Err(Duration::from_millis(500)));
        assert_eq!((joined(1, start + Duration::from_secs(16)), joined(3, start)), (32, 64));
    }

    #[test]
    fn who_asks_over_and_over_has_eight_handshakes_for_each_join() {
        let (budget, start) = (JoinBudget::new(JoinRate::default()), Instant::now());
        let begun = |at: Instant| (0..4000).filter(|_| budget.take_handshake(network(1), at).is_ok()).count();
        assert_eq!((begun(start), begun(start + Duration::from_secs(2))), (512, 32));
    }

    #[test]
    fn a_crowd_of_networks_is_not_remembered_for_ever() {
        let (budget, start) = (JoinBudget::new(JoinRate::default()), Instant::now());
        let crowd = NETWORKS_MAX as u32 + 1000;
        let joined = (0..crowd).filter(|number| budget.take_join(network(*number), start).is_ok()).count();
        assert_eq!((joined, budget.len()), (NETWORKS_MAX + 500, NETWORKS_MAX));
        budget.sweep(start + Duration::from_secs(2));
        assert_eq!(budget.len(), 0);
    }

    #[test]
    fn the_setting_is_a_rate_and_a_burst() {
        let shown = |text: &str| text.parse::<JoinRate>().map(|rate| rate.to_string());
        assert_eq!(shown("2:64").as_deref(), Ok("2:64"));
        assert_eq!(shown("5").as_deref(), Ok("5:160"));
        assert_eq!(JoinRate::default().to_string(), "2:64");
        for wrong in ["", "0", "2:0", "2:", ":3", "-1", "2:64:1", "1000001", "2/s", "4294967296"] {
            assert!(shown(wrong).is_err_and(|words| words.contains("N:BURST")), "{wrong}");
        }
    }
}
