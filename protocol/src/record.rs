//! The canonical record of an entity: what every viewer believes of it. Here are the helpers that both ends share to
//! advance, correct and hash records; what a record holds is the game's [`Rules`].

use crate::WireError;
use crate::game::rules::Rules;
use crate::ids::EntityId;
use crate::wire::bits::{BitReader, BitWriter};
use crate::wire::limits::DELTA_BITS_MAX;

/// Writes what makes `target` of `predicted`, which was predicted from `before`.
///
/// # Panics
/// If the game's `code_delta` does not reach `target`, or takes more than [`DELTA_BITS_MAX`] bits: every replica would
/// be wrong from here on, so the room must not go on.
pub fn write_delta<R: Rules>(
    rules: &R,
    before: &R::Entity,
    predicted: &R::Entity,
    target: &R::Entity,
    out: &mut BitWriter,
) {
    let start = out.bit_len();
    let mut now = *predicted;
    let coded = rules.code_delta(before, &mut now, target, out);
    assert!(coded.is_ok() && now == *target, "a delta must make {target:?} of {predicted:?}, not {now:?}");
    assert!(out.bit_len() - start <= DELTA_BITS_MAX, "a delta of {} bits", out.bit_len() - start);
}

/// Reads a delta and applies it to `now`, which comes in as predicted from `before`.
pub fn read_delta<R: Rules>(
    rules: &R,
    before: &R::Entity,
    now: &mut R::Entity,
    bits: &mut BitReader<'_>,
) -> Result<(), WireError> {
    let meaningless = *now;
    rules.code_delta(before, now, &meaningless, bits)
}

/// A 32-bit hash over the words of records, equal at both ends if the records are.
///
/// Each word is mixed in by exclusive or, a multiplication by 2^32 / phi (Knuth, The Art of Computer Programming, vol. 3,
/// 6.4: multiplicative hashing) and a shift that brings the high bits down. It finds faults, not forgeries.
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

    /// Mixes an entity's id and fields in.
    #[inline]
    pub fn entity<R: Rules>(&mut self, id: EntityId, entity: &R::Entity) {
        self.word(u32::from(id.0));
        R::digest(entity, self);
    }

    /// The hash of all words so far.
    pub fn finish(self) -> u32 {
        self.0
    }
}
