//! What a game's page shows, and what its controls mean: the part of a core that a game may write itself.

use crate::place::Place;
use crate::rows::{RowLayout, RowSet};
use fracas_protocol::client::{Client, Moment};
use fracas_protocol::game::look::{Controls, Drawn};
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::ViewTime;

/// What the page of a game with rules `R` shows. A game with a [`Look`](fracas_protocol::game::look::Look) needs none of its
/// own: [`Stock`](crate::Stock) is one for it. A value is made for each connection, and may remember what it needs.
pub trait Screen<R: Rules>: Default + 'static {
    /// The layouts of the arrays of its own, in the order of their [`Rows::own`](crate::Rows::own).
    const ROWS: &'static [RowLayout] = &[];

    /// The input that the player's controls ask for.
    fn input(&mut self, controls: &Controls, client: &Client<R>) -> R::Input;

    /// How an entity is drawn by a page that knows nothing of the game. None for what cannot be seen.
    fn look(rules: &R, id: EntityId, entity: &R::Entity) -> Option<Drawn>;

    /// Its other shapes: see [`Look::parts`](fracas_protocol::game::look::Look::parts).
    fn parts(rules: &R, id: EntityId, entity: &R::Entity, part: &mut dyn FnMut([f32; 2], Drawn)) {
        let _ = (rules, id, entity, part);
    }

    /// The width and the height of the ground: see [`Look::ground`](fracas_protocol::game::look::Look::ground).
    fn ground(rules: &R) -> [f32; 2] {
        let _ = rules;
        [(Point::MAX / QUANTA_PER_UNIT + 1) as f32; 2]
    }

    /// The text of news for the page: fields parted by tabs, records by line feeds. The first field is its kind. None if
    /// the page does not want to know.
    fn news(news: &R::News) -> Option<String>;

    /// A line for the player about its own entity.
    fn status(rules: &R, entity: &R::Entity, own: &R::Own) -> Option<String> {
        let _ = (rules, entity, own);
        None
    }

    /// What the record and the prediction of the own entity hold, for whoever looks for a fault. The default tells nothing: such
    /// texts make a core larger.
    fn explain(record: &R::Entity, predicted: &R::Entity, own: &R::Own) -> Option<String> {
        let _ = (record, predicted, own);
        None
    }

    /// Fills arrays of its own with everything but what is predicted.
    fn draw_others(&mut self, moment: &Moment<'_, R>, shown: OthersShown, rows: &mut RowSet) {
        let _ = (moment, shown, rows);
    }

    /// Fills arrays of its own with all the rest. [`Self::draw_others`] came before, if there is anything to show of
    /// others.
    fn draw(&mut self, shown: &Shown<'_, R>, rows: &mut RowSet) {
        let _ = (shown, rows);
    }

    /// A hash of so many steps of the game, as a seed decides. A build for another machine must return the same.
    fn trial(seed: u32, steps: u32) -> u32 {
        let _ = (seed, steps);
        0
    }
}

/// From where others are seen.
#[derive(Clone, Copy, Debug)]
pub struct OthersShown {
    /// Where the middle of the picture is.
    pub camera: Place,
    /// The own entity's id.
    pub own: Option<EntityId>,
    /// The shape of the view.
    pub aspect: fracas_protocol::wire::message::Aspect,
}

/// A picture's moment.
#[derive(Debug)]
pub struct Shown<'a, R: Rules> {
    /// The client that plays.
    pub client: &'a Client<R>,
    /// When it is, in milliseconds of the page's clock.
    pub now_ms: f64,
    /// Where the middle of the picture is.
    pub camera: Place,
    /// Half the width and half the height of the picture, in units.
    pub half: (f64, f64),
    /// The moment at which others are shown; none if there are none to show yet.
    pub view: Option<ViewTime>,
    /// The own entity, if there is one.
    pub own: Option<OwnShown<R>>,
}

impl<R: Rules> Shown<'_, R> {
    /// The newest tick of the own entity, and how much of the next has passed.
    pub fn own_fraction(&self) -> f64 {
        self.client.input_clock().tick_and_fraction(us(self.now_ms)).1
    }
}

/// The own entity as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct OwnShown<R: Rules> {
    /// Its id.
    pub id: EntityId,
    /// Its state as predicted.
    pub entity: R::Entity,
    /// The own state as predicted.
    pub own: R::Own,
    /// Where it is shown.
    pub place: Place,
}

/// The client's time, in microseconds.
pub(crate) fn us(ms: f64) -> u64 {
    (ms.max(0.0) * 1000.0) as u64
}
