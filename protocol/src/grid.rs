//! A uniform grid over the positions of one tick. It finds the entities in a rectangle.

use crate::game::rules::Point;
use crate::ids::EntityId;

/// Side of a cell: 256 units. A view is about five by three of them.
const CELL_SHIFT: u32 = 14;

/// A rectangle in quanta, its edges included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Least x and y.
    pub min: Point,
    /// Greatest x and y.
    pub max: Point,
}

impl Rect {
    /// A rectangle that contains nothing.
    pub const NOWHERE: Self = Self { min: Point { x: i32::MIN, y: i32::MIN }, max: Point { x: i32::MIN, y: i32::MIN } };

    /// A rectangle that contains everything.
    pub const EVERYWHERE: Self =
        Self { min: Point { x: i32::MIN, y: i32::MIN }, max: Point { x: i32::MAX, y: i32::MAX } };

    /// The rectangle that reaches `half_width` and `half_height` from `centre`.
    pub fn around(centre: Point, half_width: i32, half_height: i32) -> Self {
        Self {
            min: Point { x: centre.x - half_width, y: centre.y - half_height },
            max: Point { x: centre.x + half_width, y: centre.y + half_height },
        }
    }

    /// Whether the position is inside. It has no branches, since near a view both answers are equally likely.
    #[inline]
    pub fn contains(&self, position: Point) -> bool {
        let inside = |least: i32, value: i32, most: i32| {
            // One comparison instead of two: a value below the least wraps to a very large one.
            value.wrapping_sub(least) as u32 <= most.wrapping_sub(least) as u32
        };
        inside(self.min.x, position.x, self.max.x) & inside(self.min.y, position.y, self.max.y)
    }

    /// Whether all of `other` is inside.
    pub fn covers(&self, other: &Self) -> bool {
        self.contains(other.min) && self.contains(other.max)
    }

    /// This rectangle, larger by so much on each side.
    pub fn widened(&self, by_x: i32, by_y: i32) -> Self {
        Self {
            min: Point { x: self.min.x - by_x, y: self.min.y - by_y },
            max: Point { x: self.max.x + by_x, y: self.max.y + by_y },
        }
    }

    /// The smallest rectangle that holds all positions; none if there are none.
    pub fn bounds(positions: impl Iterator<Item = Point>) -> Option<Self> {
        positions.fold(None, |bounds, position| {
            let Self { min, max } = bounds.unwrap_or(Self { min: position, max: position });
            Some(Self {
                min: Point { x: min.x.min(position.x), y: min.y.min(position.y) },
                max: Point { x: max.x.max(position.x), y: max.y.max(position.y) },
            })
        })
    }
}

/// Ids by cell, in a row-major array of cells that just covers the occupied part of the world.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// First column and row, and how many there are.
    left: i32,
    top: i32,
    columns: i32,
    rows: i32,
    /// Where each cell's ids start in `ids`; one more than there are cells.
    starts: Vec<u32>,
    /// What is in the cells, cell by cell, by ascending id in each.
    positions: Vec<(EntityId, Point)>,
}

impl Grid {
    /// Sorts everything into cells. It is a counting sort: one pass over the positions and one over the cells.
    pub fn rebuild(&mut self, positions: impl Iterator<Item = (EntityId, Point)> + Clone) {
        let (mut min, mut max) = (Point { x: i32::MAX, y: i32::MAX }, Point { x: i32::MIN, y: i32::MIN });
        let mut len = 0;
        for (_, position) in positions.clone() {
            (min.x, min.y) = (min.x.min(position.x), min.y.min(position.y));
            (max.x, max.y) = (max.x.max(position.x), max.y.max(position.y));
            len += 1;
        }
        self.starts.clear();
        self.positions.clear();
        if len == 0 {
            (self.columns, self.rows) = (0, 0);
            return;
        }
        (self.left, self.top) = (min.x >> CELL_SHIFT, min.y >> CELL_SHIFT);
        self.columns = (max.x >> CELL_SHIFT) - self.left + 1;
        self.rows = (max.y >> CELL_SHIFT) - self.top + 1;
        let cells = (self.columns * self.rows) as usize;
        // Two more than there are cells. A cell's count is kept two entries later. After the running sum, the entry one
        // later says where the cell's next id goes. At the end it says where the next cell starts.
        self.starts.resize(cells + 2, 0);
        for (_, position) in positions.clone() {
            let cell = self.cell(position);
            self.starts[cell + 2] += 1;
        }
        for cell in 2..self.starts.len() {
            self.starts[cell] += self.starts[cell - 1];
        }
        self.positions.resize(len, (EntityId(0), Point::default()));
        for (id, position) in positions {
            let cell = self.cell(position);
            let next = &mut self.starts[cell + 1];
            self.positions[*next as usize] = (id, position);
            *next += 1;
        }
        self.starts.pop();
    }

    fn cell(&self, position: Point) -> usize {
        let (column, row) = ((position.x >> CELL_SHIFT) - self.left, (position.y >> CELL_SHIFT) - self.top);
        (row * self.columns + column) as usize
    }

    /// Calls `visit` with everything inside `rect`, cell by cell.
    #[inline]
    pub fn visit(&self, rect: &Rect, mut visit: impl FnMut(EntityId, Point)) {
        let first_column = ((rect.min.x >> CELL_SHIFT) - self.left).max(0);
        let last_column = ((rect.max.x >> CELL_SHIFT) - self.left).min(self.columns - 1);
        let first_row = ((rect.min.y >> CELL_SHIFT) - self.top).max(0);
        let last_row = ((rect.max.y >> CELL_SHIFT) - self.top).min(self.rows - 1);
        if first_column > last_column {
            return;
        }
        for row in first_row..=last_row {
            // The cells of a row are contiguous, and so are their ids.
            let start = self.starts[(row * self.columns + first_column) as usize] as usize;
            let end = self.starts[(row * self.columns + last_column) as usize + 1] as usize;
            for &(id, position) in &self.positions[start..end] {
                if rect.contains(position) {
                    visit(id, position);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_look_at_everything_finds(
            positions in prop::collection::vec((0..200_000, 0..200_000), 0..200),
            centre in (0..200_000, 0..200_000),
            half in (0..60_000, 0..60_000),
        ) {
            let positions: Vec<_> = positions.into_iter().enumerate()
                .map(|(id, (x, y))| (EntityId(id as u16), Point { x, y }))
                .collect();
            let mut grid = Grid::default();
            grid.rebuild(positions.iter().copied());
            let rect = Rect::around(Point { x: centre.0, y: centre.1 }, half.0, half.1);
            let mut found = Vec::new();
            grid.visit(&rect, |id, _| found.push(id));
            found.sort_unstable();
            let wanted: Vec<_> = positions.iter().filter(|(_, p)| rect.contains(*p)).map(|(id, _)| *id).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
