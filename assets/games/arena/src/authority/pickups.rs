//! The pick-ups. Their number follows the open part of the arena.

use super::draw::{Lot, Nearest};
use super::spawn::SpawnPlaces;
use crate::rules::tuning::PICKUP_REACH;
use crate::rules::{Arena, PICKUP_IDS, Pickup, PickupKind, slot_of};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::rules::Point;
use fracas_protocol::grid::{Grid, Rect};
use fracas_protocol::ids::EntityId;
use fracas_protocol::rng::Rng;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One pick-up for so many square units.
const AREA_PER_PICKUP: i64 = 100_000;
/// New pick-ups on one tick.
const SPAWNS_PER_TICK: usize = 4;
/// How far from a cell's centre a pick-up may lie, in units.
const CELL_SPREAD: i32 = 24;
/// Shards a destroyed ship leaves, and how far from it they may lie, in units.
const WRECK_SHARDS: usize = 2;
const WRECK_SPREAD: i32 = 24;

/// Every pick-up, by id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pickups {
    slots: Vec<Option<Pickup>>,
    /// Free ids. The one that was freed last is used last.
    free: VecDeque<u16>,
    lying: usize,
}

impl Default for Pickups {
    fn default() -> Self {
        Self { slots: Vec::new(), free: (0..PICKUP_IDS).collect(), lying: 0 }
    }
}

impl Pickups {
    /// By ascending id.
    pub(super) fn lying(&self) -> impl Iterator<Item = (EntityId, Pickup)> + Clone {
        self.slots.iter().enumerate().filter_map(|(id, slot)| Some((EntityId(id as u16), (*slot)?)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lying
    }

    /// Adds missing pick-ups, a few at a time.
    pub(super) fn replenish(&mut self, arena: &Arena, places: &SpawnPlaces, rng: &mut Rng) {
        let side = i64::from(arena.map().tile_quanta() / QUANTA_PER_UNIT);
        let wanted = (i64::from(arena.open()) * side * side / AREA_PER_PICKUP) as usize;
        for _ in 0..SPAWNS_PER_TICK.min(wanted.saturating_sub(self.lying)) {
            let kind = match rng.below(10) {
                0..2 => PickupKind::Repair,
                2..4 => PickupKind::Cell,
                _ => PickupKind::Shard,
            };
            let middle = places.anywhere(arena, rng);
            let spread = CELL_SPREAD * QUANTA_PER_UNIT;
            let place =
                Point { x: middle.x + rng.between(-spread, spread), y: middle.y + rng.between(-spread, spread) };
            self.put(kind, place, arena);
        }
    }

    /// Adds the shards of a destroyed ship.
    pub(super) fn scatter(&mut self, wreck: Point, arena: &Arena, rng: &mut Rng) {
        let spread = WRECK_SPREAD * QUANTA_PER_UNIT;
        for _ in 0..WRECK_SHARDS {
            let place = Point { x: wreck.x + rng.between(-spread, spread), y: wreck.y + rng.between(-spread, spread) };
            self.put(PickupKind::Shard, place, arena);
        }
    }

    /// Puts a pick-up on the lattice near `place`, unless a wall is there or all ids are taken.
    fn put(&mut self, kind: PickupKind, place: Point, arena: &Arena) {
        let lattice = !(Pickup::LATTICE - 1);
        let position = Point { x: place.x & lattice, y: place.y & lattice };
        if arena.is_wall(position) {
            return;
        }
        let Some(id) = self.free.pop_front() else { return };
        if self.slots.len() <= usize::from(id) {
            self.slots.resize(usize::from(id) + 1, None);
        }
        self.slots[usize::from(id)] = Some(Pickup { position, kind });
        self.lying += 1;
    }

    /// Removes a pick-up.
    pub(super) fn remove(&mut self, id: EntityId) -> Option<Pickup> {
        let pickup = self.slots.get_mut(id.index())?.take()?;
        self.free.push_back(id.0);
        self.lying -= 1;
        Some(pickup)
    }

    /// Removes all pick-ups that lie in walls, after a tile closed.
    pub(super) fn remove_walled(&mut self, arena: &Arena) {
        let walled: Vec<_> =
            self.lying().filter(|(_, pickup)| arena.is_wall(pickup.position)).map(|(id, _)| id).collect();
        for id in walled {
            self.remove(id);
        }
    }

    /// Which pick-ups are taken, and by which of `ships`. The nearest ship in reach that `may_take` one gets it. Of
    /// equally near ships the draw decides.
    pub(super) fn reached(
        &self,
        ships: &Grid,
        may_take: impl Fn(u16) -> bool,
        lot: impl Fn(u16) -> Lot,
        out: &mut Vec<(EntityId, u16)>,
    ) {
        let reach = PICKUP_REACH * QUANTA_PER_UNIT;
        for (id, pickup) in self.lying() {
            let mut first = Nearest::new(&lot);
            ships.visit(&Rect::around(pickup.position, reach, reach), |ship, place| {
                let distance_squared = pickup.position.distance_squared(place);
                let is_reached = distance_squared <= i64::from(reach) * i64::from(reach);
                if let Some(slot) = slot_of(ship).filter(|slot| is_reached && may_take(*slot)) {
                    first.offer(distance_squared, slot);
                }
            });
            out.extend(first.best().map(|(_, slot)| (id, slot)));
        }
    }
}
