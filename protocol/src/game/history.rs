//! Recent positions of players' entities, for lag compensation: a game that judges by what a player saw looks them up.
//!
//! They are true positions in the room's own state, so the step never depends on what was sent to whom. Records move
//! exactly as the truth does. So these are the positions on every screen that knew the entity.

use crate::ids::PlayerId;
use crate::point::Point;
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::limits::REWIND_MS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The positions of all players' entities, by slot, on the last ticks. None for one that nobody could meet then. It keeps as
/// many ticks as an input may be judged in the past.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    ticks: VecDeque<(Tick, Vec<Option<Point>>)>,
}

impl History {
    /// Records the positions after a tick, one for each slot. A tick that is not after the last one begins anew.
    pub fn record(&mut self, tick: Tick, rate: TickRate, positions: impl Iterator<Item = Option<Point>>) {
        if self.ticks.back().is_some_and(|(last, _)| *last >= tick) {
            // Ticks have begun anew.
            self.ticks.clear();
        }
        let most = rate.ticks_in_ms(REWIND_MS_MAX) as usize + 1;
        let oldest = if self.ticks.len() >= most { self.ticks.pop_front() } else { None };
        let (_, mut all) = oldest.unwrap_or_default();
        all.clear();
        all.extend(positions);
        self.ticks.push_back((tick, all));
    }

    /// Forgets the positions of a player, whose entity is another one or has been placed anew.
    pub fn forget(&mut self, player: PlayerId) {
        for position in self.ticks.iter_mut().filter_map(|(_, positions)| positions.get_mut(player.index())) {
            *position = None;
        }
    }

    /// How it was at a moment, as a screen showed it then.
    pub fn at(&self, view: ViewTime) -> Past<'_> {
        Past { history: self, view }
    }

    /// How many slots the newest tick has.
    fn slots(&self) -> u16 {
        self.ticks.back().map_or(0, |(_, positions)| positions.len() as u16)
    }

    fn on(&self, player: PlayerId, tick: Tick) -> Option<Point> {
        let index = self.ticks.binary_search_by_key(&tick, |(tick, _)| *tick).ok()?;
        *self.ticks[index].1.get(player.index())?
    }
}

/// One moment of a [`History`].
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    history: &'a History,
    view: ViewTime,
}

impl Past<'_> {
    /// Where a player's entity was: between its positions on two ticks. None if nobody could meet it then, or if that is
    /// too long ago.
    pub fn position(&self, player: PlayerId) -> Option<Point> {
        let from = self.history.on(player, self.view.tick())?;
        match self.view.sixteenth() {
            0 => Some(from),
            part => Some(from.towards(self.history.on(player, self.view.tick().next())?, part)),
        }
    }

    /// Who was nearest to a place, at most `reach` quanta from it. Of two as near it is the one in the lower slot.
    pub fn nearest(&self, place: Point, reach: i32) -> Option<PlayerId> {
        let players = (0..self.history.slots()).map(PlayerId);
        let near = players.filter_map(|player| Some((self.position(player)?.distance_squared(place), player)));
        let nearest = near.min()?;
        (nearest.0 <= i64::from(reach) * i64::from(reach)).then_some(nearest.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_that_of_the_moment_and_only_as_far_back_as_inputs_are_judged() {
        let (mut history, rate) = (History::default(), TickRate::HZ_20);
        let at = |x: u32| Point { x: x as i32 * 160, y: 0 };
        for tick in 0..50 {
            let second = (tick >= 45).then(|| at(tick));
            history.record(Tick(tick), rate, [Some(at(tick)), second].into_iter());
        }
        let view = |sixteenths| ViewTime::from_sixteenths(sixteenths);
        assert_eq!(history.at(Tick(47).into()).position(PlayerId(0)), Some(at(47)));
        assert_eq!(history.at(view(47 * 16 + 5)).position(PlayerId(0)), Some(Point { x: at(47).x + 50, y: 0 }));
        assert_eq!(history.at(view(44 * 16 + 8)).position(PlayerId(1)), None, "it came on tick 45");
        assert_eq!(history.at(view(45 * 16 + 8)).position(PlayerId(1)), Some(Point { x: at(45).x + 80, y: 0 }));
        assert_eq!(history.at(Tick(40).into()).position(PlayerId(0)), Some(at(40)), "450 ms ago");
        assert_eq!(history.at(Tick(39).into()).position(PlayerId(0)), None);
        assert_eq!(history.at(Tick(50).into()).position(PlayerId(0)), None, "not yet");
        assert_eq!(history.at(Tick(47).into()).position(PlayerId(7)), None, "nobody");
        let past = history.at(Tick(47).into());
        assert_eq!(past.nearest(Point { x: at(47).x, y: 99 }, 100), Some(PlayerId(0)), "of two in one place");
        assert_eq!(past.nearest(Point { x: at(47).x, y: 101 }, 100), None);
        history.forget(PlayerId(0));
        assert_eq!(history.at(Tick(47).into()).position(PlayerId(0)), None, "another life");
        history.record(Tick(1), rate, [Some(at(9))].into_iter());
        assert_eq!(history.at(Tick(1).into()).position(PlayerId(0)), Some(at(9)), "ticks have begun anew");
        assert_eq!(history.at(Tick(47).into()).position(PlayerId(1)), None);
    }
}
