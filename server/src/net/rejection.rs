//! Why a connection is refused before the upgrade: the word that labels it in metrics, the HTTP status, and what whoever reads
//! the answer should know.

use crate::join_refusal::JoinRefusal;

/// Why a connection is refused before the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The page that wants to connect is not ours.
    Origin,
    /// There are too many connections.
    Full,
    /// There are too many from this address.
    Address,
    /// This address joins, or tries to, again and again.
    JoinBudget,
    /// This address guesses tokens.
    Guesses,
    /// The server is stopping.
    Draining,
    /// Not a WebSocket handshake for our protocol.
    Handshake,
    /// The process has no descriptor left for it.
    Descriptors,
    /// There is not enough memory left for newcomers.
    Memory,
}

impl Rejection {
    /// All of them, for the metrics.
    pub const ALL: [Self; 9] = [
        Self::Origin,
        Self::Full,
        Self::Address,
        Self::JoinBudget,
        Self::Guesses,
        Self::Draining,
        Self::Handshake,
        Self::Descriptors,
        Self::Memory,
    ];

    /// The word used as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Full => "full",
            Self::Address => "address",
            Self::JoinBudget => "join_budget",
            Self::Guesses => "guesses",
            Self::Draining => "draining",
            Self::Handshake => "handshake",
            Self::Descriptors => "descriptors",
            Self::Memory => "memory",
        }
    }

    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::Origin => 403,
            Self::Full | Self::Draining | Self::Descriptors | Self::Memory => 503,
            Self::Address | Self::JoinBudget | Self::Guesses => 429,
            Self::Handshake => 400,
        }
    }

    /// What an operator or a player needs to know; limits name the flag that sets them.
    pub fn words(self) -> &'static str {
        match self {
            Self::Origin => "This page's origin may not connect here; --allow-origin URL admits it.",
            Self::Full => "The server has no free connection; --max-players sets how many it has.",
            Self::Address => JoinRefusal::Address.words(),
            Self::JoinBudget => JoinRefusal::JoinBudget.words(),
            Self::Guesses => "This address has shown too many tokens that nobody knows; it may connect now and then.",
            Self::Draining => "The server is stopping.",
            Self::Handshake => "This is the game's WebSocket: offer the subprotocol fracas.1 in the handshake.",
            Self::Descriptors => "The server has no open file left; `ulimit -n` sets how many it has.",
            Self::Memory => JoinRefusal::Memory.words(),
        }
    }
}
