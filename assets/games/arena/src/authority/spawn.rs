//! Where ships spawn: out of fire, but within reach of the fight.

use crate::rules::Arena;
use crate::rules::map::{CELL_UNITS, cell_start};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::rules::Point;
use fracas_protocol::grid::{Grid, Rect};
use fracas_protocol::rng::Rng;
use serde::{Deserialize, Serialize};

/// Positions that are tried before the best is taken.
const TRIES: usize = 12;
/// The nearest other ship should be this far away, in units: out of its aim, but in its view.
const DISTANCE: i32 = 420;
/// Ships beyond this distance are ignored, in units.
const REACH: i32 = 900;

/// The open cells of the map's tile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SpawnPlaces {
    cells: Vec<(u32, u32)>,
}

impl SpawnPlaces {
    /// Finds the open cells of the tile.
    pub(super) fn new(arena: &Arena) -> Self {
        let map = arena.map();
        let cells = (0..map.side()).flat_map(|y| (0..map.side()).map(move |x| (x, y)));
        Self { cells: cells.filter(|&(x, y)| !map.tile_wall(x, y)).collect() }
    }

    /// The centre of any open cell of the open tiles.
    pub(super) fn anywhere(&self, arena: &Arena, rng: &mut Rng) -> Point {
        let map = arena.map();
        let rank = rng.below(u32::from(arena.open())) as u16;
        let (x, y) = self.cells[rng.below(self.cells.len() as u32) as usize];
        let (column, row) = map.tile_of_rank(rank).unwrap_or_default();
        let middle =
            |tile: u32, cell: u32| cell_start((tile * map.side() + cell) as i32) + CELL_UNITS * QUANTA_PER_UNIT / 2;
        Point { x: middle(column, x), y: middle(row, y) }
    }

    /// A spawn position for a ship among `others`.
    pub(super) fn safe(&self, arena: &Arena, others: &Grid, rng: &mut Rng) -> Point {
        let tries = (0..TRIES).map(|_| {
            let place = self.anywhere(arena, rng);
            (badness(others, place), place)
        });
        let best = tries.min_by_key(|(badness, _)| *badness);
        best.map_or_else(|| arena.map().centre(), |(_, place)| place)
    }
}

/// How bad a position is. 0 is best: the nearest other ship is at the right distance. Too near is worse than too far.
fn badness(others: &Grid, place: Point) -> i32 {
    let reach = REACH * QUANTA_PER_UNIT;
    let mut nearest = i64::from(reach) * i64::from(reach);
    others.visit(&Rect::around(place, reach, reach), |_, other| {
        nearest = nearest.min(place.distance_squared(other));
    });
    let units = (nearest as u64).isqrt() as i32 / QUANTA_PER_UNIT;
    if units < DISTANCE { 4 * (DISTANCE - units) } else { units - DISTANCE }
}
