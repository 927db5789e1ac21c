//! What both ends of a Fracas connection must agree on, as pure functions and state machines: no socket, clock, thread
//! or global in here. The server, the bots and (as WebAssembly) the page all run this code.
//!
//! A message's way through the crate: [`message`] and [`codec`] for the control messages, [`frame`] for the server's
//! per-tick message, made of [`record`]s as the game's [`rules`] describe them, kept by a [`replica`] and driven by a
//! [`client`]. [`arena`] is the built-in game's half of the rules. PROTOCOL.md says the same in prose, byte by byte.

pub mod limits;

pub mod ids;
pub mod name;
pub mod tick;

pub mod bits;
pub mod close;
pub mod codec;
pub mod message;

pub mod frame;
pub mod record;
pub mod replica;
pub mod rules;

pub mod client;

pub mod arena;

pub mod dice;

/// Why bytes from a peer were refused. Whoever gets one counts it and closes the connection or starts afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message ends before its last field.
    #[error("the message ends too early")]
    Truncated,
    /// Something follows the last field.
    #[error("bytes are left over after the message")]
    TrailingBytes,
    /// A control message that does not follow the format, or exceeds its bound.
    #[error("the message is malformed")]
    Malformed,
    /// A number outside the range its field allows.
    #[error("a field is out of range")]
    OutOfRange,
    /// A frame names an entity that the known list has already, or lacks.
    #[error("the frame does not fit the known list")]
    WrongKnownList,
    /// A frame needs a fresh start first: an earlier one was refused or never came.
    #[error("a frame came before a fresh start")]
    NotStarted,
    /// The message is longer than its kind may be.
    #[error("the message is too long")]
    TooLong,
}
