//! What only a ship's own player is told: energy and rank.

use super::tuning::{BOLT_ENERGY, ENERGY_MAX, ENERGY_PARTS, ENERGY_RESUME, Tuning};
use crate::WireError;
use crate::bits::Coder;

/// A full store of energy in parts of a point.
pub const ENERGY_FULL: u16 = ENERGY_MAX * ENERGY_PARTS;

/// A player's own state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Energy in 1/60 points, at most [`ENERGY_FULL`].
    pub energy: u16,
    /// Ran out while firing; no fire until there is [`ENERGY_RESUME`] again.
    pub drained: bool,
    /// Place among the people by score, from 1; 0 if it has none.
    pub rank: u16,
}

const ENERGY_BITS: u32 = 13;
const RANK_BITS: u32 = 13;

impl Own {
    /// One tick: a shot is paid for, and energy comes back.
    pub fn advance(&mut self, has_fired: bool, tuning: &Tuning) {
        if has_fired {
            self.energy = self.energy.saturating_sub(BOLT_ENERGY * ENERGY_PARTS);
            self.drained |= self.energy < BOLT_ENERGY * ENERGY_PARTS;
        }
        self.energy = (self.energy + tuning.energy).min(ENERGY_FULL);
        self.drained &= self.energy < ENERGY_RESUME * ENERGY_PARTS;
    }

    pub(super) fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.energy = coder.ranged(u32::from(self.energy), ENERGY_BITS, u32::from(ENERGY_FULL))? as u16;
        self.drained = coder.flag(self.drained)?;
        self.rank = coder.uint(u32::from(self.rank), RANK_BITS)? as u16;
        Ok(())
    }
}
