//! The seam: what a game is to the engine, at both ends of a connection.

pub mod attended;
pub mod authority;
pub mod brain;
pub mod check;
pub mod data;
pub mod history;
pub mod laws;
pub mod look;
pub mod mover;
pub mod page;
pub mod rules;
pub mod ruleset;
pub mod settings;
pub mod slots;
pub mod steer;
#[cfg(any(test, feature = "toy"))]
pub mod toy;
