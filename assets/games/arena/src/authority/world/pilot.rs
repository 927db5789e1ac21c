//! What the arena knows of one player: the ship, and all that decides about it.

use crate::authority::debt::Debt;
use crate::authority::draw::{Draw, Lot};
use crate::rules::Ship;
use crate::rules::own::Own;
use fracas_protocol::game::rules::Point;
use fracas_protocol::ids::PlayerKind;
use fracas_protocol::name::Name;
use fracas_protocol::tick::Tick;
use serde::{Deserialize, Serialize};

/// A player and its ship.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pilot {
    pub(super) name: Name,
    pub(super) kind: PlayerKind,
    pub(super) ship: Ship,
    pub(super) own: Own,
    /// The tick of its first spawn. It has seen nothing from before.
    pub(super) since: Option<Tick>,
    /// Decides draws against ships with equal state.
    pub(super) luck: u64,
    /// Its position when it last counted as moved, and the tick when it last moved or fought.
    pub(super) anchor: Point,
    pub(super) active_at: Tick,
    /// The hit points of a ship that is moved out of a closing tile. It comes back with these, not with new ones.
    pub(super) moved_with: Option<u8>,
    /// Distinguishes it from earlier players of the slot.
    pub(super) number: u32,
    /// When it last fired, hit or was hit, in its present life.
    pub(super) fought_at: Option<Tick>,
    /// The debt that its first ship pays.
    pub(super) debt: Option<Debt>,
}

/// The lot of the ship in a slot in this tick's draws.
pub(super) fn lot(pilots: &[Option<Pilot>], draw: &Draw, slot: u16) -> Lot {
    let Some(Pilot { name, ship, own, luck, .. }) = pilots.get(usize::from(slot)).and_then(Option::as_ref) else {
        // It has left. Only its name in a shooter's news depends on it.
        return draw.lot(std::iter::empty(), 0);
    };
    let name =
        name.as_str().as_bytes().chunks(8).map(|part| part.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    let pair = |high: i32, low: i32| u64::from(high as u32) << 32 | u64::from(low as u32);
    let state = [
        pair(ship.position.x, ship.position.y),
        pair(ship.velocity.x, ship.velocity.y),
        pair(i32::from(ship.hull), i32::from(ship.score)),
        u64::from(own.energy),
    ];
    draw.lot(name.chain(state), *luck)
}
