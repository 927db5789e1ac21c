//! Tokens: 128 random bits. The server keeps only their hash.

use fracas_protocol::ids::Token;
use sha2::{Digest, Sha256};

/// The hash of a token, which is all that the server keeps. It cannot be used as a token. Comparing hashes reveals
/// nothing, since tokens that differ in one bit have unrelated hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &Token) -> Self {
        Self(Sha256::digest(token.0).into())
    }

    /// A short form, enough to distinguish some thousands of tokens.
    pub(crate) fn short(&self) -> u64 {
        self.0.iter().take(8).fold(0, |short, byte| short << 8 | u64::from(*byte))
    }
}

/// A new token from the system's generator. None if that fails; then the player cannot resume its session.
pub(crate) fn new_token() -> Option<Token> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(Token(bytes))
}
