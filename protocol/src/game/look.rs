//! How the stock page draws a game's entities.

use super::rules::Rules;
use crate::fixed::{FineHeading, Heading};
use crate::ids::EntityId;
use crate::point::{Point, QUANTA_PER_UNIT};
use crate::tick::ViewTime;

/// The form of a drawn entity. All lengths are in units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A filled circle.
    Disc {
        /// From its middle to its edge.
        radius: f32,
    },
    /// A dart that points somewhere.
    Wedge {
        /// From its middle to its tip.
        radius: f32,
        /// Where it points: turns clockwise from the right.
        heading: f32,
    },
    /// A filled rectangle.
    Bar {
        /// How wide it is.
        width: f32,
        /// How high.
        height: f32,
    },
}

/// The colour of a drawn entity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colour {
    /// One that tells it from others: by its id. The own entity has a colour that no other has.
    ById,
    /// One of the page's colours, by its number in the palette. Numbers beyond the last begin anew.
    Palette(u8),
}

/// A drawn entity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// Its form.
    pub shape: Shape,
    /// Its colour.
    pub colour: Colour,
    /// How much of it is seen, 0 for nothing to 1.
    pub strength: f32,
    /// Whether a ring around it sets it apart.
    pub has_ring: bool,
    /// Whether its player's name stands beside it.
    pub has_label: bool,
}

impl Drawn {
    /// A shape with a colour, seen in full, without ring or label.
    pub const fn new(shape: Shape, colour: Colour) -> Self {
        Self { shape, colour, strength: 1.0, has_ring: false, has_label: false }
    }

    /// The same with its player's name.
    #[must_use]
    pub const fn with_label(self) -> Self {
        Self { has_label: true, ..self }
    }

    /// The same with a ring, if `has_ring`.
    #[must_use]
    pub const fn with_ring(self, has_ring: bool) -> Self {
        Self { has_ring, ..self }
    }
}

/// How the stock page draws a game. What its controls mean is said by `From<&Controls>` of the game's input. A page of a
/// game's own may draw what it likes.
pub trait Look: Rules<Input: for<'a> From<&'a Controls>> {
    /// How an entity is drawn. None for what cannot be seen.
    fn look(&self, id: EntityId, entity: &Self::Entity) -> Option<Drawn>;

    /// The other shapes of an entity that is more than one. `part` is called with each, and with how far its middle is
    /// from the entity's position, in units. The default has none.
    fn parts(&self, id: EntityId, entity: &Self::Entity, part: &mut dyn FnMut([f32; 2], Drawn)) {
        let _ = (id, entity, part);
    }

    /// The width and the height of the ground, in units from the world's corner. What lies beyond is drawn darker. The
    /// default is the whole world.
    fn ground(&self) -> [f32; 2] {
        [(Point::MAX / QUANTA_PER_UNIT + 1) as f32; 2]
    }

    /// A line for the player about its own entity, such as a score. The default has none.
    fn status(&self, entity: &Self::Entity, own: &Self::Own) -> Option<String> {
        let _ = (entity, own);
        None
    }

    /// A line for the player about news of the game. The default has none.
    fn news(news: &Self::News) -> Option<String> {
        let _ = news;
        None
    }
}

/// What a player's keys and pointer say, as the stock page reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Controls {
    /// Where the direction keys point, or none.
    pub direction: Option<Heading>,
    /// Where the pointer is, seen from the middle of the screen.
    pub aim: FineHeading,
    /// Where the pointer is in the world.
    pub pointer: Point,
    /// Whether the first button (or the space bar) is held.
    pub primary: bool,
    /// Whether the second button (or E) was pressed since the last input.
    pub secondary: bool,
    /// Whether Shift was pressed since the last input.
    pub boost: bool,
    /// The moment that the screen shows, for an input that is judged by it. None before the first frame.
    pub view: Option<ViewTime>,
}
