//! Lets a brain play through a client that looks: thinks before each tick, aims rails at what a screen would show, and
//! compares what the server makes of them with what the screen promised.

use crate::brain::{Brain, Sight};
use fracas_arena::rules::{Arena, Entity, FineHeading, Input, News, RailShot, rail_targets};
use fracas_protocol::client::Client;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use std::collections::VecDeque;

/// Snapshots a client must keep for a brain that looks at the screen: enough for its delay, and some lateness.
pub const DISPLAY_TICKS: usize = 8;

/// Rails whose answer is awaited; more were never answered.
const EXPECTED_MAX: usize = 16;

/// Most ticks that are looked back at for a rail: after a jump of the clock, those in between were not played.
const PLAYED_MAX: u32 = 64;

/// A brain at a client.
#[derive(Debug)]
pub struct Driver {
    /// What decides.
    pub brain: Brain,
    /// Whom a rail is to be fired at as soon as an input goes out, and how far off.
    wanted: Option<(EntityId, i32)>,
    /// Ships per open tile, as last told.
    density: Vec<u8>,
    /// Where the screen showed the others when a rail was last aimed.
    screen: Vec<(EntityId, Point)>,
    /// The rails that were fired, and what each should hit.
    expected: VecDeque<(Tick, Option<EntityId>)>,
}

impl Driver {
    /// A driver that has seen nothing.
    pub fn new(brain: Brain) -> Self {
        Self { brain, wanted: None, density: Vec::new(), screen: Vec::new(), expected: VecDeque::new() }
    }

    /// Thinks if a tick is due, and lets the client play what is.
    pub fn advance(&mut self, client: &mut Client<Arena>, now_us: u64) {
        let before = client.input_clock().tick_and_fraction(now_us).0;
        if client.is_tick_due(now_us) {
            self.think(client, now_us);
        }
        client.advance(now_us);
        let after = client.input_clock().tick_and_fraction(now_us).0;
        ticks_between(before, after).for_each(|tick| self.note_rail(client, tick));
    }

    fn think(&mut self, client: &mut Client<Arena>, now_us: u64) {
        let (Some(own_id), Some((Entity::Ship(own), state))) = (client.own_id(), client.prediction().newest()) else {
            return;
        };
        let tick = client.input_clock().tick_and_fraction(now_us).0.next();
        let sight = Sight { replica: client.replica(), own, own_id, state, tick, density: &self.density };
        let mut input = self.brain.think(&sight);
        self.wanted = self.brain.rail_target().or(self.wanted);
        // Aimed when it is fired: who says little must not shoot at what the screen showed some ticks ago.
        if client.speaks_on(tick)
            && let Some((target, off_steps)) = self.wanted.take()
        {
            input.rail = self.aim_rail(client, now_us, &input, target, off_steps);
        }
        client.set_input(input);
    }

    /// From where the own ship will be on the tick that is to be played, to where the screen shows the target.
    fn aim_rail(
        &mut self,
        client: &mut Client<Arena>,
        now_us: u64,
        input: &Input,
        target: EntityId,
        off_steps: i32,
    ) -> Option<RailShot> {
        let (own_id, aspect) = (client.own_id()?, client.aspect());
        let moment = client.moment(now_us)?;
        let (view, place) = (moment.view, moment.place(target)?);
        self.screen = rail_targets(&moment, Some(own_id), aspect).collect();
        let (entity, own) = client.prediction().newest()?;
        let (mut entity, mut own) = (*entity, *own);
        client.replica().rules().play(&mut entity, &mut own, input);
        let from = Arena::position(&entity);
        let aim = FineHeading::towards(place.x - from.x, place.y - from.y);
        let (half_width, half_height) = aspect.half_screen();
        if (place.x - from.x).abs() > half_width || (place.y - from.y).abs() > half_height {
            // Known, but not on the screen, where the beam ends.
            return None;
        }
        let turn = i32::from(FineHeading::TURN);
        Some(RailShot { aim: FineHeading::new((i32::from(aim.steps()) + off_steps).rem_euclid(turn) as u16), view })
    }

    /// If a rail was fired on a tick that has just been played: what it should hit, by what the screen showed.
    fn note_rail(&mut self, client: &Client<Arena>, tick: Tick) {
        let Some(Entity::Ship(ship)) = client.prediction().on(tick) else { return };
        let Some(aim) = ship.rail else { return };
        let beam = client.replica().rules().beam(ship.position, aim).on_screen(client.aspect());
        let ways = self.screen.iter().filter_map(|(id, place)| Some((beam.way_to(*place)?, *id)));
        if self.expected.len() == EXPECTED_MAX {
            self.expected.pop_front();
        }
        self.expected.push_back((tick, ways.min().map(|(_, id)| id)));
    }

    /// Takes the game's news. If they tell what became of a rail: whether it is what the screen promised.
    pub fn take_news(&mut self, news: &News) -> Option<bool> {
        match news {
            News::Density(tiles) => self.density = tiles.to_vec(),
            News::Rail { tick, hit } => {
                // One that was fired later than it was meant to answers the one before it.
                let mut expected = None;
                while let Some((_, should_hit)) = self.expected.pop_front_if(|(fired, _)| *fired <= *tick) {
                    expected = Some(should_hit);
                }
                return Some(expected == Some(*hit));
            }
            _ => {}
        }
        None
    }
}

/// The ticks after `before` up to `after`, the last [`PLAYED_MAX`] of them: the server says what tick it is, and may lie.
fn ticks_between(before: Tick, after: Tick) -> impl Iterator<Item = Tick> {
    (before.0.max(after.0.saturating_sub(PLAYED_MAX))..after.0).map(|tick| Tick(tick + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_it_is_at_the_end_of_time_keeps_no_bot_busy_until_then() {
        let ticks = |before: u32, after: u32| ticks_between(Tick(before), Tick(after)).collect::<Vec<_>>();
        assert_eq!(ticks(5, 8), [Tick(6), Tick(7), Tick(8)]);
        assert_eq!(ticks(8, 8), []);
        assert_eq!(ticks(9, 8), []);
        assert_eq!(ticks(u32::MAX, u32::MAX), []);
        let after_jump = ticks(0, u32::MAX);
        assert_eq!((after_jump.len(), after_jump.last()), (PLAYED_MAX as usize, Some(&Tick(u32::MAX))));
    }
}
