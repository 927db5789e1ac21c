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

/// A player's slot in a room's tables. A freed slot rests before it is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlayerId(pub u16);

impl PlayerId {
    /// The id as an index into a table with one row per player.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Who controls a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PlayerKind {
    /// A person, or a swarm's bot: any client from outside.
    Person,
    /// A built-in bot, which fills a quiet room.
    Bot,
}

impl PlayerKind {
    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Bot => "bot",
        }
    }
}

/// Which ids a game's entities have. Those below `unowned` belong to nobody. Behind them each player has `per_player`
/// ids, by slot: the first is its own entity's, the others are of its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdLayout {
    /// How many ids belong to nobody.
    pub unowned: u16,
    /// How many ids each player has, at least 1.
    pub per_player: u16,
}

impl IdLayout {
    /// Players that can have an id.
    pub const fn players_max(self) -> u16 {
        let players = (u16::MAX - self.unowned) as u32 + 1;
        let players = players / self.per_player as u32;
        if players > u16::MAX as u32 { u16::MAX } else { players as u16 }
    }

    /// The own entity of the player in a slot below [`Self::players_max`].
    pub const fn of_player(self, player: PlayerId) -> EntityId {
        EntityId(self.unowned + player.0 * self.per_player)
    }

    /// The player whose entity has this id, or whose child has; none if it belongs to nobody.
    pub fn owner(self, id: EntityId) -> Option<PlayerId> {
        id.0.checked_sub(self.unowned).map(|rest| PlayerId(rest / self.per_player))
    }

    /// Whether a player's own entity has this id. Such an entity bears the player's name.
    #[inline]
    pub fn is_player(self, id: EntityId) -> bool {
        id.0.checked_sub(self.unowned).is_some_and(|rest| rest.is_multiple_of(self.per_player))
    }

    /// The player's entity that the child with this id belongs to; none if it is no child.
    #[inline]
    pub fn parent(self, id: EntityId) -> Option<EntityId> {
        let rest = id.0.checked_sub(self.unowned)? % self.per_player;
        (rest != 0).then(|| EntityId(id.0 - rest))
    }
}

/// Identifies a game's start-up data by its content. Equal ids mean equal data.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataId(pub u32);

impl fmt::Debug for DataId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataId({self})")
    }
}

impl fmt::Display for DataId {
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
