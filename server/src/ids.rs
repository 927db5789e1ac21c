//! Names of things within a process: players, rooms, sessions and connections.

use serde::{Deserialize, Serialize};

/// A player's slot in a room's tables. Used again only after [`crate::sim::roster::QUARANTINE_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlayerId(pub u16);

impl PlayerId {
    /// The id as an index into a table with one row per player.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Who sits behind a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlayerKind {
    /// A person, or a swarm's bot: whoever came in from outside.
    Person,
    /// One of the server's own bots, which fill a quiet arena.
    Bot,
}

impl PlayerKind {
    /// The word used as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Bot => "bot",
        }
    }
}

/// Rooms of one process.
pub const ROOMS_MAX: usize = 16;

/// Names one of the rooms of a process, by its index in the list of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RoomId(pub u8);

impl RoomId {
    /// The id as an index into a table with one row per room.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A session: one player across its connections. The serial is never used twice in a room: a million joins a second would last
/// for half a million years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    /// The player's room.
    pub room: RoomId,
    /// The player's slot.
    pub player: PlayerId,
    /// Tells it from others who had the slot before.
    pub serial: u64,
}

/// Names a connection: its event loop, its place in the loop's table, and a number that tells it from others who had the
/// place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    /// Which event loop.
    pub event_loop: u8,
    /// Which place in its table.
    pub place: u32,
    /// Which holder of the place.
    pub generation: u32,
}
