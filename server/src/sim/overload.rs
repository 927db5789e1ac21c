//! Overload control. The server measures its load on every tick. Under overload it first gives up what hurts the
//! players inside least. Full load is the point from which updates are no longer on time.
//!
//! The order is [`Level::ALL`]. Refusing joins keeps the players inside on time, so it comes first. Packing makes
//! updates late by design: of two ticks in a frame the first is a period late. So it comes last, when updates are late
//! anyway.

use super::roster::Headcount;
use fracas_protocol::tick::TickRate;
use std::collections::VecDeque;
use std::time::Duration;

/// What is given up. Each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    #[default]
    Normal,
    /// Joins are refused. Sessions can be resumed.
    JoinsWait,
    /// Two ticks go in one frame, so there are half as many frames.
    PackedByTwo,
    /// Four ticks go in one frame.
    PackedByFour,
}

impl Level {
    /// All of them, in the order in which they are reached.
    pub const ALL: [Self; 4] = [Self::Normal, Self::JoinsWait, Self::PackedByTwo, Self::PackedByFour];

    /// Ticks in a frame.
    pub fn pack(self) -> u32 {
        match self {
            Self::Normal | Self::JoinsWait => 1,
            Self::PackedByTwo => 2,
            Self::PackedByFour => PACK_MAX,
        }
    }

    /// The load, in thousandths of full load, at which the next level is reached.
    fn rises_at(self) -> u32 {
        match self {
            Self::Normal => 800,
            // More than fits into the period, so ticks pile up.
            Self::JoinsWait | Self::PackedByTwo => 1050,
            Self::PackedByFour => u32::MAX,
        }
    }

    /// The load below which the level is left. It is low enough for the level before to carry the extra cost. Packing
    /// halves the measured load, so there it is half as much.
    fn falls_below(self) -> u32 {
        match self {
            Self::Normal => 0,
            Self::JoinsWait => 700,
            Self::PackedByTwo | Self::PackedByFour => 450,
        }
    }

    fn above(self) -> Self {
        Self::ALL[(self as usize + 1).min(Self::ALL.len() - 1)]
    }

    fn below(self) -> Self {
        Self::ALL[(self as usize).saturating_sub(1)]
    }
}

/// Most ticks that are packed in one frame on purpose.
pub const PACK_MAX: u32 = 4;

/// The times of one round of an event loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The time to read all connections.
    pub reading: Duration,
    /// From when the tick was due until all connections were written.
    pub sent_after: Duration,
}

/// The times of one tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strain {
    /// From when the tick was due until it was published.
    pub published_after: Duration,
    /// The slowest round that an event loop reported since the last tick.
    pub round: Round,
    /// Ticks that the latest event loop had not taken yet when this one began. 0 if all are on time.
    pub backlog: usize,
    /// Ticks just before this one that were never run.
    pub skipped: u32,
}

/// How long a level is kept, because it was left too early before.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// Ticks since it was left.
    since_left: u32,
    /// Ticks for which it is kept at least, the next time.
    hold: u32,
}

/// Up to so many players are always let in. In so small a room lateness has other causes than the players.
const ALWAYS_LET_IN: usize = 64;

/// The least assumed cost of a player: a frame, and reading its messages.
const COST_LEAST: Duration = Duration::from_micros(3);

/// The load, in thousandths of full load, up to which a rush is let in. Above it, each quarter second lets in one for
/// so many present.
const RUSH_UP_TO: u64 = 650;
const TRICKLE: u64 = 50;

/// How long a level is kept that was reached again soon after its end, in seconds. It is four times as long each time,
/// up to the maximum.
const HOLD_LEAST_S: u32 = 2;
const HOLD_MAX_S: u32 = 32;

/// Larger loads are cut to this.
const LOAD_MAX: u32 = 10_000;

/// Loads are remembered for so many seconds.
const LOADS_S: usize = 2;

/// Of a thousand updates so many may be late before joins wait. 50 may be late in all.
const MISSED_MAX: u32 = 10;

/// A level was left too early if it is reached again within so many seconds, and twice as long as it was kept.
const RELAPSE_S: u32 = 30;

/// Of each window of [`LOADS_S`] seconds one in so many loads, the worst, do not count as missed updates. A machine
/// that stalls now and then makes all players late, however few there are.
const STALLS_SHARE: usize = 4;

/// Ticks that were never run count as loads, but of one gap at most a second's ticks divided by this. A single freeze
/// has its cause in the machine. Repeated gaps fill the window all the same.
const GAP_SHARE: u32 = 6;

/// The load of one tick, in thousandths of what is available.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// The time until nineteen of twenty updates were sent, in thousandths of half a period, within which they are on
    /// time. At least `busy`.
    late: u32,
    /// The time used, in thousandths of the whole period. Above 1,000 ticks pile up.
    busy: u32,
    /// How many of a thousand updates were not on time.
    missed: u32,
}

impl Load {
    /// The load of a tick that was due and never run.
    const NEVER_RUN: Self = Self { late: LOAD_MAX, busy: LOAD_MAX, missed: 1000 };
}

/// Judges the load and sets the level, once per tick.
#[derive(Debug)]
pub struct Overload {
    hz: u32,
    period: Duration,
    level: Level,
    /// The loads of the last two seconds, the newest last.
    loads: VecDeque<Load>,
    /// Ticks since the level changed, those that were never run included.
    since_change: u32,
    /// Loads recorded since then.
    loads_since_change: usize,
    /// By level.
    kept: [Kept; Level::ALL.len()],
    /// How many more may join until the load is checked again.
    joins_left: u32,
    /// Ticks that were run, to check the load now and then.
    turns: u32,
    /// For sorting.
    sorted: Vec<u32>,
}

impl Overload {
    /// The state of an idle server, at this tick rate.
    pub fn new(rate: TickRate) -> Self {
        let hz = rate.hz();
        Self {
            hz,
            period: Duration::from_micros(rate.period_us()),
            level: Level::Normal,
            loads: VecDeque::with_capacity(LOADS_S * hz as usize),
            since_change: 0,
            loads_since_change: 0,
            kept: [Kept { since_left: u32::MAX, hold: 0 }; Level::ALL.len()],
            joins_left: u32::MAX,
            turns: 0,
            sorted: Vec::with_capacity(LOADS_S * hz as usize),
        }
    }

    /// The present level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How many new sessions the next tick may let in.
    pub fn joins_left(&self) -> u32 {
        self.joins_left
    }

    /// Records a tick that let `joined` in, after which `present` are there. While only built-in bots are there, a
    /// level would help nobody, so it is normal.
    pub fn record(&mut self, strain: &Strain, present: Headcount, joined: u32) {
        let passed = strain.skipped.saturating_add(1);
        self.turns = self.turns.wrapping_add(1);
        self.since_change = self.since_change.saturating_add(passed);
        for kept in &mut self.kept {
            kept.since_left = kept.since_left.saturating_add(passed);
        }
        for _ in 0..strain.skipped.min(self.hz / GAP_SHARE) {
            self.record_load(Load::NEVER_RUN);
        }
        self.record_load(self.load(strain));
        if present.people > 0 || present.spectators > 0 {
            self.update_level();
        } else if self.level > Level::Normal {
            self.set(Level::Normal);
        }
        self.allow_joins(present.total(), joined);
    }

    fn record_load(&mut self, load: Load) {
        if self.loads.len() == LOADS_S * self.hz as usize {
            self.loads.pop_front();
        }
        self.loads.push_back(load);
        self.loads_since_change += 1;
    }

    fn load(&self, strain: &Strain) -> Load {
        let Strain { published_after, round, backlog, .. } = *strain;
        let busy = published_after.max(round.reading + round.sent_after).max(self.period * backlog as u32);
        // Players are written one after the other, starting when the tick is published.
        let writing = round.sent_after.saturating_sub(published_after);
        let late = 2 * (published_after + writing * 19 / 20);
        let after_half = (published_after + writing).saturating_sub(self.period / 2);
        Load {
            late: thousandths(late.max(busy), self.period).min(LOAD_MAX),
            busy: thousandths(busy, self.period).min(LOAD_MAX),
            missed: if backlog > 0 { 1000 } else { thousandths(after_half, writing).min(1000) },
        }
    }

    /// Judges by the loads since the level changed: by the last sixth of a second, and for joins by the last two
    /// seconds.
    fn update_level(&mut self) {
        let moment = self.hz / 6;
        if self.since_change < moment {
            return;
        }
        let at_this_level = self.loads_since_change.min(self.loads.len()) as u32;
        let busy = |now: &mut Self| now.quantile(at_this_level.min(moment), 50, |load| load.busy);
        let (rising, falling) = match self.level {
            // One quiet moment does not allow joins again, and one bad moment does not stop them.
            Level::Normal if self.since_change < self.hz / 2 => (0, 0),
            Level::Normal => (self.quantile(at_this_level, 75, |load| load.late), 0),
            // Packing makes updates late by design: the question is whether there is time for them at all.
            Level::JoinsWait => (busy(self), self.usual_lateness()),
            Level::PackedByTwo | Level::PackedByFour => {
                let busy = busy(self);
                (busy, busy)
            }
        };
        let misses = self.level == Level::Normal && self.missed() >= MISSED_MAX;
        if misses || rising >= self.level.rises_at() {
            self.rise();
        } else if falling < self.level.falls_below() && self.since_change >= self.kept[self.level as usize].hold {
            self.kept[self.level as usize].since_left = 0;
            self.set(self.level.below());
        }
    }

    /// Moves to the next level, for longer if it was left too early the last time.
    fn rise(&mut self) {
        let above = self.level.above();
        let (least, most) = (HOLD_LEAST_S * self.hz, HOLD_MAX_S * self.hz);
        let Kept { since_left, hold } = &mut self.kept[above as usize];
        let is_relapse = *since_left < RELAPSE_S * self.hz + 2 * *hold;
        *hold = if is_relapse { (*hold * 4).clamp(least, most) } else { 0 };
        self.set(above);
    }

    fn set(&mut self, level: Level) {
        (self.level, self.since_change, self.loads_since_change) = (level, 0, 0);
    }

    /// How many of a thousand updates were not on time since the level changed, without the worst loads.
    fn missed(&mut self) -> u32 {
        let count = self.loads.len().min(self.loads_since_change);
        if self.since_change < self.hz / 2 {
            return 0;
        }
        self.sort(count, |load| load.missed);
        let usual = &self.sorted[..count - count.div_ceil(STALLS_SHARE)];
        usual.iter().sum::<u32>() / usual.len().max(1) as u32
    }

    /// The lateness that one tick in four of the last half second exceeded.
    fn usual_lateness(&mut self) -> u32 {
        self.quantile(self.hz / 2, 75, |load| load.late)
    }

    /// The given percentile of the last `count` loads.
    fn quantile(&mut self, count: u32, percent: usize, of: fn(&Load) -> u32) -> u32 {
        self.sort(count as usize, of);
        self.sorted.get(self.sorted.len() * percent / 100).copied().unwrap_or(0)
    }

    /// Sorts the last `count` loads.
    fn sort(&mut self, count: usize, of: fn(&Load) -> u32) {
        self.sorted.clear();
        self.sorted.extend(self.loads.iter().rev().take(count).map(of));
        self.sorted.sort_unstable();
    }

    /// Decides four times a second how many may join. Far from full load it is half of what there is room for, by the
    /// cost of those present. Their load shows before the next decision. Near full load only a few may join at a time,
    /// since one player too many makes all late.
    fn allow_joins(&mut self, present: usize, joined: u32) {
        self.joins_left = self.joins_left.saturating_sub(joined);
        if self.level > Level::Normal {
            self.joins_left = 0;
        } else if self.turns.is_multiple_of(self.hz / 4) {
            // In a rush the last moment says more than the half second before it.
            let load = u64::from(self.usual_lateness().max(self.quantile(self.hz / 8, 50, |load| load.late)));
            let cost_least = 2_000_000_000 * COST_LEAST.as_nanos() as u64 / self.period.as_nanos() as u64;
            // In millionths of a thousandth of full load.
            let cost = (load * 1_000_000 / (present as u64).max(1)).max(cost_least);
            let rush = RUSH_UP_TO.saturating_sub(load) * 1_000_000 / 2 / cost;
            self.joins_left = rush.max(present as u64 / TRICKLE).max(1) as u32;
        }
        self.joins_left = self.joins_left.max(ALWAYS_LET_IN.saturating_sub(present) as u32);
    }
}

/// A part of a time in thousandths. 0 if the whole is 0.
fn thousandths(part: Duration, of: Duration) -> u32 {
    (part.as_micros() * 1000).checked_div(of.as_micros()).unwrap_or(0).min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests;
