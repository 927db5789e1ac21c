//! One client: its hello, its inputs, its staleness and its fresh starts ([`client_conn`]). The [`Registry`] keeps
//! sessions across connections and their tokens. The [`game_service`] serves all clients of an event loop.

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
