//! What both ends of a Fracas connection must agree on, as pure functions and state machines. It has no socket, clock,
//! thread or global. The server, the bots and (as WebAssembly) the page all run this code.
//!
//! [`wire`] turns control messages and frames into bytes. A frame is made of [`record`]s, as the game's [`game::rules`]
//! describe them. A [`replica`] keeps them, and a [`client`] drives it. PROTOCOL.md describes the same byte by byte.

pub mod game;
pub mod prelude;
pub mod wire;

pub mod fixed;
pub mod grid;
pub mod ids;
pub mod name;
pub mod point;
pub mod rng;
pub mod tick;

pub mod record;
pub mod replica;

pub mod client;

/// Why bytes from a peer were refused. The caller counts it, and closes the connection or starts afresh.
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
    /// The replica needs a fresh start first. An earlier frame was refused or never came.
    #[error("a frame came before a fresh start")]
    NotStarted,
    /// The message is longer than its kind allows.
    #[error("the message is too long")]
    TooLong,
}
