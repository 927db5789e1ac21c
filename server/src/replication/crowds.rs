//! Sharing among viewers with equal known lists. Equal lists give equal bytes. So the part of a body that depends on
//! the list alone is made once per tick and copied.

use super::known::{self, Marks};
use super::output::TickOutput;
use super::records::Records;
use super::view::Viewer;
use fracas_protocol::WireError;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::grid::Rect;
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::bits::BitWriter;
use fracas_protocol::wire::limits::BODIES_MAX;

/// Shorter known lists are composed one by one. Looking for an equal list would cost as much.
const CROWD_MIN: usize = 128;

/// Crowds that are kept: enough for each tick of the longest frame, with some crowds on each.
const CROWDS_MAX: usize = 2 * BODIES_MAX;

/// Lists that are remembered, to find the second of two equal ones. Only then something is shared.
const SEEN_MAX: usize = 8;

/// Leaves, deltas and implied spawns of one known list on one tick, and the candidates for entering.
#[derive(Debug, Default)]
pub(super) struct CrowdBody {
    tick: Tick,
    before: Vec<EntityId>,
    after: Vec<EntityId>,
    words: Vec<u32>,
    len: u32,
    /// Whether anything known has moved far away, so that every viewer looks.
    has_moved: bool,
    /// Where the known entities are.
    bounds: Option<Rect>,
    /// Where `unknown` holds all that is not known.
    region: Option<Rect>,
    unknown: Vec<(EntityId, Point)>,
    hash: Option<u32>,
}

impl CrowdBody {
    /// Appends the shared part, and updates `known`.
    pub(super) fn replay(&self, known: &mut Vec<EntityId>, bits: &mut BitWriter) {
        bits.append(&self.words, self.len);
        known.clone_from(&self.after);
    }

    /// The entities that are near and not known.
    pub(super) fn unknown(&self) -> &[(EntityId, Point)] {
        &self.unknown
    }

    /// The hash of the list after this tick, if nothing enters.
    pub(super) fn hash<R: Rules>(&mut self, rules: &R, records: &Records<R>) -> u32 {
        *self.hash.get_or_insert_with(|| known::hash(rules, &self.after, records))
    }

    fn is_of(&self, tick: Tick, known: &[EntityId]) -> bool {
        self.tick == tick && self.before == known
    }

    /// Whether a viewer's body can be made from it. Nothing may leave for its distance, and all candidates for entering
    /// must be known here.
    fn serves<R: Rules>(&self, viewer: &Viewer<R>, centre: Point) -> bool {
        let keep = Viewer::<R>::leave_rect(viewer.aspect(), centre);
        let entry = Viewer::<R>::entry_rect(viewer.aspect(), centre);
        let keeps_all = !(viewer.looks || self.has_moved) || self.bounds.is_none_or(|bounds| keep.covers(&bounds));
        keeps_all && self.region.is_some_and(|region| region.covers(&entry))
    }

    fn make<R: Rules>(
        &mut self,
        known: &[EntityId],
        output: &TickOutput<R>,
        marks: &mut Marks,
    ) -> Result<(), WireError> {
        let records = &output.records;
        (self.tick, self.hash) = (output.tick, None);
        self.before.clear();
        self.before.extend_from_slice(known);
        self.after.clone_from(&self.before);
        let (mut bits, mut leaves) = (BitWriter::new(), Vec::new());
        self.has_moved = known::has_moved(known, records);
        known::leave(&mut self.after, records, Rect::EVERYWHERE, false, &mut leaves, &mut bits)?;
        known::change(&mut self.after, records, &mut bits);
        self.words.clear();
        self.len = bits.drain_words(&mut self.words);
        let positions = self.after.iter().filter_map(|id| records.slot(*id)).map(|slot| slot.position);
        self.bounds = Rect::bounds(positions);
        let (by_x, by_y) = Viewer::<R>::largest_half_sides();
        self.region = self.bounds.map(|bounds| bounds.widened(by_x, by_y));
        self.unknown.clear();
        let Some(region) = self.region else { return Ok(()) };
        let marked = marks.mark(&self.after, records.ids_end());
        let unknown = &mut self.unknown;
        records.grid().visit(&region, |id, position| {
            if !marked.contains(id) {
                unknown.push((id, position));
            }
        });
        Ok(())
    }
}

/// The crowds of the present ticks.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    crowds: Vec<CrowdBody>,
    next_crowd: usize,
    seen: Vec<(Tick, Vec<EntityId>)>,
    next_seen: usize,
}

impl Crowds {
    /// The crowd that a viewer is in on this tick, if it can be served from one.
    pub(super) fn find<R: Rules>(
        &mut self,
        viewer: &Viewer<R>,
        centre: Point,
        output: &TickOutput<R>,
        marks: &mut Marks,
    ) -> Result<Option<&mut CrowdBody>, WireError> {
        let known = viewer.known();
        if known.len() < CROWD_MIN {
            return Ok(None);
        }
        let index = match self.crowds.iter().position(|crowd| crowd.is_of(output.tick, known)) {
            Some(index) => index,
            None if self.is_second(output.tick, known) => {
                let index = next_of(&mut self.crowds, &mut self.next_crowd, CROWDS_MAX);
                self.crowds[index].make(known, output, marks)?;
                index
            }
            None => return Ok(None),
        };
        Ok(Some(&mut self.crowds[index]).filter(|crowd| crowd.serves(viewer, centre)))
    }

    /// Whether an equal list was seen before on this tick. If not, this one is remembered.
    fn is_second(&mut self, tick: Tick, known: &[EntityId]) -> bool {
        if self.seen.iter().any(|(seen_on, seen)| *seen_on == tick && seen == known) {
            return true;
        }
        let index = next_of(&mut self.seen, &mut self.next_seen, SEEN_MAX);
        let (seen_on, seen) = &mut self.seen[index];
        *seen_on = tick;
        seen.clear();
        seen.extend_from_slice(known);
        false
    }
}

/// The index of the element to use next: a new one while there are fewer than `max`, then the oldest.
fn next_of<T: Default>(slots: &mut Vec<T>, next: &mut usize, max: usize) -> usize {
    if slots.len() < max {
        slots.push(T::default());
        return slots.len() - 1;
    }
    *next = (*next + 1) % max;
    *next
}
