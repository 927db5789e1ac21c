//! One seed from its beginning to its end: a server, its players and what fails, each in its turn in virtual time.

use crate::checks::{CheckTally, Checks, Finding, slots};
use crate::line::Time;
use crate::plan::{FAULTS_END_US, LineFault, RunPlan, What};
use crate::player::SimPlayer;
use crate::server::planted::{Bug, Planted};
use crate::server::{SimServer, Thread};
use crate::strategies::Strategy;
use crate::strategies::adversary::Adversary;
use fracas_protocol::rng::Rng;
use std::collections::VecDeque;

/// A fault whose player is not settled is tried again after so long.
const POSTPONED_US: u64 = 150_000;
/// After the last fault everybody must be well within so long.
const RECOVERY_US: u64 = 25_000_000;
/// And stay so for a while.
const CALM_US: u64 = 1_500_000;
/// Then everybody leaves, and so much later only those are in the room whose ship waits for them.
const LEAVING_US: u64 = 4_000_000;
/// Then the whole server sleeps for longer than ships wait, and has so long to event.
const SLEEP_US: u64 = 61_000_000;
const AFTER_SLEEP_US: u64 = 1_500_000;
/// More turns than that are no progress.
const TURNS_MAX: u64 = 2_000_000;
/// The largest server write there is reason for, in bytes.
const OFFERED_MAX: u64 = 32 * 1024;

/// How one seed went.
#[derive(Debug)]
pub(crate) struct WorldOutcome {
    pub(crate) seed: u64,
    pub(crate) digest: u64,
    pub(crate) findings: Vec<Finding>,
    pub(crate) tally: CheckTally,
    pub(crate) players: usize,
    pub(crate) skipped: u64,
    pub(crate) loops_missed: u64,
    /// What happened, if that was asked for.
    pub(crate) story: Vec<String>,
    /// Simulated until everybody left, in microseconds.
    pub(crate) played_us: u64,
}

struct World {
    time: Time,
    server: SimServer,
    players: Vec<SimPlayer>,
    adversaries: Vec<Adversary>,
    /// When each player has to do something next, and behind them each adversary.
    wakes_us: Vec<u64>,
    faults: VecDeque<LineFault>,
    checks: Checks,
    connections: u32,
    turns: u64,
}

/// Runs one seed, with adversaries of one strategy alone if one is named.
pub(crate) fn run(seed: u64, only: Option<Strategy>, bug: Option<Bug>, is_told: bool) -> WorldOutcome {
    let plan = RunPlan::new(seed, only);
    let mut world = World::new(&plan, bug.map(Planted::new));
    world.checks.story = is_told.then(Vec::new);
    world.run_until(FAULTS_END_US + 500_000);
    world.dismiss_adversaries();
    world.recover();
    let (played_us, skipped) = (world.time.now_us(), world.checks.annals.skipped);
    world.empty(seed);
    slots::check(seed, plan.rate, bug.and_then(Bug::in_game), &mut world.checks);
    let tick = world.server.last_tick();
    let most = world.checks.tally.offered_max;
    if most > OFFERED_MAX {
        world.checks.find("bound", None, tick, format!("{most} bytes were to be sent at once"));
    }
    WorldOutcome {
        seed,
        digest: world.checks.digest(),
        tally: world.checks.tally,
        players: plan.players.len(),
        skipped,
        loops_missed: world.checks.annals.loops_missed,
        played_us,
        findings: world.checks.findings,
        story: world.checks.story.unwrap_or_default(),
    }
}

impl World {
    fn new(plan: &RunPlan, planted: Option<Planted>) -> Self {
        let time = Time::default();
        let server = SimServer::new(plan, &time, planted);
        let players: Vec<_> =
            plan.players.iter().enumerate().map(|(index, plan)| SimPlayer::new(index, *plan)).collect();
        let adversaries = plan.adversaries.iter().enumerate();
        let adversaries: Vec<_> =
            adversaries.map(|(place, plan)| Adversary::new(players.len(), place, *plan)).collect();
        let wakes_us = players.iter().map(|player| player.wakes_us(0));
        let wakes_us = wakes_us.chain(adversaries.iter().map(|adversary| adversary.wakes_us(0))).collect();
        let faults = plan.faults.iter().copied().collect();
        let checks = Checks::default();
        Self { time, server, players, adversaries, wakes_us, faults, checks, connections: 0, turns: 0 }
    }

    /// Lets everything happen that happens before `until_us`.
    fn run_until(&mut self, until_us: u64) {
        while self.turns < TURNS_MAX && self.checks.findings.is_empty() {
            self.turns += 1;
            let (server_us, thread) = self.server.next();
            let players = self.wakes_us.iter().copied().enumerate().min_by_key(|(_, at_us)| *at_us);
            let (player, player_us) = players.unwrap_or((0, u64::MAX));
            let fault_us = self.faults.front().map_or(u64::MAX, |fault| fault.at_us);
            let next_us = server_us.min(player_us).min(fault_us).max(self.time.now_us());
            if next_us >= until_us {
                self.time.set_us(until_us);
                return;
            }
            self.time.set_us(next_us);
            if fault_us <= next_us {
                self.fail();
            } else if server_us <= next_us {
                self.turn(thread);
            } else {
                self.step(player, next_us);
            }
        }
        if self.turns >= TURNS_MAX {
            let tick = self.server.last_tick();
            self.checks.find("liveness", None, tick, "there is no end of turns".into());
        }
    }

    /// A player or an adversary does what it has to do.
    fn step(&mut self, index: usize, now_us: u64) {
        let (time, server, checks) = (&self.time, &mut self.server, &mut self.checks);
        let wakes_us = if let Some(player) = self.players.get_mut(index) {
            player.step(time, server, &mut self.connections, checks);
            player.wakes_us(now_us)
        } else {
            let adversary = &mut self.adversaries[index - self.players.len()];
            adversary.step(time, server, &mut self.connections, checks);
            adversary.wakes_us(now_us)
        };
        self.wakes_us[index] = wakes_us.max(now_us + 20);
    }

    fn turn(&mut self, thread: Thread) {
        self.server.turn(thread, &mut self.checks.annals);
        match thread {
            Thread::Tick => self.checks.tick(self.time.now_us(), self.server.rules().tuning()),
            Thread::Loop(_) => self.look_again(),
        }
    }

    /// Something may have been sent to anybody.
    fn look_again(&mut self) {
        let now_us = self.time.now_us();
        let players = self.players.iter().map(|player| player.wakes_us(now_us));
        let adversaries = self.adversaries.iter().map(|adversary| adversary.wakes_us(now_us));
        for (wakes_us, next_us) in self.wakes_us.iter_mut().zip(players.chain(adversaries)) {
            *wakes_us = next_us.max(now_us);
        }
    }

    /// The next fault happens: to whom it should, or the next one who is settled.
    fn fail(&mut self) {
        let Some(fault) = self.faults.pop_front() else { return };
        let now_us = self.time.now_us();
        match fault.what {
            What::LoopStall { event_loop, us } => self.server.stall(Thread::Loop(event_loop), now_us + us),
            What::TickStall { us } => self.server.stall(Thread::Tick, now_us + us),
            What::Cut { player }
            | What::Partition { player, .. }
            | What::Vanish { player }
            | What::Stall { player, .. }
            | What::Narrow { player, .. }
            | What::Freeze { player, .. }
            | What::Hide { player, .. }
            | What::Leave { player, .. }
            | What::Race { player, .. }
            | What::TakeOver { player }
            | What::BadMessage { player, .. } => {
                let count = self.players.len();
                let candidates = (0..count).map(|step| (player + step) % count);
                let Some(victim) =
                    candidates.into_iter().find(|index| self.players[*index].is_settled(now_us, fault.what))
                else {
                    // Nobody is, which does not last.
                    let at_us = now_us + POSTPONED_US;
                    if at_us < FAULTS_END_US {
                        let place = self.faults.partition_point(|other| other.at_us <= at_us);
                        self.faults.insert(place, LineFault { at_us, ..fault });
                    }
                    return;
                };
                self.players[victim].suffer(fault.what, now_us, &mut self.checks);
            }
        }
        self.checks.narrate(|| format!("{now_us}: {:?}", fault.what));
        self.checks.tally.faults += 1;
        self.look_again();
    }

    /// The adversaries leave for good, so that what comes is the ordinary players' own.
    fn dismiss_adversaries(&mut self) {
        let now_us = self.time.now_us();
        self.adversaries.iter_mut().for_each(|adversary| adversary.finish(now_us, &mut self.checks));
        self.look_again();
    }

    /// Nothing fails any more: everybody must play soon, and go on playing.
    fn recover(&mut self) {
        let deadline_us = self.time.now_us() + RECOVERY_US;
        let mut well_since_us = None;
        loop {
            let now_us = self.time.now_us();
            well_since_us = if self.is_well() { well_since_us.or(Some(now_us)) } else { None };
            let is_calm = well_since_us.is_some_and(|since_us| now_us - since_us >= CALM_US);
            if is_calm || now_us >= deadline_us || !self.checks.findings.is_empty() {
                break;
            }
            self.run_until(now_us + 100_000);
        }
        if !self.is_well() && self.checks.findings.is_empty() {
            let (now_us, tick) = (self.time.now_us(), self.server.last_tick());
            let ill = (0..self.players.len()).filter(|index| !self.players[*index].is_well(now_us, tick));
            let ill: Vec<_> = ill.map(|index| (index, self.players[index].condition())).collect();
            let first = ill.first().map(|(index, _)| *index);
            self.checks.find("liveness", first, tick, format!("nothing fails any more, and {ill:?} do not play"));
        }
    }

    fn is_well(&self) -> bool {
        let (now_us, tick) = (self.time.now_us(), self.server.last_tick());
        self.players.iter().all(|player| player.is_well(now_us, tick))
    }

    /// Everybody leaves, but for one who is cut off; and in the end nothing of anybody is left.
    fn empty(&mut self, seed: u64) {
        let now_us = self.time.now_us();
        let lost = Rng::new(seed, 13).below(8) as usize;
        for (index, player) in self.players.iter_mut().enumerate() {
            player.finish(index == lost, now_us, &mut self.checks);
        }
        self.look_again();
        self.run_until(now_us + LEAVING_US);
        let until_us = self.time.now_us() + SLEEP_US;
        self.server.sleep(until_us);
        self.run_until(until_us + AFTER_SLEEP_US);
        if self.checks.findings.is_empty() {
            let tick = self.server.last_tick();
            let left = self.server.leftovers().into_iter().filter(|(_, count)| *count > 0);
            for (what, count) in left {
                self.checks.find("leftover", None, tick, format!("everybody is gone, and of {what} there are {count}"));
            }
        }
    }
}
