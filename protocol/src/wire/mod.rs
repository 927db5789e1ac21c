//! The wire: bits and bytes. [`message`] and [`codec`] for the control messages, [`frame`] for the server's per-tick message.

pub mod bits;
pub mod close;
pub mod codec;
pub mod frame;
pub mod limits;
pub mod message;
