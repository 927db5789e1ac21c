//! What both ends of a Fracas connection must agree on, as pure functions and state machines: no socket, clock, thread
//! or global in here. The server, the bots and (as WebAssembly) the page all run this code.
//!
//! A message's way through the crate: [`wire`] makes bytes of control messages and frames. A frame is made of [`record`]s as
//! the game's [`game::rules`] describe them, kept by a [`replica`] and driven by a [`client`]. [`arena`] is the built-in
//! game's half of the rules. PROTOCOL.md says the same in prose, byte by byte.

pub mod game;
pub mod wire;

pub mod ids;
pub mod name;
pub mod point;
pub mod rng;
pub mod tick;

pub mod record;
pub mod replica;

pub mod client;

pub mod arena;

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
