//! Headless clients of Fracas: what a [`bot`] is made of, and a [`swarm`] of them that puts a server under load and
//! measures what comes back.
//!
//! A bot is a [`link`] to the server, the protocol's client state machine, and a brain that decides what to do. It
//! decodes every frame, keeps a replica, and checks it against the hashes that the server sends. The brain is the
//! game's: see [`Brain`](fracas_protocol::game::brain::Brain).

pub mod conditioner;
pub mod link;

pub mod bot;

mod program;
pub mod report;
#[cfg(test)]
mod sample;
pub mod swarm;

pub use program::{main, run_swarm, without_game};
