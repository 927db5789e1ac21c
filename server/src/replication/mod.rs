//! From the truth after a tick to the bytes each player gets: canonical [`records`], made once per tick and shared; each
//! player's [`view`], found by the [`crate::grid`]; and the [`compose`]r that makes a frame of them.
//!
//! Everything here is a function of its arguments: no socket, clock or thread.

pub mod changes;
pub mod compose;
mod crowds;
mod known;
pub mod output;
pub mod records;
pub mod view;

pub use compose::Composer;
pub use output::{Names, PlayerOutput, SpectatorOutput, TickOutput};
pub use records::Records;
pub use view::Viewer;
