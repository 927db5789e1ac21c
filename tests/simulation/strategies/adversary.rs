//! One who follows a strategy, across its connections.

use super::{AdversaryPlan, Conduct, ConnectionEnd, Move};
use crate::checks::Checks;
use crate::checks::sessions::Claim;
use crate::hand::Hand;
use crate::line::{Line, Time};
use crate::peer::SimPeer;
use crate::server::SimServer;
use fracas_protocol::rng::Rng;

/// A connection that is refused is tried again after so long, whatever the server asks for.
const RETRY_US: u64 = 100_000;
/// Who was sent away or lost its line comes again after so long.
const RETURN_US: u64 = 300_000;

/// One who follows a strategy.
pub(crate) struct Adversary {
    /// For reports: it comes after the ordinary players.
    index: usize,
    /// Its place among the adversaries.
    place: usize,
    plan: AdversaryPlan,
    conduct: Box<dyn Conduct>,
    rng: Rng,
    peers: Vec<SimPeer>,
    claim: Option<Claim>,
    connects_us: Vec<u64>,
    /// What it does when the connections end that it has ended, by their numbers.
    ending: Vec<(u32, Move)>,
    is_done: bool,
}

impl Adversary {
    /// One that is the `place`-th, behind so many ordinary players.
    pub(crate) fn new(players: usize, place: usize, plan: AdversaryPlan) -> Self {
        let mut rng = Rng::new(plan.member.seed, 18);
        let conduct = plan.conduct(&mut rng);
        Self {
            index: players + place,
            place,
            plan,
            conduct,
            rng,
            peers: Vec::new(),
            claim: None,
            connects_us: vec![plan.member.arrives_us; plan.connections],
            ending: Vec::new(),
            is_done: false,
        }
    }

    /// When it has to do something next.
    pub(crate) fn wakes_us(&self, now_us: u64) -> u64 {
        let peers = self.peers.iter().map(|peer| peer.wakes_us(now_us));
        peers.chain(self.connects_us.iter().copied()).min().unwrap_or(u64::MAX)
    }

    /// Does what there is to do now.
    pub(crate) fn step(&mut self, time: &Time, server: &mut SimServer, numbers: &mut u32, checks: &mut Checks) {
        let now_us = time.now_us();
        let due = self.connects_us.iter().filter(|at| **at <= now_us).count();
        self.connects_us.retain(|at| *at > now_us);
        for _ in 0..due {
            self.connect(time, server, numbers, checks);
        }
        for index in 0..self.peers.len() {
            self.step_peer(index, now_us, checks);
        }
        for index in (0..self.peers.len()).rev() {
            let peer = &self.peers[index];
            let is_dead = now_us - peer.heard_us > self.plan.member.patience_us && !peer.is_hidden();
            if peer.is_over || peer.closed.is_some() || is_dead {
                let peer = self.peers.remove(index);
                self.disconnected(&peer, now_us, checks);
            }
        }
    }

    fn connect(&mut self, time: &Time, server: &mut SimServer, numbers: &mut u32, checks: &mut Checks) {
        if self.is_done {
            return;
        }
        let (member, now_us) = (self.plan.member, time.now_us());
        let (line, ours, theirs) = Line::new(time, member.quality, &mut self.rng);
        if server.connect(member.address, theirs).is_err() {
            return self.connects_us.push(now_us + RETRY_US);
        }
        *numbers += 1;
        let rules = server.ruleset().clone();
        let mut peer = SimPeer::new((self.index, member), *numbers, (line, ours), self.claim, rules, now_us, checks);
        peer.hand = self.plan.hand(*numbers, &mut self.rng);
        peer.lies = self.plan.lies(&mut self.rng);
        // What it does is no fault of the server's.
        (peer.has_excuse, peer.is_mute) = (true, self.conduct.is_mute());
        checks.narrate(|| format!("{now_us}: {:?} {} connects as {numbers}", self.plan.strategy, self.index));
        self.peers.push(peer);
    }

    fn step_peer(&mut self, index: usize, now_us: u64, checks: &mut Checks) {
        let (peer, place) = (&mut self.peers[index], self.place);
        if let Hand::Duelist(duelist) = &mut peer.hand {
            duelist.partner = self.plan.partner.and_then(|partner| checks.ships.get(&partner).copied());
        }
        let was_seated = peer.seat.is_some();
        peer.step(now_us, checks);
        if let Some(seat) = peer.seat.filter(|_| !was_seated) {
            checks.narrate(|| {
                format!("{:?} {} is welcomed on {}: {seat:?}", self.plan.strategy, self.index, peer.number)
            });
            checks.tally.adversaries_welcomed += 1;
            checks.note(&[3 << 32, u64::from(peer.number), u64::from(seat.resumed), self.index as u64]);
            if let Some(own) = seat.own {
                checks.ships.insert(place, own);
            }
        }
        if self.is_done || self.ending.iter().any(|(number, _)| *number == peer.number) {
            return;
        }
        let Some(next) = self.conduct.look(peer, now_us, &mut self.rng) else { return };
        match next {
            Move::Hide => peer.hide(now_us),
            Move::ConnectionEnd { how, .. } => {
                checks.edges.spoil(peer.number);
                match how {
                    ConnectionEnd::Goodbye => peer.leave(now_us),
                    ConnectionEnd::Cut => peer.line.cut(),
                }
                self.ending.push((peer.number, next));
            }
        }
    }

    /// A connection is over: when the next one begins, and with what.
    fn disconnected(&mut self, peer: &SimPeer, now_us: u64, checks: &mut Checks) {
        checks.tally.offered_max = checks.tally.offered_max.max(peer.line.offered_max() as u64);
        checks.edges.disconnected(peer.number);
        checks.rewind.disconnected(peer.number);
        checks.note(&[4 << 32, u64::from(peer.number), peer.closed.map_or(0, u64::from)]);
        checks.narrate(|| format!("{now_us}: {} parts from {}: {:?}", self.index, peer.number, peer.closed));
        let ended = self.ending.iter().position(|(number, _)| *number == peer.number);
        let next = ended.map(|place| self.ending.swap_remove(place).1);
        let (away_us, with_token) = match next {
            Some(Move::ConnectionEnd { away_us, with_token, .. }) => (away_us, with_token),
            _ => (RETURN_US, self.plan.connections == 1),
        };
        self.claim = peer.leaves().filter(|_| with_token);
        if !self.is_done {
            self.connects_us.push(now_us + away_us + u64::from(self.rng.below(5_000)));
        }
    }

    /// Leaves for good.
    pub(crate) fn finish(&mut self, now_us: u64, checks: &mut Checks) {
        self.is_done = true;
        self.connects_us.clear();
        for peer in &mut self.peers {
            checks.edges.spoil(peer.number);
            if peer.seat.is_some() { peer.leave(now_us) } else { peer.line.cut() }
        }
    }
}
