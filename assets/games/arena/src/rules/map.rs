//! The arena's ground: one tile of walls, repeated for each open tile in a spiral from the centre.

use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::rules::Point;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Side of a wall cell, in units.
pub const CELL_UNITS: i32 = 64;

/// Side of a wall cell, in quanta, as a power of two.
const CELL_SHIFT: u32 = (CELL_UNITS * QUANTA_PER_UNIT).ilog2();

/// Cells along the side of the world.
const WORLD_CELLS: u32 = 1 << (Point::BITS - CELL_SHIFT);

/// Cells along the side of a tile: one of these.
pub const TILE_CELLS: [u32; 3] = [8, 16, 32];

/// The longest text that describes a map: 32 rows of 32 cells, each with a line feed.
const TEXT_BYTES_MAX: usize = 32 * 33;

/// One tile of walls and the order in which tiles open. Cheap to clone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Map {
    /// Cells along a tile's side, as a power of two.
    side_shift: u32,
    /// One number per row; bit x is set where cell x is a wall.
    walls: Arc<[u32]>,
    /// For each tile of the world, row by row, how many tiles open before it.
    ranks: Arc<[u16]>,
    /// The tiles in the order in which they open.
    order: Arc<[u16]>,
}

impl From<Map> for String {
    fn from(map: Map) -> Self {
        map.to_text()
    }
}

impl TryFrom<String> for Map {
    type Error = MapError;

    fn try_from(text: String) -> Result<Self, MapError> {
        Self::from_data(text.as_bytes())
    }
}

/// Why walls do not make a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// Not one of the sides in [`TILE_CELLS`], or not square.
    #[error("the map must be a square of 8, 16 or 32 cells a side")]
    Size,
    /// There is no room to fly.
    #[error("the map needs open cells that are connected with each other and with all four neighbouring tiles")]
    Closed,
    /// A cell of a text that is neither `#` nor `.`.
    #[error("a cell of the map must be # or .")]
    Cell,
}

impl Map {
    /// A map of rows of cells, each true where there is a wall.
    pub fn new(rows: &[Vec<bool>]) -> Result<Self, MapError> {
        let side = rows.len() as u32;
        if !TILE_CELLS.contains(&side) || rows.iter().any(|row| row.len() != rows.len()) {
            return Err(MapError::Size);
        }
        let pack = |row: &Vec<bool>| row.iter().enumerate().fold(0, |bits, (x, &wall)| bits | (u32::from(wall) << x));
        let walls: Arc<[u32]> = rows.iter().map(pack).collect();
        if !is_connected(&walls) {
            return Err(MapError::Closed);
        }
        let side_shift = side.ilog2();
        let (ranks, order) = spiral(WORLD_CELLS >> side_shift);
        Ok(Self { side_shift, walls, ranks, order })
    }

    /// The map that a text describes, as the arena's start-up data has it: a line for each row of cells, `#` for a wall
    /// and `.` for an open cell.
    ///
    /// # Errors
    /// If the text does not describe a map. The cheapest check comes first.
    pub fn from_data(text: &[u8]) -> Result<Self, MapError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(MapError::Size);
        }
        let cell = |byte: &u8| match byte {
            b'#' => Ok(true),
            b'.' => Ok(false),
            _ => Err(MapError::Cell),
        };
        let rows = text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n');
        let rows = rows.map(|row| row.iter().map(cell).collect()).collect::<Result<Vec<_>, _>>()?;
        Self::new(&rows)
    }

    /// The text that [`Self::from_data`] reads.
    pub fn to_text(&self) -> String {
        let cell = |x, y| if self.tile_wall(x, y) { '#' } else { '.' };
        let row = |y| (0..self.side()).map(|x| cell(x, y)).chain(['\n']).collect::<String>();
        (0..self.side()).map(row).collect()
    }

    /// Cells along a tile's side.
    pub fn side(&self) -> u32 {
        1 << self.side_shift
    }

    /// Side of a tile in quanta.
    pub fn tile_quanta(&self) -> i32 {
        1 << (CELL_SHIFT + self.side_shift)
    }

    /// Tiles along the world's side.
    pub fn tiles_along(&self) -> u32 {
        WORLD_CELLS >> self.side_shift
    }

    /// Tiles in the world.
    pub fn tiles(&self) -> u16 {
        self.ranks.len() as u16
    }

    /// Whether cell (x, y) of the tile is a wall. Both are below [`Self::side`].
    pub fn tile_wall(&self, x: u32, y: u32) -> bool {
        self.walls[y as usize] >> x & 1 != 0
    }

    /// Whether the cell of the world is a wall when the first `open` tiles are open. What is not open is wall.
    #[inline]
    pub fn is_wall_cell(&self, x: i32, y: i32, open: u16) -> bool {
        let (x, y) = (x as u32, y as u32);
        if x >= WORLD_CELLS || y >= WORLD_CELLS {
            return true;
        }
        let tile = (y >> self.side_shift) * self.tiles_along() + (x >> self.side_shift);
        let inside = self.side() - 1;
        self.ranks[tile as usize] >= open || self.tile_wall(x & inside, y & inside)
    }

    /// Whether the place, in quanta, lies in a wall.
    #[inline]
    pub fn is_wall(&self, x: i32, y: i32, open: u16) -> bool {
        self.is_wall_cell(cell(x), cell(y), open)
    }

    /// How many tiles open before the one at the place.
    pub fn rank_at(&self, place: Point) -> u16 {
        let shift = CELL_SHIFT + self.side_shift;
        self.ranks[((place.y as u32 >> shift) * self.tiles_along() + (place.x as u32 >> shift)) as usize]
    }

    /// The column and row of the tile that opens after `rank` others.
    pub fn tile_of_rank(&self, rank: u16) -> Option<(u32, u32)> {
        let tile = u32::from(*self.order.get(usize::from(rank))?);
        Some((tile % self.tiles_along(), tile / self.tiles_along()))
    }

    /// The world's centre: the corner shared by the first tiles.
    pub fn centre(&self) -> Point {
        Point { x: 1 << (Point::BITS - 1), y: 1 << (Point::BITS - 1) }
    }
}

/// Whether every open cell can be reached from every other, within the tile, and from tile to tile both ways.
fn is_connected(walls: &[u32]) -> bool {
    let side = walls.len() as u32;
    let open = |x: u32, y: u32| (walls[(y % side) as usize] >> (x % side)) & 1 == 0;
    let cells = || (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    let Some(start) = cells().find(|&(x, y)| open(x, y)) else { return false };
    let mut reached = vec![false; (side * side) as usize];
    let mut todo = vec![start];
    while let Some((x, y)) = todo.pop() {
        let seen = &mut reached[(y * side + x) as usize];
        if !open(x, y) || std::mem::replace(seen, true) {
            continue;
        }
        let beside = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        todo.extend(beside.into_iter().filter(|&(x, y)| x < side && y < side));
    }
    let whole = cells().all(|(x, y)| !open(x, y) || reached[(y * side + x) as usize]);
    let across = (0..side).any(|y| open(0, y) && open(side - 1, y));
    let down = (0..side).any(|x| open(x, 0) && open(x, side - 1));
    whole && across && down
}

/// The cell of a coordinate in quanta. It is a shift, so a coordinate left of the world is in cell -1, not in cell 0.
pub fn cell(quanta: i32) -> i32 {
    quanta >> CELL_SHIFT
}

/// First quantum of a cell.
pub fn cell_start(cell: i32) -> i32 {
    cell << CELL_SHIFT
}

/// The order in which `along` by `along` tiles open: by the distance of their centres from the square's centre, then by
/// row and column. So the open part stays round, and every tile but the first touches an earlier one. Returns each
/// tile's rank, and the tile of each rank.
fn spiral(along: u32) -> (Arc<[u16]>, Arc<[u16]>) {
    // Doubled coordinates, so that the centre of a tile is a whole number.
    let off = |i: u32| 2 * i as i32 + 1 - along as i32;
    let mut order: Vec<u16> = (0..(along * along) as u16).collect();
    order.sort_by_key(|&tile| {
        let (dx, dy) = (off(u32::from(tile) % along), off(u32::from(tile) / along));
        (dx * dx + dy * dy, tile)
    });
    let mut ranks = vec![0; order.len()];
    for (rank, &tile) in order.iter().enumerate() {
        ranks[usize::from(tile)] = rank as u16;
    }
    (ranks.into(), order.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<bool>> {
        text.split_whitespace().map(|row| row.bytes().map(|b| b == b'#').collect()).collect()
    }

    fn empty(side: usize) -> Vec<Vec<bool>> {
        vec![vec![false; side]; side]
    }

    #[test]
    fn tiles_open_from_the_centre_and_each_touches_an_earlier_one() {
        let map = Map::new(&empty(16)).expect("a map");
        assert_eq!(map.tiles(), 64 * 64);
        for rank in 1..500 {
            let (x, y) = map.tile_of_rank(rank).expect("a tile");
            let touches = (0..rank).any(|earlier| {
                let (ox, oy) = map.tile_of_rank(earlier).expect("a tile");
                x.abs_diff(ox) + y.abs_diff(oy) == 1
            });
            assert!(touches, "tile {rank} is an island");
        }
    }

    #[test]
    fn what_is_not_open_is_wall() {
        let map = Map::new(&empty(16)).expect("a map");
        let first = map.tile_of_rank(0).expect("a tile");
        let inside = |i: u32| (i as i32 * map.tile_quanta()) + 5;
        assert!(!map.is_wall(inside(first.0), inside(first.1), 1));
        assert!(map.is_wall(inside(first.0), inside(first.1) - 10, 1), "the tile above is shut");
        assert!(map.is_wall(-1, 5, u16::MAX) && map.is_wall(5, Point::MAX + 1, u16::MAX));
    }

    #[test]
    fn a_map_one_cannot_cross_is_refused() {
        assert_eq!(Map::new(&empty(12)).map(|_| ()), Err(MapError::Size));
        let mut ragged = empty(8);
        ragged[3].pop();
        assert_eq!(Map::new(&ragged).map(|_| ()), Err(MapError::Size));
        assert_eq!(Map::new(&vec![vec![true; 8]; 8]).map(|_| ()), Err(MapError::Closed));
        let pocket = "........ .####... .#..#... .#..#... .####... ........ ........ ........";
        assert_eq!(Map::new(&rows(pocket)).map(|_| ()), Err(MapError::Closed));
        let shut = "######## #......# #......# #......# #......# #......# #......# ########";
        assert_eq!(Map::new(&rows(shut)).map(|_| ()), Err(MapError::Closed));
    }

    #[test]
    fn a_map_is_read_back_from_its_text_and_any_other_text_is_refused() {
        let mut walls = empty(8);
        walls[3][4] = true;
        let text = Map::new(&walls).expect("a map").to_text();
        assert_eq!(Map::from_data(text.as_bytes()).expect("the same").to_text(), text);
        let refused = |text: &str| Map::from_data(text.as_bytes()).map(|_| ()).expect_err("no map");
        assert_eq!(refused(""), MapError::Size);
        assert_eq!(refused(&text.replace('#', "x")), MapError::Cell);
        assert_eq!(refused(&text.replace('\n', "\r\n")), MapError::Cell);
        assert_eq!(refused(&text[9..]), MapError::Size);
        assert_eq!(refused(&text.repeat(40)), MapError::Size);
    }
}
