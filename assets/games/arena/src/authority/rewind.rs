//! Recent positions of ships, so that a rail hits what its shooter saw.
//!
//! They are true positions in the room's own state, so the step never depends on what was sent to whom. Records move
//! exactly as the truth does. So these are the positions on every screen that knew the ship.

use fracas_protocol::game::rules::Point;
use fracas_protocol::tick::{Tick, TickRate, ViewTime};
use fracas_protocol::wire::limits::REWIND_MS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Where one ship was on one tick, if it could be hit.
pub(super) type PastPosition = Option<Point>;

/// The positions of all ships, by slot, on the last ticks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Past {
    ticks: VecDeque<(Tick, Vec<PastPosition>)>,
}

impl Past {
    /// Remembers the positions of all ships after a tick. It keeps as many ticks as a shot may be judged in the past.
    pub(super) fn remember(&mut self, tick: Tick, rate: TickRate, places: impl Iterator<Item = PastPosition>) {
        let most = rate.ticks_in_ms(REWIND_MS_MAX) as usize + 1;
        let oldest = if self.ticks.len() >= most { self.ticks.pop_front() } else { None };
        let (_, mut all) = oldest.unwrap_or_default();
        all.clear();
        all.extend(places);
        self.ticks.push_back((tick, all));
    }

    /// Forgets the positions of a slot, since its ship is another one or has been moved.
    pub(super) fn forget(&mut self, slot: usize) {
        for place in self.ticks.iter_mut().filter_map(|(_, places)| places.get_mut(slot)) {
            *place = None;
        }
    }

    /// Where a ship was at a moment, between its positions on two ticks, as its shooter's screen showed it. None if it
    /// could not be hit then, or if that is too long ago.
    pub(super) fn place(&self, slot: u16, view: ViewTime) -> PastPosition {
        let from = self.on(slot, view.tick())?;
        match view.sixteenth() {
            0 => Some(from),
            part => Some(from.towards(self.on(slot, view.tick().next())?, part)),
        }
    }

    fn on(&self, slot: u16, tick: Tick) -> PastPosition {
        let index = self.ticks.binary_search_by_key(&tick, |(tick, _)| *tick).ok()?;
        *self.ticks[index].1.get(usize::from(slot))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_that_of_the_moment_and_only_as_far_back_as_shots_are_judged() {
        let (mut past, rate) = (Past::default(), TickRate::HZ_20);
        let at = |x: u32| Point { x: x as i32 * 160, y: 0 };
        for tick in 0..50 {
            let second = (tick >= 45).then(|| at(tick));
            past.remember(Tick(tick), rate, [Some(at(tick)), second].into_iter());
        }
        let view = |sixteenths| ViewTime::from_sixteenths(sixteenths);
        assert_eq!(past.place(0, Tick(47).into()), Some(at(47)));
        assert_eq!(past.place(0, view(47 * 16 + 5)), Some(Point { x: at(47).x + 50, y: 0 }));
        assert_eq!(past.place(1, view(44 * 16 + 8)), None, "it came on tick 45");
        assert_eq!(past.place(1, view(45 * 16 + 8)), Some(Point { x: at(45).x + 80, y: 0 }));
        assert_eq!(past.place(0, Tick(40).into()), Some(at(40)), "450 ms ago");
        assert_eq!(past.place(0, Tick(39).into()), None);
        assert_eq!(past.place(0, Tick(50).into()), None, "not yet");
        assert_eq!(past.place(7, Tick(47).into()), None, "nobody");
        past.forget(0);
        assert_eq!(past.place(0, Tick(47).into()), None, "another life");
    }
}
