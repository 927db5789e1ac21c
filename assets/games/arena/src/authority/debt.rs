//! The debt of a player that left a ship in a fight, or a destroyed one. It decides how the network's next ship begins.
//! Leaving is never better than staying and being destroyed.

use crate::rules::own::ENERGY_FULL;
use crate::rules::tuning::{ENERGY_PARTS, ENERGY_RESUME};
use crate::rules::{Own, Tuning};
use fracas_protocol::game::rules::Point;
use fracas_protocol::tick::Tick;
use serde::{Deserialize, Serialize};

/// A ship that has fought within this time stays when its player leaves.
pub(super) const FIGHT_MS: u32 = 4000;

/// No player waits longer than this after leaving, whatever happens to the ship that was left.
pub(super) const WAIT_MS: u32 = 10_000;

/// The largest count that a waiting ship can show, which has seven bits.
pub(super) const COUNTDOWN_MAX: u32 = 127;

/// Identifies one ship of all that ever were: a slot, and which player in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipRef {
    pub(super) slot: u16,
    pub(super) number: u32,
}

/// A debt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// The ship that was left. While it fights or waits to respawn, the new one waits too.
    pub(super) ship: ShipRef,
    /// Where it was.
    pub(super) place: Point,
    /// Its energy and pauses, and the tick that they are of.
    pub(super) own: Own,
    pub(super) at: Tick,
    /// The new ship comes no earlier than this, ...
    pub(super) not_before: Tick,
    /// ... and no later than this.
    pub(super) latest: Tick,
    /// Whether the ship was left in a fight or destroyed. Then the new one has no protection. Otherwise it owes only
    /// what it has spent.
    pub(super) is_from_fight: bool,
}

impl Debt {
    /// The energy and the pauses that are left of it by now.
    pub(super) fn own_at(&self, now: Tick, tuning: &Tuning) -> Own {
        let ticks = u32::try_from(now.since(self.at)).unwrap_or(0);
        let left = |pause: u8| u32::from(pause).saturating_sub(ticks) as u8;
        let energy = u32::from(self.own.energy).saturating_add(ticks.saturating_mul(u32::from(tuning.energy)));
        let energy = energy.min(u32::from(ENERGY_FULL)) as u16;
        Own {
            energy,
            drained: self.own.drained && energy < ENERGY_RESUME * ENERGY_PARTS,
            dash_pause: left(self.own.dash_pause),
            rail_pause: left(self.own.rail_pause),
            rank: 0,
        }
    }
}
