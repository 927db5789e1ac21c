//! One client: its hello, its inputs, whether it keeps up and its fresh starts ([`client_conn`]); and sessions across
//! connections: who may take which entity back ([`Registry`]). The [`game_service`] does that for all clients of an event loop.

pub mod client_conn;
pub mod game_service;
pub mod hello;
mod player_name;
mod registry;
mod room_composer;
mod staleness;
mod tick_packing;
mod token;

pub use registry::Registry;
pub(crate) use token::TokenHash;
