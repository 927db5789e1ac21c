//! A swarm's result for people.

use super::Summary;
use super::summary::Percentiles;
use std::fmt::Write;

/// The result as a table.
pub fn render(summary: &Summary) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<20} {value}");
    };
    let times = |p: &Percentiles| format!("p50 {:.1}  p90 {:.1}  p99 {:.1}  max {:.1} ms", p.p50, p.p90, p.p99, p.max);
    row(
        "bots",
        format!(
            "{} asked, {} joined, {} at the end, {} verified",
            summary.bots_requested, summary.bots_joined, summary.bots_at_end, summary.verified_bots
        ),
    );
    row("time", format!("{:.1} s, {:.1} s of it steady", summary.duration_s, summary.steady_s));
    row(
        "updates",
        format!(
            "{} ({:.2} Hz mean, {:.2} Hz p5), {:.2} % on time",
            summary.updates,
            summary.update_hz_mean,
            summary.update_hz_p5,
            summary.on_time * 100.0
        ),
    );
    row("update gap", times(&summary.update_gap_ms));
    row("update late", times(&summary.update_late_ms));
    row("input to update", times(&summary.input_to_update_ms));
    row("round trip", times(&summary.rtt_ms));
    row("bytes", format!("{:.1} per update, {:.1} entities visible", summary.bytes_per_update, summary.visible_mean));
    row(
        "view checks",
        format!(
            "{} made, {} failed, {} desyncs, {} resyncs",
            summary.view_checks, summary.view_mismatches, summary.desyncs, summary.resyncs
        ),
    );
    row(
        "corrections",
        format!(
            "{}, {} of them late inputs, {} pushed",
            summary.corrections, summary.corrections_late, summary.corrections_pushed
        ),
    );
    row("verdicts", format!("{}, {} of them as the screen promised", summary.verdicts, summary.verdicts_agreed));
    let disconnects: Vec<_> = summary.disconnects.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    row("disconnects", if disconnects.is_empty() { "none".into() } else { disconnects.join(", ") });
    if summary.returns > 0 {
        let away = times(&summary.away_ms);
        row("returns", format!("{}, {} of them to their place, away {away}", summary.returns, summary.resumed));
    }
    let limit =
        if summary.swarm_saturated { ", which was its limit: measure with more cores or fewer bots" } else { "" };
    row("swarm", format!("{:.1} s of CPU{limit}", summary.swarm_cpu_s));
    out
}
