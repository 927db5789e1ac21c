//! The server's messages beside its frames.

use crate::ids::{DataId, EntityId, Token};
use crate::tick::{Tick, TickRate};
use crate::wire::limits;
use serde::{Deserialize, Serialize};

/// Any message from the server that is not a frame. Its first byte is the variant's number, always below 128, which
/// tells it from a frame. `W` is the game's world state and `N` its news; [`crate::game::rules::MessageOf`] fills them in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage<W, N> {
    /// The answer to the hello, once.
    Welcome(Welcome<W>),
    /// The answer to a ping.
    Pong(Pong),
    /// News of the game, mostly to all players at once.
    News(N),
    /// The server is about to close the connection.
    Goodbye(Goodbye),
}

/// What a client must know to take part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome<W> {
    /// How often the room ticks.
    pub tick_rate: TickRate,
    /// The server's clock, as an answer to the hello.
    pub clock: ServerClock,
    /// The player's own entity; none for a spectator.
    pub own: Option<EntityId>,
    /// Takes the session back after a lost connection; [`Token::NONE`] if there is nothing to take back.
    pub token: Token,
    /// Whether the hello's token resumed a session.
    pub resumed: bool,
    /// The start-up data that the room is played with; `GET /data` has it.
    pub data: DataId,
    /// What all players share and may change from tick to tick (for example: how much of the map is open).
    pub world: W,
    /// The server's bounds.
    pub limits: Limits,
}

/// The bounds a client must keep, or may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest message the server takes, in bytes.
    pub message_bytes_max: u16,
    /// Largest frame it sends, in bytes.
    pub frame_bytes_max: u32,
    /// Most entities it will make known at once.
    pub visible_max: u16,
    /// How far ahead an input may be stamped, in ticks.
    pub inputs_ahead_max: u8,
    /// The longest a client may be silent, in milliseconds.
    pub silence_max_ms: u16,
}

impl Default for Limits {
    /// The bounds of this build.
    fn default() -> Self {
        Self {
            message_bytes_max: limits::CLIENT_MESSAGE_BYTES_MAX as u16,
            frame_bytes_max: limits::FRAME_BYTES_MAX as u32,
            visible_max: limits::VISIBLE_MAX as u16,
            inputs_ahead_max: limits::INPUTS_AHEAD_MAX as u8,
            silence_max_ms: limits::CLIENT_SILENCE_MAX_MS as u16,
        }
    }
}

/// The server's clock, and how long the server held the question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerClock {
    /// Time between reading the message that this answers and writing this, in microseconds.
    pub hold_us: u32,
    /// The tick that had run when this was written ...
    pub tick: Tick,
    /// ... and how long ago it had been due, in microseconds.
    pub phase_us: u32,
}

/// The answer to a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The ping's stamp.
    pub stamp: u64,
    /// The server's clock.
    pub clock: ServerClock,
    /// How long the work of the last tick took, in microseconds.
    pub work_us: u32,
}

/// The server's last message before it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The close code that follows; [`crate::wire::close::CloseReason::from_code`] knows it.
    pub code: u16,
    /// How long to wait before coming back, in milliseconds; 0 if the code forbids it.
    pub retry_after_ms: u32,
}
