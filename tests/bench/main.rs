//! The bench: Fracas beside the floor, pinned and interleaved, in tables that can be pasted.
//!
//! - `scenarios`: what is run, and what each run is to show
//! - `stand`: puts a server on one core and a swarm on another
//! - `swarm`, `member`, `wire`: the light swarm
//! - `floor`: the bare loop; `models`: the same room served in other ways
//! - `formats`: the same views in other formats
//! - `balance`, `hunters`: what the game is like for hunters, in virtual time
//! - `process`, `report`: what the system counts, and how it is told

mod balance;
mod floor;
mod formats;
mod hunters;
mod member;
mod models;
mod process;
mod report;
mod scenarios;
mod stand;
mod swarm;
mod wire;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measures Fracas on this machine: `bench spread` and so on. Needs two cores, `taskset`, and a release build of the
/// workspace (`cargo build --release --workspace`).
#[derive(Parser)]
#[command(max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Constant density: Fracas and the floor, A B B A, from 256 to 4,096 players.
    Spread(scenarios::BenchOptions),
    /// How many players one core carries with at least 95 % of the updates on time.
    Capacity(scenarios::BenchOptions),
    /// Everybody in one place, in everybody's view.
    Crowd(scenarios::BenchOptions),
    /// More and more viewers of the same hundred ships.
    Spectators(scenarios::BenchOptions),
    /// One in twenty stops reading: do the others event?
    Stall(scenarios::BenchOptions),
    /// Players who say nothing but that they are there.
    Idle(scenarios::BenchOptions),
    /// The same small room served by one thread, a thread per player, a task per player, and event loops.
    Models(scenarios::BenchOptions),
    /// What the views of hunters cost, in this and in other formats.
    Bytes(scenarios::BenchOptions),
    /// How often hunters are destroyed and how long they live, in memory and in virtual time: needs no second core.
    Balance(balance::BalanceOptions),
    /// Everything else above, one after the other.
    All(scenarios::BenchOptions),
    /// The bare loop; started by the others.
    #[command(hide = true)]
    Floor {
        #[arg(long)]
        players: usize,
        #[arg(long, default_value_t = 20)]
        tick_hz: u32,
        #[arg(long)]
        trace: PathBuf,
    },
    /// Another way to serve a room; started by the others.
    #[command(hide = true)]
    Model {
        #[arg(long, value_enum)]
        model: models::Model,
        #[arg(long)]
        players: u16,
    },
    /// The light swarm; started by the others.
    #[command(hide = true)]
    Swarm(swarm::SwarmOptions),
}

#[expect(clippy::print_stdout, reason = "the swarm's result is read by the program that started it")]
fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Spread(options) => scenarios::run(&options, &[scenarios::spread]),
        Command::Capacity(options) => scenarios::run(&options, &[scenarios::capacity]),
        Command::Crowd(options) => scenarios::run(&options, &[scenarios::crowd]),
        Command::Spectators(options) => scenarios::run(&options, &[scenarios::spectators]),
        Command::Stall(options) => scenarios::run(&options, &[scenarios::stall]),
        Command::Idle(options) => scenarios::run(&options, &[scenarios::idle]),
        Command::Models(options) => scenarios::run(&options, &[scenarios::models]),
        Command::Bytes(options) => scenarios::run(&options, &[scenarios::bytes]),
        Command::Balance(options) => balance::run(&options),
        Command::All(options) => scenarios::run(&options, &scenarios::ALL),
        Command::Floor { players, tick_hz, trace } => floor::serve(players, tick_hz, &trace),
        Command::Model { model, players } => models::serve(model, players),
        Command::Swarm(options) => {
            println!("{}", serde_json::to_string(&swarm::run(options)?)?);
            Ok(())
        }
    }
}
