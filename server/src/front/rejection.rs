//! Why a connection is refused before the upgrade: the label in metrics, the HTTP status, and the message.

use crate::sim::join_refusal::JoinRefusal;
use axum::http::header::HeaderName;
use std::borrow::Cow;

/// Why a connection is refused before the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The page that wants to connect has a foreign origin.
    Origin,
    /// The page is requested under an unknown name.
    Host,
    /// There are too many connections.
    Full,
    /// There are too many connections from this address.
    Address,
    /// This address has used up its budget of joins or handshakes.
    JoinBudget,
    /// This address guesses tokens.
    TokenAbuse,
    /// A trusted proxy does not say for which client it connects, or the header cannot be read.
    Forwarded,
    /// The server is stopping.
    Draining,
    /// All HTTP connections of the port are being answered.
    Busy,
    /// Not a WebSocket handshake for our protocol.
    Handshake,
    /// The process has no descriptor left for it.
    Descriptors,
    /// There is not enough memory left for new clients.
    Memory,
}

impl Rejection {
    /// All of them, for the metrics.
    pub const ALL: [Self; 12] = [
        Self::Origin,
        Self::Host,
        Self::Full,
        Self::Address,
        Self::JoinBudget,
        Self::TokenAbuse,
        Self::Forwarded,
        Self::Draining,
        Self::Busy,
        Self::Handshake,
        Self::Descriptors,
        Self::Memory,
    ];

    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Host => "host",
            Self::Full => "full",
            Self::Address => "address",
            Self::JoinBudget => "join_budget",
            Self::TokenAbuse => "guesses",
            Self::Forwarded => "forwarded",
            Self::Draining => "draining",
            Self::Busy => "busy",
            Self::Handshake => "handshake",
            Self::Descriptors => "descriptors",
            Self::Memory => "memory",
        }
    }

    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::Origin => 403,
            Self::Host => 421,
            Self::Full | Self::Draining | Self::Busy | Self::Descriptors | Self::Memory => 503,
            Self::Address | Self::JoinBudget | Self::TokenAbuse => 429,
            Self::Handshake | Self::Forwarded => 400,
        }
    }

    /// The message for an operator or a player. A limit's message names its flag.
    pub fn message(self) -> &'static str {
        match self {
            Self::Origin => {
                "This page's origin may not connect here; --public-host NAME admits the server's own page by that name, \
                 --allow-origin URL another page."
            }
            Self::Host => "This server does not go by that name; --public-host NAME adds one.",
            Self::Full => "The server has no free connection; --max-players sets how many it has.",
            Self::Address => JoinRefusal::Address.message(),
            Self::JoinBudget => JoinRefusal::JoinBudget.message(),
            Self::TokenAbuse => {
                "This address has shown too many tokens that nobody knows; it may connect now and then."
            }
            Self::Forwarded => "A proxy does not tell for which client it connects; it must send X-Forwarded-For.",
            Self::Draining => "The server is stopping.",
            Self::Busy => "This port answers as many HTTP connections as it may have; try again in a moment.",
            Self::Handshake => "This is the game's WebSocket, and the request is no handshake for it.",
            Self::Descriptors => "The server has no open file left; `ulimit -n` sets how many it has.",
            Self::Memory => JoinRefusal::Memory.message(),
        }
    }
}

/// Why a connection was closed for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// Its address has too many.
    Address,
    /// The port has too many.
    Port,
    /// The process has no descriptor left for more.
    Descriptors,
}

impl Shed {
    /// All of them, for the metrics.
    pub const ALL: [Self; 3] = [Self::Address, Self::Port, Self::Descriptors];

    /// The word used as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Port => "places",
            Self::Descriptors => "descriptors",
        }
    }

    /// The refusal of a new connection, if none can be closed for it.
    pub(crate) fn rejection(self) -> Rejection {
        match self {
            Self::Address => Rejection::Address,
            Self::Port => Rejection::Busy,
            Self::Descriptors => Rejection::Descriptors,
        }
    }
}

/// A refusal with its answer: its kind, and what is special to this case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectionResponse {
    /// The kind, for metrics.
    pub(crate) why: Rejection,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, in one line.
    pub(crate) message: Cow<'static, str>,
    /// Headers that tell a program what to change.
    pub(crate) headers: Vec<(HeaderName, &'static str)>,
}

impl From<Rejection> for RejectionResponse {
    fn from(why: Rejection) -> Self {
        Self { why, status: why.status(), message: why.message().into(), headers: Vec::new() }
    }
}
