//! Estimates what a player's screen can have shown at an input. It goes by the acknowledgements of sent frames, not by
//! what the client claims. It keeps the least lag of the last two seconds. So no client can choose the moment shot by
//! shot.

use fracas_protocol::game::authority::ViewWindow;
use fracas_protocol::tick::{Tick, TickRate, ViewTime};
use fracas_protocol::wire::limits::{
    CLIENT_SILENCE_MAX_MS, DISPLAY_DELAY_TICKS, DISPLAY_DELAY_TICKS_MAX, REWIND_LEAD_TICKS, REWIND_MEMORY_MS,
    REWIND_MS_MAX, REWIND_NETWORK_MS, REWIND_RISE_TICKS_PER_S, REWIND_SLACK_TICKS, VIEW_TOLERANCE_TICKS,
};

/// A lag is kept in this many parts of a tick. A sixteenth of a tick is a whole number of them. So is the most that a
/// lag may rise on one tick, at each of the three rates.
const PARTS: u32 = 960;
const PARTS_PER_SIXTEENTH: u32 = PARTS / ViewTime::PARTS as u32;

/// The memory is divided into so many stretches. The least lag of each is kept, and that of the current one.
const STRETCHES: u32 = 8;
/// The least lag of a stretch without samples.
const NONE: u32 = u32::MAX;

/// How far a player's screen is behind the ticks on which its inputs are applied.
///
/// Each input is a sample: its acknowledgement gives the lag at that moment. The estimate is the least lag of the last
/// two seconds *of samples*. While a player is silent nothing is forgotten. So silence gains nothing before a late
/// acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViewEstimate {
    /// From the newest body received to the tick on which an input is applied, in [`PARTS`] of a tick.
    lag: u32,
    /// The least lag of each of the last stretches, in turn.
    least: [u32; STRETCHES as usize + 1],
    /// Ticks that the samples stand for so far.
    sampled_ticks: u32,
    /// The tick of the last sample.
    sampled_at: Option<Tick>,
    acknowledged: Tick,
}

impl Default for ViewEstimate {
    fn default() -> Self {
        let least = [NONE; STRETCHES as usize + 1];
        Self { lag: 0, least, sampled_ticks: 0, sampled_at: None, acknowledged: Tick(0) }
    }
}

/// What the estimates of a room's players go by at a tick rate. Made once a tick, since each input would need its divisions.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViewTiming {
    /// The farthest back that a shot may be judged, in sixteenths of a tick.
    longest: i64,
    /// The same in [`PARTS`] of a tick.
    longest_parts: u32,
    /// Ticks of samples that are remembered.
    memory: u32,
    /// Ticks of one stretch of them.
    stretch: u32,
    /// Most ticks that one sample speaks for.
    silence: i64,
    /// By what a lag may rise on one tick, in [`PARTS`].
    rise: u32,
}

impl ViewTiming {
    pub(super) fn new(rate: TickRate) -> Self {
        let ticks = i64::from(DISPLAY_DELAY_TICKS_MAX + REWIND_SLACK_TICKS) * ViewTime::PARTS;
        let longest = (rate.sixteenths_in_ms(REWIND_NETWORK_MS) + ticks).min(rate.sixteenths_in_ms(REWIND_MS_MAX));
        let memory = rate.ticks_in_ms(REWIND_MEMORY_MS);
        Self {
            longest,
            longest_parts: longest as u32 * PARTS_PER_SIXTEENTH,
            memory,
            stretch: memory.div_ceil(STRETCHES),
            silence: rate.ticks_in_ms(CLIENT_SILENCE_MAX_MS).into(),
            rise: REWIND_RISE_TICKS_PER_S * PARTS / rate.hz(),
        }
    }
}

impl ViewEstimate {
    /// Takes an input for `stamp`, read just before tick `next` runs. `acknowledged` is the player's newest
    /// acknowledgement of a sent frame.
    pub(super) fn record(&mut self, next: Tick, stamp: Tick, acknowledged: Tick, timing: &ViewTiming) {
        self.acknowledged = self.acknowledged.max(acknowledged);
        let passed = self.sampled_at.map_or(0, |at| next.since(at)).clamp(0, timing.silence) as u32;
        self.sampled_at = Some(next);
        // Otherwise a client that stamps its inputs far ahead would seem to have an older screen.
        let lead = stamp.since(next).clamp(0, i64::from(REWIND_LEAD_TICKS));
        let lag = (next.since(acknowledged).max(0) + lead).saturating_mul(i64::from(PARTS));
        let lag = lag.min(i64::from(timing.longest_parts)) as u32;
        let stretch = self.pass(passed, timing);
        self.least[stretch] = self.least[stretch].min(lag);
        let least = self.least.iter().copied().fold(NONE, u32::min);
        let risen = self.lag + passed * timing.rise;
        self.lag = least.min(risen.max(self.believed_at_first(timing)));
    }

    /// Lets so many ticks pass, and forgets the least lag of a stretch that is too long ago. Returns where that of the stretch
    /// that has begun is kept.
    fn pass(&mut self, ticks: u32, timing: &ViewTiming) -> usize {
        let before = self.sampled_ticks / timing.stretch;
        self.sampled_ticks = self.sampled_ticks.saturating_add(ticks);
        let now = self.sampled_ticks / timing.stretch;
        let stretch = (now % (STRETCHES + 1)) as usize;
        if now != before {
            self.least[stretch] = NONE;
        }
        stretch
    }

    /// Nothing is known of a new player. Its lag is believed in proportion to the time that samples stand for. So the
    /// first one alone gives no choice.
    fn believed_at_first(&self, timing: &ViewTiming) -> u32 {
        let ViewTiming { longest_parts, memory, .. } = *timing;
        if self.sampled_ticks < memory { longest_parts * self.sampled_ticks / memory } else { 0 }
    }

    /// The moments that a player's screen can have shown for an input applied on `tick`.
    ///
    /// The input's own stamp does not count. Otherwise a client could choose the moment by withholding inputs and
    /// stamping them late.
    pub(super) fn window(&self, tick: Tick, timing: &ViewTiming) -> ViewWindow {
        let ticks = |ticks: u32| i64::from(ticks) * ViewTime::PARTS;
        let at = |tick: Tick| i64::from(tick.0) * ViewTime::PARTS;
        let lag = i64::from(self.lag / PARTS_PER_SIXTEENTH);
        let expected = at(tick) - lag - ticks(DISPLAY_DELAY_TICKS);
        let earliest = (expected - ticks(VIEW_TOLERANCE_TICKS)).max(at(tick) - timing.longest);
        // A screen cannot show what was not received. If even that is too long ago, the longest time counts.
        let latest = (expected + ticks(VIEW_TOLERANCE_TICKS)).min(at(self.acknowledged)).max(earliest);
        ViewWindow { earliest: ViewTime::from_sixteenths(earliest), latest: ViewTime::from_sixteenths(latest) }
    }
}

#[cfg(test)]
mod tests;
