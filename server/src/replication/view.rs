//! What one player may see, and what its client knows: the known list and all other state at the other end of the
//! connection.

use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::grid::Rect;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::NameTable;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::frame::InputReport;
use fracas_protocol::wire::message::Aspect;

/// How much farther out an entity leaves than it enters, in percent of the half side. So an entity on the edge is not
/// sent again and again.
const HYSTERESIS_PERCENT: i32 = 10;

/// How often a viewer looks for entities that are too far away, in ticks. A late leave costs a few bits and shows
/// nothing new. A look costs a visit to every known entity.
pub const LEAVES_EVERY: u32 = 4;

/// What the client knows, if it got every frame composed so far.
#[derive(Clone, Debug)]
pub struct Viewer<R: Rules> {
    aspect: Aspect,
    /// By ascending id.
    pub(super) known: Vec<EntityId>,
    /// Serials of the players whose names were sent.
    pub(super) names: NameTable<u64>,
    pub(super) own: R::Own,
    pub(super) world: Option<R::World>,
    pub(super) follow: Option<EntityId>,
    pub(super) report: InputReport,
    /// The tick of the last body; none before a fresh start.
    pub(super) tick: Option<Tick>,
    /// On which tick of a second the hash is sent.
    pub(super) hash_phase: u32,
    /// Whether it looks on this tick for entities that are too far away.
    pub(super) looks: bool,
}

impl<R: Rules> Viewer<R> {
    /// A viewer whose first frame will start afresh. `hash_phase` spreads the work of hashing over the ticks.
    pub fn new(aspect: Aspect, hash_phase: u32) -> Self {
        Self {
            aspect,
            known: Vec::new(),
            names: NameTable::default(),
            own: R::Own::default(),
            world: None,
            follow: None,
            report: InputReport::default(),
            tick: None,
            hash_phase,
            looks: false,
        }
    }

    /// Forgets what the client knows. The next frame starts afresh.
    pub fn start_afresh(&mut self) {
        *self = Self { known: std::mem::take(&mut self.known), ..Self::new(self.aspect, self.hash_phase) };
        self.known.clear();
    }

    /// Whether the next frame starts afresh.
    pub fn is_fresh(&self) -> bool {
        self.tick.is_none()
    }

    /// The tick of the last body composed for it.
    pub fn tick(&self) -> Option<Tick> {
        self.tick
    }

    /// What the client knows, by ascending id.
    pub fn known(&self) -> &[EntityId] {
        &self.known
    }

    /// The rectangle in which entities enter a view with this centre.
    pub fn entry_rect(aspect: Aspect, centre: Point) -> Rect {
        let (half_width, half_height) = aspect.half_view();
        Rect::around(centre, half_width, half_height)
    }

    /// Outside of this rectangle entities leave.
    pub fn leave_rect(aspect: Aspect, centre: Point) -> Rect {
        let (half_width, half_height) = aspect.half_view();
        let wider = |half: i32| half + half * HYSTERESIS_PERCENT / 100;
        Rect::around(centre, wider(half_width), wider(half_height))
    }

    /// Decides whether it looks on this tick for what is too far away: now and then, and at once if it has turned to somebody
    /// else.
    pub(super) fn look(&mut self, tick: Tick, has_turned: bool) {
        self.looks = tick.is_phase(self.hash_phase, LEAVES_EVERY) || has_turned;
    }

    /// Half the sides of the largest entry rectangle there is.
    pub(super) fn largest_half_sides() -> (i32, i32) {
        Aspect::ALL
            .into_iter()
            .map(Aspect::half_view)
            .fold((0, 0), |most, sides| (most.0.max(sides.0), most.1.max(sides.1)))
    }

    /// The client's aspect.
    pub fn aspect(&self) -> Aspect {
        self.aspect
    }
}

const _: () = {
    let mut i = 0;
    while i < Aspect::ALL.len() {
        let (half_width, half_height) = Aspect::ALL[i].half_view();
        let reach = 1 << (Point::NEAR_BITS - 1);
        assert!(half_width < reach && half_height < reach, "an entry's low bits must name one position in the view");
        i += 1;
    }
};
