//! What a swarm measured: collected in [`measures`], put together in [`summary`], written as JSON or as [`text`].

pub mod measures;
pub mod summary;
pub mod text;

pub use measures::Measures;
pub use summary::Summary;
