//! Control messages: everything that is not a frame, in each direction. [`crate::wire::codec`] makes bytes of them.

mod client;
mod list;
mod server;

pub use client::{Aspect, ClientMessage, Hello, Inputs, Ping, Role};
pub use list::List;
pub use server::{Goodbye, Limits, Pong, ServerClock, ServerMessage, Welcome};
