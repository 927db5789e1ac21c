//! From the truth after a tick to each player's bytes. The canonical [`records`] are made once per tick and shared. The
//! [`fracas_protocol::grid`] finds what is near. Each player has a [`fracas_protocol::grid`], and the composer ([`compose`]) makes a frame
//! from them.
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
