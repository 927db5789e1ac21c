//! A bolt flies straight, bounces off walls, and expires. Both ends compute all of that from its spawn.

use super::map::Map;
use super::tuning::Tuning;
use fracas_protocol::WireError;
use fracas_protocol::fixed::{Heading, SUBQUANTA_PER_QUANTUM, Vector};
use fracas_protocol::game::rules::{Fate, Point, code_point};
use fracas_protocol::wire::bits::Coder;
use fracas_protocol::wire::digest::Digest;
use serde::{Deserialize, Serialize};

/// A bolt in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bolt {
    /// Where it is.
    pub position: Point,
    /// Where it flies to; the speed is the same for all.
    pub heading: Heading,
    /// Ticks it has left.
    pub life: u8,
}

const LIFE_BITS: u32 = 7;

impl Bolt {
    /// How far it flies in a tick, in sub-quanta.
    pub fn velocity(&self, tuning: &Tuning) -> Vector {
        self.heading.vector(tuning.bolt_speed)
    }

    /// One tick of flight, first along x, then along y. At a wall it keeps its position on that axis and turns back.
    pub fn advance(&mut self, tuning: &Tuning, map: &Map, open: u16) -> Fate {
        self.life = self.life.saturating_sub(1);
        if self.life == 0 {
            return Fate::Expires;
        }
        let velocity = self.velocity(tuning);
        let x = self.position.x + velocity.x / SUBQUANTA_PER_QUANTUM;
        if map.is_wall(x, self.position.y, open) {
            self.heading = self.heading.mirrored_x();
        } else {
            self.position.x = x;
        }
        let y = self.position.y + velocity.y / SUBQUANTA_PER_QUANTUM;
        if map.is_wall(self.position.x, y, open) {
            self.heading = self.heading.mirrored_y();
        } else {
            self.position.y = y;
        }
        Fate::Lives
    }

    pub(super) fn code_entry<C: Coder>(
        &mut self,
        anchor: Option<Point>,
        tuning: &Tuning,
        coder: &mut C,
    ) -> Result<(), WireError> {
        code_point(&mut self.position, anchor, 0, coder)?;
        self.heading = Heading::new(coder.uint(u32::from(self.heading.steps()), Heading::BITS)? as u16);
        self.life = coder.ranged(u32::from(self.life), LIFE_BITS, u32::from(tuning.bolt_life))? as u8;
        Ok(())
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.word(self.position.x as u32);
        digest.word(self.position.y as u32);
        digest.word(u32::from(self.heading.steps()) | u32::from(self.life) << 16);
    }
}
