//! Proof that it feels local on a bad line: players on a line with delay, jitter and loss, measured from where they sit.
//!
//! - `scenarios`: which line, and what must hold on it
//! - `place`: where programs run: in two network namespaces with a bad line between them, or all in one
//! - `near`: beside the server: its true clock, and a plain stream to compare with
//! - `far`: the players, with `player` and what they share: `board`, `stream`
//! - `verdict`: percentiles, and what came out over all players

mod board;
mod far;
mod near;
mod place;
mod player;
mod scenarios;
mod stream;
mod verdict;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures prediction, rewind and clocks over a bad line. Needs a release build of the workspace; and root, `ip`, `python3` and
/// /dev/net/tun, unless `--in-process` is given.
#[derive(Parser)]
#[command(max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// 50 ms each way and up to 20 ms more: exact prediction, early inputs, true clocks, rails as rendered.
    Clean(scenarios::ScenarioOptions),
    /// 100 ms each way, up to 10 ms more, and one packet of a hundred lost: no worse than TCP has to be.
    Lossy(scenarios::ScenarioOptions),
    /// The server's clock, and a plain stream; started by the others.
    #[command(hide = true)]
    Near(near::NearOptions),
    /// The players; started by the others.
    #[command(hide = true)]
    Far(far::FarOptions),
}

#[expect(clippy::print_stdout, reason = "the players' result is read by the program that started them")]
fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Clean(options) => scenarios::run(&options, &scenarios::CLEAN),
        Command::Lossy(options) => scenarios::run(&options, &scenarios::LOSSY),
        Command::Near(options) => near::run(&options),
        Command::Far(options) => {
            println!("{}", serde_json::to_string(&far::run(&options)?)?);
            Ok(())
        }
    }
}

/// The machine's monotonic clock, which all processes share, in microseconds.
fn machine_us() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}
