//! Whether there is memory for one more player. New players are refused well before the kernel would kill the process.
//! Memory use is read elsewhere, now and then. Players admitted since the last reading are added. No I/O in here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often memory use is to be read.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Percent of the limit from which new players are refused, ...
const REFUSE: u64 = 85;
/// ... until the use is below this, ...
const ADMIT: u64 = 80;
/// ... and from which everything is refused, also resumed sessions and the page.
const LAST: u64 = 93;
/// Assumed memory of a new client. An HTTP connection takes 14 KiB (measured), a player 7 to 12.
const NEWCOMER_BYTES: u64 = 16 * 1024;
/// For how many readings it is added. Then it is part of the measured use.
const LOOKS: usize = 8;

/// Memory use and limit, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// What is used.
    pub used: u64,
    /// What may be used.
    pub limit: u64,
}

impl MemoryUse {
    /// Whether the use and so much more reach this percentage.
    fn reaches(self, percent: u64, more: u64) -> bool {
        u128::from(self.used + more) * 100 >= u128::from(self.limit) * u128::from(percent)
    }

    /// How often `each` bytes fit in what is left for new players.
    pub fn room_for(self, each: u64) -> u64 {
        (u128::from(self.limit) * u128::from(REFUSE) / 100).saturating_sub(self.used.into()) as u64 / each
    }

    /// The one of two that is nearer to its limit.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        let ours = u128::from(self.used) * u128::from(other.limit);
        if ours >= u128::from(other.used) * u128::from(self.limit) { self } else { other }
    }
}

/// The memory budget. Before the first reading there is enough.
#[derive(Debug, Default)]
pub struct MemoryBudget(Mutex<MemoryAccount>);

#[derive(Debug, Default)]
struct MemoryAccount {
    /// The last reading.
    seen: Option<MemoryUse>,
    /// Clients admitted since each of the last readings, the last one first.
    newcomers: [u64; LOOKS],
    /// HTTP connections at the last reading, if any were checked since.
    served: Option<usize>,
    /// Memory is short, and new players are refused.
    is_short: bool,
    /// The number of connections when that began.
    fitted: usize,
}

impl MemoryBudget {
    /// Records a reading of memory use, and the present number of connections. Returns whether memory is short.
    pub fn look(&self, now: MemoryUse, connections: usize) -> bool {
        let mut account = self.account();
        let line = if account.is_short { ADMIT } else { REFUSE };
        let is_short = now.reaches(line, 0);
        if is_short && !account.is_short {
            account.fitted = connections;
        }
        account.newcomers.rotate_right(1);
        (account.newcomers[0], account.served) = (0, None);
        (account.seen, account.is_short) = (Some(now), is_short);
        is_short
    }

    /// Whether one more HTTP connection may be served, beside `served` others.
    pub(crate) fn may_serve(&self, served: usize) -> bool {
        let mut account = self.account();
        let before = *account.served.get_or_insert(served);
        account.has(LAST, served.saturating_sub(before) as u64 * NEWCOMER_BYTES)
    }

    /// Whether a new player may be admitted beside `connections` others. If so it is added to the budget.
    pub(crate) fn may_enter(&self, connections: usize) -> bool {
        let mut account = self.account();
        // Freed memory stays with the process and is used again. So nearly as many connections fit again as when memory
        // became short, although the use is no lower.
        let fits_again = connections < account.fitted / 10 * 9 && account.has(LAST, 0);
        let may_enter = if account.is_short { fits_again } else { account.has(REFUSE, 0) };
        account.newcomers[0] += u64::from(may_enter);
        may_enter
    }

    /// Whether a client may connect to resume a session. Its entity is not new, and the connection alone takes little.
    pub(crate) fn may_return(&self) -> bool {
        let mut account = self.account();
        let may_return = account.has(LAST, 0);
        account.newcomers[0] += u64::from(may_return);
        may_return
    }

    fn account(&self) -> MutexGuard<'_, MemoryAccount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryAccount {
    /// Memory of admitted clients that is not part of the measured use yet.
    fn promised(&self) -> u64 {
        self.newcomers.iter().sum::<u64>() * NEWCOMER_BYTES
    }

    /// Whether the use is below so many percent, with all admitted clients and so much more.
    fn has(&self, percent: u64, more: u64) -> bool {
        self.seen.is_none_or(|seen| !seen.reaches(percent, self.promised() + more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn percent(used: u64) -> MemoryUse {
        MemoryUse { used: used * MIB, limit: 100 * MIB }
    }

    fn seen(used: u64, connections: usize) -> MemoryBudget {
        let memory = MemoryBudget::default();
        memory.look(percent(used), connections);
        memory
    }

    #[test]
    fn nobody_is_let_in_over_the_line_until_it_is_well_below() {
        let memory = MemoryBudget::default();
        assert!(memory.may_enter(0), "nothing is known of any limit");
        for (used, is_short) in [(50, false), (84, false), (85, true), (82, true), (80, true), (79, false), (84, false)]
        {
            assert_eq!((memory.look(percent(used), 0), memory.may_enter(0)), (is_short, !is_short), "{used}");
            // What was let in is old by the next look.
            (0..LOOKS).for_each(|_| _ = memory.look(percent(used), 0));
        }
    }

    #[test]
    fn between_two_looks_no_more_are_let_in_than_fit() {
        let memory = seen(60, 0);
        let admitted = (0..100_000).filter(|_| memory.may_enter(0)).count() as u64;
        assert_eq!(admitted, 25 * MIB / NEWCOMER_BYTES, "85 % less 60 %");
        memory.look(percent(60), 0);
        assert!(!memory.may_enter(0), "they have not taken yet what they will");
        (0..LOOKS).for_each(|_| _ = memory.look(percent(70), 1600));
        assert!(memory.may_enter(1600), "now they have, and it was less");
    }

    #[test]
    fn what_was_freed_stays_with_the_process_and_is_used_again() {
        let memory = seen(84, 990);
        memory.look(percent(86), 1000);
        assert!(!memory.may_enter(1000) && !memory.may_enter(950), "nearly as many as before");
        memory.look(percent(86), 500);
        assert!(memory.may_enter(500) && memory.may_enter(899) && !memory.may_enter(900));
        memory.look(percent(93), 500);
        assert!(!memory.may_enter(500), "something else has filled it");
        memory.look(percent(81), 500);
        memory.look(percent(86), 450);
        assert!(memory.may_enter(850), "it was short all the time");
        memory.look(percent(70), 500);
        memory.look(percent(86), 400);
        assert!(!memory.may_enter(399) && memory.may_enter(350), "by now fewer fit");
    }

    #[test]
    fn who_has_an_entity_here_may_return_until_hardly_anything_is_left() {
        let memory = seen(88, 1000);
        assert!(!memory.may_enter(1000) && memory.may_return() && memory.may_serve(7));
        let returned = (0..100_000).filter(|_| memory.may_return()).count() as u64;
        assert!(returned < 5 * MIB / NEWCOMER_BYTES, "{returned} in one moment");
        memory.look(percent(93), 1000);
        assert!(!memory.may_return() && !memory.may_serve(7));
    }

    #[test]
    fn those_who_say_what_they_want_are_reckoned_with_while_they_are_there() {
        let memory = seen(90, 0);
        let fit = (3 * MIB / NEWCOMER_BYTES) as usize;
        assert!(memory.may_serve(50) && memory.may_serve(50 + fit - 1) && !memory.may_serve(50 + fit));
        assert!(memory.may_serve(60), "they have left");
        memory.look(percent(90), 0);
        assert!(memory.may_serve(500), "by now they are among what is used");
    }

    #[test]
    fn the_tightest_limit_counts_and_tells_how_many_fit() {
        let (small, large) = (percent(50), MemoryUse { used: 60 * MIB, limit: 1000 * MIB });
        assert_eq!((small.tighter(large), large.tighter(small)), (small, small));
        assert_eq!(small.room_for(MIB), 35);
        assert_eq!(percent(90).room_for(MIB), 0);
        let endless = MemoryUse { used: 1, limit: u64::MAX };
        assert!(!endless.reaches(1, 1 << 40) && endless.room_for(MIB) > 1 << 40);
    }
}
