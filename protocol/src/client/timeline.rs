//! The last few ticks of the replica, so that others can be shown a little in the past, between two known states.

use crate::ids::EntityId;
use crate::replica::Replica;
use crate::rules::Rules;
use crate::tick::{Tick, TickRate};
use std::collections::VecDeque;

/// How far behind the newest body others are shown, in ticks.
const DELAY_TICKS: u64 = 2;

/// How fast the estimate of the quickest arrival is given up, in microseconds per body: slower than jitter, so that the
/// quickest of some seconds counts.
const FORGET_US: i64 = 100;

/// Bodies in a row, all more than a tick late, that are not jitter but a slower line.
const LATE_IN_A_ROW: u32 = 12;

/// The part of passing time by which the estimate may rise: others are then shown at half speed, and never go back.
const RISE_PART: i64 = 2;

/// Everything known on one tick.
#[derive(Clone, Debug)]
pub struct Snapshot<R: Rules> {
    /// The tick.
    pub tick: Tick,
    /// By id.
    pub entities: Vec<(EntityId, R::Entity)>,
}

/// The last snapshots, and the time at which to show them.
#[derive(Clone, Debug)]
pub struct Timeline<R: Rules> {
    rate: TickRate,
    len_max: usize,
    snapshots: VecDeque<Snapshot<R>>,
    arrival: Option<Arrival>,
}

/// How late the quickest bodies come: our clock less the time their tick was due, in microseconds.
///
/// A quicker body lowers the estimate at once. When the line gets slower it rises, but never as fast as time passes, or
/// what is shown would go back.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// The estimate when the last body came.
    estimate_us: i64,
    body_us: u64,
    /// Where it rises to.
    goal_us: i64,
    /// The bodies in a row that were late, and how late the quickest of them was.
    late: u32,
    late_us: i64,
}

impl Arrival {
    fn new(now_us: u64, arrival_us: i64) -> Self {
        Self { estimate_us: arrival_us, body_us: now_us, goal_us: arrival_us, late: 0, late_us: i64::MAX }
    }

    /// The estimate at a time after the last body.
    fn at(&self, now_us: u64) -> i64 {
        let most = now_us.saturating_sub(self.body_us) as i64 / RISE_PART;
        self.goal_us.min(self.estimate_us + most)
    }

    /// Takes the arrival of a body.
    fn take(&mut self, now_us: u64, arrival_us: i64, period_us: i64) {
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

impl<R: Rules> Timeline<R> {
    /// Keeps the last `len_max` snapshots; none at all if that is 0.
    pub fn new(rate: TickRate, len_max: usize) -> Self {
        Self { rate, len_max, snapshots: VecDeque::new(), arrival: None }
    }

    /// Takes the replica after a body.
    pub(super) fn push(&mut self, now_us: u64, replica: &Replica<R>) {
        if self.len_max == 0 {
            return;
        }
        let tick = replica.tick();
        let arrival_us = now_us as i64 - self.rate.due_us(tick) as i64;
        match &mut self.arrival {
            Some(arrival) => arrival.take(now_us, arrival_us, self.rate.period_us() as i64),
            None => self.arrival = Some(Arrival::new(now_us, arrival_us)),
        }
        let mut snapshot = match self.snapshots.len() == self.len_max {
            true => self.snapshots.pop_front(),
            false => None,
        }
        .unwrap_or(Snapshot { tick, entities: Vec::new() });
        snapshot.tick = tick;
        snapshot.entities.clear();
        snapshot.entities.extend(replica.known().iter().map(|known| (known.id, known.now)));
        self.snapshots.push_back(snapshot);
    }

    /// The two snapshots between which `now_us` is to be shown, and how far from the first to the second, 0 to 1.
    pub fn at(&self, now_us: u64) -> Option<(&Snapshot<R>, &Snapshot<R>, f64)> {
        let newest = self.snapshots.back()?;
        let arrival_us = self.arrival.as_ref()?.at(now_us);
        let shown_us = now_us as i64 - arrival_us - (DELAY_TICKS * self.rate.period_us()) as i64;
        let due = |snapshot: &Snapshot<R>| self.rate.due_us(snapshot.tick) as i64;
        let later = self.snapshots.iter().position(|snapshot| due(snapshot) > shown_us);
        let (from, to) = match later {
            None => return Some((newest, newest, 0.0)),
            Some(0) => return Some((&self.snapshots[0], &self.snapshots[0], 0.0)),
            Some(index) => (&self.snapshots[index - 1], &self.snapshots[index]),
        };
        let fraction = (shown_us - due(from)) as f64 / (due(to) - due(from)) as f64;
        Some((from, to, fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: i64 = 33_333;

    /// Plays bodies of a 30 Hz server that come as late as `late_us` says of their tick, and looks once a millisecond.
    /// Returns the estimates.
    fn looks(ticks: i64, late_us: impl Fn(i64) -> i64) -> Vec<i64> {
        let mut bodies: Vec<_> = (0..ticks).map(|tick| (tick * PERIOD + late_us(tick), tick * PERIOD)).collect();
        // None overtakes another on its way.
        for i in 1..bodies.len() {
            bodies[i].0 = bodies[i].0.max(bodies[i - 1].0);
        }
        let first = bodies[0].0;
        let mut arrival = Arrival::new(first as u64, first);
        let mut coming = bodies.into_iter().skip(1).peekable();
        let (mut looks, mut shown_us) = (Vec::new(), i64::MIN);
        for now in (first..ticks * PERIOD).step_by(1000) {
            while let Some((came, due)) = coming.next_if(|(came, _)| *came <= now) {
                arrival.take(came as u64, came - due, PERIOD);
            }
            let estimate = arrival.at(now as u64);
            assert!(now - estimate >= shown_us, "what is shown goes back by {} us", shown_us - (now - estimate));
            shown_us = now - estimate;
            looks.push(estimate);
        }
        looks
    }

    #[test]
    fn others_do_not_jerk_for_long_after_the_line_got_slower() {
        let looks = looks(300, |tick| if tick < 100 { 20_000 } else { 320_000 });
        // Two seconds after the step, and ever after, bodies come before they are shown.
        let settled = &looks[100 * 33 + 2000..];
        assert!(settled.iter().all(|estimate| (320_000 - PERIOD..=320_000).contains(estimate)), "{settled:?}");
    }

    #[test]
    fn a_line_that_gets_slower_again_and_again_is_followed() {
        let looks = looks(600, |tick| tick / 100 * 200_000);
        let last = *looks.last().expect("a look");
        assert!((1_000_000 - PERIOD..=1_000_000).contains(&last), "{last}");
    }

    #[test]
    fn jitter_and_a_stall_do_not_make_others_lag() {
        // Up to 60 ms late, one in five on time; and once nothing for half a second, then all at once.
        let looks = looks(600, |tick| match tick {
            300..315 => (315 - tick) * PERIOD,
            _ => tick * 7 % 5 * 15_000,
        });
        assert!(looks.iter().all(|estimate| *estimate < PERIOD / 2), "{:?}", looks.iter().max());
    }

    #[test]
    fn a_quicker_line_is_followed_at_once() {
        let looks = looks(200, |tick| if tick < 100 { 300_000 } else { 20_000 });
        assert_eq!(looks.last(), Some(&20_000));
    }
}
