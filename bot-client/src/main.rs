//! The program `fracas-bots`: a swarm for the built-in game.

use std::process::ExitCode;

#[cfg(feature = "arena")]
fn main() -> ExitCode {
    fracas_bots::main::<fracas_arena::rules::Arena, fracas_arena::brain::ArenaBrain>()
}

#[cfg(not(feature = "arena"))]
fn main() -> ExitCode {
    fracas_bots::without_game()
}
