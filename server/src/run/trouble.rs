//! Logs lack of time for the operator: the start and end of an overload, and the length of a freeze.

use crate::sim::overload::Level;
use std::time::{Duration, Instant};

/// The least time without ticks that is logged. A second of it costs players a fight.
const FREEZE_LEAST: Duration = Duration::from_millis(500);
/// Least time between two lines about freezes. Freezes in between are counted, and logged with the next line.
const FREEZE_PAUSE: Duration = Duration::from_secs(10);

/// An overload, from the first level above normal until the level is normal again.
#[derive(Clone, Copy, Debug)]
struct Episode {
    began: Instant,
    highest: Level,
    changes: u32,
}

/// What has been logged, and what is still to be logged.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    level: Level,
    episode: Option<Episode>,
    freeze_told: Option<Instant>,
    untold_freezes: u32,
}

/// A line of the log.
#[derive(Clone, Copy, Debug, PartialEq)]
enum LogEntry {
    Began(Level),
    Over { lasted: Duration, highest: Level, changes: u32 },
    Froze { lasted: Duration, others: u32 },
}

impl Trouble {
    /// Records a tick at this level. No tick was run for `lost` before it, and so many players are present.
    pub(super) fn ticked(&mut self, level: Level, lost: Duration, present: usize, now: Instant) {
        for line in [self.freeze(lost, now), self.level(level, now)].into_iter().flatten() {
            match line {
                LogEntry::Froze { lasted, others } => tracing::warn!(
                    seconds = lasted.as_secs_f64(),
                    others,
                    "no tick was run for a while: the process was stopped, or the machine had no time for it"
                ),
                LogEntry::Began(level) => tracing::warn!(
                    ?level,
                    present,
                    "overload: new players are refused until it is over; see fracas_overload_level"
                ),
                LogEntry::Over { lasted, highest, changes } => {
                    tracing::info!(seconds = lasted.as_secs_f64(), ?highest, changes, present, "the overload is over");
                }
            }
        }
    }

    fn level(&mut self, level: Level, now: Instant) -> Option<LogEntry> {
        if std::mem::replace(&mut self.level, level) == level {
            return None;
        }
        let Some(Episode { began, highest, changes }) = self.episode.take() else {
            self.episode = Some(Episode { began: now, highest: level, changes: 1 });
            return Some(LogEntry::Began(level));
        };
        let (highest, changes) = (highest.max(level), changes + 1);
        if level == Level::Normal {
            return Some(LogEntry::Over { lasted: now.saturating_duration_since(began), highest, changes });
        }
        self.episode = Some(Episode { began, highest, changes });
        None
    }

    fn freeze(&mut self, lost: Duration, now: Instant) -> Option<LogEntry> {
        if lost < FREEZE_LEAST {
            return None;
        }
        if self.freeze_told.is_some_and(|at| now.saturating_duration_since(at) < FREEZE_PAUSE) {
            self.untold_freezes = self.untold_freezes.saturating_add(1);
            return None;
        }
        self.freeze_told = Some(now);
        Some(LogEntry::Froze { lasted: lost, others: std::mem::take(&mut self.untold_freezes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_is_told_at_its_start_and_its_end_however_its_level_changes() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(trouble.level(Level::Normal, at(0)), None);
        assert_eq!(trouble.level(Level::JoinsWait, at(1)), Some(LogEntry::Began(Level::JoinsWait)));
        for level in [Level::PackedByTwo, Level::PackedByFour, Level::PackedByTwo, Level::PackedByTwo, Level::JoinsWait]
        {
            assert_eq!(trouble.level(level, at(2)), None);
        }
        let (lasted, highest) = (Duration::from_secs(6), Level::PackedByFour);
        assert_eq!(trouble.level(Level::Normal, at(7)), Some(LogEntry::Over { lasted, highest, changes: 6 }));
        assert_eq!(trouble.level(Level::Normal, at(8)), None);
    }

    #[test]
    fn a_freeze_is_told_with_its_length_and_many_of_them_are_not_told_one_by_one() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let (lasted, at) = (Duration::from_secs(3), |seconds| start + Duration::from_secs(seconds));
        assert_eq!(trouble.freeze(Duration::from_millis(100), at(0)), None, "no more than a hiccup");
        assert_eq!(trouble.freeze(lasted, at(3)), Some(LogEntry::Froze { lasted, others: 0 }));
        assert!((4..10).all(|seconds| trouble.freeze(lasted, at(seconds)).is_none()));
        assert_eq!(trouble.freeze(lasted, at(13)), Some(LogEntry::Froze { lasted, others: 6 }));
    }
}
