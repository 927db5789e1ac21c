//! The front: TCP and HTTP on tokio, up to the point where a WebSocket is handed to an event loop. The [`listener`] accepts,
//! [`http`] serves the page and upgrades, and [`rejection`] says how a refusal reads.

pub mod forwarded;
mod guarded_stream;
pub mod http;
pub mod http_connections;
mod http_exchange;
pub mod listener;
pub mod origin;
pub mod page;
pub mod rejection;
mod shortage;
mod upgrade;
