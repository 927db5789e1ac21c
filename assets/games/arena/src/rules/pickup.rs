//! A pick-up lies still on a coarse lattice until a ship takes it.

use fracas_protocol::WireError;
use fracas_protocol::game::rules::{Point, code_point};
use fracas_protocol::wire::bits::Coder;
use fracas_protocol::wire::digest::Digest;
use serde::{Deserialize, Serialize};

/// What a pick-up gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PickupKind {
    /// Hit points.
    Repair,
    /// Energy.
    Cell,
    /// Score.
    #[default]
    Shard,
}

/// Something to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pickup {
    /// Where it lies; both coordinates are multiples of [`Pickup::LATTICE`] quanta.
    pub position: Point,
    /// What it gives.
    pub kind: PickupKind,
}

const LATTICE_SHIFT: u32 = 9;

impl Pickup {
    /// Quanta between two places where a pick-up may lie: 8 units.
    pub const LATTICE: i32 = 1 << LATTICE_SHIFT;

    pub(super) fn code_entry<C: Coder>(&mut self, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        code_point(&mut self.position, anchor, LATTICE_SHIFT, coder)?;
        self.kind = match coder.ranged(self.kind as u32, 2, 2)? {
            0 => PickupKind::Repair,
            1 => PickupKind::Cell,
            _ => PickupKind::Shard,
        };
        Ok(())
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.word(self.position.x as u32);
        digest.word(self.position.y as u32);
        digest.word(self.kind as u32);
    }
}
