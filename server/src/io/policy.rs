//! The limits of an event loop's connections: the size of messages, the rates, and what happens beyond.

use crate::io::rate_limiter::RateLimit;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use std::time::Duration;

/// The limits of a connection. The starter of an event loop passes them to it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Largest message and frame, in bytes. A larger one is closed with 1009.
    pub message_bytes_max: usize,
    /// Whether text messages are accepted. If not, one is closed with
    /// [`fracas_protocol::wire::close::CloseReason::BadMessage`].
    pub takes_text: bool,
    /// The rates. None for no limit.
    pub rates: Option<Rates>,
    /// The policy for a peer that asks for replies and does not read them.
    pub replies: Replies,
    /// Bytes that the WebSocket layer reads at a time.
    pub read_bytes: usize,
}

/// How much one peer may send. More bytes are not read for now. More messages and pings are dropped and counted. A peer
/// that exceeds a rate for longer than [`Self::patience`] is closed with
/// [`fracas_protocol::wire::close::CloseReason::Rate`].
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Bytes below the WebSocket layer, so bytes that never become a message count, too.
    pub bytes: RateLimit,
    /// Whole messages.
    pub messages: RateLimit,
    /// WebSocket pings, each of which needs an answer.
    pub pings: RateLimit,
    /// How long a rate may be exceeded.
    pub patience: Duration,
}

/// The policy for a peer that does not read replies of the WebSocket layer or the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// With more pending bytes than this it is closed.
    CloseBeyond(usize),
    /// With more pending bytes than this nothing more is read from it until they are sent.
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
    /// The game's limits. Messages have at most 1 KiB. No client needs more than 70 a second, with 20 bytes each. Three
    /// seconds' worth may come at once, as after a stall of the line.
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
