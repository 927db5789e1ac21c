//! The two lines, and what must hold on each.

use crate::place::{Process, TestBed};
use crate::verdict::NetcodeOutcome;
use anyhow::{Context, Result, bail};
use clap::Args;
use fracas_bots::conditioner::LinkConditions;
use fracas_tests::Server;
use fracas_tests::program::sibling;
use fracas_tests::verdict::{VerdictRow, table};
use serde::Serialize;
use std::io::BufRead;
use std::path::PathBuf;
use std::time::Duration;

/// Plain streams beside the players.
const STREAMS: usize = 4;
/// One who is away in a run of ten minutes is so for a minute; in a shorter one, for as much of it.
const AWAY_PART: f64 = 0.1;
/// Beyond the run itself: starting, and reading clocks.
const AROUND: Duration = Duration::from_secs(30);
/// In milliseconds.
const PERIOD_MS: f64 = 1000.0 / 30.0;
/// Between two readings of the server's clock, before and after a run, in microseconds.
const CLOCK_DRIFT_US: i64 = 2_000;

/// How long, how many, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScenarioOptions {
    /// How long it takes.
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Players.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=500))]
    bots: u64,
    /// Decides what the players, the arena and the line do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Hold messages back in the players' process instead of making network namespaces: needs no privileges, and knows no
    /// packets.
    #[arg(long)]
    in_process: bool,
    /// Write what came out to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| (0.2..=120.0).contains(minutes));
    minutes.ok_or_else(|| format!("{text:?} is no number of minutes from 0.2 to 120"))
}

/// A line, and what must hold on it.
pub(crate) struct Scenario {
    name: &'static str,
    line: LinkConditions,
    judge: fn(&NetcodeOutcome, LinkConditions) -> Vec<VerdictRow>,
}

const fn line(delay_ms: u64, jitter_ms: u64, loss: u32) -> LinkConditions {
    LinkConditions { delay: Duration::from_millis(delay_ms), jitter: Duration::from_millis(jitter_ms), loss }
}

/// A line as from one end of a continent to the other.
pub(crate) const CLEAN: Scenario = Scenario { name: "clean", line: line(50, 20, 0), judge: judge_clean };

/// A line as over a bad wireless network.
pub(crate) const LOSSY: Scenario = Scenario { name: "lossy", line: line(100, 10, 100), judge: judge_lossy };

#[derive(Serialize)]
struct Written<'a> {
    scenario: &'a str,
    seed: u64,
    minutes: f64,
    outcome: &'a NetcodeOutcome,
    rows: &'a [VerdictRow],
}

/// Runs it, prints what came out, and fails if something does not hold.
#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
pub(crate) fn run(options: &ScenarioOptions, scenario: &Scenario) -> Result<()> {
    let where_it_is = if options.in_process { "in one process" } else { "between two network namespaces" };
    println!(
        "{}: {:?}, {where_it_is}; {} players, {} minutes, seed {}\n",
        scenario.name, scenario.line, options.bots, options.minutes, options.seed
    );
    let outcome = measure(options, scenario.line)?;
    let rows = (scenario.judge)(&outcome, scenario.line);
    println!("{}", table(&rows));
    println!("{}", serde_json::to_string_pretty(&outcome)?);
    if let Some(file) = &options.json {
        let (seed, minutes) = (options.seed, options.minutes);
        let result = Written { scenario: scenario.name, seed, minutes, outcome: &outcome, rows: &rows };
        std::fs::write(file, serde_json::to_vec_pretty(&result)?).with_context(|| file.display().to_string())?;
    }
    let missed: Vec<_> = rows.iter().filter(|row| !row.holds).map(|row| &*row.what).collect();
    if missed.is_empty() { Ok(()) } else { bail!("does not hold: {}", missed.join("; ")) }
}

fn measure(options: &ScenarioOptions, line: LinkConditions) -> Result<NetcodeOutcome> {
    let seconds = options.minutes * 60.0;
    let time = Duration::from_secs_f64(seconds) + AROUND;
    let place = if options.in_process { TestBed::Here } else { TestBed::namespaces(line, options.seed, time)? };
    let (program, own) = (sibling("fracas-server")?, std::env::current_exe()?);
    let address = place.near_address();
    let mut command = place.near(&program);
    command.args(["--listen", &format!("{address}:0"), "--ops-listen", "127.0.0.1:0", "--fill", "0"]);
    // Who measures the server's clock is a spectator.
    command.args(["--spectator-delay", "0"]);
    let server = Server::launch(command.args(["--tick-hz", "30", "--seed", &options.seed.to_string()]));
    let mut near = place.near(&own);
    near.args(["near", "--game", &server.game.to_string(), "--listen", &format!("{address}:0")]);
    near.args(["--streams", &STREAMS.to_string(), "--seconds", &time.as_secs_f64().to_string()]);
    let mut near = Process::start(&mut near)?;
    let mut told = near.output()?.lines();
    let mut next = || anyhow::Ok(told.next().context("what is beside the server has ended")??.parse::<i64>()?);
    let (port, before_us) = (next()?, next()?);
    let mut far = place.far(&own);
    far.args(["far", "--url", &server.url(), "--stream", &format!("{address}:{port}")]);
    far.args(["--streams", &STREAMS.to_string(), "--offset-us", &before_us.to_string()]);
    far.args(["--bots", &options.bots.to_string(), "--seed", &options.seed.to_string()]);
    far.args(["--seconds", &seconds.to_string(), "--hide", &(seconds * AWAY_PART).to_string()]);
    if options.in_process {
        far.args(["--line", &line.to_string()]);
    }
    let output = far.stderr(std::process::Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "the players did not come to an end");
    let after_us = next()?;
    let drift_us = after_us - before_us;
    anyhow::ensure!(drift_us.abs() <= CLOCK_DRIFT_US, "the server's clock went off by {drift_us} us meanwhile");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What must hold on any line.
fn judge_always(outcome: &NetcodeOutcome) -> Vec<VerdictRow> {
    vec![
        VerdictRow::exactly("players who joined", outcome.joined as u64, outcome.players as u64),
        VerdictRow::exactly("disconnects", outcome.disconnects as u64, 0),
        VerdictRow::exactly("views that were wrong, and desyncs", outcome.view_mismatches + outcome.desyncs, 0),
        VerdictRow::exactly(
            "corrections without a late input or an outside effect",
            outcome.corrections - outcome.corrections_late - outcome.corrections_pushed,
            0,
        ),
    ]
}

/// The usual round trip of a line, in milliseconds.
fn round_trip_ms(line: LinkConditions) -> f64 {
    2.0 * (line.delay.as_secs_f64() + line.jitter.as_secs_f64() / 2.0) * 1000.0
}

fn judge_clean(outcome: &NetcodeOutcome, line: LinkConditions) -> Vec<VerdictRow> {
    let round_trip_ms = round_trip_ms(line);
    let mut rows = judge_always(outcome);
    rows.extend([
        VerdictRow::percent("inputs that came late", outcome.inputs_late, outcome.inputs, 0.5, false),
        VerdictRow::at_most("ticks that an input waits, p50", outcome.wait_ticks.0 as f64, 1.0, "ticks"),
        VerdictRow::at_most("ticks that an input waits, p95", outcome.wait_ticks.1 as f64, 2.0, "ticks"),
        VerdictRow::at_most(
            "error of the clock at joining, worst",
            outcome.clock_at_join_ms.judged(|points| points.max),
            PERIOD_MS / 2.0,
            "ms",
        ),
        VerdictRow::at_most(
            "error of the clock after 10 s, p95",
            outcome.clock_ms.judged(|points| points.p95),
            5.0,
            "ms",
        ),
        VerdictRow::at_most(
            "key to another's screen, p50",
            outcome.action_ms.judged(|points| points.p50),
            round_trip_ms + 4.0 * PERIOD_MS,
            "ms",
        ),
        VerdictRow::at_most(
            "key to another's screen, p99",
            outcome.action_ms.judged(|points| points.p99),
            round_trip_ms + 6.0 * PERIOD_MS,
            "ms",
        ),
        VerdictRow::percent("rails that did as the screen showed", outcome.rails_agreed, outcome.rails, 99.5, true),
        VerdictRow::at_most(
            "hidden, and whole again after",
            outcome.return_ms.unwrap_or(f64::INFINITY),
            round_trip_ms + 3.0 * PERIOD_MS,
            "ms",
        ),
        VerdictRow::exactly("fresh starts for it", outcome.return_fresh_starts, 1),
        VerdictRow::exactly("frames while hidden", outcome.frames_while_hidden, 0),
    ]);
    rows
}

fn judge_lossy(outcome: &NetcodeOutcome, _line: LinkConditions) -> Vec<VerdictRow> {
    let plain_ms = outcome.plain_ms.p99;
    let mut rows = judge_always(outcome);
    rows.extend([
        VerdictRow::at_most(
            "age of what is shown, p99",
            outcome.age_ms.judged(|points| points.p99),
            plain_ms + 3.0 * PERIOD_MS,
            "ms",
        ),
        VerdictRow::at_most(
            "from a burst to all as usual, longest",
            outcome.recovery_ms.judged(|points| points.max),
            1000.0,
            "ms",
        ),
    ]);
    rows
}
