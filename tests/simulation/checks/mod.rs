//! What must hold, and what was found not to.
//!
//! - `view`: replicas are the records, bit for bit, and hold what their players may see and no more
//! - `sessions`: whose ship is whose, and who said goodbye to whom
//! - `inputs`: what was acknowledged was done, and what is done once was done once
//! - `delay`: spectators are late where there are people
//! - `news`: told to those it is for, in order, once
//! - `damage`: no network deals more than as many uninterrupted ships could, however often it leaves and comes
//! - `rails`: each rail that is paid for is fired
//! - `refusals`: who is told that the server is full came while it was
//! - `rewind`: who lies about what it has received moves the window of its shots no more than the truth would
//! - `slots`: what happens does not depend on the places of those whom it happens to

pub(crate) mod damage;
pub(crate) mod delay;
pub(crate) mod inputs;
pub(crate) mod news;
pub(crate) mod rails;
pub(crate) mod refusals;
pub(crate) mod rewind;
pub(crate) mod sessions;
pub(crate) mod slots;
pub(crate) mod view;

use crate::annals::Annals;
use crate::digest::Fold;
use damage::Damage;
use fracas_arena::rules::tuning::Tuning;
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use inputs::Edges;
use refusals::Refusals;
use rewind::Rewind;
use sessions::Ledger;
use std::collections::BTreeMap;

/// More findings of one seed are not kept: one wrong thing makes many.
const FINDINGS_MAX: usize = 12;

/// Something that does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Which checker found it.
    pub(crate) checker: &'static str,
    pub(crate) tick: Tick,
    pub(crate) player: Option<usize>,
    pub(crate) what: String,
}

/// What was seen: a check that looks at nothing finds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CheckTally {
    pub(crate) faults: u64,
    pub(crate) welcomes: u64,
    pub(crate) resumes: u64,
    pub(crate) evictions: u64,
    /// Closed for being slow or silent.
    pub(crate) given_up: u64,
    pub(crate) bodies: u64,
    pub(crate) bodies_packed: u64,
    /// Bodies that came to spectators, late.
    pub(crate) bodies_late: u64,
    pub(crate) entities: u64,
    pub(crate) fresh_starts: u64,
    pub(crate) acknowledged: u64,
    pub(crate) edges: u64,
    pub(crate) news: u64,
    pub(crate) offered_max: u64,
    /// Seats that adversaries were given.
    pub(crate) adversaries_welcomed: u64,
    /// Shots that were counted for their networks, and sessions that began with what another one had left.
    pub(crate) shots: u64,
    pub(crate) takeovers: u64,
    /// Rails that were answered, and ticks on which both of two who fired one were destroyed.
    pub(crate) rails: u64,
    pub(crate) duels: u64,
    /// Refusals of a full room.
    pub(crate) refusals: u64,
    /// Windows of liars and their twins that were compared, and those of them while they lied.
    pub(crate) windows: u64,
    pub(crate) windows_of_lies: u64,
    /// Scenes that were played twice with other places, and those of them that came to blows.
    pub(crate) scenes: u64,
    pub(crate) scenes_with_hits: u64,
}

/// All checkers of one seed, and what they go by.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) annals: Annals,
    pub(crate) ledger: Ledger,
    pub(crate) edges: Edges,
    pub(crate) damage: Damage,
    pub(crate) refusals: Refusals,
    pub(crate) rewind: Rewind,
    /// The ships of adversaries, by their places among them.
    pub(crate) ships: BTreeMap<usize, EntityId>,
    pub(crate) tally: CheckTally,
    pub(crate) findings: Vec<Finding>,
    /// What happened, for who replays one seed.
    pub(crate) story: Option<Vec<String>>,
    digest: Fold,
}

impl Checks {
    /// Something does not hold.
    pub(crate) fn find(&mut self, checker: &'static str, player: Option<usize>, tick: Tick, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { checker, tick, player, what });
        }
    }

    /// Checks the tick that has just run.
    pub(crate) fn tick(&mut self, now_us: u64, tuning: &Tuning) {
        let Some(record) = self.annals.last() else { return };
        let tick = record.tick;
        self.refusals.tick(now_us, &self.annals.passed);
        let edges = self.edges.check(record).map(|done| self.tally.edges += done);
        let rails = rails::check(&self.annals, tuning.rail_pause).map(|(fired, duels)| {
            self.tally.rails += fired;
            self.tally.duels += duels;
        });
        let damage = self.damage.tick(&self.annals, tuning);
        let rewind = self.rewind.tick(&self.annals);
        for (checker, judged) in [("input", edges), ("rail", rails), ("damage", damage), ("rewind", rewind)] {
            if let Err(what) = judged {
                self.find(checker, None, tick, what);
            }
        }
        (self.tally.shots, self.tally.takeovers) = (self.damage.shots, self.damage.takeovers);
        self.tally.refusals = self.refusals.seen;
        (self.tally.windows, self.tally.windows_of_lies) = (self.rewind.compared, self.rewind.compared_in_bursts);
    }

    /// Tells something of what happens, if anybody listens.
    pub(crate) fn narrate(&mut self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(words());
        }
    }

    /// Takes note of what a client saw, for the seed's digest.
    pub(crate) fn note(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.digest.word(*word));
    }

    /// The digest of all that was done and seen.
    pub(crate) fn digest(&self) -> u64 {
        let mut whole = self.digest;
        whole.word(self.annals.digest());
        whole.value()
    }
}
