//! The game that this program serves.

use fracas_arena::authority::World;

/// The game that is played.
pub(super) type PlayedGame = World;
