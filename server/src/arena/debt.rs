//! What a player owes who left a ship in a fight, or one that was destroyed: how its network's next ship begins. Leaving is
//! never better than to stay and be destroyed.

use fracas_protocol::arena::own::ENERGY_FULL;
use fracas_protocol::arena::tuning::{ENERGY_PARTS, ENERGY_RESUME};
use fracas_protocol::arena::{Own, Tuning};
use fracas_protocol::game::rules::Point;
use fracas_protocol::tick::Tick;
use serde::{Deserialize, Serialize};

/// A ship that has fought within this time stays when its player leaves.
pub(super) const FIGHT_MS: u32 = 4000;

/// Nobody waits longer than this after leaving, whatever the ship that was left goes through.
pub(super) const WAIT_MS: u32 = 10_000;

/// The largest count that a waiting ship can show, which has seven bits.
pub(super) const COUNTDOWN_MAX: u32 = 127;

/// One of all ships that there have been: a slot, and which of the players in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipRef {
    pub(super) slot: u16,
    pub(super) number: u32,
}

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// The ship that was left. While it is in the world and fights, or waits to come back, the new one waits too.
    pub(super) ship: ShipRef,
    /// Where it was.
    pub(super) place: Point,
    /// Its energy and pauses, and when they were so.
    pub(super) own: Own,
    pub(super) at: Tick,
    /// The new ship comes not before this, ...
    pub(super) not_before: Tick,
    /// ... and not later than this.
    pub(super) latest: Tick,
    /// Whether the ship was left in a fight or destroyed: then the new one is not protected. Else it owes only what it has
    /// spent.
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
