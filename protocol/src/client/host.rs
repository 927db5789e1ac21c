//! What a host sets for a client, and what it gets from it.

use crate::WireError;
use crate::game::rules::Rules;
use crate::tick::Tick;
use crate::wire::message::{Goodbye, Welcome};

/// Something the host may want to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<R: Rules> {
    /// The server let us in.
    Welcome(Welcome<R::World>),
    /// A body was applied.
    Body {
        /// Its tick.
        tick: Tick,
    },
    /// A body showed that one of our inputs was applied, or a newer one in its place.
    InputApplied {
        /// Time since that input was sent, in microseconds.
        us: u64,
    },
    /// The game has news.
    News(R::News),
    /// The round trip to the server took this long, without the time the server held the ping.
    RoundTrip {
        /// In microseconds.
        us: u64,
    },
    /// The server is about to close the connection.
    Goodbye(Goodbye),
}

/// Why a client cannot go on with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server's control message cannot be read. It is another game, or another version.
    #[error("a message from the server: {0}")]
    Wire(#[from] WireError),
    /// The room's start-up data is not the one of the client's rules.
    #[error("the server plays with other start-up data than the client has")]
    OtherData,
    /// The client's rules cannot be made for the server's tick rate.
    #[error("the game cannot be played at the server's tick rate")]
    OtherRate,
    /// A frame or a second welcome at a moment when none is allowed.
    #[error("the server sent a message that has no place here")]
    OutOfPlace,
}

/// What a client has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bodies applied.
    pub bodies: u64,
    /// Hash checks made.
    pub view_checks: u64,
    /// Hash checks failed.
    pub view_mismatches: u64,
    /// Frames that could not be applied or left a wrong hash, each answered by asking for a fresh start.
    pub desyncs: u64,
    /// Fresh starts after the first.
    pub resyncs: u64,
    /// Times that the own entity was not where it had been predicted ...
    pub corrections: u64,
    /// ... because an input came too late ...
    pub corrections_late: u64,
    /// ... or because of something the client could not know.
    pub corrections_pushed: u64,
    /// Ticks on which an input of ours was missing.
    pub inputs_late: u64,
    /// Inputs sent.
    pub inputs_sent: u64,
    /// Times that bodies were missing for more than a tick longer than usual, and then came packed in one frame. The
    /// server was late. ...
    pub stalls_of_server: u64,
    /// ... The same, but they came one by one. The network was late.
    pub stalls_of_network: u64,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientOptions {
    /// Snapshots kept for [`Client::timeline`](super::Client::timeline). A bot without a picture needs none.
    pub display_ticks: usize,
    /// Inputs sent in a second, at most the tick rate; as many as that if none.
    pub input_hz: Option<u32>,
}
