//! The built-in game's authority: what happens between ships, and what only the server may decide. The shared rules are
//! in `crate::rules`.

mod combat;
mod damage;
mod debt;
mod default_map;
mod draw;
mod opening;
mod page;
mod pickups;
mod score;
mod spawn;
mod tiled;
mod world;

pub use debt::{Debt, ShipRef};
pub use default_map::default_map;
pub use tiled::{TiledError, read_tiled};
pub use world::{ArenaConfig, World};
