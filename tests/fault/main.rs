//! Proof that the server stands what is done to it: each attack and each failure against the real program; where somebody could
//! notice, with ordinary bots beside it that must not.
//!
//! - `stand`: the server, the bots beside, and what is read off both
//! - `kernel`: what the system knows of the server's sockets
//! - `frames`: frames that break the protocol, with more behind them
//! - `hostile`: sockets that flood, drip, hoard or say nothing
//! - `handshakes`: a thousand that never finish
//! - `silent`: twenty addresses that hold both ports and complete nothing
//! - `forwarded`: what a proxy says of whom it connects for
//! - `readers`: players who stop to read
//! - `churn`: joins and cuts over and over, from one address
//! - `hop`: a network that leaves and joins to shed what a session owes; `flyer`: a player who sees, for that
//! - `tokens`: guesses, ships taken back over sockets that are still open, and two with one token
//! - `rewind`: shooters who lie about what they have received
//! - `storms`: all cut off at once, a restart under load, a stampede at a full server
//! - `overload`: more players than it can carry, and a machine that hardly lets it work
//! - `descriptors`, `memory`: every descriptor taken, and twice the players that there is memory for
//! - `cgroup`: what limits memory for that
//! - `squatters`: players who hold seats and do nothing
//! - `stalled_log`: a log that nobody reads
//! - `ports`: what listens

mod cgroup;
mod churn;
mod descriptors;
mod flyer;
mod forwarded;
mod frames;
mod handshakes;
mod hop;
mod hostile;
mod kernel;
mod memory;
mod overload;
mod ports;
mod readers;
mod rewind;
mod silent;
mod squatters;
mod stalled_log;
mod stand;
mod storms;
mod tokens;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use fracas_tests::verdict::{VerdictRow, table};
use std::path::PathBuf;
use std::time::Instant;

/// Attacks the server, and lets it fail. Needs a release build of the workspace, `ss` (iproute2), and root for a cgroup; all on loopback.
#[derive(Parser)]
#[command(max_term_width = 120)]
struct Cli {
    /// Which; all of them if none is named.
    scenarios: Vec<Scenario>,
    /// With few attackers and without pairs of runs, so that all take three minutes.
    #[arg(long)]
    short: bool,
    /// Pairs of runs, with and without an attack, of which the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Write what came out to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Attack this server program, and not the one beside this program: an older one, to see what it did.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    short: bool,
    rounds: u32,
}

impl Size {
    /// As many as the proof asks for, or a few.
    pub(crate) fn pick(self, whole: usize, short: usize) -> usize {
        if self.short { short } else { whole }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Frames that break the protocol: the code meant is the code received.
    Frames,
    /// Hostile sockets of every kind: small, soon gone, and not noticed.
    Hostile,
    /// Half handshakes: let go of, while others join.
    Handshakes,
    /// Connections that complete nothing, from twenty addresses: health, the word to stop and newcomers are heard.
    Silent,
    /// What a proxy says of whom it connects for: nobody gets round the limit.
    Forwarded,
    /// Players who stop to read: bounded, told why, and not noticed.
    Readers,
    /// Joins and cuts over and over, from one address: newcomers get in, and the server's own bots stay.
    Churn,
    /// Shooters who lie about what they have received: they choose no moment to hit others at.
    Rewind,
    /// Leaving and joining to shed wounds, pauses and waits: nothing is gained by it.
    Hop,
    /// Guessed tokens: none accepted, and slowed down.
    #[value(name = "guesses")]
    TokenGuesses,
    /// Ships taken back while the old socket is still open, and two sockets with one token.
    Resumes,
    /// All players cut off at once.
    Storm,
    /// SIGTERM under load, and another process after it.
    Drain,
    /// A thousand who want to join a full server.
    Stampede,
    /// More players than it can carry, and five seconds in which it can hardly work.
    Overload,
    /// No descriptor left: told so, not noticed, and soon over.
    Descriptors,
    /// Twice the players that there is memory for: refused, and nobody killed. Needs root, for a cgroup of its own.
    Memory,
    /// A log that nobody reads, and much to log: not noticed, and lines are dropped.
    StalledLog,
    /// Players who hold seats and do nothing: sent away, and others get the seats.
    Squatters,
    /// What listens, and what the operators' port refuses.
    Ports,
}

impl Scenario {
    fn run(self, size: Size) -> Result<Vec<VerdictRow>> {
        match self {
            Self::Frames => frames::run(size),
            Self::Hostile => hostile::run(size),
            Self::Handshakes => handshakes::run(size),
            Self::Silent => silent::run(size),
            Self::Forwarded => forwarded::run(),
            Self::Readers => readers::run(size),
            Self::Churn => churn::run(size),
            Self::Rewind => rewind::run(size),
            Self::Hop => hop::run(size),
            Self::TokenGuesses => tokens::guesses(size),
            Self::Resumes => tokens::resumes(size),
            Self::Storm => storms::storm(size),
            Self::Drain => storms::drain(size),
            Self::Stampede => storms::stampede(size),
            Self::Overload => overload::run(size),
            Self::Descriptors => descriptors::run(size),
            Self::Memory => memory::run(size),
            Self::StalledLog => stalled_log::run(size),
            Self::Squatters => squatters::run(size),
            Self::Ports => ports::run(),
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
fn main() -> Result<()> {
    let cli = Cli::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    if let Some(file) = &cli.server {
        fracas_tests::program::use_server(file)?;
    }
    let all = Scenario::value_variants();
    let wanted = if cli.scenarios.is_empty() { all } else { &cli.scenarios };
    let size = Size { short: cli.short, rounds: cli.rounds };
    let mut results = serde_json::Map::new();
    let mut missed = Vec::new();
    for scenario in wanted {
        let name = scenario.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let began = Instant::now();
        let rows = scenario.run(size).with_context(|| format!("{name} could not be run"))?;
        println!("## {name} ({:.0} s)\n\n{}", began.elapsed().as_secs_f64(), table(&rows));
        missed.extend(rows.iter().filter(|row| !row.holds).map(|row| format!("{name}: {}", row.what)));
        results.insert(name, serde_json::to_value(&rows)?);
    }
    if let Some(file) = &cli.json {
        std::fs::write(file, serde_json::to_vec_pretty(&results)?).with_context(|| file.display().to_string())?;
    }
    if missed.is_empty() { Ok(()) } else { bail!("does not hold: {}", missed.join("; ")) }
}
