//! Who plays and who is only there: judged by what a ship does, since whatever a client says can be said by a script.

use super::World;
use super::pilot::Pilot;
use crate::arena::damage::{Hit, Loss};
use fracas_protocol::arena::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::rules::{Point, Rules};

/// A ship has moved when it is so far from where it last had, in units. Who turns on the spot has not.
const MOVED: i32 = 64;
/// A ship that has neither moved nor hit anybody for so long is parked, in seconds.
const PARKED_S: u32 = 60;
/// Ticks for which a ship that is moved out of a closing tile is away: one on which it is seen to be gone, and the one on which
/// it comes back. So clients are told of it as of any ship that is placed anew.
const MOVE_TICKS: u8 = 2;

impl World {
    /// Takes note of who has moved on this tick, and of how many have not for long. A respawn is no move.
    pub(super) fn note_activity(&mut self) {
        let moved = i64::from(MOVED * QUANTA_PER_UNIT);
        for pilot in self.pilots.iter_mut().flatten() {
            if pilot.ship.is_alive() && pilot.ship.position.distance_squared(pilot.anchor) >= moved * moved {
                (pilot.anchor, pilot.active_at) = (pilot.ship.position, self.now);
            }
        }
        self.parked = self.pilots().filter(|(_, pilot)| self.is_parked(pilot)).count();
    }

    /// Takes note of whose hits did harm. `hits` and `losses` are in the same order of victims.
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

    /// Takes the ships away that are in walls since a tile closed: they were parked. They come back elsewhere, as they were.
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
