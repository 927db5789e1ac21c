//! Control messages to bytes and back: the only file that names bincode.
//!
//! The format is bincode's standard configuration: little-endian, integers of variable length, an enum as its variant's
//! number. bincode 2.0.1 is frozen and its successor is not usable (RUSTSEC-2025-0141), so every use stands here, and
//! `tests/codec_bytes.rs` keeps wincode ready to take its place with the same bytes.

use crate::WireError;
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::{Serialize, de::DeserializeOwned};

/// Appends `message` to `out`.
///
/// # Panics
/// If a `Serialize` implementation fails, which the message types of this crate cannot.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) {
    let config = bincode::config::standard();
    #[expect(
        clippy::expect_used,
        reason = "writing to a Vec cannot fail, and our message types' derives cannot either"
    )]
    bincode::serde::encode_into_writer(message, Append(out), config).expect("messages encode");
}

/// Reads one message that fills `bytes` exactly. `LIMIT` bounds, in bytes, what is read and what is allocated for it.
pub fn decode<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() > LIMIT {
        return Err(WireError::TooLong);
    }
    // The limit is what keeps a ten-byte message from claiming a string of a terabyte.
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (message, read) = bincode::serde::decode_from_slice(bytes, config).map_err(|_| WireError::Malformed)?;
    if read == bytes.len() { Ok(message) } else { Err(WireError::TrailingBytes) }
}

/// Reads a value from the start of `bytes` and leaves the rest alone: what a message of another version begins with.
pub fn peek<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let config = bincode::config::standard().with_limit::<64>();
    bincode::serde::decode_from_slice(bytes, config).map(|(value, _)| value).map_err(|_| WireError::Malformed)
}

struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
