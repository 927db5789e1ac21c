//! A client's messages.

use crate::ids::Token;
use crate::point::{Point, QUANTA_PER_UNIT};
use crate::tick::Tick;
use crate::wire::limits::{DEFAULT_ROOM, PROTOCOL_VERSION, VIEW_MARGIN};
use serde::{Deserialize, Serialize};

/// Any message from a client to the server. `I` is the game's input.
///
/// The order of the variants is the wire's: each is one byte with its number, then its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage<I> {
    /// The first message, and only the first.
    Hello(Hello),
    /// What the player wants on one tick.
    Inputs(Inputs<I>),
    /// The last tick received, from a client with nothing else to send.
    Ack(Tick),
    /// A question about the server's clock.
    Ping(Ping),
    /// The replica is lost. The server should start it afresh.
    FreshStart,
    /// The player leaves for good, and the server closes with 1000. Its entity goes, unless the game keeps it for a while.
    Goodbye,
    /// The page is hidden. The server releases the held controls and sends no frames.
    Hide,
    /// The page is visible again. Frames continue with a fresh start.
    Show,
}

/// Who the client is and what it wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Must be [`PROTOCOL_VERSION`]. It comes first, so that every version can read it.
    pub version: u16,
    /// The player's name, to be checked by [`crate::name::Name::parse`].
    pub name: String,
    /// From the last welcome, to resume the session with its entity.
    pub token: Option<Token>,
    /// The room to join.
    pub room: String,
    /// To play or to watch.
    pub role: Role,
    /// The shape of the window.
    pub aspect: Aspect,
}

impl Hello {
    /// A player's hello to the default room.
    pub fn player(name: impl Into<String>) -> Self {
        Self {
            version: PROTOCOL_VERSION,
            name: name.into(),
            token: None,
            room: DEFAULT_ROOM.into(),
            role: Role::Player,
            aspect: Aspect::default(),
        }
    }
}

/// What a client may do in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Has an entity.
    Player,
    /// Follows another player's entity.
    Spectator,
}

/// The shape of a client's window. The view has the same area for all, so no shape is an advantage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Aspect {
    /// Upright, 9:16.
    Tall,
    /// About 4:3.
    Square,
    /// About 16:9.
    #[default]
    Wide,
    /// About 21:9.
    Ultrawide,
}

impl Aspect {
    /// All four, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Tall, Self::Square, Self::Wide, Self::Ultrawide];

    /// Width and height of the view in world units. Each is 816,000 square units, give or take 0.1 %.
    pub const fn view_size(self) -> (i32, i32) {
        match self {
            Self::Tall => (678, 1204),
            Self::Square => (1043, 782),
            Self::Wide => (1200, 680),
            Self::Ultrawide => (1380, 591),
        }
    }

    /// Half of that, in quanta: how far the world is shown from the screen's middle.
    pub const fn half_screen(self) -> (i32, i32) {
        let (width, height) = self.view_size();
        (width * QUANTA_PER_UNIT / 2, height * QUANTA_PER_UNIT / 2)
    }

    /// How far from the view's centre entities are made known, in quanta.
    pub const fn half_view(self) -> (i32, i32) {
        let (width, height) = self.view_size();
        ((width / 2 + VIEW_MARGIN) * QUANTA_PER_UNIT, (height / 2 + VIEW_MARGIN) * QUANTA_PER_UNIT)
    }

    /// Whether an entity at `place` is made known to a client with this aspect and a view centred at `centre`.
    pub const fn is_in_view(self, centre: Point, place: Point) -> bool {
        let (half_width, half_height) = self.half_view();
        (place.x - centre.x).abs() <= half_width && (place.y - centre.y).abs() <= half_height
    }
}

/// One tick's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs<I> {
    /// The last tick the client received a body of.
    pub ack: Tick,
    /// The tick the input is for.
    pub tick: Tick,
    /// The input itself.
    pub input: I,
}

/// A question about the server's clock; the answer is a [`crate::wire::message::Pong`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// The client's clock when it sent this, in any unit and from any start. The server only returns it.
    pub stamp: u64,
}
