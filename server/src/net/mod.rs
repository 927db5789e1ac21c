//! Sockets. On tokio: the [`listener`] accepts, [`http`] serves the page and upgrades, [`admission`] decides who may.
//! On their own threads: an [`event_loop`] owns its players' [`connection`]s, with no runtime in between.

pub mod admission;
mod allowance;
pub mod connection;
pub mod event_loop;
pub mod handshake;
pub mod http;
pub mod listener;
pub mod socket;
mod staleness;
mod table;
mod writer;
