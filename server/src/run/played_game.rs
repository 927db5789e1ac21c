//! The game that this program serves.

use crate::arena::World;

/// The game that is played.
pub(super) type PlayedGame = World;
