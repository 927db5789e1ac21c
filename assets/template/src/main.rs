//! The program: serves the game, or plays it with a swarm of bots.

fn main() -> std::process::ExitCode {
    fracas_server::main::<my_game::game::Walk>()
}
