//! Control messages, in both directions: everything that is not a frame. [`crate::wire::codec`] turns them into bytes.

mod client;
mod list;
mod server;

pub use client::{Aspect, ClientMessage, Hello, Inputs, Ping, Role};
pub use list::List;
pub use server::{Goodbye, Limits, Pong, ServerClock, ServerMessage, Welcome};
