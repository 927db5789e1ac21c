//! The manners of an event loop's connections: how large messages may be, how much may come, and what happens beyond.

use crate::io::rate_limiter::RateLimit;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use std::time::Duration;

/// What a connection may do. A value that whoever starts an event loop hands to it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Largest message and frame, in bytes. A larger one is closed with 1009.
    pub message_bytes_max: usize,
    /// Whether text messages are taken; if not, one is closed with [`fracas_protocol::wire::close::CloseReason::BadMessage`].
    pub takes_text: bool,
    /// How much may come; anything if none.
    pub rates: Option<Rates>,
    /// What becomes of a peer that asks for replies and does not read them.
    pub replies: Replies,
    /// What the WebSocket layer takes at a time, in bytes.
    pub read_bytes: usize,
}

/// How much may come of one peer. What exceeds it is not read for now (bytes) or dropped (messages and pings), and counted; who
/// exceeds it for longer than [`Self::patience`] is closed with [`fracas_protocol::wire::close::CloseReason::Rate`].
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Below the WebSocket layer: it also holds what never becomes a message.
    pub bytes: RateLimit,
    /// Whole messages.
    pub messages: RateLimit,
    /// WebSocket pings, each of which wants an answer.
    pub pings: RateLimit,
    /// For how long.
    pub patience: Duration,
}

/// What becomes of a peer whose replies of the WebSocket layer, or of the service, do not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// Beyond so many bytes it is closed.
    CloseBeyond(usize),
    /// Beyond so many bytes nothing more is read of it until they have left.
    WaitBeyond(usize),
}

impl Replies {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::CloseBeyond(bytes) | Self::WaitBeyond(bytes) => bytes,
        }
    }
}

impl Policy {
    /// The game's: messages of at most 1 KiB, of which no client needs more than 70 a second and 20 bytes each; and three
    /// seconds' worth at once, since a stalled line gives all of that together.
    pub fn game() -> Self {
        let burst = Duration::from_secs(3);
        Self {
            message_bytes_max: CLIENT_MESSAGE_BYTES_MAX,
            takes_text: false,
            rates: Some(Rates {
                bytes: RateLimit { per_s: 32 * 1024, burst },
                messages: RateLimit { per_s: 240, burst },
                pings: RateLimit { per_s: 10, burst },
                patience: Duration::from_secs(3),
            }),
            replies: Replies::CloseBeyond(4096),
            read_bytes: 256,
        }
    }
}
