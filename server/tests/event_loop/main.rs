//! The event loop over sockets in memory: the code that runs on real ones, driven tick by tick with a clock of its own.
//!
//! - `stage`: a room, an event loop, and peers that speak WebSocket over pipes that can be made to stall
//! - `manners`: hello, refusals, closes, and what reaches the peer
//! - `endings`: all the ways in which a connection ends, and that its service hears of each once
//! - `slow`: peers that do not read, and what it costs the others
//! - `hidden`: tabs that nobody looks at
//! - `idle`: players who do nothing, and who has watched for long
//! - `joins`: budgets of joins per network
//! - `overloaded`: what is given up when there is more to do than time for it
//! - `acknowledgements`: what a client says it has received, true or not
//! - `sessions`: lost connections, tokens, and who has the ship
//! - `refused`: what a client must not say, as the protocol's vectors have it
//! - `spectators`: who watches a room with people in it is late
//! - `rooms`: several rooms on one loop, and what happens in one of them alone

#![cfg(feature = "arena")]

mod acknowledgements;
mod endings;
mod hidden;
mod idle;
mod joins;
mod manners;
mod overloaded;
mod refused;
mod rooms;
mod sessions;
mod slow;
mod spectators;
mod stage;
