//! The arena's balance: rooms of hunters in memory and in virtual time, how often a ship is destroyed there and how long it lives.

use crate::hunters::{self, RATE};
use anyhow::{Context as _, Result, bail, ensure};
use fracas_tests::verdict::{VerdictRow, table};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Two results differ by more than this only if the game has changed, in percent.
const DIFFERENCE_MAX: f64 = 5.0;

/// What is played.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct BalanceOptions {
    /// Hunters in a room.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(2..=1000))]
    bots: u16,
    /// Rooms, each from its own seed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Minutes of simulated time that each is played.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Ships to a view.
    #[arg(long, default_value_t = 20)]
    density: u32,
    /// Threads, each of which plays whole rooms.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
    /// Write what came out to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Compare with what an earlier run wrote, and fail if it differs by more than 5 %.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Balance {
    bots: u16,
    seeds: u64,
    minutes: f64,
    density: u32,
    kills_a_minute: f64,
    median_life_s: f64,
}

/// Plays all rooms and tells what came out.
#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
pub(crate) fn run(options: &BalanceOptions) -> Result<()> {
    ensure!(options.minutes > 0.0 && options.minutes <= 60.0, "--minutes must be more than 0 and at most 60");
    let began = Instant::now();
    let mut fates = play_all(options);
    let kills: usize = fates.iter().map(Vec::len).sum();
    println!("## balance: {} hunters, {} seeds, {} minutes\n", options.bots, options.seeds, options.minutes);
    for (seed, lives) in (1..).zip(&mut fates) {
        let a_minute = lives.len() as f64 / options.minutes;
        println!("seed {seed}: {a_minute:.1} kills a minute, median life {:.2} s", median_s(lives));
    }
    let mut lives: Vec<u32> = fates.into_iter().flatten().collect();
    let balance = Balance {
        bots: options.bots,
        seeds: options.seeds,
        minutes: options.minutes,
        density: options.density,
        kills_a_minute: kills as f64 / options.minutes / options.seeds as f64,
        median_life_s: median_s(&mut lives),
    };
    println!(
        "all: {:.1} kills a minute, median life {:.2} s ({:.0} s of real time)",
        balance.kills_a_minute,
        balance.median_life_s,
        began.elapsed().as_secs_f64()
    );
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&balance)?).with_context(|| file.display().to_string())?;
    }
    match &options.against {
        Some(file) => {
            let text = std::fs::read(file).with_context(|| file.display().to_string())?;
            compare(&balance, &serde_json::from_slice(&text).with_context(|| file.display().to_string())?)
        }
        None => Ok(()),
    }
}

#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
fn compare(now: &Balance, before: &Balance) -> Result<()> {
    let setup = |of: &Balance| (of.bots, of.seeds, of.minutes.to_bits(), of.density);
    ensure!(setup(now) == setup(before), "the earlier run was of another room: compare with {before:?}");
    let row = |what: &str, is: f64, was: f64| {
        let words = format!("{what}: {is:.2}, before {was:.2}, differs by");
        VerdictRow::at_most(words, (is / was - 1.0).abs() * 100.0, DIFFERENCE_MAX, "%")
    };
    let rows = [
        row("kills a minute", now.kills_a_minute, before.kills_a_minute),
        row("median life in seconds", now.median_life_s, before.median_life_s),
    ];
    println!("\n{}", table(&rows));
    if rows.iter().all(|row| row.holds) { Ok(()) } else { bail!("the balance is not what it was") }
}

/// The middle of some lives, in seconds.
fn median_s(lives: &mut [u32]) -> f64 {
    lives.sort_unstable();
    lives.get(lives.len() / 2).map_or(f64::NAN, |ticks| f64::from(*ticks) / f64::from(RATE.hz()))
}

/// The ticks of every life that ended, by seed.
fn play_all(options: &BalanceOptions) -> Vec<Vec<u32>> {
    let next = AtomicU64::new(1);
    let work = || {
        let mut played = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > options.seeds {
                return played;
            }
            played.push((seed, hunters::play(options.bots, options.density, seed, options.minutes)));
        }
    };
    let mut fates: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a room of hunters plays")).collect()
    });
    fates.sort_unstable_by_key(|(seed, _)| *seed);
    fates.into_iter().map(|(_, lives)| lives).collect()
}
