//! Sessions across connections: who may take which ship back.

mod registry;
mod token;

pub use registry::Registry;
pub(crate) use token::TokenHash;
