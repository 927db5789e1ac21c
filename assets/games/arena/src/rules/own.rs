//! What only a ship's own player is told: energy, pauses, and rank.

use super::ship::Ship;
use super::tuning::{BOLT_ENERGY, ENERGY_MAX, ENERGY_PARTS, ENERGY_RESUME, RAIL_ENERGY, Tuning};
use fracas_protocol::WireError;
use fracas_protocol::game::rules::Coded;
use fracas_protocol::wire::bits::Coder;
use serde::{Deserialize, Serialize};

/// A full store of energy in parts of a point.
pub const ENERGY_FULL: u16 = ENERGY_MAX * ENERGY_PARTS;

/// A player's own state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Energy in 1/60 points, at most [`ENERGY_FULL`].
    pub energy: u16,
    /// Ran out while firing; no fire until there is [`ENERGY_RESUME`] again.
    pub drained: bool,
    /// Ticks until it may dash again.
    pub dash_pause: u8,
    /// Ticks until it may fire its rail again.
    pub rail_pause: u8,
    /// Place among the people by score, from 1; 0 if it has none.
    pub rank: u16,
}

const ENERGY_BITS: u32 = 13;
const PAUSE_BITS: u32 = 8;
const RANK_BITS: u32 = 13;

impl Own {
    /// Whether a dash may begin on the tick that follows.
    pub fn may_dash(&self) -> bool {
        self.dash_pause <= 1
    }

    /// Whether the rail may be fired on the tick that follows.
    pub fn may_fire_rail(&self) -> bool {
        self.rail_pause <= 1 && self.energy >= RAIL_ENERGY * ENERGY_PARTS
    }

    /// One tick, after which its ship is `ship`. Its actions cost energy, and energy comes back.
    pub fn advance(&mut self, ship: &Ship, tuning: &Tuning) {
        self.dash_pause = if ship.has_dashed(tuning) { tuning.dash_pause } else { self.dash_pause.saturating_sub(1) };
        self.rail_pause = if ship.rail.is_some() { tuning.rail_pause } else { self.rail_pause.saturating_sub(1) };
        let bolt = if ship.has_fired(tuning) { BOLT_ENERGY } else { 0 };
        let rail = if ship.rail.is_some() { RAIL_ENERGY } else { 0 };
        if bolt + rail > 0 {
            self.energy = self.energy.saturating_sub((bolt + rail) * ENERGY_PARTS);
            self.drained |= self.energy < BOLT_ENERGY * ENERGY_PARTS;
        }
        self.energy = (self.energy + tuning.energy).min(ENERGY_FULL);
        self.drained &= self.energy < ENERGY_RESUME * ENERGY_PARTS;
    }
}

impl Coded for Own {
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.energy = coder.ranged(u32::from(self.energy), ENERGY_BITS, u32::from(ENERGY_FULL))? as u16;
        self.drained = coder.flag(self.drained)?;
        self.dash_pause = coder.seldom(u32::from(self.dash_pause), PAUSE_BITS)? as u8;
        self.rail_pause = coder.seldom(u32::from(self.rail_pause), PAUSE_BITS)? as u8;
        self.rank = coder.uint(u32::from(self.rank), RANK_BITS)? as u16;
        Ok(())
    }
}
