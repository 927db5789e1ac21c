//! The seam: what a game is to the engine, at both ends of a connection.

pub mod attended;
pub mod authority;
pub mod brain;
pub mod data;
pub mod history;
pub mod look;
pub mod page;
pub mod rules;
pub mod settings;
#[cfg(any(test, feature = "toy"))]
pub mod toy;
