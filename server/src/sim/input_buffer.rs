//! A player's inputs, each kept until the tick it is for.

use fracas_protocol::frame::InputReport;
use fracas_protocol::limits::INPUTS_AHEAD_MAX;
use fracas_protocol::tick::Tick;
use std::collections::VecDeque;

/// Why an input was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Stamped too far ahead.
    Early,
    /// Older than what is in effect already.
    Old,
    /// One for the same tick is there.
    Duplicate,
}

impl Dropped {
    /// The word used as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Old => "old",
            Self::Duplicate => "duplicate",
        }
    }
}

/// The inputs of one player that wait for their tick, and the one in effect.
#[derive(Clone, Debug, Default)]
pub struct InputBuffer<I> {
    /// By tick; at most one late, and one for each of the next [`INPUTS_AHEAD_MAX`] ticks and the one about to run.
    waiting: VecDeque<(Tick, I)>,
    held: Option<(Tick, I)>,
    lead: i8,
}

impl<I: Copy + Default> InputBuffer<I> {
    /// Takes an input stamped for `stamp`, read just before tick `next` runs. A late one is good until a newer comes:
    /// keys that are held since may as well be held late.
    pub fn push(&mut self, next: Tick, stamp: Tick, input: I) -> Result<(), Dropped> {
        let lead = stamp.since(next);
        if lead > i64::from(INPUTS_AHEAD_MAX) {
            return Err(Dropped::Early);
        }
        self.lead = lead.clamp(-8, 7) as i8;
        if self.held.is_some_and(|(held, _)| stamp <= held) {
            return Err(Dropped::Old);
        }
        // Of several late ones only the newest matters; after a jump of the schedule there may be many.
        while self.waiting.get(1).is_some_and(|(second, _)| *second < next) {
            self.waiting.pop_front();
        }
        if stamp < next
            && let Some(late) = self.waiting.front_mut().filter(|(other, _)| *other < next)
        {
            if late.0 >= stamp {
                return Err(Dropped::Old);
            }
            *late = (stamp, input);
            return Ok(());
        }
        let place = self.waiting.partition_point(|(other, _)| *other < stamp);
        if self.waiting.get(place).is_some_and(|(other, _)| *other == stamp) {
            return Err(Dropped::Duplicate);
        }
        self.waiting.insert(place, (stamp, input));
        Ok(())
    }

    /// The input to apply on `tick`: the newest stamped for it or before.
    pub fn take(&mut self, tick: Tick) -> (I, InputReport) {
        while self.waiting.front().is_some_and(|(stamp, _)| *stamp <= tick) {
            self.held = self.waiting.pop_front();
        }
        let never = (I::default(), InputReport { age: InputReport::AGE_MAX, lead: self.lead });
        self.held.map_or(never, |(stamp, input)| {
            let age = tick.since(stamp).clamp(0, i64::from(InputReport::AGE_MAX)) as u8;
            (input, InputReport { age, lead: self.lead })
        })
    }

    /// Forgets everything, as when its player's connection is lost: nothing is held any more.
    pub fn clear(&mut self) {
        self.waiting.clear();
        (self.held, self.lead) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(age: u8, lead: i8) -> InputReport {
        InputReport { age, lead }
    }

    #[test]
    fn an_input_is_applied_on_its_own_tick() {
        let mut buffer = InputBuffer::default();
        assert_eq!(buffer.push(Tick(10), Tick(12), 'b'), Ok(()));
        assert_eq!(buffer.push(Tick(10), Tick(11), 'a'), Ok(()), "order of arrival does not matter");
        assert_eq!(buffer.take(Tick(10)), ('\0', report(63, 1)));
        assert_eq!(buffer.take(Tick(11)), ('a', report(0, 1)));
        assert_eq!(buffer.take(Tick(12)), ('b', report(0, 1)));
        assert_eq!(buffer.take(Tick(13)), ('b', report(1, 1)), "a missing input means held");
    }

    #[test]
    fn a_late_input_is_held_and_one_older_than_that_is_dropped() {
        let mut buffer = InputBuffer::default();
        buffer.push(Tick(10), Tick(10), 'a').expect("in time");
        buffer.take(Tick(10));
        buffer.take(Tick(11));
        assert_eq!(buffer.push(Tick(13), Tick(12), 'b'), Ok(()));
        assert_eq!(buffer.take(Tick(13)), ('b', report(1, -1)));
        assert_eq!(buffer.push(Tick(14), Tick(11), 'x'), Err(Dropped::Old));
    }

    #[test]
    fn after_a_jump_of_the_schedule_an_older_input_is_not_held_over_a_newer() {
        let mut buffer = InputBuffer::default();
        for (stamp, input) in [(20, 'a'), (21, 'b'), (23, 'd')] {
            buffer.push(Tick(18), Tick(stamp), input).expect("in time");
        }
        assert_eq!(buffer.push(Tick(30), Tick(22), 'c'), Err(Dropped::Old));
        assert_eq!(buffer.take(Tick(30)).0, 'd');
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut buffer = InputBuffer::default();
        assert_eq!(buffer.push(Tick(5), Tick(5 + INPUTS_AHEAD_MAX + 1), 'a'), Err(Dropped::Early));
        assert_eq!(buffer.push(Tick(5), Tick(u32::MAX), 'a'), Err(Dropped::Early));
        buffer.push(Tick(5), Tick(6), 'a').expect("in time");
        assert_eq!(buffer.push(Tick(5), Tick(6), 'b'), Err(Dropped::Duplicate));
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut buffer = InputBuffer::default();
        for round in 0..100_000 {
            let _ = buffer.push(Tick(50_000), Tick(round), 'x');
        }
        assert_eq!(buffer.waiting.len(), 1 + 1 + INPUTS_AHEAD_MAX as usize);
    }
}
