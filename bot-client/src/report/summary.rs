//! A swarm's result: the keys of its JSON (schema 1), which other tools rely on.

use super::measures::{Arrivals, Measures, Times};
use serde::Serialize;
use std::collections::BTreeMap;

/// Four points of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// The middle.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl From<&Times> for Percentiles {
    fn from(times: &Times) -> Self {
        let at = |percent| times.percentile_ms(percent);
        Self { p50: at(50.0), p90: at(90.0), p99: at(99.0), max: times.max_ms() }
    }
}

impl From<&Arrivals> for Percentiles {
    fn from(arrivals: &Arrivals) -> Self {
        let at = |percent| arrivals.percentile_ms(percent);
        Self { p50: at(50.0), p90: at(90.0), p99: at(99.0), max: at(100.0) }
    }
}

/// What came out of a swarm's run. All rates and percentiles are over the steady part, over all bots.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the crate's README.md has a table of the keys")]
pub struct Summary {
    pub schema: u32,
    pub url: String,
    pub seed: u64,
    pub bots_requested: usize,
    pub bots_joined: usize,
    pub bots_at_end: usize,
    pub verified_bots: usize,
    pub duration_s: f64,
    pub steady_s: f64,
    pub updates: u64,
    pub update_hz_mean: f64,
    pub update_hz_p5: f64,
    pub on_time: f64,
    pub update_gap_ms: Percentiles,
    pub update_late_ms: Percentiles,
    pub input_to_update_ms: Percentiles,
    pub rtt_ms: Percentiles,
    pub bytes_in: u64,
    pub bytes_per_update: f64,
    pub visible_mean: f64,
    pub inputs_sent: u64,
    pub view_checks: u64,
    pub view_mismatches: u64,
    pub desyncs: u64,
    pub resyncs: u64,
    pub corrections: u64,
    pub corrections_late: u64,
    pub corrections_pushed: u64,
    pub verdicts: u64,
    pub verdicts_agreed: u64,
    pub disconnects: BTreeMap<&'static str, u64>,
    pub returns: u64,
    pub resumed: u64,
    pub away_ms: Percentiles,
    pub swarm_cpu_s: f64,
    pub swarm_saturated: bool,
}

/// One bot's part in the steady time.
#[derive(Clone, Copy, Debug, Default)]
pub struct BotShare {
    /// Bodies that came.
    pub updates: u64,
    /// For how long bodies were due, in microseconds: from its joining to the end of the steady part, whether or not it
    /// was still there.
    pub due_us: u64,
}

/// The part of all bodies due that came at most half a period late, 0 to 1.
pub fn on_time(arrivals: &Arrivals, shares: &[BotShare], tick_hz: u32) -> f64 {
    let due = shares.iter().map(|share| share.due_us as f64).sum::<f64>() / 1e6 * f64::from(tick_hz);
    let half_period_us = 500_000 / u64::from(tick_hz);
    if due > 0.0 { (arrivals.within(half_period_us) as f64 / due).min(1.0) } else { 0.0 }
}

impl Summary {
    /// Fills in what follows from the measures and the bots' shares. `tick_hz` is the server's rate.
    pub fn measure(&mut self, measures: &Measures, shares: &[BotShare], tick_hz: u32) {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        self.updates = shares.iter().map(|share| share.updates).sum();
        self.update_hz_mean = ratio(self.updates as f64, self.steady_s * self.bots_joined as f64);
        let mut rates: Vec<f64> = shares.iter().map(|share| share.updates as f64 / self.steady_s).collect();
        rates.sort_by(f64::total_cmp);
        self.update_hz_p5 = rates.get(rates.len() * 5 / 100).copied().unwrap_or(0.0);
        self.on_time = on_time(&measures.arrivals, shares, tick_hz);
        self.update_gap_ms = (&measures.update_gap).into();
        self.update_late_ms = (&measures.arrivals).into();
        self.input_to_update_ms = (&measures.input_to_update).into();
        self.rtt_ms = (&measures.rtt).into();
        self.bytes_in = measures.bytes_in;
        self.bytes_per_update = ratio(measures.bytes_in as f64, self.updates as f64);
        self.visible_mean = ratio(measures.visible as f64, measures.visible_bodies as f64);
        self.inputs_sent = measures.inputs_sent;
        (self.verdicts, self.verdicts_agreed) = (measures.verdicts, measures.verdicts_agreed);
        (self.returns, self.resumed, self.away_ms) = (measures.returns, measures.resumed, (&measures.away).into());
    }

    /// Whether the run proves anything: all were let in, and nobody saw what was not there.
    pub fn is_sound(&self) -> bool {
        self.bots_joined == self.bots_requested && self.view_mismatches == 0 && self.desyncs == 0
    }

    /// The result as one JSON object.
    pub fn to_json(&self) -> String {
        match serde_json::to_string_pretty(self) {
            Ok(json) => json + "\n",
            Err(error) => unreachable!("numbers and words can be written: {error}"),
        }
    }
}
