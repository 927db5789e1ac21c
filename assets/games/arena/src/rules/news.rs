//! The arena's messages beside its frames. Only they tell of what is outside a player's view.

use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::message::List;
use serde::{Deserialize, Serialize};

/// Rows of the leaderboard.
pub const LEADERBOARD_LEN: usize = 10;

/// Kills in one kill-feed message. Further kills of that second are only counted.
pub const KILL_FEED_LEN: usize = 8;

/// Tiles of the widest arena that a density map can describe.
pub const DENSITY_TILES_MAX: usize = 4096;

/// One piece of news. The first three go to all once a second, encoded once. The others go to one player at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// The best players.
    Leaderboard {
        /// People in the room, the server's own bots not counted.
        players: u16,
        /// From the best down.
        rows: List<LeaderboardRow, LEADERBOARD_LEN>,
    },
    /// The last second's kills.
    KillFeed {
        /// In the order in which they happened.
        kills: List<Kill, KILL_FEED_LEN>,
        /// Kills beyond those.
        more: u16,
    },
    /// How many ships are in each open tile, in the order in which tiles open; 255 is that or more.
    Density(List<u8, DENSITY_TILES_MAX>),
    /// To the victim only: who destroyed its ship.
    Destroyed {
        /// The killer's name.
        by: Name,
    },
    /// To the shooter only: the result of a rail that it fired.
    Rail {
        /// The tick on which it was fired.
        tick: Tick,
        /// The ship that it hit, as the shooter saw it. The ship takes damage unless it has been destroyed or protected
        /// since.
        hit: Option<EntityId>,
    },
}

/// A row of the leaderboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderboardRow {
    /// The player's name.
    pub name: Name,
    /// The player's score.
    pub score: u16,
}

/// Who destroyed whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The killer's name.
    pub killer: Name,
    /// The victim's name.
    pub victim: Name,
}
