//! The core of a game's page: the protocol's client for WebAssembly, with a handful of plain exports.
//!
//! It names no game. [`core!`] in a game's crate makes the exports for that game. Bytes and texts go through two buffers,
//! the inbox and the outbox. What is to be drawn lies in arrays of floats, which the page reads in place; the core tells
//! their layout. There is no second implementation of anything that the server does.

mod calls;
mod exports;
mod net;
mod own_place;
mod page;
mod panics;
pub mod parity;
mod picture;
mod place;
mod rows;
mod screen;
mod stock;
mod texts;

#[doc(hidden)]
pub use calls::Core;
pub use place::Place;
pub use rows::{RowLayout, RowSet, Rows};
pub use screen::{OthersShown, OwnShown, Screen, Shown};
pub use stock::Stock;
