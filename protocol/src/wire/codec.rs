//! Control messages to bytes and back: the only file that names bincode.
//!
//! The format is bincode's standard configuration: little-endian, integers of variable length, an enum as its variant's
//! number. A message has one form only: a number longer than it need be is refused. bincode 2.0.1 is frozen, and its
//! successor is not usable (RUSTSEC-2025-0141). So every use stands here, and `tests/codec_bytes.rs` checks that wincode
//! gives the same bytes.

use crate::WireError;
use bincode::enc::write::{SizeWriter, Writer};
use bincode::error::EncodeError;
use serde::{Serialize, de::DeserializeOwned};

/// Appends `message` to `out`.
///
/// # Panics
/// If a `Serialize` implementation fails, which the message types of this crate cannot.
pub fn encode<T: Serialize>(message: &T, out: &mut Vec<u8>) {
    write(message, Append(out));
}

fn write<T: Serialize>(message: &T, writer: impl Writer) {
    let config = bincode::config::standard();
    #[expect(clippy::expect_used, reason = "neither writer can fail, and our message types' derives cannot either")]
    bincode::serde::encode_into_writer(message, writer, config).expect("messages encode");
}

/// Bytes that [`encode`] would append.
fn encoded_len<T: Serialize>(message: &T) -> usize {
    let mut size = SizeWriter::default();
    write(message, &mut size);
    size.bytes_written
}

/// Reads one message that fills `bytes` exactly. At most `LIMIT` bytes are read and allocated.
pub fn decode<T: Serialize + DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() > LIMIT {
        return Err(WireError::TooLong);
    }
    // Without the limit a ten-byte message could claim a string of a terabyte.
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (message, read): (T, _) = bincode::serde::decode_from_slice(bytes, config).map_err(|_| WireError::Malformed)?;
    if read < bytes.len() {
        return Err(WireError::TrailingBytes);
    }
    // bincode reads a number in a longer form than it needs. Every such form makes the message longer, and nothing makes it
    // shorter, so the length alone tells. Few messages look as if they had one, and only those are measured.
    let is_shortest = !may_hold_long_form(bytes) || encoded_len(&message) == read;
    if is_shortest { Ok(message) } else { Err(WireError::Malformed) }
}

/// Whether there is a byte that may begin a number in a longer form than it needs: a marker of bincode's for 2, 4, 8 or 16
/// bytes, and then a value that fits in fewer. In a text or a token the same bytes mean nothing.
fn may_hold_long_form(bytes: &[u8]) -> bool {
    let fits = |after: &[u8], width: usize, needed: u64| {
        let value = after.get(..width).map(|value| value.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        value.is_some_and(|value| value < needed)
    };
    bytes.iter().enumerate().any(|(at, marker)| match marker {
        251 => fits(&bytes[at + 1..], 2, 251),
        252 => fits(&bytes[at + 1..], 4, 1 << 16),
        253 => fits(&bytes[at + 1..], 8, 1 << 32),
        254 => true,
        _ => false,
    })
}

/// Reads a value from the start of `bytes` and ignores the rest. A message of another version may continue differently.
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
