//! The fight on one tick: what rails and bolts hit, the effect on ships and scores, and the draws.

use super::pilot::{Pilot, lot};
use super::{Rail, World};
use crate::authority::combat;
use crate::authority::damage::{self, Loss};
use crate::rules::tuning::KILL_SCORE;
use crate::rules::{News, ship_id};
use fracas_protocol::game::authority::GameEvent;
use fracas_protocol::ids::PlayerId;
use fracas_protocol::tick::Tick;

impl World {
    /// One tick of flight for all bolts.
    pub(super) fn fly_bolts(&mut self) {
        let lot = |slot| lot(&self.pilots, &self.draw, slot);
        self.bolts.advance(&self.arena, &self.targets, lot, &mut self.hits);
    }

    /// Judges all rails of the tick. A rail hits at once, and others are where their shooter saw them. A ship that was
    /// destroyed or has left since is hit without damage, and shields those behind it. A ship that the shooter did not
    /// see is not hit.
    pub(super) fn fire_rails(&mut self, tick: Tick) {
        let mut rails = std::mem::take(&mut self.rails);
        for Rail { shooter, view, aspect } in rails.drain(..) {
            let Some(ship) = self.ship(PlayerId(shooter)) else { continue };
            let Some(aim) = ship.rail else { continue };
            let beam = self.arena.beam(ship.position, aim).on_screen(aspect);
            let alive = |pilot: &Pilot| pilot.ship.is_alive();
            let fallen = (0..).zip(&self.pilots).filter(|(_, pilot)| !pilot.as_ref().is_some_and(alive));
            let fallen = fallen.map(|(slot, _)| slot);
            let lot = |slot| lot(&self.pilots, &self.draw, slot);
            let hit = combat::beam_hit(&beam, (shooter, aspect), &self.targets, fallen, &self.past.at(view), lot);
            let news = News::Rail { tick, hit: hit.map(|hit| ship_id(hit.victim)) };
            self.game_events.push(GameEvent { to: Some(PlayerId(shooter)), news });
            self.hits.extend(hit);
        }
        self.rails = rails;
    }

    /// Applies all hits of the tick at once.
    pub(super) fn hurt(&mut self) {
        let (mut hits, mut losses) = (std::mem::take(&mut self.hits), std::mem::take(&mut self.losses));
        let hull = |slot| Some(self.ship(PlayerId(slot))?).filter(|ship| !ship.is_protected()).map(|ship| ship.hull);
        let hull = |slot| hull(slot).filter(|hull| *hull > 0);
        damage::losses(&mut hits, hull, |slot| lot(&self.pilots, &self.draw, slot), &mut losses);
        let now = self.now;
        for Loss { victim, hull, .. } in &losses {
            if let Some(hurt) = self.pilot_mut(*victim) {
                (hurt.ship.hull, hurt.fought_at) = (*hull, Some(now));
            }
        }
        self.destroy(&losses);
        self.note_fighters(&hits, &losses);
        hits.clear();
        losses.clear();
        (self.hits, self.losses) = (hits, losses);
    }

    /// Destroys the ships without hit points. All losses are taken before any gain is given, since two ships may have
    /// destroyed each other.
    fn destroy(&mut self, losses: &[Loss]) {
        let respawn = self.arena.tuning().respawn;
        let mut prizes = Vec::new();
        for (victim, killer) in losses.iter().filter_map(|loss| Some((loss.victim, loss.killer?))) {
            let Some(Pilot { ship, .. }) = self.pilot_mut(victim) else { continue };
            let loot = ship.score / 10;
            // Its shots of its last tick are still seen, and count.
            let rail = ship.rail;
            ship.destroy(respawn);
            (ship.rail, ship.score) = (rail, ship.score - loot);
            prizes.push((victim, killer, loot));
        }
        for (victim, killer, loot) in prizes {
            let Some(Pilot { ship, name, .. }) = self.pilots[usize::from(victim)].as_ref() else { continue };
            let (wreck, name) = (ship.position, name.clone());
            self.pickups.scatter(wreck, &self.arena, &mut self.rng);
            let Some(killer) = self.pilot_mut(killer) else { continue };
            killer.ship.score = killer.ship.score.saturating_add(KILL_SCORE + loot);
            let by = killer.name.clone();
            self.kill_feed.add(&by, &name);
            self.game_events.push(GameEvent { to: Some(PlayerId(victim)), news: News::Destroyed { by } });
        }
    }
}
