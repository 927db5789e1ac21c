//! What tests of the whole need: the real programs as child processes on ports of their own, and peers that speak with
//! them as rudely as a test wants.

pub mod http;
pub mod peer;
pub mod program;
pub mod raw;
pub mod verdict;

pub use peer::Peer;
pub use program::{Finished, Server, run_bots, run_server};
