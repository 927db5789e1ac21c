//! The program `fracas-server`: the server with the built-in game, if the build has one.

use std::process::ExitCode;

#[cfg(feature = "arena")]
fn main() -> ExitCode {
    fracas_server::main::<fracas_arena::authority::World>()
}

#[cfg(not(feature = "arena"))]
fn main() -> ExitCode {
    fracas_server::without_game()
}
