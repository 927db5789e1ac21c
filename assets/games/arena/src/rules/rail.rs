//! A rail's beam: where it ends, and what it hits. The server judges by it, and a client can predict the hit.

use super::map::{cell, cell_start};
use super::tuning::{RAIL_RADIUS, RAIL_RANGE, SHIP_RADIUS};
use super::{Arena, Entity};
use fracas_protocol::client::{Moment, Snapshot};
use fracas_protocol::fixed::{FineHeading, QUANTA_PER_UNIT};
use fracas_protocol::game::rules::Point;
use fracas_protocol::ids::EntityId;
use fracas_protocol::wire::message::Aspect;

/// How near a beam must come to a ship's centre to hit it, in quanta.
const HIT_REACH: i64 = ((SHIP_RADIUS + RAIL_RADIUS) * QUANTA_PER_UNIT) as i64;

/// A straight line from a ship. It ends at the rail's range, at the first wall, or at the edge of the player's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beam {
    /// The shooter's centre.
    pub from: Point,
    /// Its end.
    pub to: Point,
}

impl Beam {
    /// How far along the beam it is nearest to a ship centred there, in parts of the beam's squared length; none if it
    /// misses. Of several ships the one with the least value is hit. A ship beyond the beam's end is not.
    pub fn way_to(&self, centre: Point) -> Option<i64> {
        let (dx, dy) = (i64::from(self.to.x - self.from.x), i64::from(self.to.y - self.from.y));
        let (cx, cy) = (i64::from(centre.x - self.from.x), i64::from(centre.y - self.from.y));
        let length_squared = dx * dx + dy * dy;
        let way = cx * dx + cy * dy;
        let near = if way <= 0 {
            cx * cx + cy * cy <= HIT_REACH * HIT_REACH
        } else {
            // Wider than the rest: the squared distance of a ship at the other end of the world has 80 bits.
            let across = i128::from(cx * dy - cy * dx);
            way <= length_squared && across * across <= i128::from(HIT_REACH * HIT_REACH * length_squared)
        };
        near.then_some(way.max(0))
    }
}

impl Arena {
    /// The beam of a rail fired from there. It ends at the first wall, and does not pass between two walls that touch.
    pub fn beam(&self, from: Point, aim: FineHeading) -> Beam {
        let ahead = aim.vector(RAIL_RANGE * QUANTA_PER_UNIT);
        let (x, y) = (Crossings::new(from.x, ahead.x), Crossings::new(from.y, ahead.y));
        let (mut x, mut y) = (x, y);
        let is_wall = |x: &Crossings, y: &Crossings| self.map().is_wall_cell(x.cell, y.cell, self.open());
        let whole = Beam { from, to: Point { x: from.x + ahead.x, y: from.y + ahead.y } };
        while x.is_within() || y.is_within() {
            // From cell to cell, by the border that is crossed first.
            let (part, of) = match x.cmp(&y) {
                std::cmp::Ordering::Less => x.cross(),
                std::cmp::Ordering::Greater => y.cross(),
                std::cmp::Ordering::Equal => {
                    // Through a corner: it is closed if either cell beside it is a wall.
                    let (mut beside_x, mut beside_y) = (x, y);
                    let at = beside_x.cross();
                    beside_y.cross();
                    if is_wall(&beside_x, &y) || is_wall(&x, &beside_y) {
                        return whole.cut(at);
                    }
                    (x, y) = (beside_x, beside_y);
                    at
                }
            };
            if is_wall(&x, &y) {
                return whole.cut((part, of));
            }
        }
        whole
    }
}

/// The ships that a rail of a player with this aspect can hit at a moment that its screen shows, and where they are shown.
/// They must be alive at this moment; between two ticks, on both. They must be in the view around the own ship as it was
/// at this moment. The server judges in the same way.
pub fn rail_targets(
    moment: &Moment<'_, Arena>,
    own: Option<EntityId>,
    aspect: Aspect,
) -> impl Iterator<Item = (EntityId, Point)> {
    let flies = |snapshot: &Snapshot<Arena>, id: EntityId| snapshot.get(id).and_then(Entity::flying).is_some();
    let flies = move |id: &EntityId| flies(moment.from, *id) && (moment.view.sixteenth() == 0 || flies(moment.to, *id));
    let centre = own.filter(flies).and_then(|own| moment.place(own));
    let others = moment.from.entities.iter().map(|(id, _)| *id).filter(move |id| own != Some(*id));
    let targets = others.filter(flies).filter_map(|id| Some((id, moment.place(id)?)));
    targets.filter(move |(_, place)| centre.is_some_and(|centre| aspect.is_in_view(centre, *place)))
}

impl Beam {
    /// The beam of a shooter with this aspect. It ends at the edge of the screen around the shooter, so a rail cannot
    /// find what its player cannot see.
    #[must_use]
    pub fn on_screen(self, aspect: Aspect) -> Self {
        let (half_width, half_height) = aspect.half_screen();
        let (dx, dy) = ((self.to.x - self.from.x).abs(), (self.to.y - self.from.y).abs());
        let (over_width, over_height) = (dx > half_width, dy > half_height);
        // The edge that comes first counts: at half_width / dx of the way, or at half_height / dy.
        if over_width
            && (!over_height || i64::from(half_width) * i64::from(dy) <= i64::from(half_height) * i64::from(dx))
        {
            self.cut((half_width.into(), dx.into()))
        } else if over_height {
            self.cut((half_height.into(), dy.into()))
        } else {
            self
        }
    }

    /// The beam up to a part of its length, rounded towards its beginning.
    fn cut(self, (part, of): (i64, i64)) -> Self {
        let at = |from: i32, to: i32| from + (i64::from(to - from) * part / of) as i32;
        Self { from: self.from, to: Point { x: at(self.from.x, self.to.x), y: at(self.from.y, self.to.y) } }
    }
}

/// Along one axis: which cell a line is in, and how far it is to the next border. (Amanatides and Woo, A Fast Voxel
/// Traversal Algorithm for Ray Tracing, 1987; in whole numbers, so that both ends agree.)
#[derive(Clone, Copy)]
struct Crossings {
    from: i32,
    length: i32,
    cell: i32,
}

impl Crossings {
    fn new(from: i32, length: i32) -> Self {
        Self { from, length, cell: cell(from) }
    }

    /// Quanta from the start to the next border, at least 0.
    fn to_border(self) -> i64 {
        let border = if self.length > 0 { cell_start(self.cell + 1) } else { cell_start(self.cell) - 1 };
        i64::from(border - self.from).abs()
    }

    /// Whether the next border is before the line's end.
    fn is_within(self) -> bool {
        self.length != 0 && self.to_border() <= i64::from(self.length).abs()
    }

    /// Enters the next cell. Returns where, as a part of the line's length.
    fn cross(&mut self) -> (i64, i64) {
        let at = (self.to_border(), i64::from(self.length).abs());
        self.cell += self.length.signum();
        at
    }

    /// Which of two axes crosses its next border first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self.is_within(), other.is_within()) {
            (true, true) => {
                let (own, others) = (i64::from(self.length).abs(), i64::from(other.length).abs());
                (self.to_border() * others).cmp(&(other.to_border() * own))
            }
            (true, false) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Map, OpenTiles};
    use fracas_protocol::game::rules::Rules;
    use fracas_protocol::tick::TickRate;
    use proptest::prelude::*;

    /// An arena of one tile with a wall in the middle of it, and that tile's corner.
    fn arena() -> (Arena, Point) {
        let mut rows = vec![vec![false; 16]; 16];
        rows[8][8] = true;
        rows[9][9] = true;
        let mut arena = Arena::on(TickRate::HZ_30, Map::new(&rows).expect("a map"));
        arena.set_world(OpenTiles(1)).expect("one tile");
        let (column, row) = arena.map().tile_of_rank(0).expect("a tile");
        let side = arena.map().tile_quanta();
        (arena, Point { x: column as i32 * side, y: row as i32 * side })
    }

    fn at(corner: Point, x: i32, y: i32) -> Point {
        Point { x: corner.x + x * QUANTA_PER_UNIT, y: corner.y + y * QUANTA_PER_UNIT }
    }

    #[test]
    fn a_beam_ends_at_the_first_wall_and_hits_nothing_behind_it() {
        let (arena, corner) = arena();
        // The wall's cell is 512 to 576 units from the corner in both axes.
        let beam = arena.beam(at(corner, 100, 540), FineHeading::new(0));
        assert_eq!(beam.to, Point { x: at(corner, 512, 0).x, y: beam.from.y });
        assert!(beam.way_to(at(corner, 300, 545)).is_some());
        assert!(beam.way_to(at(corner, 300, 560)).is_none(), "beside it");
        assert!(beam.way_to(at(corner, 600, 540)).is_none(), "behind the wall");
        assert!(beam.way_to(at(corner, 100, 530)).is_some(), "on top of the shooter");
        assert!(beam.way_to(at(corner, 60, 540)).is_none(), "behind the shooter");
        let back = arena.beam(at(corner, 700, 540), FineHeading::new(FineHeading::TURN / 2));
        assert!((back.to.x - at(corner, 576, 0).x).abs() <= 1, "from the other side");
    }

    #[test]
    fn a_ship_far_beside_a_beam_is_not_hit_however_far_it_is() {
        let beam = Beam { from: Point { x: 2_033_729, y: 2_034_290 }, to: Point { x: 2_079_788, y: 2_032_929 } };
        assert!(beam.way_to(Point { x: 2_060_000, y: 2_033_500 }).is_some());
        for y in (0..1 << 22).step_by(977).filter(|y| !(2_030_000..2_037_000).contains(y)) {
            assert_eq!(beam.way_to(Point { x: 2_060_000, y }), None, "at {y}");
        }
    }

    #[test]
    fn a_beam_in_the_open_has_its_whole_range() {
        let (arena, corner) = arena();
        let beam = arena.beam(at(corner, 200, 100), FineHeading::new(0));
        assert_eq!(beam.to.x - beam.from.x, RAIL_RANGE * QUANTA_PER_UNIT);
        let near = beam.way_to(at(corner, 300, 100)).expect("a hit");
        let far = beam.way_to(at(corner, 500, 100)).expect("a hit");
        assert!(near < far);
    }

    #[test]
    fn a_beam_ends_at_the_edge_of_its_shooters_screen() {
        let from = Point { x: 1 << 21, y: 1 << 21 };
        for aspect in Aspect::ALL {
            let (half_width, half_height) = aspect.half_screen();
            for aim in (0..FineHeading::TURN).step_by(7) {
                let ahead = FineHeading::new(aim).vector(RAIL_RANGE * QUANTA_PER_UNIT);
                let whole = Beam { from, to: Point { x: from.x + ahead.x, y: from.y + ahead.y } };
                let Beam { to, .. } = whole.on_screen(aspect);
                let (dx, dy) = (to.x - from.x, to.y - from.y);
                assert!(dx.abs() <= half_width && dy.abs() <= half_height, "{aspect:?}, {aim}: {to:?}");
                assert!(dx.signum() * ahead.x.signum() >= 0 && dy.signum() * ahead.y.signum() >= 0);
                let at_edge = dx.abs() >= half_width - 1 || dy.abs() >= half_height - 1;
                assert!(at_edge || to == whole.to, "{aspect:?}, {aim}: it ends before the edge");
                let across = i64::from(dx) * i64::from(ahead.y) - i64::from(dy) * i64::from(ahead.x);
                assert!(across.abs() <= 2 * i64::from(RAIL_RANGE * QUANTA_PER_UNIT), "it goes the same way");
            }
        }
    }

    #[test]
    fn a_beam_does_not_slip_between_two_walls_that_touch_at_a_corner() {
        let (arena, corner) = arena();
        // Exactly through the corner that the walls in row 8 and row 9 share, from upper right to lower left.
        let from = at(corner, 576 + 200, 576 - 200);
        let aim = FineHeading::new(FineHeading::TURN / 8 * 3);
        for nudge in -2..=2 {
            let beam = arena.beam(Point { x: from.x + nudge, ..from }, aim);
            assert!(beam.to.x > at(corner, 560, 0).x, "nudged by {nudge} it ends at {:?}", beam.to);
        }
    }

    proptest! {
        #[test]
        fn no_place_on_a_beam_is_in_a_wall(x in 0..1024_i32, y in 0..1024_i32, aim in 0..FineHeading::TURN) {
            let (arena, corner) = arena();
            let from = at(corner, x, y);
            prop_assume!(!arena.is_wall(from));
            let beam = arena.beam(from, FineHeading::new(aim));
            for part in 0..1000 {
                let place = beam.cut((part, 1000)).to;
                prop_assert!(!arena.is_wall(place), "{:?} on {:?}", place, beam);
            }
        }
    }
}
