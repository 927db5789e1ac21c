//! The seam: what a game is to the engine, at both ends of a connection.

pub mod rules;
