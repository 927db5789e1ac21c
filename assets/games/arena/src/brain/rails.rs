//! Rails: aimed at what a screen shows, and what the server makes of them compared with what the screen promised.

use crate::rules::{Arena, Beam, FineHeading, Input, RailShot, rail_targets};
use fracas_protocol::client::Moment;
use fracas_protocol::game::brain::Sight;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use std::collections::VecDeque;

/// Rails whose answer is awaited; more were never answered.
const EXPECTED_MAX: usize = 16;

/// A bot's rails.
#[derive(Clone, Debug, Default)]
pub(super) struct Rails {
    /// Whom a rail is to be fired at as soon as an input goes out, and how far off.
    wanted: Option<(EntityId, i32)>,
    /// Where the screen showed the others when a rail was last aimed.
    screen: Vec<(EntityId, Point)>,
    /// The rails that were fired, and what each should hit.
    expected: VecDeque<(Tick, Option<EntityId>)>,
}

impl Rails {
    /// A rail is to be fired at that target, so many 16,384ths of a turn off. None leaves what was wanted before.
    pub(super) fn want(&mut self, target: Option<(EntityId, i32)>) {
        self.wanted = target.or(self.wanted);
    }

    /// Whether a rail is to be fired.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// From where the own ship will be on the tick that is to be played, to where the screen shows the target. Aimed when
    /// it is fired: who says little must not shoot at what the screen showed some ticks ago.
    pub(super) fn aim(
        &mut self,
        sight: &Sight<'_, Arena>,
        screen: &Moment<'_, Arena>,
        input: &Input,
    ) -> Option<RailShot> {
        let (target, off_steps) = self.wanted.take()?;
        let place = screen.place(target)?;
        self.screen.clear();
        self.screen.extend(rail_targets(screen, Some(sight.own_id), sight.aspect));
        let (mut entity, mut own) = (*sight.own, *sight.state);
        sight.rules().play(&mut entity, &mut own, input);
        let from = Arena::position(&entity);
        let aim = FineHeading::towards(place.x - from.x, place.y - from.y);
        let (half_width, half_height) = sight.aspect.half_screen();
        if (place.x - from.x).abs() > half_width || (place.y - from.y).abs() > half_height {
            // Known, but not on the screen, where the beam ends.
            return None;
        }
        let aim = (i32::from(aim.steps()) + off_steps).rem_euclid(i32::from(FineHeading::TURN));
        Some(RailShot { aim: FineHeading::new(aim as u16), view: screen.view })
    }

    /// A rail was fired on a tick that has just been played: what it should hit, by what the screen showed.
    pub(super) fn fired(&mut self, tick: Tick, beam: Beam) {
        let ways = self.screen.iter().filter_map(|(id, place)| Some((beam.way_to(*place)?, *id)));
        if self.expected.len() == EXPECTED_MAX {
            self.expected.pop_front();
        }
        self.expected.push_back((tick, ways.min().map(|(_, id)| id)));
    }

    /// What became of the rail of a tick: whether it is what the screen promised.
    pub(super) fn check(&mut self, tick: Tick, hit: Option<EntityId>) -> bool {
        // One that was fired later than it was meant to answers the one before it.
        let mut expected = None;
        while let Some((_, should_hit)) = self.expected.pop_front_if(|(fired, _)| *fired <= tick) {
            expected = Some(should_hit);
        }
        expected == Some(hit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rail_is_judged_by_what_the_screen_showed_in_its_way() {
        let at = |x| Point { x: 100_000 + x, y: 100_000 };
        let (near, far) = (EntityId(5000), EntityId(5100));
        let mut rails = Rails { screen: vec![(far, at(20_000)), (near, at(10_000))], ..Rails::default() };
        let (ahead, behind) = (Beam { from: at(0), to: at(30_000) }, Beam { from: at(0), to: at(-30_000) });
        for (tick, beam, hit, agrees) in [
            (1, ahead, Some(near), true),
            (2, ahead, Some(far), false),
            (3, behind, None, true),
            (4, ahead, None, false),
        ] {
            rails.fired(Tick(tick), beam);
            assert_eq!(rails.check(Tick(tick), hit), agrees, "on tick {tick}");
        }
        assert!(!rails.check(Tick(9), None), "one that was never fired");
    }

    #[test]
    fn rails_that_were_never_answered_are_forgotten() {
        let mut rails = Rails::default();
        let nowhere = Beam { from: Point::default(), to: Point::default() };
        (0..100).for_each(|tick| rails.fired(Tick(tick), nowhere));
        assert_eq!(rails.expected.len(), EXPECTED_MAX);
        assert!(rails.check(Tick(99), None));
        assert!(rails.expected.is_empty(), "those before it as well");
    }
}
