//! The event loops' sockets, with no runtime in between. An [`event_loop`] owns its peers' [`socket`]s; what goes on over one
//! is a [`connection`] without I/O. What the connections are for is a [`service`]: the game's, or another.

pub mod event_loop;
pub mod socket;
mod table;

pub mod close;
pub mod connection;
mod inbound_limits;
pub mod policy;
pub mod rate_limiter;
pub mod writer;

pub mod service;
