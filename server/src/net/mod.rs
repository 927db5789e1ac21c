//! Sockets. On tokio: the [`listener`] accepts, [`http`] serves the page and upgrades, [`admission`] decides who may.
//! On their own threads: an [`event_loop`] owns its peers' [`connection`]s, with no runtime in between. What a connection is
//! for is a [`service`]: the game's, with a [`seat`] for each player, or another.

pub mod admission;
pub mod allowance;
pub mod connection;
pub mod descriptors;
mod easels;
pub mod event_loop;
mod exchange;
pub mod forwarded;
pub mod game_service;
mod guarded;
pub mod handshake;
pub mod http;
pub mod http_connections;
pub mod join_budget;
pub mod line;
pub mod listener;
pub mod memory;
pub mod origin;
pub mod pace;
mod packing;
mod player_name;
pub mod policy;
mod rate_limit;
pub mod rejection;
pub mod seat;
pub mod service;
pub mod shares;
mod shortage;
pub mod socket;
mod staleness;
mod table;
mod upgrade;
pub mod writer;
