//! The wire: bits and bytes. [`message`] and [`codec`] for the control messages, [`frame`] and its
//! [`body`] for the server's per-tick message. Bits are described once, through a [`bits::Coder`],
//! to be written, read or hashed.

pub mod bits;
pub mod body;
pub mod close;
pub mod codec;
pub mod digest;
pub mod frame;
pub mod limits;
pub mod message;
