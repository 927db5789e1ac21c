//! What the bots of one worker thread measured.

use hdrhistogram::Histogram;

/// Resolution of lateness in microseconds, and how much of it can be told apart: beyond, it is only late.
const LATE_STEP_US: u64 = 100;
const LATE_MAX_US: u64 = 20_000_000;

/// Times in microseconds, to three digits, up to a minute.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u32>);

impl Default for Times {
    fn default() -> Self {
        match Histogram::new_with_bounds(1, 60_000_000, 3) {
            Ok(histogram) => Self(histogram),
            Err(error) => unreachable!("the bounds are good: {error}"),
        }
    }
}

impl Times {
    /// Adds a time.
    pub fn add(&mut self, us: u64) {
        self.0.saturating_record(us);
    }

    /// Adds another thread's times.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds.
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok());
    }

    /// The time that `percent` % of all do not exceed, in milliseconds.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1000.0
    }

    /// The longest, in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }
}

/// When bodies came, against a straight line through their ticks. How late each was is known only when the earliest of
/// all is, so what is kept are distances from a guess that is certainly earlier.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    counts: Vec<u32>,
    total: u64,
    earliest_us: Option<u64>,
}

impl Arrivals {
    /// Adds a body that came `us` after the guess.
    pub fn add(&mut self, us: u64) {
        let step = (us.min(LATE_MAX_US) / LATE_STEP_US) as usize;
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += 1;
        self.total += 1;
        self.earliest_us = Some(self.earliest_us.map_or(us, |earliest| earliest.min(us)));
    }

    /// Adds another thread's, made from the same guess.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
        self.earliest_us = match (self.earliest_us, other.earliest_us) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
    }

    /// Bodies that came at most `us` after the earliest possible.
    pub fn within(&self, us: u64) -> u64 {
        let latest = (self.earliest_us.unwrap_or(0) + us) / LATE_STEP_US;
        self.counts.iter().take(latest as usize + 1).map(|count| u64::from(*count)).sum()
    }

    /// How late the body at `percent` % was, in milliseconds, to a tenth.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let wanted = (self.total as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted.max(1)
        });
        let us = at.unwrap_or(0) as u64 * LATE_STEP_US;
        us.saturating_sub(self.earliest_us.unwrap_or(0)) as f64 / 1000.0
    }
}

/// What the bots of one worker thread measured in the steady part.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    /// Between two bodies of one bot.
    pub update_gap: Times,
    /// When bodies came.
    pub arrivals: Arrivals,
    /// From sending an input to the body that shows it, or a newer one in its place, to be applied; of bots that look.
    pub input_to_update: Times,
    /// Of pings, without the time the server held them.
    pub rtt: Times,
    /// Payload of frames.
    pub bytes_in: u64,
    /// Sum over bodies of the entities known after them, and those bodies.
    pub visible: u64,
    /// See [`Self::visible`].
    pub visible_bodies: u64,
    /// Inputs sent.
    pub inputs_sent: u64,
    /// Judgements of the server that bots learned of, and those of them that were as the screen had promised.
    pub verdicts: u64,
    /// See [`Self::verdicts`].
    pub verdicts_agreed: u64,
    /// From the end of a connection to the next welcome.
    pub away: Times,
    /// Bots that came back, and those of them that got their places back.
    pub returns: u64,
    /// See [`Self::returns`].
    pub resumed: u64,
}

impl Measures {
    /// Adds another thread's.
    pub fn merge(&mut self, other: &Self) {
        self.update_gap.merge(&other.update_gap);
        self.arrivals.merge(&other.arrivals);
        self.input_to_update.merge(&other.input_to_update);
        self.rtt.merge(&other.rtt);
        self.bytes_in += other.bytes_in;
        self.visible += other.visible;
        self.visible_bodies += other.visible_bodies;
        self.inputs_sent += other.inputs_sent;
        self.verdicts += other.verdicts;
        self.verdicts_agreed += other.verdicts_agreed;
        self.away.merge(&other.away);
        self.returns += other.returns;
        self.resumed += other.resumed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_counts_from_the_earliest_of_all_threads() {
        let (mut one, mut other) = (Arrivals::default(), Arrivals::default());
        (0..50).for_each(|_| one.add(5_000_000));
        (0..49).for_each(|_| other.add(5_010_000));
        other.add(5_200_000);
        one.merge(&other);
        assert_eq!(one.within(9_000), 50);
        assert_eq!(one.within(10_000), 99);
        assert_eq!((one.percentile_ms(50.0), one.percentile_ms(99.0), one.percentile_ms(100.0)), (0.0, 10.0, 200.0));
    }
}
