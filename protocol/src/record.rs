//! The canonical record of an entity: what every viewer believes of it. These helpers advance, correct and hash
//! records, at both ends. The game's [`Rules`] define what a record holds.

use crate::WireError;
use crate::game::rules::Rules;
use crate::ids::EntityId;
use crate::wire::bits::{BitReader, BitWriter};
use crate::wire::digest::Digest;
use crate::wire::limits::DELTA_BITS_MAX;

/// Writes the delta that turns `predicted` into `target`. `predicted` was predicted from `before`.
///
/// # Panics
/// If the game's `code_delta` does not reach `target`, or takes more than [`DELTA_BITS_MAX`] bits. Every replica would
/// be wrong from then on, so the room must not continue.
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

/// The hash of entities in their order, each with its id before it.
#[inline]
pub fn hash<'a, R: Rules>(rules: &R, entities: impl Iterator<Item = (EntityId, &'a R::Entity)>) -> u32 {
    let mut digest = Digest::default();
    for (id, entity) in entities {
        rules.digest(id, entity, &mut digest);
    }
    digest.finish()
}
