//! The page's core: the protocol's client as WebAssembly, with a handful of plain exports.
//!
//! Bytes and texts go through two fixed buffers, the inbox and the outbox; what is to be drawn lies in fixed arrays that
//! the page reads in place. Nothing here grows under the page's views, and there is no second implementation of anything
//! that the server does.

mod beams;
mod exports;
mod net;
mod page;
pub mod parity;
mod scene;
mod texts;
