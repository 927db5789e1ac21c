//! A player's inputs, each kept until the tick it is for.

use fracas_protocol::game::rules::Intent;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::frame::InputReport;
use fracas_protocol::wire::limits::INPUTS_AHEAD_MAX;
use std::collections::VecDeque;

/// Why an input was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Stamped too far ahead.
    Early,
    /// Older than what is in effect already.
    Old,
    /// One for the same tick is there.
    Duplicate,
}

/// One player's inputs that wait for their tick, and the one in effect.
#[derive(Clone, Debug, Default)]
pub struct InputBuffer<I> {
    /// By tick. At most one late one, one for the tick about to run, and one for each of the next [`INPUTS_AHEAD_MAX`]
    /// ticks.
    waiting: VecDeque<(Tick, I)>,
    held: Option<(Tick, I)>,
    lead: i8,
}

impl<I: Intent> InputBuffer<I> {
    /// Takes an input stamped for `stamp`, read just before tick `next` runs. A late one counts until a newer one
    /// comes. Its held controls take effect late, and so do its one-time actions, once.
    pub fn push(&mut self, next: Tick, stamp: Tick, mut input: I) -> Result<(), Dropped> {
        let lead = stamp.since(next);
        if lead > i64::from(INPUTS_AHEAD_MAX) {
            return Err(Dropped::Early);
        }
        self.lead = lead.clamp(-8, 7) as i8;
        if self.held.is_some_and(|(held, _)| stamp <= held) {
            return Err(Dropped::Old);
        }
        // Several late ones are merged into one. After a jump of the schedule there may be many.
        while self.waiting.get(1).is_some_and(|(second, _)| *second < next) {
            let earlier = self.waiting.pop_front();
            if let (Some((_, earlier)), Some((_, late))) = (earlier, self.waiting.front_mut()) {
                late.merge(earlier);
            }
        }
        if stamp < next
            && let Some(late) = self.waiting.front_mut().filter(|(other, _)| *other < next)
        {
            if late.0 >= stamp {
                return Err(Dropped::Old);
            }
            input.merge(late.1);
            *late = (stamp, input);
            return Ok(());
        }
        let index = self.waiting.partition_point(|(other, _)| *other < stamp);
        if self.waiting.get(index).is_some_and(|(other, _)| *other == stamp) {
            return Err(Dropped::Duplicate);
        }
        self.waiting.insert(index, (stamp, input));
        Ok(())
    }

    /// The input to apply on `tick`: the newest one stamped for it or before, with the one-time actions of those before
    /// it. If there is none, the last one is held.
    pub fn pop(&mut self, tick: Tick) -> (I, InputReport) {
        let mut input = self.held.map_or_else(I::default, |(_, held)| held);
        while let Some((stamp, mut newer)) = self.waiting.pop_front_if(|(stamp, _)| *stamp <= tick) {
            newer.merge(input);
            input = newer;
            self.held = Some((stamp, input.held()));
        }
        let age = self.held.map_or(i64::MAX, |(stamp, _)| tick.since(stamp));
        (input, InputReport { age: age.clamp(0, i64::from(InputReport::AGE_MAX)) as u8, lead: self.lead })
    }

    /// Forgets everything, for example when the connection is lost. Nothing is held any more.
    pub fn clear(&mut self) {
        self.waiting.clear();
        (self.held, self.lead) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    /// A key that is held, and a button that counts how often it was pressed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Keys {
        held: char,
        pressed: u8,
    }

    impl Intent for Keys {
        fn held(self) -> Self {
            Self { pressed: 0, ..self }
        }

        fn merge(&mut self, earlier: Self) {
            self.pressed += earlier.pressed;
        }
    }

    fn key(held: char) -> Keys {
        Keys { held, pressed: 0 }
    }

    fn press(held: char) -> Keys {
        Keys { held, pressed: 1 }
    }

    fn report(age: u8, lead: i8) -> InputReport {
        InputReport { age, lead }
    }

    #[test]
    fn an_input_is_applied_on_its_own_tick() {
        let mut buffer = InputBuffer::default();
        assert_eq!(buffer.push(Tick(10), Tick(12), key('b')), Ok(()));
        assert_eq!(buffer.push(Tick(10), Tick(11), key('a')), Ok(()), "order of arrival does not matter");
        assert_eq!(buffer.pop(Tick(10)), (key('\0'), report(63, 1)));
        assert_eq!(buffer.pop(Tick(11)), (key('a'), report(0, 1)));
        assert_eq!(buffer.pop(Tick(12)), (key('b'), report(0, 1)));
        assert_eq!(buffer.pop(Tick(13)), (key('b'), report(1, 1)), "a missing input means held");
    }

    #[test]
    fn a_late_input_is_held_and_one_older_than_that_is_dropped() {
        let mut buffer = InputBuffer::default();
        buffer.push(Tick(10), Tick(10), key('a')).expect("in time");
        buffer.pop(Tick(10));
        buffer.pop(Tick(11));
        assert_eq!(buffer.push(Tick(13), Tick(12), key('b')), Ok(()));
        assert_eq!(buffer.pop(Tick(13)), (key('b'), report(1, -1)));
        assert_eq!(buffer.push(Tick(14), Tick(11), key('x')), Err(Dropped::Old));
    }

    #[test]
    fn what_is_done_once_is_not_held_and_not_lost_when_it_comes_late() {
        let mut buffer = InputBuffer::default();
        buffer.push(Tick(10), Tick(10), press('a')).expect("in time");
        assert_eq!(buffer.pop(Tick(10)).0, press('a'));
        assert_eq!(buffer.pop(Tick(11)).0, key('a'), "the button is not pressed again");
        for (stamp, input) in [(12, press('b')), (13, press('c')), (14, key('d'))] {
            buffer.push(Tick(14), Tick(stamp), input).expect("not too old");
        }
        assert_eq!(
            buffer.pop(Tick(14)).0,
            Keys { held: 'd', pressed: 2 },
            "all that was pressed, with what is held now"
        );
        assert_eq!(buffer.pop(Tick(15)).0, key('d'));
    }

    #[test]
    fn after_a_jump_of_the_schedule_an_older_input_is_not_held_over_a_newer() {
        let mut buffer = InputBuffer::default();
        for (stamp, input) in [(20, press('a')), (21, key('b')), (23, key('d'))] {
            buffer.push(Tick(18), Tick(stamp), input).expect("in time");
        }
        assert_eq!(buffer.push(Tick(30), Tick(22), key('c')), Err(Dropped::Old));
        assert_eq!(buffer.pop(Tick(30)).0, press('d'), "what was to be done once is done");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut buffer = InputBuffer::default();
        assert_eq!(buffer.push(Tick(5), Tick(5 + INPUTS_AHEAD_MAX + 1), key('a')), Err(Dropped::Early));
        assert_eq!(buffer.push(Tick(5), Tick(u32::MAX), key('a')), Err(Dropped::Early));
        buffer.push(Tick(5), Tick(6), key('a')).expect("in time");
        assert_eq!(buffer.push(Tick(5), Tick(6), key('b')), Err(Dropped::Duplicate));
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut buffer = InputBuffer::default();
        for round in 0..100_000 {
            let _ = buffer.push(Tick(50_000), Tick(round), key('x'));
        }
        assert_eq!(buffer.waiting.len(), 1 + 1 + INPUTS_AHEAD_MAX as usize);
    }
}
