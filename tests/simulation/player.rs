//! A simulated player across its connections: it comes, loses its line, comes back with its token, races itself, and leaves.

use crate::checks::Checks;
use crate::checks::sessions::{Claim, Left};
use crate::line::{Direction, Line, Time};
use crate::peer::SimPeer;
use crate::plan::{PlayerPlan, What};
use crate::server::SimServer;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::close::CloseReason;

/// Two connections with one token are one player's for so long; then it keeps one.
const RACE_US: u64 = 2_500_000;
/// Whoever is well has heard of one of the last so many ticks.
const LAG_TICKS_MAX: i64 = 15;

/// A player.
pub(crate) struct SimPlayer {
    index: usize,
    plan: PlayerPlan,
    rng: Rng,
    pub(crate) peers: Vec<SimPeer>,
    /// What it has of a session for its next connection.
    claim: Option<Claim>,
    /// When it connects.
    connects_us: Vec<u64>,
    /// Its computer stands still until then.
    frozen_until_us: u64,
    /// It looks again, or its line is wide again.
    shows_us: Option<u64>,
    widens_us: Option<u64>,
    /// It has said goodbye, and comes again after so long; not at all if that is none.
    leaving: Option<Option<u64>>,
    /// It has two connections on purpose until then.
    races_until_us: u64,
    /// It comes no more.
    is_done: bool,
}

impl SimPlayer {
    pub(crate) fn new(index: usize, plan: PlayerPlan) -> Self {
        Self {
            index,
            plan,
            rng: Rng::new(plan.seed, 12),
            peers: Vec::new(),
            claim: None,
            connects_us: vec![plan.arrives_us],
            frozen_until_us: 0,
            shows_us: None,
            widens_us: None,
            leaving: None,
            races_until_us: 0,
            is_done: false,
        }
    }

    /// When it has to do something next.
    pub(crate) fn wakes_us(&self, now_us: u64) -> u64 {
        let peers = self.peers.iter().map(|peer| peer.wakes_us(now_us).max(self.frozen_until_us));
        let timers = self.connects_us.iter().copied().chain(self.shows_us).chain(self.widens_us);
        let race = (self.races_until_us > now_us).then_some(self.races_until_us);
        peers.chain(timers).chain(race).min().unwrap_or(u64::MAX)
    }

    /// Does what there is to do now.
    pub(crate) fn step(&mut self, time: &Time, server: &mut SimServer, numbers: &mut u32, checks: &mut Checks) {
        let now_us = time.now_us();
        if self.widens_us.is_some_and(|at| at <= now_us) {
            self.widens_us = None;
            self.peers.iter().for_each(|peer| peer.line.narrow(crate::line::BUFFERS, None));
        }
        if self.frozen_until_us > now_us {
            return;
        }
        let due = self.connects_us.iter().filter(|at| **at <= now_us).count();
        self.connects_us.retain(|at| *at > now_us);
        for _ in 0..due {
            self.connect(time, server, numbers, checks);
        }
        if self.shows_us.is_some_and(|at| at <= now_us) {
            self.shows_us = None;
            self.peers.iter_mut().for_each(|peer| peer.show(now_us));
        }
        for index in 0..self.peers.len() {
            let was_seated = self.peers[index].seat.is_some();
            let peer = &mut self.peers[index];
            peer.step(now_us, checks);
            if !was_seated && peer.seat.is_some() {
                self.take_seat(index, checks);
            }
        }
        self.settle_race(now_us, checks);
        for index in (0..self.peers.len()).rev() {
            if self.is_over(index, now_us) {
                let peer = self.peers.remove(index);
                self.disconnected(&peer, now_us, checks);
            }
        }
    }

    fn connect(&mut self, time: &Time, server: &mut SimServer, numbers: &mut u32, checks: &mut Checks) {
        let now_us = time.now_us();
        if self.is_done {
            return;
        }
        let (line, ours, theirs) = Line::new(time, self.plan.quality, &mut self.rng);
        match server.connect(self.plan.address, theirs) {
            Ok(()) => {
                *numbers += 1;
                let who = (self.index, self.plan);
                let rules = server.ruleset().clone();
                let mut peer = SimPeer::new(who, *numbers, (line, ours), self.claim, rules, now_us, checks);
                // Of two with one token, either may lose the ship to the other.
                peer.has_excuse = now_us < self.races_until_us;
                checks.narrate(|| {
                    format!("{now_us}: player {} connects as {numbers}, with {:?}", self.index, self.claim)
                });
                self.peers.push(peer);
            }
            // A second connection that is refused is not worth waiting for.
            Err(_) if !self.peers.is_empty() || !self.connects_us.is_empty() => {}
            Err(pause_us) => self.connects_us.push(now_us + pause_us + u64::from(self.rng.below(300_000))),
        }
    }

    fn take_seat(&mut self, index: usize, checks: &mut Checks) {
        let peer = &self.peers[index];
        let Some(seat) = peer.seat else { return };
        checks.narrate(|| format!("player {} is welcomed on {}: {seat:?}", self.index, peer.number));
        checks.tally.welcomes += 1;
        checks.tally.resumes += u64::from(seat.resumed);
        let own = seat.own.map_or(0, |own| u64::from(own.0) + 1);
        checks.note(&[1 << 32, u64::from(peer.number), own, u64::from(seat.resumed), self.index as u64]);
        let tick = peer.claim.map(|claim| claim.tick).unwrap_or_default();
        let judged = match peer.claim {
            Some(claim) => claim.check(seat.own, seat.resumed),
            None if seat.resumed => Err("it was given a ship that it had no token for".into()),
            None => Ok(()),
        };
        if let Err(what) = judged {
            checks.find("session", Some(self.index), tick, what);
        }
    }

    /// When a race is over, it keeps one connection: the one with the ship it had, which one must have.
    fn settle_race(&mut self, now_us: u64, checks: &mut Checks) {
        if self.races_until_us > now_us || self.peers.len() < 2 {
            return;
        }
        let nobody_resumed = self.peers.iter().all(|peer| peer.seat.is_some_and(|seat| !seat.resumed));
        let had_ship = self.peers[0].claim.is_some_and(|claim| claim.own.is_some());
        if nobody_resumed && had_ship && !self.peers[0].is_leaving() && !self.peers[1].is_leaving() {
            let what = "of two with one token neither was given the ship".into();
            checks.find("session", Some(self.index), self.peers[0].last_tick().unwrap_or_default(), what);
        }
        let best = self.peers.iter().max_by_key(|peer| {
            let resumed = peer.seat.is_some_and(|seat| seat.resumed);
            (!peer.is_over && peer.closed.is_none(), resumed, peer.number)
        });
        let best = best.map(|peer| peer.number);
        for peer in self.peers.iter_mut().filter(|peer| Some(peer.number) != best && peer.closed.is_none()) {
            peer.has_excuse = true;
            peer.leave(now_us);
        }
    }

    /// Whether a connection is over: it has ended, or has heard nothing for too long.
    fn is_over(&self, index: usize, now_us: u64) -> bool {
        let peer = &self.peers[index];
        let is_dead = now_us - peer.heard_us > self.plan.patience_us && !peer.is_hidden();
        peer.is_over || peer.closed.is_some() || is_dead
    }

    /// A connection is over. What it leaves, and when the next one begins.
    fn disconnected(&mut self, peer: &SimPeer, now_us: u64, checks: &mut Checks) {
        let offered = peer.line.offered_max() as u64;
        checks.tally.offered_max = checks.tally.offered_max.max(offered);
        checks.edges.disconnected(peer.number);
        let (code, last) = (peer.closed, peer.last_tick());
        checks.narrate(|| format!("{now_us}: player {} parts from {}: {code:?} {last:?}", self.index, peer.number));
        checks.note(&[2 << 32, u64::from(peer.number), code.map_or(0, u64::from)]);
        checks.tally.evictions += u64::from(code == Some(CloseReason::ResumedElsewhere.code()));
        let is_given_up = [CloseReason::Slow, CloseReason::TimedOut].iter().any(|why| code == Some(why.code()));
        checks.tally.given_up += u64::from(is_given_up);
        self.judge_end(peer, now_us, checks);
        let has_other = !self.peers.is_empty() || !self.connects_us.is_empty();
        let is_racing = self.races_until_us > now_us || has_other;
        // Of what a race leaves one cannot be sure which token is good.
        let claim = peer.leaves().map(|claim| Claim { is_sure: claim.is_sure && !is_racing, ..claim });
        let is_evicted = code == Some(CloseReason::ResumedElsewhere.code());
        if !(is_evicted && has_other) {
            self.claim = claim.or(self.claim.map(|claim| Claim { is_sure: claim.is_sure && !is_racing, ..claim }));
        }
        let Some(leaving) = self.leaving.filter(|_| !has_other) else {
            if !has_other && !self.is_done {
                let pause_ms = peer.retry_after_ms.unwrap_or(150) + self.rng.below(600);
                self.connects_us.push(now_us + u64::from(pause_ms) * 1000);
            }
            return;
        };
        let left = if code == Some(CloseReason::Leave.code()) { Left::Yes } else { Left::Maybe };
        self.claim = self.claim.map(|claim| Claim { left, ..claim });
        self.leaving = None;
        match leaving {
            Some(away_us) => self.connects_us.push(now_us + away_us),
            None => self.is_done = true,
        }
    }

    /// Nobody is closed without a reason, and whoever has a ship to come back to is not refused.
    fn judge_end(&self, peer: &SimPeer, now_us: u64, checks: &mut Checks) {
        let tick = peer.last_tick().unwrap_or_default();
        let is_sure = peer.seat.is_none() && peer.claim.is_some_and(|claim| claim.must_be_kept());
        let what = match peer.closed.map(CloseReason::from_code) {
            Some(Some(CloseReason::Leave)) if self.leaving.is_some() || peer.has_excuse => return,
            Some(Some(CloseReason::Full)) if !is_sure => return,
            Some(Some(CloseReason::Slow | CloseReason::TimedOut | CloseReason::BadMessage)) if peer.has_excuse => {
                return;
            }
            Some(Some(CloseReason::ResumedElsewhere)) if peer.has_excuse => return,
            Some(reason) => format!("it was closed with {reason:?} ({:?})", peer.closed),
            None if peer.has_excuse => return,
            None => format!("its line ended at {now_us} us, and nobody cut it"),
        };
        checks.find("session", Some(self.index), tick, what);
    }

    /// Whether something can be made to happen to it now. Who is cut off must have something to come back to.
    pub(crate) fn is_settled(&self, now_us: u64, what: What) -> bool {
        (!self.plan.is_spectator || !matches!(what, What::Cut { .. }))
            && self.peers.len() == 1
            && self.peers[0].plays()
            && self.connects_us.is_empty()
            && self.leaving.is_none()
            && self.frozen_until_us <= now_us
            && self.shows_us.is_none()
            && self.widens_us.is_none()
            && now_us >= self.races_until_us
            && now_us - self.peers[0].began_us > 500_000
    }

    /// Whether it plays and is in the present, as far as its line lets it be.
    pub(crate) fn is_well(&self, now_us: u64, tick: Tick) -> bool {
        let behind = |last: Tick| tick.since(last) <= LAG_TICKS_MAX + i64::from(self.plan.delay);
        self.frozen_until_us <= now_us
            && self.peers.len() == 1
            && self.peers[0].plays()
            && self.peers[0].last_tick().is_some_and(behind)
    }

    /// How it is, for a report.
    pub(crate) fn condition(&self) -> String {
        let peers: Vec<_> =
            self.peers.iter().map(|peer| (peer.seat.is_some(), peer.plays(), peer.last_tick())).collect();
        format!("{peers:?}, connects at {:?}", self.connects_us)
    }

    /// Something happens to it, while it is settled.
    pub(crate) fn suffer(&mut self, what: What, now_us: u64, checks: &mut Checks) {
        let peer = &mut self.peers[0];
        peer.has_excuse = true;
        checks.narrate(|| format!("{now_us}: it is player {} on {}", self.index, peer.number));
        checks.edges.spoil(peer.number);
        match what {
            What::Cut { .. } => peer.line.cut(),
            What::Partition { us, .. } => {
                peer.line.hold(Direction::ToServer, now_us + us);
                peer.line.hold(Direction::ToClient, now_us + us);
            }
            What::Vanish { .. } => {
                peer.line.hold(Direction::ToServer, u64::MAX);
                peer.line.hold(Direction::ToClient, u64::MAX);
            }
            What::Stall { direction, us, .. } => peer.line.hold(direction, now_us + us),
            What::Narrow { capacity, bytes_per_s, us, .. } => {
                peer.line.narrow(capacity, Some(bytes_per_s));
                self.widens_us = Some(now_us + us);
            }
            What::Freeze { us, .. } => self.frozen_until_us = now_us + us,
            What::Hide { us, .. } => {
                peer.hide(now_us);
                self.shows_us = Some(now_us + us);
            }
            What::Leave { away_us, .. } => {
                peer.leave(now_us);
                self.leaving = Some(Some(away_us));
            }
            What::Race { apart_us, .. } => {
                peer.line.cut();
                // The one who comes second may find the token spent, and nobody knows which one that is.
                self.claim = peer.leaves().map(|claim| Claim { is_sure: false, ..claim });
                let first_us = now_us + 50_000 + u64::from(self.rng.below(300_000));
                self.connects_us.extend([first_us, first_us + apart_us]);
                self.races_until_us = first_us + apart_us + RACE_US;
            }
            What::TakeOver { .. } => {
                self.claim = peer.leaves();
                self.connects_us.push(now_us);
                self.races_until_us = now_us + RACE_US;
            }
            What::BadMessage { text, .. } => peer.misspeak(text),
            What::LoopStall { .. } | What::TickStall { .. } => {}
        }
    }

    /// Says goodbye for good; or is cut off, and does not come back.
    pub(crate) fn finish(&mut self, is_cut: bool, now_us: u64, checks: &mut Checks) {
        self.connects_us.clear();
        for peer in &mut self.peers {
            peer.has_excuse = true;
            checks.edges.spoil(peer.number);
            if is_cut { peer.line.cut() } else { peer.leave(now_us) }
        }
        (self.is_done, self.leaving) = (true, Some(None));
    }
}
