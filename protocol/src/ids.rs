//! Newtypes for the numbers that name things on the wire.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Identifies one entity of a room. The game's rules give it a meaning. Replication only orders by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityId(pub u16);

impl EntityId {
    /// Bits an id takes in a frame.
    pub const BITS: u32 = 16;

    /// The id as an index into a table with one row per id.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Identifies a room's static data (the map) by its content. Equal ids mean equal data.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapId(pub u32);

impl fmt::Debug for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapId({self})")
    }
}

impl fmt::Display for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A secret with which its holder resumes a session: 128 random bits, never logged.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// Takes nothing back: what a spectator gets, whose session ends with its connection. To show it is to show none.
    pub const NONE: Self = Self([0; 16]);
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
