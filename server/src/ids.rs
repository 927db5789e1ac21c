//! Ids of players, rooms, sessions and connections within a process.

pub use fracas_protocol::ids::{PlayerId, PlayerKind};

/// Rooms of one process.
pub const ROOMS_MAX: usize = 16;

/// Identifies one of the rooms of a process, by its index in their list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RoomId(pub u8);

impl RoomId {
    /// The id as an index into a table with one row per room.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A session: one player across its connections. A serial is never used twice in a room. With a million joins a second
/// they last for half a million years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    /// The player's room.
    pub room: RoomId,
    /// The player's slot.
    pub player: PlayerId,
    /// Distinguishes it from earlier holders of the slot.
    pub serial: u64,
}

/// Identifies a connection: its event loop, its slot in the loop's table, and a number that distinguishes it from
/// earlier holders of the slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    /// Which event loop.
    pub event_loop: u8,
    /// Which slot in its table.
    pub slot: u32,
    /// Which holder of the slot.
    pub generation: u32,
}
