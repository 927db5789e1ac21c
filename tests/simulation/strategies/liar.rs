//! Acknowledges less than it has received, or more than was sent to it, for a while or for good.

use fracas_protocol::rng::Rng;
use fracas_protocol::tick::Tick;

/// It tells the truth for so long at first: a line has to be known before one can lie about it.
const HONEST_US: u64 = 2_500_000;

/// What it says instead of the tick that it has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Nothing at all.
    Nothing,
    /// More than there is.
    Beyond,
    /// So many ticks less.
    Less(u32),
    /// At each input one of the last so many.
    AnyOf(u32),
}

/// The lies of one connection.
#[derive(Debug)]
pub(crate) struct Lies {
    rng: Rng,
    lie: Lie,
    /// From when to when it lies.
    from_us: Option<u64>,
    until_us: u64,
    /// Having begun it never stops.
    is_sustained: bool,
}

impl Lies {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 16);
        let is_sustained = rng.chance(1, 4);
        let lie = Self::draw(&mut rng, is_sustained);
        Self { rng, lie, from_us: None, until_us: 0, is_sustained }
    }

    /// Who acknowledges nothing for long is told nothing more, so that is no lie to be sustained.
    fn draw(rng: &mut Rng, is_sustained: bool) -> Lie {
        match rng.below(6) {
            0 | 1 if !is_sustained => Lie::Nothing,
            2 if !is_sustained => Lie::Beyond,
            3 => Lie::AnyOf(2 + rng.below(12)),
            _ => Lie::Less(2 + rng.below(10)),
        }
    }

    /// What it acknowledges at `now_us`, having received the body of `truth`, and whether that is a lie.
    pub(crate) fn claim(&mut self, now_us: u64, truth: Tick) -> (Tick, bool) {
        let from_us = *self.from_us.get_or_insert_with(|| {
            self.until_us = now_us + HONEST_US;
            now_us + HONEST_US
        });
        if now_us < from_us {
            return (truth, false);
        }
        if now_us >= self.until_us {
            // The next burst, or the first: shorter than two seconds, and after some honest time.
            let length_us = u64::from(200 + self.rng.below(1_700)) * 1000;
            let pause_us = u64::from(self.rng.below(3_000)) * 1000;
            let begins_us = if from_us == self.until_us { now_us } else { now_us + pause_us };
            self.from_us = Some(begins_us);
            self.until_us = if self.is_sustained { u64::MAX } else { begins_us + length_us };
            self.lie = Self::draw(&mut self.rng, self.is_sustained);
            return (truth, false);
        }
        let told = match self.lie {
            Lie::Nothing => Tick(0),
            Lie::Beyond => Tick(u32::MAX),
            Lie::Less(ticks) => Tick(truth.0.saturating_sub(ticks)),
            Lie::AnyOf(ticks) => Tick(truth.0.saturating_sub(self.rng.below(ticks))),
        };
        (told, told != truth)
    }
}
