//! A game's start-up data: what it never changes while it runs, such as a map. A client fetches it once from the server.

use crate::ids::DataId;
use crate::wire::digest::Digest;
use std::sync::Arc;

/// Most bytes of start-up data. It is one HTTP response, and a client keeps all of it.
pub const DATA_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Start-up data and its id. Cheap to clone. What the bytes mean is the game's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartData {
    bytes: Arc<[u8]>,
    id: DataId,
}

impl StartData {
    /// Names the data by its content.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let mut digest = Digest::default();
        digest.word(bytes.len() as u32);
        for chunk in bytes.chunks(4) {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            digest.word(u32::from_le_bytes(word));
        }
        Self { bytes, id: DataId(digest.finish()) }
    }

    /// The data.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Its id, which the welcome names.
    pub fn id(&self) -> DataId {
        self.id
    }
}

/// Why start-up data is not a game's, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the start-up data is not this game's: {0}")]
pub struct DataError(pub String);
