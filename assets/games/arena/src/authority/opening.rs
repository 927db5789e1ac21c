//! How much of the arena is open. It follows the number of ships, so that few ships meet and many have room.

use crate::rules::Map;
use crate::rules::map::CELL_UNITS;
use serde::{Deserialize, Serialize};

/// Square units of a view, the same for every player.
const VIEW_AREA: u64 = 1200 * 680;

/// How long there must be too much room before a tile may close, in seconds. A few joins and leaves close none.
const CLOSE_AFTER_S: u32 = 5;

/// Decides how many tiles should be open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Opening {
    density: u32,
    fixed_for: Option<u32>,
    /// Ticks for which fewer tiles would have been enough.
    roomy_ticks: u32,
}

impl Opening {
    /// For `density` ships to a view. With `fixed_for` the size is fixed for that many ships.
    pub(super) fn new(density: u32, fixed_for: Option<u32>) -> Self {
        Self { density: density.max(1), fixed_for, roomy_ticks: 0 }
    }

    /// The tiles that so many ships should have.
    pub(super) fn wanted(&self, map: &Map, ships: usize) -> u16 {
        let ships = self.fixed_for.map_or(ships as u64, u64::from);
        let side = u64::from(map.side()) * CELL_UNITS as u64;
        let tiles = (ships * VIEW_AREA).div_ceil(u64::from(self.density) * side * side);
        tiles.clamp(1, u64::from(map.tiles())) as u16
    }

    /// What to do on this tick, with `open` tiles where `wanted` are enough. Tiles open at once. They close one at a
    /// time, the last opened first, and only when there has been too much room for a while.
    pub(super) fn update(&mut self, wanted: u16, open: u16, hz: u32) -> Change {
        if wanted >= open {
            self.roomy_ticks = 0;
            return if wanted > open { Change::Open(wanted) } else { Change::Stay };
        }
        self.roomy_ticks += 1;
        let may_close = self.roomy_ticks >= CLOSE_AFTER_S * hz && self.roomy_ticks.is_multiple_of(hz / 2);
        if may_close { Change::CloseIfEmpty(open - 1) } else { Change::Stay }
    }
}

/// What to do with the open part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    Stay,
    /// Open so many tiles in all.
    Open(u16),
    /// Close the tile of this rank if no player would notice.
    CloseIfEmpty(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Map {
        Map::new(&vec![vec![false; 16]; 16]).expect("a map")
    }

    #[test]
    fn the_room_per_ship_stays_the_same() {
        let opening = Opening::new(20, None);
        assert_eq!(opening.wanted(&map(), 0), 1);
        assert_eq!(opening.wanted(&map(), 24), 1);
        assert_eq!(opening.wanted(&map(), 800), 32);
        assert_eq!(opening.wanted(&map(), 5000), 195);
        assert_eq!(Opening::new(20, Some(800)).wanted(&map(), 3), 32);
    }

    #[test]
    fn tiles_open_at_once_and_close_late_and_one_by_one() {
        let mut opening = Opening::new(20, None);
        assert_eq!(opening.update(4, 1, 30), Change::Open(4));
        let changes: Vec<_> = (0..30 * 6).map(|_| opening.update(1, 4, 30)).collect();
        let first = changes.iter().position(|change| *change != Change::Stay);
        assert_eq!(first, Some(30 * 5 - 1), "not for a few seconds' absence");
        let closings = changes.iter().filter(|change| **change == Change::CloseIfEmpty(3)).count();
        assert_eq!(closings, 3, "then it asks twice a second");
        assert_eq!(opening.update(4, 4, 30), Change::Stay);
        assert_eq!(opening.update(1, 4, 30), Change::Stay, "and the time runs anew");
    }
}
