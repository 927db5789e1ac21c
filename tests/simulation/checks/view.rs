//! A replica is the records of its known list, bit for bit, and that list is what its player may see: nothing from beyond, and
//! nothing on the screen missing for long.

use crate::annals::{Annals, TickRecord};
use fracas_arena::rules::tuning::{BOLT_SPEED, DASH_SPEED};
use fracas_arena::rules::{Arena, Entity};
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::replica::Replica;
use fracas_protocol::wire::message::Aspect;
use fracas_server::replication::Viewer;
use fracas_server::replication::view::LEAVES_EVERY;

/// What is on a screen is known within so many bodies.
const MISSING_MAX: u32 = 5;

/// What a connection's client knew with the body before, and what was missing then.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    known: Vec<EntityId>,
    /// What is on the screen and not known, and for how many bodies.
    missing: Vec<(EntityId, u32)>,
}

impl Memory {
    /// Checks a replica after a body. Returns what is wrong, and which checker says so.
    pub(crate) fn check(
        &mut self,
        replica: &Replica<Arena>,
        place: Option<u16>,
        aspect: Aspect,
        annals: &Annals,
    ) -> Result<(), (&'static str, String)> {
        let tick = replica.tick();
        let Some(record) = annals.on(tick) else {
            return Err(("replica", "it was told of a tick that was never run".into()));
        };
        equals(replica, place, record).map_err(|what| ("replica", what))?;
        let Some(centre) = replica.follow().and_then(|id| record.entity(id)).map(Arena::position) else {
            return Ok(());
        };
        self.nothing_beyond(replica, centre, aspect, annals).map_err(|what| ("view", what))?;
        self.nothing_missing(replica, centre, aspect, record).map_err(|what| ("view", what))?;
        self.known.clear();
        self.known.extend(replica.known().iter().map(|known| known.id));
        Ok(())
    }

    /// The client forgot everything.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
        self.missing.clear();
    }

    fn nothing_beyond(
        &self,
        replica: &Replica<Arena>,
        centre: Point,
        aspect: Aspect,
        annals: &Annals,
    ) -> Result<(), String> {
        let flown = flown(replica, annals);
        let entry = Viewer::<Arena>::entry_rect(aspect, centre);
        let leave = Viewer::<Arena>::leave_rect(aspect, centre).widened(flown, flown);
        for known in replica.known() {
            let (place, is_new) = (Arena::position(&known.now), self.known.binary_search(&known.id).is_err());
            // A bolt comes with its ship, which may be about to leave.
            let has_entered = is_new && !matches!(known.now, Entity::Bolt(_));
            let allowed = if has_entered { &entry } else { &leave };
            if !allowed.contains(place) {
                return Err(format!(
                    "at {centre:?} it is told that {:?} is at {place:?}; is that new: {is_new}",
                    known.id
                ));
            }
        }
        Ok(())
    }

    fn nothing_missing(
        &mut self,
        replica: &Replica<Arena>,
        centre: Point,
        aspect: Aspect,
        record: &TickRecord,
    ) -> Result<(), String> {
        let (width, height) = aspect.view_size();
        let on_screen = |place: Point| {
            (place.x - centre.x).abs() <= width * QUANTA_PER_UNIT / 2
                && (place.y - centre.y).abs() <= height * QUANTA_PER_UNIT / 2
        };
        let mut known = replica.known().iter().peekable();
        let mut missing = Vec::new();
        for (id, entity) in &record.entities {
            while known.next_if(|known| known.id < *id).is_some() {}
            let is_known = known.peek().is_some_and(|known| known.id == *id);
            if !is_known && on_screen(Arena::position(entity)) {
                let before = self.missing.iter().find(|(other, _)| other == id).map_or(0, |(_, bodies)| *bodies);
                missing.push((*id, before + 1));
            }
        }
        self.missing = missing;
        match self.missing.iter().find(|(_, bodies)| *bodies > MISSING_MAX) {
            Some((id, bodies)) => Err(format!("{id:?} is on its screen and was not told of for {bodies} bodies")),
            None => Ok(()),
        }
    }
}

/// So far something may have flown off, from a viewer who dashes the other way, since that looked for it last, in quanta.
/// It looks on every fourth tick, by number: where numbers were skipped there may have been more steps between.
fn flown(replica: &Replica<Arena>, annals: &Annals) -> i32 {
    let (tick, hz) = (replica.tick(), replica.rules().tick_rate().hz() as i32);
    let lately = annals.back_from(tick).take_while(|record| tick.since(record.tick) < i64::from(LEAVES_EVERY)).count();
    let steps = if lately == LEAVES_EVERY as usize { LEAVES_EVERY } else { 2 * LEAVES_EVERY };
    (BOLT_SPEED + DASH_SPEED) * QUANTA_PER_UNIT / hz * steps as i32
}

/// Whether all that a replica holds is what the room said on its tick.
fn equals(replica: &Replica<Arena>, place: Option<u16>, record: &TickRecord) -> Result<(), String> {
    if replica.rules().world() != record.world {
        return Err(format!("its world is {:?}, not {:?}", replica.rules().world(), record.world));
    }
    let mut records = record.entities.iter();
    for known in replica.known() {
        match records.find(|(id, _)| *id >= known.id) {
            Some((id, entity)) if *id == known.id && *entity == known.now => {}
            Some((id, entity)) if *id == known.id => {
                return Err(format!("{id:?} is {:?} to it, and {entity:?} by the records", known.now));
            }
            _ => return Err(format!("{:?} has no record", known.id)),
        }
    }
    let Some(place) = place else { return Ok(()) };
    let Some(seat) = record.seat(place) else { return Err("nobody sat in its place on that tick".into()) };
    if replica.follow() != seat.follow || replica.report() != seat.report {
        return Err(format!("it follows {:?} with {:?}, not {seat:?}", replica.follow(), replica.report()));
    }
    match seat.own {
        Some(own) if own != *replica.own() => Err(format!("its own state is {:?}, not {own:?}", replica.own())),
        _ => Ok(()),
    }
}
