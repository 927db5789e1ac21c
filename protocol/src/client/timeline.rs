//! The last few ticks of the replica, so that others can be shown a little in the past, between two known states.

use crate::ids::EntityId;
use crate::replica::Replica;
use crate::rules::Rules;
use crate::tick::{Tick, TickRate};
use std::collections::VecDeque;

/// How far behind the newest body others are shown, in ticks.
const DELAY_TICKS: u64 = 2;

/// How fast the estimate of the quickest arrival is given up when the line gets slower, in microseconds per body.
const FORGET_US: i64 = 100;

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
    /// Our clock less the time its tick was due, for the quickest body of late.
    arrival_us: Option<i64>,
}

impl<R: Rules> Timeline<R> {
    /// Keeps the last `len_max` snapshots; none at all if that is 0.
    pub fn new(rate: TickRate, len_max: usize) -> Self {
        Self { rate, len_max, snapshots: VecDeque::new(), arrival_us: None }
    }

    /// Takes the replica after a body.
    pub(super) fn push(&mut self, now_us: u64, replica: &Replica<R>) {
        if self.len_max == 0 {
            return;
        }
        let tick = replica.tick();
        let arrival_us = now_us as i64 - self.rate.due_us(tick) as i64;
        self.arrival_us = Some(self.arrival_us.map_or(arrival_us, |quickest| (quickest + FORGET_US).min(arrival_us)));
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
        let shown_us = now_us as i64 - self.arrival_us? - (DELAY_TICKS * self.rate.period_us()) as i64;
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
