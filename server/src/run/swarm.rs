//! A swarm of the game's bots, which plays on another server.

use fracas_protocol::game::authority::Game;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the swarm that these arguments describe, as the whole process.
pub fn swarm<G: Game>(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    fracas_bots::run_swarm::<G::Rules, G::Brain>(arguments)
}
