//! The arena, the built-in game: a top-down fight of small ships with inertia.
//!
//! [`rules`] is what both ends of a connection run; [`authority`] is what only the server decides; [`brain`] is what
//! decides for its bots. With the feature `web`, the core of its page is built too.

pub mod authority;
pub mod brain;
pub mod rules;
#[cfg(feature = "web")]
pub mod web;
