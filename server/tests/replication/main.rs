//! From the truth of a played room to replicas and back: what every client believes is what the server believes it
//! believes, and nothing near is missing.
//!
//! - `stage`: a room of random players with viewers and replicas, without sockets or time
//! - `agreement`: replicas, known lists and hashes agree, through every kind of event
//! - `delayed`: what spectators are shown late is what players were told, bit for bit
//! - `recorded`: the session among the protocol's vectors is still what a room says
//! - `brute_force`: the view recomputed from all records; a sabotaged frame turns the checks red

#![cfg(feature = "arena")]

mod agreement;
mod brute_force;
mod delayed;
mod recorded;
mod stage;
