//! Which players are active. It is judged by what a ship does, since a script can send any input.

use super::World;
use super::pilot::Pilot;
use crate::authority::damage::{Hit, Loss};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::rules::Point;

/// A ship has moved when it is so far from its last marked position, in units. Turning on the spot is no move.
const MOVED: i32 = 64;
/// A ship that has neither moved nor hit anybody for so long is parked, in seconds.
const PARKED_S: u32 = 60;
/// Ticks for which a ship that is moved out of a closing tile is away. On the first it is seen to be gone, and on the
/// second it comes back. So clients see it like any ship that is placed anew.
const MOVE_TICKS: u8 = 2;

impl World {
    /// Records which ships have moved on this tick, and counts the parked ones. A respawn is no move.
    pub(super) fn note_activity(&mut self) {
        let moved = i64::from(MOVED * QUANTA_PER_UNIT);
        for pilot in self.pilots.iter_mut().flatten() {
            if pilot.ship.is_alive() && pilot.ship.position.distance_squared(pilot.anchor) >= moved * moved {
                (pilot.anchor, pilot.active_at) = (pilot.ship.position, self.now);
            }
        }
        self.parked = self.pilots().filter(|(_, pilot)| self.is_parked(pilot)).count();
    }

    /// Records which ships did damage. `hits` and `losses` are in the same order of victims.
    pub(super) fn note_fighters(&mut self, hits: &[Hit], losses: &[Loss]) {
        let (mut losses, mut harmed, now) = (losses.iter().peekable(), None, self.now);
        for hit in hits {
            if losses.next_if(|loss| loss.victim == hit.victim).is_some() {
                harmed = Some(hit.victim);
            }
            if let Some(pilot) = self.pilot_mut(hit.shooter).filter(|_| harmed == Some(hit.victim)) {
                (pilot.active_at, pilot.fought_at) = (now, Some(now));
            }
        }
    }

    /// Whether a ship has neither moved nor fought for a while.
    pub(super) fn is_parked(&self, pilot: &Pilot) -> bool {
        self.now.since(pilot.active_at) >= i64::from(PARKED_S * self.arena.tick_rate().hz())
    }

    /// Removes the parked ships that are in walls since a tile closed. They come back elsewhere with their state.
    pub(super) fn move_parked(&mut self) {
        let (map, open) = (self.arena.map(), self.arena.open());
        let is_closed = |place: Point| map.rank_at(place) >= open;
        for Pilot { ship, moved_with, .. } in self.pilots.iter_mut().flatten() {
            if ship.is_alive() && is_closed(ship.position) {
                *moved_with = Some(ship.hull);
                ship.destroy(MOVE_TICKS);
            }
        }
    }
}
