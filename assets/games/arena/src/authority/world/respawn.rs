//! When a ship spawns and when it may leave: waits, unfinished fights, and debts.

use super::super::debt::{COUNTDOWN_MAX, Debt, FIGHT_MS, ShipRef, WAIT_MS};
use super::World;
use super::pilot::{Pilot, lot};
use crate::rules::Ship;
use crate::rules::own::ENERGY_FULL;
use crate::rules::tuning::HULL_MAX;
use fracas_protocol::ids::PlayerId;
use fracas_protocol::tick::Tick;

impl World {
    /// Spawns the ships that have waited long enough, and those of new players.
    pub(super) fn respawn(&mut self, tick: Tick) {
        let mut due = Vec::new();
        for slot in 0..self.pilots.len() as u16 {
            let waits = |pilot: &Pilot| (!pilot.ship.is_alive()).then(|| self.waits(pilot, tick));
            match self.pilots[usize::from(slot)].as_ref().and_then(waits) {
                None => {}
                Some(0) => due.push(slot),
                Some(ticks) => {
                    let Some(pilot) = self.pilot_mut(slot) else { continue };
                    pilot.ship.timer = ticks.min(COUNTDOWN_MAX) as u8;
                }
            }
        }
        // The generator gives each ship a position. The lowest slot must not draw first. New players come after all
        // others, in the order of their slots, in which they joined.
        due.sort_by_cached_key(|slot| {
            let is_new = self.pilots[usize::from(*slot)].as_ref().is_none_or(|pilot| pilot.since.is_none());
            (is_new, (!is_new).then(|| lot(&self.pilots, &self.draw, *slot)))
        });
        due.into_iter().for_each(|slot| self.place(slot, tick));
    }

    /// For how many ticks a ship that does not fly has to wait.
    fn waits(&self, pilot: &Pilot, tick: Tick) -> u32 {
        let Some(debt) = &pilot.debt else { return u32::from(pilot.ship.timer) };
        let until = debt.not_before.max(self.busy_until(debt.ship, tick)).min(debt.latest);
        u32::try_from(until.since(tick)).unwrap_or(0)
    }

    /// Until when a ship that was left fights or waits to respawn. That is over if the ship is gone.
    fn busy_until(&self, ShipRef { slot, number }: ShipRef, tick: Tick) -> Tick {
        let pilot = self.pilots.get(usize::from(slot)).and_then(Option::as_ref);
        match pilot.filter(|pilot| pilot.number == number) {
            None => Tick(0),
            Some(pilot) if pilot.ship.is_alive() => self.fights_until(pilot),
            Some(pilot) => tick.plus(u32::from(pilot.ship.timer)),
        }
    }

    /// Until when it counts as being in a fight.
    fn fights_until(&self, pilot: &Pilot) -> Tick {
        pilot.fought_at.map_or(Tick(0), |at| at.plus(self.arena.tick_rate().ticks_in_ms(FIGHT_MS)))
    }

    /// Gives a player its next ship.
    fn place(&mut self, slot: u16, tick: Tick) {
        let position = self.places.safe(&self.arena, &self.targets, &mut self.rng);
        let tuning = self.arena.tuning();
        let tuning = *tuning;
        let Some(pilot) = self.pilot_mut(slot) else { return };
        let (debt, moved_with) = (pilot.debt.take(), pilot.moved_with.take());
        let is_protected = moved_with.is_none() && debt.as_ref().is_none_or(|debt| !debt.is_from_fight);
        pilot.ship = Ship {
            position,
            aim: pilot.ship.aim,
            shots: pilot.ship.shots,
            score: pilot.ship.score,
            hull: moved_with.unwrap_or(HULL_MAX),
            timer: if is_protected { tuning.protection } else { 0 },
            ..Ship::default()
        };
        pilot.anchor = position;
        if debt.is_none() && moved_with.is_none() {
            (pilot.own.energy, pilot.own.drained) = (ENERGY_FULL, false);
        }
        if pilot.since.is_none() {
            // Otherwise a client that joins over and over would have one rail to fire each time.
            (pilot.since, pilot.own.rail_pause) = (Some(tick), tuning.rail_pause);
        }
        pilot.fought_at = None;
        self.past.forget(PlayerId(slot));
    }

    /// Whether a player that has left has nothing unfinished: no fight, and no wait for the next ship.
    pub(super) fn has_finished(&self, pilot: &Pilot) -> bool {
        match pilot.since {
            // It has never flown. Its debt passes to the next session.
            None => true,
            Some(_) if pilot.ship.is_alive() => self.now >= self.fights_until(pilot),
            // In the next step it would be alive again.
            Some(_) => pilot.ship.timer <= 1,
        }
    }

    /// The debt of a player that left on tick `left`.
    pub(super) fn owed_by(&self, player: PlayerId, pilot: &Pilot, left: Tick) -> Option<Debt> {
        if pilot.debt.is_some() {
            return pilot.debt.clone();
        }
        pilot.since?;
        let (tuning, rate, now) = (self.arena.tuning(), self.arena.tick_rate(), self.now);
        let is_alive = pilot.ship.is_alive();
        let is_from_fight = !is_alive || self.fights_until(pilot) > left;
        let not_before = match (is_alive, is_from_fight) {
            // As if it had been destroyed at that moment.
            (true, true) => left.plus(u32::from(tuning.respawn)),
            (true, false) => now,
            (false, _) => now.plus(u32::from(pilot.ship.timer)),
        };
        let has_spent = pilot.own.energy < ENERGY_FULL || pilot.own.dash_pause > 0;
        (is_from_fight || has_spent).then(|| Debt {
            ship: ShipRef { slot: player.0, number: pilot.number },
            place: pilot.ship.position,
            own: pilot.own,
            at: now,
            not_before,
            latest: left.plus(rate.ticks_in_ms(WAIT_MS)),
            is_from_fight,
        })
    }
}
