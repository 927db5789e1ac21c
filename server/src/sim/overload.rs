//! What the server does when there is more to do than time for it: it judges every tick how near the brink it is, and
//! gives up what costs those who play least first.
//!
//! The order is [`Level::ALL`]. Who is inside is on time while nobody new is let in, so that comes first; packing makes
//! updates late by design (of two ticks in a frame the first is a period late), so it comes last, when they are late anyway.

use super::roster::Headcount;
use fracas_protocol::tick::TickRate;
use std::collections::VecDeque;
use std::time::Duration;

/// What is given up; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    #[default]
    Normal,
    /// Nobody new is let in; who comes back is.
    JoinsWait,
    /// Two ticks go in one frame, so that there are half as many.
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

    /// The load, in thousandths of the brink, from which the level above is reached.
    fn rises_at(self) -> u32 {
        match self {
            Self::Normal => 800,
            // More than the period has room for: ticks pile up.
            Self::JoinsWait | Self::PackedByTwo => 1050,
            Self::PackedByFour => u32::MAX,
        }
    }

    /// The load below which the level is left: so low that the one before can be expected to bear what it will cost. Packing
    /// halves what is measured, so that is half as much.
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

/// Most ticks that go in one frame on purpose.
pub const PACK_MAX: u32 = 4;

/// How one round of an event loop went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Time to read everybody.
    pub reading: Duration,
    /// From when the tick was due until everybody was written.
    pub sent_after: Duration,
}

/// How one tick went, as far as its time goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strain {
    /// From when the tick was due until it was published.
    pub published_after: Duration,
    /// The slowest round that an event loop has reported since the last tick.
    pub round: Round,
    /// Ticks that the latest event loop had not begun to take in as this one began; 0 if all are on time.
    pub backlog: usize,
    /// Ticks that were due just before it and were never run.
    pub skipped: u32,
}

/// How often a level has been left too early.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// Ticks since it was left.
    since_left: u32,
    /// Ticks that it is kept at least, the next time.
    hold: u32,
}

/// Fewer than so many are always let in: what makes so small a room late is not that too many play.
const ALWAYS_LET_IN: usize = 64;

/// What a player is taken to cost at least: a frame, and reading what it says.
const COST_LEAST: Duration = Duration::from_micros(3);

/// The load, in thousandths of the brink, up to which a rush is let in; beyond, one for so many present in a quarter second.
const RUSH_UP_TO: u64 = 650;
const TRICKLE: u64 = 50;

/// How long a level that had to be taken again soon after it was left is kept, in seconds: four times as long each time, up
/// to this.
const HOLD_LEAST_S: u32 = 2;
const HOLD_MAX_S: u32 = 32;

/// Loads beyond this are not told apart.
const LOAD_MAX: u32 = 10_000;

/// Loads are remembered for so many seconds.
const LOADS_S: usize = 2;

/// Of a thousand updates so many may miss their time before nobody new is let in: 50 may be in all.
const MISSED_MAX: u32 = 10;

/// A level taken again within so many seconds, and twice as long as it was kept, was left too early.
const RELAPSE_S: u32 = 30;

/// Of each window of [`LOADS_S`] seconds the worst loads, one in so many, say nothing about missed updates: a machine that
/// stalls now and then makes everybody late however few play.
const STALLS_SHARE: usize = 4;

/// Ticks that were never run are loads like others, but of one gap only so many of a second's ticks: one freeze is a matter of
/// the machine, and gaps that come again and again fill the window all the same.
const GAP_SHARE: u32 = 6;

/// How much of what there is was used up on one tick, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Of the half period in which updates are on time, until nineteen of twenty were sent; or of the whole, if that is more.
    late: u32,
    /// Of the whole period, beyond which ticks pile up.
    busy: u32,
    /// How many of all updates were not on time.
    missed: u32,
}

impl Load {
    /// Of a tick that was due and never run.
    const NEVER_RUN: Self = Self { late: LOAD_MAX, busy: LOAD_MAX, missed: 1000 };
}

/// Judges the load and decides about the level, once per tick.
#[derive(Debug)]
pub struct Overload {
    hz: u32,
    period: Duration,
    level: Level,
    /// Of the last two seconds, the newest last.
    loads: VecDeque<Load>,
    /// Ticks since the level changed, those that were never run included.
    since_change: u32,
    /// Loads that were noted since then.
    loads_since_change: usize,
    /// By level.
    kept: [Kept; Level::ALL.len()],
    /// How many more may be let in until the next look at the load.
    joins_left: u32,
    /// Ticks that were run, to look at the load now and then.
    turns: u32,
    /// For sorting.
    sorted: Vec<u32>,
}

impl Overload {
    /// Of a server at rest, at this tick rate.
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

    /// How many the next tick may let in who were not here before.
    pub fn joins_left(&self) -> u32 {
        self.joins_left
    }

    /// Takes note of a tick that let `joined` in, after which `present` are there. While nobody but the server's own bots is,
    /// there is nobody to whom a level would do any good.
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
        // Players are written one after the other, from when the tick is published.
        let writing = round.sent_after.saturating_sub(published_after);
        let late = 2 * (published_after + writing * 19 / 20);
        let after_half = (published_after + writing).saturating_sub(self.period / 2);
        Load {
            late: thousandths(late.max(busy), self.period).min(LOAD_MAX),
            busy: thousandths(busy, self.period).min(LOAD_MAX),
            missed: if backlog > 0 { 1000 } else { thousandths(after_half, writing).min(1000) },
        }
    }

    /// Judges by what has been since the level changed: by the last sixth of a second of it, and about joins by the last two.
    fn update_level(&mut self) {
        let moment = self.hz / 6;
        if self.since_change < moment {
            return;
        }
        let at_this_level = self.loads_since_change.min(self.loads.len()) as u32;
        let busy = |now: &mut Self| now.quantile(at_this_level.min(moment), 50, |load| load.busy);
        let (rising, falling) = match self.level {
            // Letting people in again is not decided on a moment's rest, nor keeping them out on a moment's trouble.
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

    /// Takes the level above, for longer if it was left too early the last time.
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

    /// How many of a thousand updates were not on time, of those since the level changed, the worst loads left out.
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

    /// What so many of a hundred of the last `count` loads do not exceed.
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

    /// Decides four times a second how many may join. Far from the brink that is half as many as there is room for by what those
    /// present cost, whose number shows in the load before the next look; near it, where a player too many is one too many for
    /// all, few at a time.
    fn allow_joins(&mut self, present: usize, joined: u32) {
        self.joins_left = self.joins_left.saturating_sub(joined);
        if self.level > Level::Normal {
            self.joins_left = 0;
        } else if self.turns.is_multiple_of(self.hz / 4) {
            // In a rush the last moment tells more than the half second before it.
            let load = u64::from(self.usual_lateness().max(self.quantile(self.hz / 8, 50, |load| load.late)));
            let cost_least = 2_000_000_000 * COST_LEAST.as_nanos() as u64 / self.period.as_nanos() as u64;
            // In millionths of a thousandth of the brink.
            let cost = (load * 1_000_000 / (present as u64).max(1)).max(cost_least);
            let rush = RUSH_UP_TO.saturating_sub(load) * 1_000_000 / 2 / cost;
            self.joins_left = rush.max(present as u64 / TRICKLE).max(1) as u32;
        }
        self.joins_left = self.joins_left.max(ALWAYS_LET_IN.saturating_sub(present) as u32);
    }
}

/// A part of a time in thousandths; nothing is a part of nothing.
fn thousandths(part: Duration, of: Duration) -> u32 {
    (part.as_micros() * 1000).checked_div(of.as_micros()).unwrap_or(0).min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests;
