//! What must hold, and what was found not to.
//!
//! - `view`: replicas are the records, bit for bit, and hold what their players may see and no more
//! - `sessions`: whose ship is whose, and who said goodbye to whom
//! - `inputs`: what was acknowledged was done, and what is done once was done once
//! - `seats`: nobody is refused as full but by who is there
//! - `news`: told to those it is for, in order, once

pub(crate) mod inputs;
pub(crate) mod news;
pub(crate) mod seats;
pub(crate) mod sessions;
pub(crate) mod view;

use crate::annals::Annals;
use crate::digest::Fold;
use fracas_protocol::tick::Tick;
use inputs::Edges;
use sessions::Ledger;

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
pub(crate) struct Tally {
    pub(crate) faults: u64,
    pub(crate) welcomes: u64,
    pub(crate) resumes: u64,
    pub(crate) evictions: u64,
    /// Closed for being slow or silent.
    pub(crate) given_up: u64,
    pub(crate) bodies: u64,
    pub(crate) bodies_packed: u64,
    pub(crate) entities: u64,
    pub(crate) fresh_starts: u64,
    pub(crate) acknowledged: u64,
    pub(crate) edges: u64,
    pub(crate) news: u64,
    pub(crate) offered_max: u64,
}

/// All checkers of one seed, and what they go by.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) annals: Annals,
    pub(crate) ledger: Ledger,
    pub(crate) edges: Edges,
    pub(crate) tally: Tally,
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

    /// Tells something of what happens, if anybody listens.
    pub(crate) fn tell(&mut self, words: impl FnOnce() -> String) {
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
