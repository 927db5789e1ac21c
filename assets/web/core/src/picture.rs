//! The entities of one picture: others between two ticks as they were told, the own one and its children as predicted.

use crate::place::Place;
use crate::rows::{ENTITIES, RowSet};
use crate::screen::{OthersShown, Screen, Shown};
use fracas_protocol::client::Moment;
use fracas_protocol::game::look::{Colour, Drawn, Shape};
use fracas_protocol::game::rules::{QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;
use std::marker::PhantomData;

/// An entity between two ticks.
struct Between<'a, E> {
    before: Option<&'a E>,
    now: &'a E,
    fraction: f64,
}

/// Draws entities by the look that a game's screen gives them.
pub(crate) struct EntityPainter<'a, R, S> {
    pub(crate) rules: &'a R,
    pub(crate) own: Option<EntityId>,
    pub(crate) camera: Place,
    pub(crate) rows: &'a mut RowSet,
    pub(crate) screen: PhantomData<S>,
}

/// Adds everything but the own entity and its children, as it is at a moment.
pub(crate) fn add_others<R: Rules, S: Screen<R>>(
    rules: &R,
    moment: &Moment<'_, R>,
    shown: OthersShown,
    rows: &mut RowSet,
) {
    let mut painter = EntityPainter::<R, S> { rules, own: shown.own, camera: shown.camera, rows, screen: PhantomData };
    for (id, now) in &moment.to.entities {
        let before = moment.from.get(*id);
        let parent = R::IDS.parent(*id);
        // A child is shown from its first whole tick on: it must not hang at its parent before that.
        if painter.is_own(*id) || (parent.is_some() && before.is_none()) {
            continue;
        }
        let between = Between { before, now, fraction: moment.fraction };
        let (x, y) = moment.eased(*id);
        let quanta = f64::from(QUANTA_PER_UNIT);
        let place = between.place::<R>().moved((x / quanta, y / quanta));
        painter.push(*id, &between, place);
    }
}

/// Adds the own entity and its children.
pub(crate) fn add_own<R: Rules, S: Screen<R>>(shown: &Shown<'_, R>, rows: &mut RowSet) {
    let Some(own) = &shown.own else { return };
    let (client, fraction) = (shown.client, shown.own_fraction());
    let rules = client.replica().rules();
    let (prediction, camera) = (client.prediction(), shown.camera);
    let mut painter = EntityPainter::<R, S> { rules, own: Some(own.id), camera, rows, screen: PhantomData };
    for (id, before, now) in prediction.children(own.id, client.replica()) {
        if let Some(before) = &before {
            let between = Between { before: Some(before), now: &now, fraction };
            painter.push(id, &between, between.place::<R>());
        }
    }
    let between = Between { before: prediction.one_before(), now: &own.entity, fraction };
    painter.push(own.id, &between, own.place);
}

impl<E> Between<'_, E> {
    fn place<R: Rules<Entity = E>>(&self) -> Place {
        let to = R::position(self.now);
        Place::on_the_way(self.before.map_or(to, R::position), to, self.fraction)
    }
}

impl<R: Rules, S: Screen<R>> EntityPainter<'_, R, S> {
    fn is_own(&self, id: EntityId) -> bool {
        self.own.is_some() && (self.own == Some(id) || self.own == R::IDS.parent(id))
    }

    fn push(&mut self, id: EntityId, between: &Between<'_, R::Entity>, place: Place) {
        let place = place.seen_from(self.camera);
        if let Some(drawn) = S::look(self.rules, id, between.now) {
            let before = between.before.filter(|before| !Place::is_jump(R::position(before), R::position(between.now)));
            let before = before.and_then(|before| S::look(self.rules, id, before));
            let heading = heading_of(&drawn);
            let turned = turn_from(before.as_ref().map_or(heading, heading_of), heading);
            self.push_shape(id, &drawn, place, heading - turned * (1.0 - between.fraction as f32));
        }
        S::parts(self.rules, id, between.now, &mut |offset, drawn| {
            let place = [place[0] + offset[0], place[1] + offset[1]];
            self.push_shape(id, &drawn, place, heading_of(&drawn));
        });
    }

    fn push_shape(&mut self, id: EntityId, drawn: &Drawn, [x, y]: [f32; 2], heading: f32) {
        let (shape, width, height) = match drawn.shape {
            Shape::Disc { radius } => (0.0, 2.0 * radius, 2.0 * radius),
            Shape::Wedge { radius, .. } => (1.0, 2.0 * radius, 2.0 * radius),
            Shape::Bar { width, height } => (2.0, width, height),
        };
        let colour = if let Colour::Palette(number) = drawn.colour { f32::from(number) } else { -1.0 };
        let player = if R::IDS.is_player(id) { Some(id) } else { R::IDS.parent(id) };
        let player = player.map_or(-1.0, |id| f32::from(id.0));
        let (own, ring, label) = (flag(self.is_own(id)), flag(drawn.has_ring), flag(drawn.has_label));
        let id = f32::from(id.0);
        let row = [x, y, id, player, own, shape, width, height, heading, colour, drawn.strength, ring, label];
        self.rows.push(&ENTITIES, row);
    }
}

fn heading_of(drawn: &Drawn) -> f32 {
    if let Shape::Wedge { heading, .. } = drawn.shape { heading } else { 0.0 }
}

/// The shorter way round from one heading to another, in turns.
fn turn_from(from: f32, to: f32) -> f32 {
    let turn = (to - from).rem_euclid(1.0);
    if turn > 0.5 { turn - 1.0 } else { turn }
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_turns_the_shorter_way_round() {
        assert!((turn_from(0.9, 0.1) - 0.2).abs() < 1e-6);
        assert!((turn_from(0.1, 0.9) + 0.2).abs() < 1e-6);
        assert!((turn_from(0.25, 0.5) - 0.25).abs() < 1e-6);
    }
}
