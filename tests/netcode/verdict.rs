//! What came out of a run, over all players.

use crate::player::Sample;
use serde::{Deserialize, Serialize};

/// The tick rate of all runs, in microseconds.
const PERIOD_US: i64 = 33_333;
/// The clock is judged from so long after joining, in microseconds.
const CLOCK_SETTLED_US: u64 = 10_000_000;
/// Frames that stay away for longer are a burst when they come, in microseconds: three ticks.
const BURST_US: u64 = 100_000;

/// Some points of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Points {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Points {
    /// Of some times in microseconds; all 0 of none.
    fn of(mut us: Vec<i64>) -> Self {
        us.sort_unstable();
        let at = |percent: usize| us.get((us.len() * percent / 100).min(us.len().saturating_sub(1)));
        let ms = |percent| at(percent).map_or(0.0, |us| *us as f64 / 1000.0);
        Self { count: us.len(), p50: ms(50), p95: ms(95), p99: ms(99), max: ms(100) }
    }

    /// One of them, to be judged: what was never measured is not good.
    pub(crate) fn judged(&self, point: fn(&Self) -> f64) -> f64 {
        if self.count == 0 { f64::INFINITY } else { point(self) }
    }
}

/// What came out of a run, over all players.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NetcodeOutcome {
    pub(crate) players: usize,
    pub(crate) joined: usize,
    pub(crate) disconnects: usize,
    pub(crate) bodies: u64,
    pub(crate) view_checks: u64,
    pub(crate) view_mismatches: u64,
    pub(crate) desyncs: u64,
    pub(crate) inputs: u64,
    pub(crate) inputs_late: u64,
    pub(crate) corrections: u64,
    pub(crate) corrections_late: u64,
    pub(crate) corrections_pushed: u64,
    pub(crate) rails: u64,
    pub(crate) rails_agreed: u64,
    /// Ticks that inputs waited for theirs: the middle, and 95 of a hundred.
    pub(crate) wait_ticks: (i64, i64),
    /// The clock's error just after joining ...
    pub(crate) clock_at_join_ms: Points,
    /// ... and later.
    pub(crate) clock_ms: Points,
    /// From a key to another's screen.
    pub(crate) action_ms: Points,
    /// How old what a screen shows is.
    pub(crate) age_ms: Points,
    /// How long a message of a plain stream was under way.
    pub(crate) plain_ms: Points,
    /// From a burst to a screen that is as usual again.
    pub(crate) recovery_ms: Points,
    /// One who came back: how long it took, and what came meanwhile.
    pub(crate) return_ms: Option<f64>,
    pub(crate) return_fresh_starts: u64,
    pub(crate) frames_while_hidden: u64,
}

impl NetcodeOutcome {
    /// Of all players of a run; how long messages of plain streams were under way, in microseconds; and the server's clock less
    /// the machine's.
    pub(crate) fn of(samples: &[Sample], plain_us: Vec<i64>, offset_us: i64) -> Self {
        let sum = |value: fn(&Sample) -> u64| samples.iter().map(value).sum::<u64>();
        let error = |(_, difference): &(u64, i64)| (difference - offset_us).abs();
        let at_join = samples.iter().filter_map(|sample| sample.clock.first()).map(error).collect();
        let later = samples.iter().flat_map(|sample| sample.clock.iter());
        let later = later.filter(|(since_us, _)| *since_us >= CLOCK_SETTLED_US).map(error).collect();
        let ages = |sample: &Sample| sample.shown.iter().map(|(_, age)| age + offset_us).collect::<Vec<_>>();
        let mut leads: Vec<i64> = samples.iter().flat_map(|sample| sample.leads.iter().copied()).collect();
        leads.sort_unstable();
        let lead = |percent: usize| leads.get(leads.len() * percent / 100).copied().unwrap_or_default();
        let back = samples.iter().find_map(|sample| sample.came_back);
        Self {
            players: samples.len(),
            joined: samples.iter().filter(|sample| sample.joined_us.is_some()).count(),
            disconnects: samples.iter().filter(|sample| sample.was_closed).count(),
            bodies: sum(|sample| sample.counters.bodies),
            view_checks: sum(|sample| sample.counters.view_checks),
            view_mismatches: sum(|sample| sample.counters.view_mismatches),
            desyncs: sum(|sample| sample.counters.desyncs),
            inputs: sum(|sample| sample.counters.inputs_sent),
            inputs_late: sum(|sample| sample.counters.inputs_late),
            corrections: sum(|sample| sample.counters.corrections),
            corrections_late: sum(|sample| sample.counters.corrections_late),
            corrections_pushed: sum(|sample| sample.counters.corrections_pushed),
            rails: sum(|sample| sample.rails),
            rails_agreed: sum(|sample| sample.rails_agreed),
            wait_ticks: (lead(50), lead(95)),
            clock_at_join_ms: Points::of(at_join),
            clock_ms: Points::of(later),
            action_ms: Points::of(samples.iter().flat_map(|sample| sample.actions.iter().copied()).collect()),
            age_ms: Points::of(samples.iter().flat_map(ages).collect()),
            plain_ms: Points::of(plain_us),
            recovery_ms: Points::of(samples.iter().flat_map(recoveries).collect()),
            return_ms: back.and_then(|back| back.took_us).map(|us| us as f64 / 1000.0),
            return_fresh_starts: back.map_or(0, |back| back.fresh_starts),
            frames_while_hidden: back.map_or(0, |back| back.frames_while_hidden),
        }
    }
}

/// For each burst that no other followed before all was well: how long it took until what was shown was not older than usual
/// by more than a tick.
fn recoveries(sample: &Sample) -> Vec<i64> {
    let mut ages: Vec<i64> = sample.shown.iter().map(|(_, age)| *age).collect();
    ages.sort_unstable();
    let Some(usual_us) = ages.get(ages.len() / 2).map(|middle| middle + PERIOD_US) else { return Vec::new() };
    let bursts: Vec<(u64, u64)> =
        sample.frames.windows(2).filter(|two| two[1] - two[0] > BURST_US).map(|two| (two[0], two[1])).collect();
    let recovery = |(index, (_, came_us)): (usize, &(u64, u64))| {
        let next_us = bursts.get(index + 1).map_or(u64::MAX, |(silent_since_us, _)| *silent_since_us);
        let first = sample.shown.partition_point(|(at_us, _)| at_us < came_us);
        let after = &sample.shown[first..];
        let (well_us, _) = after.iter().find(|(_, age)| *age <= usual_us)?;
        (*well_us <= next_us && first > 0).then_some((well_us - came_us) as i64)
    };
    bursts.iter().enumerate().filter_map(recovery).collect()
}
