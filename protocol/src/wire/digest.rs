//! A 32-bit hash over the fields of records, equal at both ends if the records are.

use crate::WireError;
use crate::wire::bits::Coder;

/// The third [`Coder`], which neither writes nor reads: what describes a value's bits also hashes
/// it.
///
/// Each word is mixed in by exclusive or, a multiplication by 2^32 / phi, and a shift that brings the high bits down.
/// (Knuth, The Art of Computer Programming, vol. 3, 6.4: multiplicative hashing.) It finds faults, not forgeries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u32);

impl Default for Digest {
    fn default() -> Self {
        Self(0x4652_4143)
    }
}

impl Digest {
    /// Mixes one word in.
    #[inline]
    pub fn word(&mut self, word: u32) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b1);
        self.0 = mixed ^ (mixed >> 15);
    }

    /// The hash of all words so far.
    pub fn finish(self) -> u32 {
        self.0
    }
}

impl Coder for Digest {
    /// A number of any width is one word.
    #[inline]
    fn uint(&mut self, value: u32, _: u32) -> Result<u32, WireError> {
        self.word(value);
        Ok(value)
    }
}
