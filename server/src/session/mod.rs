//! One client: its hello, its inputs, whether it keeps up and its fresh starts ([`client_conn`]); and sessions across
//! connections: who may take which entity back ([`Registry`]). The [`game_service`] does that for all clients of an event loop.

mod addressed;
pub mod game_service;
mod room_composer;
mod tick_packing;

pub mod client_conn;
mod fresh_start;
pub mod hello;
mod player_name;
mod staleness;

mod registry;
mod token;

pub use registry::Registry;
pub(crate) use token::TokenHash;
