//! Tokens: 128 random bits that the server keeps only as a hash.

use fracas_protocol::ids::Token;
use sha2::{Digest, Sha256};

/// What the server remembers of a token. Whoever reads it cannot use it, and comparing it gives nothing away: two tokens
/// that differ in one bit have hashes that have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &Token) -> Self {
        Self(Sha256::digest(token.0).into())
    }

    /// Enough of it to tell some thousands apart.
    pub(crate) fn short(&self) -> u64 {
        self.0.iter().take(8).fold(0, |short, byte| short << 8 | u64::from(*byte))
    }
}

/// A new token from the system's generator; none if that fails, which leaves the player without a way to resume.
pub(crate) fn new_token() -> Option<Token> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(Token(bytes))
}
