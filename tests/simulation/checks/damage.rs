//! No sequence of connections of one network deals more damage between two spawn waits than as many uninterrupted ships could.
//!
//! What is counted is what is fired, since whether a shot meets is luck. Each network has *allowances*: what one uninterrupted
//! ship may do.
//!
//! - A session that begins takes over an allowance of its network that nobody uses, or brings a new one if there is none.
//! - A session that is left, or loses its connection, leaves its allowance behind. One that nobody has used for a spawn wait
//!   (2 s) is as good as new: who waits for so long may begin anew, as a destroyed ship does. After 10 s it is gone.
//! - Which of several a new session takes over is the server's choice. It is taken to be the one that was left first, and
//!   what is fired is paid from all of them together.
//! - The allowance of a ship that is destroyed waits for a spawn wait, whoever takes it over.
//! - Who comes back to its ship by a token has its own allowance again; if somebody else has taken that over, a new one with
//!   the energy that its ship has.
//!
//! With these, for each network on each tick:
//!
//! - no more ships fly under control than it has allowances that do not wait
//! - in the time from one rail to the next there are no more rails than allowances that are in use, or were within a spawn
//!   wait, and the same for bolts
//! - all shots are paid from the allowances' energy, which comes back as a ship's does, is full after a spawn wait, and gets
//!   what its ships take from cells
//!
//! Times are counted in numbers of ticks. A ship counts steps, of which there are fewer where ticks are skipped, so that none
//! is wronged.

use super::rails::{paid, ship};
use crate::annals::{Annals, Passed, TickRecord};
use fracas_arena::rules::own::ENERGY_FULL;
use fracas_arena::rules::tuning::{BOLT_ENERGY, ENERGY_PARTS, RAIL_ENERGY, Tuning};
use fracas_protocol::tick::Tick;
use fracas_server::ids::{ConnectionKey, SessionId};
use fracas_server::sim::channel::{Admitted, Request};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// A shot may be fired with a little less than it costs: a bolt and a rail on one tick, or the last bolt.
const SHORT_MAX: i64 = (BOLT_ENERGY * ENERGY_PARTS) as i64;

/// So long an allowance is kept that nobody uses: by then its energy is full in any case.
const KEPT_MS: u32 = 10_000;

/// What one uninterrupted ship may do.
#[derive(Clone, Copy, Debug)]
struct ShipBudget {
    /// The session that uses it, or used it last.
    session: SessionId,
    /// Since when nobody does, and the energy that its ship had then.
    left: Option<(Tick, i64)>,
    /// When its ship was destroyed, until one flies again.
    died: Option<Tick>,
}

/// One network.
#[derive(Debug, Default)]
struct Account {
    allowances: Vec<ShipBudget>,
    /// Of all of them together, in parts of a point.
    energy: i64,
    /// The ticks of shots, as far back as they matter.
    rails: VecDeque<Tick>,
    bolts: VecDeque<Tick>,
}

/// Who has a session.
#[derive(Clone, Copy, Debug)]
struct Holder {
    network: IpAddr,
    /// None while its connection is lost.
    connection: Option<ConnectionKey>,
}

/// What all networks do.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    accounts: BTreeMap<IpAddr, Account>,
    /// By place and serial, which is an order.
    sessions: BTreeMap<(u16, u64), (SessionId, Holder)>,
    last: Tick,
    /// Shots that were counted, and sessions that took over an allowance.
    pub(crate) shots: u64,
    pub(crate) takeovers: u64,
}

fn key(session: SessionId) -> (u16, u64) {
    (session.player.0, session.serial)
}

impl Damage {
    /// Checks the last tick.
    pub(crate) fn tick(&mut self, annals: &Annals, tuning: &Tuning) -> Result<(), String> {
        let Some(now) = annals.last() else { return Ok(()) };
        let before = annals.back_from(now.tick).nth(1);
        self.pass_time(now.tick, tuning);
        self.take_requests(&annals.passed, before, now.tick, tuning);
        let Some(before) = before else { return Ok(()) };
        for (session, holder) in self.sessions.values().copied().collect::<Vec<_>>() {
            self.follow_ship(session, holder, (before, now), tuning);
        }
        for session in &annals.passed.ended {
            self.leave(*session, before, now.tick);
            self.sessions.remove(&key(*session));
        }
        self.check(now, tuning)
    }

    /// Energy comes back, and what nobody has used for long is gone.
    fn pass_time(&mut self, now: Tick, tuning: &Tuning) {
        let ticks = now.since(std::mem::replace(&mut self.last, now));
        let kept = i64::from(tuning.rate.ticks_in_ms(KEPT_MS));
        for account in self.accounts.values_mut() {
            account.refill(ticks * i64::from(tuning.energy));
            let energy = &mut account.energy;
            account.allowances.retain(|allowance| {
                let is_kept = allowance.left.is_none_or(|(since, _)| now.since(since) < kept);
                if !is_kept {
                    // Who had more than the allowance it took over has spent nothing by leaving with it.
                    *energy = (*energy - allowance.energy(now, tuning)).max((*energy).min(0));
                }
                is_kept
            });
        }
    }

    /// Who came and who left, in the order in which the room heard of it.
    fn take_requests(&mut self, passed: &Passed, before: Option<&TickRecord>, now: Tick, tuning: &Tuning) {
        for (connection, request) in &passed.requests {
            match request {
                Request::Join { network: Some(network), .. } => {
                    let mut answers = passed.join_answers.iter().filter(|answer| answer.connection == *connection);
                    if let Some(Ok(admitted)) = answers.next().map(|answer| answer.verdict) {
                        self.admit(&admitted, (*network, *connection), before, now, tuning);
                    }
                }
                Request::Leave(session) | Request::Lost(session) => {
                    let holder = self.sessions.get_mut(&key(*session));
                    let holder = holder.filter(|(_, holder)| holder.connection == Some(*connection));
                    if let Some((_, holder)) = holder {
                        holder.connection = None;
                        if let Some(before) = before {
                            self.leave(*session, before, now);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn admit(
        &mut self,
        admitted: &Admitted,
        (network, connection): (IpAddr, ConnectionKey),
        before: Option<&TickRecord>,
        now: Tick,
        tuning: &Tuning,
    ) {
        if admitted.own.is_none() {
            return;
        }
        let session = admitted.session;
        if let Some((_, holder)) = self.sessions.get_mut(&key(session)) {
            holder.connection = Some(connection);
            let account = self.accounts.entry(holder.network).or_default();
            // What it left is its own again; if that is in use, it comes with what its ship has.
            match account.allowances.iter_mut().find(|allowance| allowance.session == session) {
                Some(allowance) => allowance.left = None,
                None => account.add(session, energy(before, session)),
            }
            return;
        }
        self.sessions.insert(key(session), (session, Holder { network, connection: Some(connection) }));
        let account = self.accounts.entry(network).or_default();
        let free = account.allowances.iter_mut().filter(|allowance| allowance.left.is_some());
        match free.min_by_key(|allowance| allowance.left) {
            Some(allowance) => {
                if !allowance.is_recent(now, tuning) {
                    account.energy += i64::from(ENERGY_FULL) - allowance.energy(now, tuning);
                }
                (allowance.session, allowance.left) = (session, None);
                self.takeovers += 1;
            }
            None => account.add(session, i64::from(ENERGY_FULL)),
        }
    }

    /// A session has no connection any more.
    fn leave(&mut self, session: SessionId, before: &TickRecord, now: Tick) {
        let Some((_, holder)) = self.sessions.get(&key(session)) else { return };
        let Some(account) = self.accounts.get_mut(&holder.network) else { return };
        let its = account.allowances.iter_mut().find(|allowance| allowance.session == session);
        if let Some(allowance) = its.filter(|allowance| allowance.left.is_none()) {
            allowance.left = Some((now, energy(Some(before), session)));
        }
    }

    /// What a ship did on the last tick.
    fn follow_ship(
        &mut self,
        session: SessionId,
        holder: Holder,
        (before, now): (&TickRecord, &TickRecord),
        tuning: &Tuning,
    ) {
        let place = session.player.0;
        let Some(account) = self.accounts.get_mut(&holder.network) else { return };
        let (Some(is), Some(own)) = (ship(now, place), now.seat(place).and_then(|seat| seat.own)) else { return };
        let was = ship(before, place).zip(before.seat(place).and_then(|seat| seat.own));
        let its = account.allowances.iter_mut().find(|allowance| allowance.session == session);
        let was_alive = was.is_some_and(|(was, _)| was.is_alive());
        if was_alive && !is.is_alive() {
            its.into_iter().for_each(|allowance| allowance.died = Some(now.tick));
        } else if !was_alive && is.is_alive() && its.is_some_and(|allowance| allowance.has_waited(now.tick, tuning)) {
            account.energy += i64::from(ENERGY_FULL);
        }
        let Some((was, had)) = was.filter(|(was, _)| was.is_alive()) else { return };
        let (rail, bolt) = (paid(before, now, place, tuning.rail_pause), was.shots != is.shots);
        let cost = i64::from(rail) * parts(RAIL_ENERGY) + i64::from(bolt) * parts(BOLT_ENERGY);
        let expected = (i64::from(had.energy) - cost).max(0) + i64::from(tuning.energy);
        // What is above that it has from a cell.
        account.energy += (i64::from(own.energy) - expected.min(i64::from(ENERGY_FULL))).max(0) - cost;
        account.refill(0);
        account.rails.extend(rail.then_some(now.tick));
        account.bolts.extend(bolt.then_some(now.tick));
        self.shots += u64::from(rail) + u64::from(bolt);
    }

    fn check(&mut self, now: &TickRecord, tuning: &Tuning) -> Result<(), String> {
        for (network, account) in &mut self.accounts {
            let recent = |allowance: &&ShipBudget| allowance.is_recent(now.tick, tuning);
            let allowed = account.allowances.iter().filter(recent).count();
            let its = self.sessions.values().filter(|(_, holder)| holder.network == *network);
            let controlled = its.filter(|(_, holder)| holder.connection.is_some());
            let flies = |session: &SessionId| ship(now, session.player.0).is_some_and(|ship| ship.is_alive());
            let flying = controlled.filter(|(session, _)| flies(session)).count();
            let waits = |allowance: &&ShipBudget| {
                allowance.died.is_some_and(|died| now.tick.since(died) < i64::from(tuning.respawn))
            };
            let waiting = account.allowances.iter().filter(waits).count();
            if flying + waiting > allowed {
                return Err(format!("of {network} {flying} ships fly, of {allowed} of which {waiting} have to wait"));
            }
            let shots =
                [("rails", &mut account.rails, tuning.rail_pause), ("bolts", &mut account.bolts, tuning.reload)];
            for (what, shots, pause) in shots {
                while shots.pop_front_if(|shot| now.tick.since(*shot) >= i64::from(pause)).is_some() {}
                if shots.len() > allowed {
                    let ticks: Vec<_> = shots.iter().map(|tick| tick.0).collect();
                    return Err(format!("{network} fired {what} on ticks {ticks:?} with {allowed} ships"));
                }
            }
            if account.energy < -SHORT_MAX * account.allowances.len() as i64 {
                let points = -account.energy / i64::from(ENERGY_PARTS);
                return Err(format!("{network} fired for {points} points of energy that {allowed} ships have not"));
            }
        }
        Ok(())
    }
}

impl Account {
    fn add(&mut self, session: SessionId, energy: i64) {
        self.allowances.push(ShipBudget { session, left: None, died: None });
        self.energy += energy;
    }

    fn refill(&mut self, each: i64) {
        let count = self.allowances.len() as i64;
        self.energy = (self.energy + count * each).min(count * i64::from(ENERGY_FULL));
    }
}

impl ShipBudget {
    /// The energy of its ship, if that was left as it is.
    fn energy(&self, now: Tick, tuning: &Tuning) -> i64 {
        let (since, then) = self.left.unwrap_or((now, 0));
        (then + now.since(since) * i64::from(tuning.energy)).min(i64::from(ENERGY_FULL))
    }

    /// Whether it is in use, or was, or its ship was destroyed, within a spawn wait.
    fn is_recent(&self, now: Tick, tuning: &Tuning) -> bool {
        let is_past = |tick: Tick| now.since(tick) >= i64::from(tuning.respawn);
        self.left.is_none_or(|(since, _)| !is_past(since)) || self.died.is_some_and(|died| !is_past(died))
    }

    /// A ship flies with it. Whether that is after a spawn wait; if not, it goes on waiting.
    fn has_waited(&mut self, now: Tick, tuning: &Tuning) -> bool {
        let has_waited = self.died.is_some_and(|died| now.since(died) >= i64::from(tuning.respawn));
        if has_waited {
            self.died = None;
        }
        has_waited
    }
}

fn parts(points: u16) -> i64 {
    i64::from(points * ENERGY_PARTS)
}

/// The energy of a session's ship.
fn energy(record: Option<&TickRecord>, session: SessionId) -> i64 {
    let own = record.and_then(|record| record.seat(session.player.0)).and_then(|seat| seat.own);
    own.map_or(i64::from(ENERGY_FULL), |own| i64::from(own.energy))
}
