//! The program of tag: serves it, or plays it with a swarm of bots.

fn main() -> std::process::ExitCode {
    fracas_server::main::<fracas_tag::Yard>()
}
