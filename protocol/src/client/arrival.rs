//! How late bodies arrive, compared with when their ticks were due: the quickest arrival, and how much later others
//! are.

use crate::tick::{Tick, TickRate};
use std::collections::VecDeque;

/// How fast the estimate of the quickest arrival rises, in microseconds per body. It is slower than jitter, so the
/// quickest body of some seconds counts.
const FORGET_US: i64 = 100;

/// So many bodies in a row, all more than a tick late, mean a slower line and not jitter.
const LATE_IN_A_ROW: u32 = 12;

/// The part of passing time by which the estimate may rise. Others are then shown at half speed, and never move back.
const RISE_PART: i64 = 2;

/// Bodies whose lateness is remembered: about four seconds of them.
const REMEMBERED: usize = 128;
/// How often what is remembered is sorted, in bodies.
const SORT_EVERY: u32 = 16;

/// How late bodies arrive: our clock less the time at which their tick was due, in microseconds.
///
/// A quicker body lowers the estimate at once. When the line gets slower the estimate rises, but never as fast as time
/// passes. Otherwise what is shown would move back.
#[derive(Clone, Debug)]
pub struct Arrival {
    rate: TickRate,
    /// None before the first body.
    quickest: Option<Quickest>,
    /// How much later than the quickest the last bodies came, and the same in ascending order.
    late_us: VecDeque<i64>,
    sorted_us: Vec<i64>,
    bodies: u32,
}

#[derive(Clone, Copy, Debug)]
struct Quickest {
    /// The estimate when the last body came.
    estimate_us: i64,
    body_us: u64,
    /// Where it rises to.
    goal_us: i64,
    /// The bodies in a row that were late, and how late the quickest of them was.
    late: u32,
    late_us: i64,
}

impl Quickest {
    fn at(&self, now_us: u64) -> i64 {
        let most = now_us.saturating_sub(self.body_us) as i64 / RISE_PART;
        self.goal_us.min(self.estimate_us + most)
    }

    fn record(&mut self, now_us: u64, arrival_us: i64, period_us: i64) {
        self.estimate_us = self.at(now_us).min(arrival_us);
        self.body_us = now_us;
        self.goal_us = (self.goal_us + FORGET_US).min(arrival_us);
        if arrival_us <= self.estimate_us + period_us {
            (self.late, self.late_us) = (0, i64::MAX);
            return;
        }
        self.late += 1;
        self.late_us = self.late_us.min(arrival_us);
        if self.late == LATE_IN_A_ROW {
            self.goal_us = self.late_us;
            (self.late, self.late_us) = (0, i64::MAX);
        }
    }
}

impl Arrival {
    /// No body has arrived yet.
    pub fn new(rate: TickRate) -> Self {
        Self { rate, quickest: None, late_us: VecDeque::new(), sorted_us: Vec::new(), bodies: 0 }
    }

    /// Takes the arrival of a tick's body.
    pub(crate) fn record(&mut self, now_us: u64, tick: Tick) {
        let (arrival_us, period_us) = (now_us as i64 - self.rate.due_us(tick) as i64, self.rate.period_us() as i64);
        let first =
            Quickest { estimate_us: arrival_us, body_us: now_us, goal_us: arrival_us, late: 0, late_us: i64::MAX };
        let quickest = self.quickest.get_or_insert(first);
        quickest.record(now_us, arrival_us, period_us);
        if self.late_us.len() == REMEMBERED {
            self.late_us.pop_front();
        }
        self.late_us.push_back(arrival_us - quickest.estimate_us);
        if self.bodies.is_multiple_of(SORT_EVERY) {
            self.sorted_us.clear();
            self.sorted_us.extend(&self.late_us);
            self.sorted_us.sort_unstable();
        }
        self.bodies = self.bodies.wrapping_add(1);
    }

    /// How late the quickest bodies arrive, as known at a time after the last one. None before the first.
    pub fn quickest_us(&self, now_us: u64) -> Option<i64> {
        self.quickest.map(|quickest| quickest.at(now_us))
    }

    /// How much later than the quickest so many percent of the bodies arrive at most.
    pub fn late_us(&self, percent: usize) -> i64 {
        let rank = (self.sorted_us.len() * percent / 100).min(self.sorted_us.len().saturating_sub(1));
        self.sorted_us.get(rank).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: i64 = 33_333;

    /// Plays bodies of a 30 Hz server that come as late as `late_us` says of their tick, and looks once a millisecond.
    /// Returns the estimates, and how late all but five of a hundred came in the end.
    fn looks(ticks: u32, late_us: impl Fn(u32) -> i64) -> (Vec<i64>, i64) {
        let rate = TickRate::HZ_30;
        let due = |tick: u32| rate.due_us(Tick(tick)) as i64;
        let mut bodies: Vec<_> = (0..ticks).map(|tick| (due(tick) + late_us(tick), tick)).collect();
        // None overtakes another on its way.
        for i in 1..bodies.len() {
            bodies[i].0 = bodies[i].0.max(bodies[i - 1].0);
        }
        let first = bodies[0].0;
        let mut arrival = Arrival::new(rate);
        let mut coming = bodies.into_iter().peekable();
        let (mut looks, mut shown_us) = (Vec::new(), i64::MIN);
        for now in (first..due(ticks)).step_by(1000) {
            while let Some((came, tick)) = coming.next_if(|(came, _)| *came <= now) {
                arrival.record(came as u64, Tick(tick));
            }
            let estimate = arrival.quickest_us(now as u64).expect("a body has come");
            assert!(now - estimate >= shown_us, "what is shown goes back by {} us", shown_us - (now - estimate));
            shown_us = now - estimate;
            looks.push(estimate);
        }
        (looks, arrival.late_us(95))
    }

    #[test]
    fn others_do_not_jerk_for_long_after_the_line_got_slower() {
        let (looks, _) = looks(300, |tick| if tick < 100 { 20_000 } else { 320_000 });
        // Two seconds after the step, and ever after, bodies come before they are shown.
        let settled = &looks[100 * 33 + 2000..];
        assert!(settled.iter().all(|estimate| (320_000 - PERIOD..=320_000).contains(estimate)), "{settled:?}");
    }

    #[test]
    fn a_line_that_gets_slower_again_and_again_is_followed() {
        let (looks, _) = looks(600, |tick| i64::from(tick / 100) * 200_000);
        let last = *looks.last().expect("a look");
        assert!((1_000_000 - PERIOD..=1_000_000).contains(&last), "{last}");
    }

    #[test]
    fn jitter_and_a_stall_do_not_make_others_lag_and_jitter_is_known() {
        // Up to 60 ms late, the quickest, which wait for the one before, 12; and once nothing for half a second, then all
        // at once.
        let (looks, late) = looks(600, |tick| match tick {
            300..315 => i64::from(315 - tick) * PERIOD,
            _ => i64::from(tick * 7 % 5) * 15_000,
        });
        assert!(looks.iter().all(|estimate| *estimate < PERIOD / 2), "{:?}", looks.iter().max());
        assert!((46_000..=50_000).contains(&late), "{late}");
    }

    #[test]
    fn a_quicker_line_is_followed_at_once() {
        let (looks, _) = looks(200, |tick| if tick < 100 { 300_000 } else { 20_000 });
        assert_eq!(looks.last(), Some(&20_000));
    }
}
