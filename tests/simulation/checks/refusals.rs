//! A refused seat means a full room: who is told that the server is full came while as many were seated, or had a ship kept for
//! them, as the room takes. Whoever is sent away for anything else is told that.
//!
//! What is judged is what the client reads: the words of the close frame. All that are sent away with the words of
//! [`CloseReason::Full`] are meant, whether the room refused them or something before it.

use crate::annals::Passed;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::message::Role;
use std::collections::VecDeque;

/// A close frame may have been on its way for so long, and a line may have been held for longer.
const KEPT_US: u64 = 30_000_000;

/// When the room was full.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// The ticks after which, or on which, all places of a role were taken: players first.
    full: [VecDeque<u64>; 2],
    /// Told that the server is full.
    pub(crate) seen: u64,
}

impl Refusals {
    /// A tick has run at `now_us`.
    pub(crate) fn tick(&mut self, now_us: u64, passed: &Passed) {
        let Some(capacity) = passed.capacity else { return };
        // Somebody may have come and another left between the two counts: those who were let in count for both.
        let begun = |is_player: bool| {
            let admitted = passed.join_answers.iter().filter_map(|admission| admission.verdict.ok());
            admitted.filter(|admitted| !admitted.resumed && admitted.own.is_some() == is_player).count()
        };
        let most = |before: u16, after: u16, begun: usize| (usize::from(before) + begun).max(usize::from(after));
        let people = most(passed.before.people, passed.after.people, begun(true)) >= usize::from(capacity.people);
        let spectators =
            most(passed.before.spectators, passed.after.spectators, begun(false)) >= usize::from(capacity.spectators);
        for (ticks, is_full) in self.full.iter_mut().zip([people, spectators]) {
            while ticks.pop_front_if(|at_us| *at_us + KEPT_US < now_us).is_some() {}
            if is_full {
                ticks.push_back(now_us);
            }
        }
    }

    /// Somebody who came at `since_us` is sent away before it had a seat, with these words.
    pub(crate) fn check(&mut self, words: &str, role: Role, since_us: u64) -> Result<(), String> {
        if words != CloseReason::Full.message() {
            return Ok(());
        }
        self.seen += 1;
        let ticks = &self.full[usize::from(role == Role::Spectator)];
        match ticks.back().is_some_and(|at_us| *at_us >= since_us) {
            true => Ok(()),
            false => Err(format!("it is told \"{words}\", and at no time since it came was the room full")),
        }
    }
}
