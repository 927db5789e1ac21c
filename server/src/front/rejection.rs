//! Why a connection is refused before the upgrade, or closed for another: the word that labels it in metrics, the HTTP status, and what whoever reads
//! the answer should know.

use crate::sim::join_refusal::JoinRefusal;
use axum::http::header::HeaderName;
use std::borrow::Cow;

/// Why a connection is refused before the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The page that wants to connect is not ours.
    Origin,
    /// The page is asked for by a name that is not ours.
    Host,
    /// There are too many connections.
    Full,
    /// There are too many from this address.
    Address,
    /// This address joins, or tries to, again and again.
    JoinBudget,
    /// This address guesses tokens.
    TokenAbuse,
    /// A trusted proxy does not tell, or not so that it can be read, for which client it connects.
    Forwarded,
    /// The server is stopping.
    Draining,
    /// All HTTP connections of the port are being answered.
    Busy,
    /// Not a WebSocket handshake for our protocol.
    Handshake,
    /// The process has no descriptor left for it.
    Descriptors,
    /// There is not enough memory left for newcomers.
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

    /// The word used as a metric's label.
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

    /// What an operator or a player needs to know; limits name the flag that sets them.
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
    /// Its address has as many as it may have.
    Address,
    /// The port has as many as it may have.
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

    /// How a newcomer is refused for whom nobody can make room.
    pub(crate) fn rejection(self) -> Rejection {
        match self {
            Self::Address => Rejection::Address,
            Self::Port => Rejection::Busy,
            Self::Descriptors => Rejection::Descriptors,
        }
    }
}

/// A refusal as it is answered: what counts it, and what this case of it has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectionResponse {
    /// What it is counted as.
    pub(crate) why: Rejection,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, in one line.
    pub(crate) message: Cow<'static, str>,
    /// Headers that tell a program how to do better.
    pub(crate) headers: Vec<(HeaderName, &'static str)>,
}

impl From<Rejection> for RejectionResponse {
    fn from(why: Rejection) -> Self {
        Self { why, status: why.status(), message: why.message().into(), headers: Vec::new() }
    }
}
