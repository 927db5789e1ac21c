//! The event loops' sockets, with no runtime in between. An [`event_loop`] owns the [`connection`]s of its peers, each a
//! [`socket`] and a WebSocket ([`ws_stream`]). What a connection is for is a [`service`]: the game's, or another.

pub mod connection;
pub mod event_loop;
pub mod policy;
pub mod rate_limiter;
pub mod service;
pub mod socket;
mod table;
pub mod writer;
pub mod ws_stream;
