//! Something that moves with inertia, for games that want no motion of their own.

use super::rules::code_point;
use crate::WireError;
use crate::fixed::{Heading, Vector};
use crate::point::Point;
use crate::wire::bits::Coder;
use serde::{Deserialize, Serialize};

/// Something that moves with inertia towards a heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mover {
    /// Where it is.
    pub position: Point,
    /// How it moves.
    pub velocity: Vector,
    /// Where it wants to go. None to come to rest.
    pub heading: Option<Heading>,
}

impl Mover {
    /// At rest somewhere.
    pub fn at(position: Point) -> Self {
        Self { position, ..Self::default() }
    }

    /// One tick: its velocity nears the wanted one by `change` at most, and its position stays within a square of `side`
    /// quanta. `top` is its greatest speed. Both are in sub-quanta per tick: see [`crate::fixed::speed`].
    pub fn advance(&mut self, top: i32, change: i32, side: i32) {
        let wanted = self.heading.map_or(Vector::default(), |heading| heading.vector(top));
        self.velocity = self.velocity.approach(wanted, change);
        self.position = self.position.moved(self.velocity).within(side);
    }

    /// Codes every field. Near an `anchor` it takes 69 bits at rest, 79 with a heading.
    pub fn code<C: Coder>(&mut self, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        code_point(&mut self.position, anchor, 0, coder)?;
        self.velocity.code(coder)?;
        coder.option(&mut self.heading, Heading::code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::speed;
    use crate::tick::TickRate;

    #[test]
    fn it_comes_to_its_speed_stays_in_its_square_and_comes_to_rest() {
        let (top, side) = (speed(300, TickRate::HZ_30), 64_000);
        let mut mover = Mover { heading: Some(Heading::new(0)), ..Mover::at(Point { x: 100, y: 100 }) };
        (0..8).for_each(|_| mover.advance(top, top / 8, side));
        assert_eq!(mover.velocity, Heading::new(0).vector(top));
        (0..200).for_each(|_| mover.advance(top, top / 8, side));
        assert_eq!(mover.position, Point { x: side, y: 100 });
        mover.heading = None;
        (0..9).for_each(|_| mover.advance(top, top / 8, side));
        assert_eq!(mover.velocity, Vector::default());
    }
}
