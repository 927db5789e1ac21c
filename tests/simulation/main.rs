//! The whole server and its players in one thread, over lines in memory and in virtual time: a seed decides who plays and what
//! fails, and everything that anybody is told is checked. The same seed does the same again, whatever the build.
//!
//! - `plan`: what a seed decides
//! - `line`: one connection in memory
//! - `server`: the server's threads, each when it would wake; and bugs planted at its endpoints
//! - `peer`, `player`: one connection of a player, and the player across connections
//! - `hand`: what drives a client
//! - `strategies`: players beside the ordinary ones who try to get more than others
//! - `world`: one seed from its beginning to its end
//! - `annals`, `checks`: what the room did and said, and what must hold
//! - `digest`: a seed in 64 bits

mod annals;
mod checks;
mod digest;
mod hand;
mod line;
mod peer;
mod plan;
mod player;
mod server;
mod strategies;
mod world;

use anyhow::{Context, Result, bail};
use checks::{CheckTally, Finding};
use clap::{Parser, ValueEnum};
use fracas_protocol::tick::Tick;
use fracas_tests::verdict::{VerdictRow, table};
use server::planted::Bug;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use strategies::Strategy;
use world::WorldOutcome;

/// A planted bug must be caught within so many seeds.
const SEEDS_TO_CATCH: u64 = 40;

/// Simulates the server and its players. Exit code 1 if anything does not hold.
#[derive(Parser)]
#[command(max_term_width = 120)]
struct Cli {
    /// So many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// One seed, and what it did.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Threads, each of which runs whole seeds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
    /// Adversaries of this strategy alone.
    #[arg(long)]
    strategy: Option<Strategy>,
    /// Shows that the checkers catch bugs that are put into the server.
    #[arg(long)]
    planted: bool,
    /// Prints the digest of each seed.
    #[arg(long)]
    hashes: bool,
    /// Compares the digests of the seeds in this file, or writes them with `FRACAS_WRITE_VECTORS`.
    #[arg(long, value_name = "FILE")]
    digests: Option<PathBuf>,
    /// Write what came out to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs a seed. A panic in the code that is tested is a finding, too.
fn run(seed: u64, only: Option<Strategy>, bug: Option<Bug>, is_told: bool) -> WorldOutcome {
    catch_unwind(|| world::run(seed, only, bug, is_told)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        let what = format!("it panicked: {text}");
        WorldOutcome {
            seed,
            digest: 0,
            findings: vec![Finding { checker: "panic", tick: Tick(0), player: None, what }],
            tally: CheckTally::default(),
            players: 0,
            story: Vec::new(),
            skipped: 0,
            loops_missed: 0,
            played_us: 0,
        }
    })
}

/// Runs all seeds, on so many threads. The outcomes are in the order of the seeds.
fn run_all(first: u64, count: u64, threads: u64, only: Option<Strategy>) -> Vec<WorldOutcome> {
    let next = AtomicU64::new(first);
    let take = || {
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return outcomes;
            }
            outcomes.push(run(seed, only, None, false));
        }
    };
    let mut outcomes: Vec<WorldOutcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it catches what panics")).collect()
    });
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
fn report(outcome: &WorldOutcome) {
    for Finding { checker, tick, player, what } in &outcome.findings {
        let player = player.map_or_else(String::new, |player| format!(" player {player}:"));
        println!("seed {}, tick {tick}, {checker}:{player} {what}", outcome.seed);
        println!("    again: cargo run --release -p fracas-tests --bin simulation -- --seed {}", outcome.seed);
    }
}

/// What must hold of all seeds together, and of each.
fn rows(outcomes: &[WorldOutcome], took_s: f64) -> Vec<VerdictRow> {
    let sum = |of: fn(&WorldOutcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let least = |of: fn(&WorldOutcome) -> u64| outcomes.iter().map(of).min().unwrap_or(0) as f64;
    let seeds = outcomes.len() as f64;
    let mut rows = vec![
        VerdictRow::exactly("violations", sum(|outcome| outcome.findings.len() as u64), 0),
        VerdictRow::at_least("players of a seed, the fewest", least(|outcome| outcome.players as u64), 8.0, ""),
        VerdictRow::at_least(
            "simulated seconds of a seed, the fewest",
            least(|outcome| outcome.played_us / 100_000) / 10.0,
            10.0,
            "s",
        ),
        VerdictRow::at_least("faults of a seed, the fewest", least(|outcome| outcome.tally.faults), 2.0, ""),
        VerdictRow::at_least("ships given back in a seed, the fewest", least(|outcome| outcome.tally.resumes), 1.0, ""),
        VerdictRow::at_least("faults", sum(|outcome| outcome.tally.faults) as f64, 4.0 * seeds, ""),
        VerdictRow::at_least("ships given back", sum(|outcome| outcome.tally.resumes) as f64, 1.5 * seeds, ""),
        VerdictRow::at_least("takeovers told", sum(|outcome| outcome.tally.evictions) as f64, seeds / 8.0, ""),
        VerdictRow::at_least(
            "told that they were given up",
            sum(|outcome| outcome.tally.given_up) as f64,
            seeds / 200.0,
            "",
        ),
        VerdictRow::at_least("bodies compared", sum(|outcome| outcome.tally.bodies) as f64, 1500.0 * seeds, ""),
        VerdictRow::at_least("bodies that came packed", sum(|outcome| outcome.tally.bodies_packed) as f64, seeds, ""),
        VerdictRow::at_least(
            "bodies that spectators saw late",
            sum(|outcome| outcome.tally.bodies_late) as f64,
            50.0 * seeds,
            "",
        ),
        VerdictRow::at_least("entities compared", sum(|outcome| outcome.tally.entities) as f64, 15_000.0 * seeds, ""),
        VerdictRow::at_least("fresh starts", sum(|outcome| outcome.tally.fresh_starts) as f64, 10.0 * seeds, ""),
        VerdictRow::at_least(
            "acknowledged inputs compared",
            sum(|outcome| outcome.tally.acknowledged) as f64,
            1000.0 * seeds,
            "",
        ),
        VerdictRow::at_least("dashes and rails followed", sum(|outcome| outcome.tally.edges) as f64, 10.0 * seeds, ""),
        VerdictRow::at_least("news heard", sum(|outcome| outcome.tally.news) as f64, 100.0 * seeds, ""),
        VerdictRow::at_least("ticks skipped", sum(|outcome| outcome.skipped) as f64, seeds / 8.0, ""),
        VerdictRow::at_least(
            "outputs that found a channel full",
            sum(|outcome| outcome.loops_missed) as f64,
            seeds / 8.0,
            "",
        ),
    ];
    rows.extend(strategy_rows(outcomes));
    rows.push(VerdictRow::at_most("milliseconds a seed", took_s * 1000.0 / seeds, 120.0, "ms").speed());
    rows
}

/// What the checks of strategies looked at: one that looks at nothing finds nothing.
fn strategy_rows(outcomes: &[WorldOutcome]) -> Vec<VerdictRow> {
    let sum = |of: fn(&CheckTally) -> u64| outcomes.iter().map(|outcome| of(&outcome.tally)).sum::<u64>() as f64;
    let seeds = outcomes.len() as f64;
    vec![
        VerdictRow::at_least("seats of adversaries", sum(|tally| tally.adversaries_welcomed), seeds, ""),
        VerdictRow::at_least("shots counted for networks", sum(|tally| tally.shots), 50.0 * seeds, ""),
        VerdictRow::at_least("sessions that took over an allowance", sum(|tally| tally.takeovers), seeds / 10.0, ""),
        VerdictRow::at_least("rails answered", sum(|tally| tally.rails), 5.0 * seeds, ""),
        VerdictRow::at_least("ticks on which two destroyed each other", sum(|tally| tally.duels), seeds / 200.0, ""),
        VerdictRow::at_least("told that the room is full", sum(|tally| tally.refusals), seeds / 200.0, ""),
        VerdictRow::at_least("windows of liars compared", sum(|tally| tally.windows), 30.0 * seeds, ""),
        VerdictRow::at_least("windows compared during lies", sum(|tally| tally.windows_of_lies), 10.0 * seeds, ""),
        VerdictRow::at_least("scenes played in two orders", sum(|tally| tally.scenes), 3.0 * seeds, ""),
        VerdictRow::at_least("scenes in which somebody was hurt", sum(|tally| tally.scenes_with_hits), seeds, ""),
    ]
}

/// Runs each planted bug over some seeds, until it is caught.
fn catch_planted(first: u64) -> Vec<VerdictRow> {
    let catch = |bug: Bug| {
        let name = bug.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let caught = (first..first + SEEDS_TO_CATCH).find_map(|seed| {
            let findings = run(seed, None, Some(bug), false).findings;
            let by = findings.into_iter().find(|finding| bug.found_by().contains(&finding.checker))?;
            Some((seed, by))
        });
        match caught {
            Some((seed, Finding { checker, what, .. })) => {
                VerdictRow::exactly(format!("planted {name}: seed {seed}, {checker}: {what}"), 1, 1)
            }
            None => VerdictRow::exactly(format!("planted {name}"), 0, 1),
        }
    };
    Bug::value_variants().iter().copied().map(catch).collect()
}

/// Compares the digests in a file, of which each line is a seed and its digest; or writes them anew.
#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
fn compare_digests(file: &PathBuf) -> Result<()> {
    if std::env::var_os("FRACAS_WRITE_VECTORS").is_some() {
        let lines = run_all(1, 20, 2, None)
            .iter()
            .map(|outcome| format!("{} {:016x}\n", outcome.seed, outcome.digest))
            .collect::<String>();
        return std::fs::write(file, lines).with_context(|| file.display().to_string());
    }
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut compared = 0;
    for line in text.lines() {
        let (seed, digest) = line.split_once(' ').with_context(|| format!("not a seed and a digest: {line}"))?;
        let outcome = run(seed.parse()?, None, None, false);
        report(&outcome);
        let is = format!("{:016x}", outcome.digest);
        if is != digest {
            bail!(
                "seed {seed} has the digest {is}, not {digest}. If the game or the simulation was changed, renew the file: \
                 FRACAS_WRITE_VECTORS=1 cargo run -p fracas-tests --bin simulation -- --digests {}. \
                 If not, two builds do not do the same",
                file.display()
            );
        }
        compared += 1;
    }
    println!("{compared} digests agree");
    if compared > 0 { Ok(()) } else { bail!("{} is empty", file.display()) }
}

#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(file) = &cli.digests {
        return compare_digests(file);
    }
    if let Some(seed) = cli.seed {
        let outcome = run(seed, cli.strategy, None, true);
        outcome.story.iter().for_each(|words| println!("{words}"));
        println!("{:?}", outcome.tally);
        report(&outcome);
        println!("{seed} {:016x}", outcome.digest);
        return if outcome.findings.is_empty() { Ok(()) } else { bail!("seed {seed} does not hold") };
    }
    let rows = if cli.planted {
        catch_planted(cli.first)
    } else {
        let began = Instant::now();
        let outcomes = run_all(cli.first, cli.seeds, cli.threads, cli.strategy);
        let took_s = began.elapsed().as_secs_f64();
        outcomes.iter().for_each(report);
        if cli.hashes {
            outcomes.iter().for_each(|outcome| println!("{} {:016x}", outcome.seed, outcome.digest));
        }
        println!("## {} seeds from {} ({took_s:.0} s)\n", outcomes.len(), cli.first);
        rows(&outcomes, took_s)
    };
    println!("{}", table(&rows));
    if let Some(file) = &cli.json {
        std::fs::write(file, serde_json::to_vec_pretty(&rows)?).with_context(|| file.display().to_string())?;
    }
    let missed: Vec<_> = rows.iter().filter(|row| !row.holds && !row.is_speed).map(|row| row.what.as_str()).collect();
    if missed.is_empty() { Ok(()) } else { bail!("does not hold: {}", missed.join("; ")) }
}
