//! The real programs from outside: one process per test, on ports that the system chose.
//!
//! - `startup`: what listens, what it serves, and how mistakes are told
//! - `admission`: who may connect, and how a refusal reads
//! - `proxies`: who is who behind proxies, and by which names browsers come
//! - `play`: people, bots and swarms in one arena
//! - `spectators`: who watches beside a player
//! - `swarm`: bots that do not look
//! - `stopping`: signals, and what players hear
//! - `logs`: standard error and output that nobody takes
//! - `bench`: the bench's scenarios, with few players for a second
//! - `foreign`: a client in another language, written from PROTOCOL.md alone

mod admission;
mod bench;
mod foreign;
mod logs;
mod operators;
mod play;
mod proofs;
mod proxies;
mod spectators;
mod startup;
mod stopping;
mod swarm;
