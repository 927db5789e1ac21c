//! The canonical records: what every viewer believes of each entity. Once per tick they are predicted and compared with
//! the truth. Where they differ a delta is encoded, for all viewers together.

use fracas_protocol::game::rules::{Fate, Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::grid::Grid;
use fracas_protocol::ids::EntityId;
use fracas_protocol::record::write_delta;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::bits::BitWriter;

/// A correction that takes an entity farther than this, in quanta, is a move elsewhere: nothing goes so far in a tick by itself.
const FAR: i32 = 64 * QUANTA_PER_UNIT;

/// The tables by id grow in steps of so many ids.
const IDS_STEP: usize = 1024;

/// What a viewer that knew an id must be sent on this tick. It is one byte, so that a pass over a whole known list
/// stays in the nearest cache. The order is by the amount of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// It has a record, as viewers expect it.
    Quiet,
    /// It has a record, and a delta or a child of this tick.
    Eventful,
    /// It has a record, and a delta that moves it far away, for example a respawn. A viewer that must not see it there
    /// is told on this tick that it has left, and not where it is.
    Moved,
    /// It expired. Viewers know that by themselves.
    Expired,
    /// It is gone, and viewers must be told.
    Removed,
    /// No entity has the id, now or one tick ago.
    #[default]
    Absent,
}

impl Presence {
    /// Whether it has a record.
    pub fn is_live(self) -> bool {
        self <= Self::Moved
    }
}

/// What is known of a live id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot {
    /// Where the record is.
    pub position: Point,
    /// The record's index in [`Records::entities`].
    record: u32,
    /// Where its delta starts in the words of deltas ...
    delta: u32,
    /// ... and its bits; 0 if the prediction was right.
    pub delta_len: u16,
    /// The entity that it spawned on this tick, if any.
    pub child: Option<EntityId>,
}

/// All records after one tick, immutable once made.
#[derive(Debug)]
pub struct Records<R: Rules> {
    /// By ascending id.
    entities: Vec<(EntityId, R::Entity)>,
    /// By id; ids beyond its end are absent.
    presences: Vec<Presence>,
    /// By id. Valid only where the presence is live.
    slots: Vec<Slot>,
    /// Ids whose presence is not absent. So the cost of clearing follows the ids in use, not the size of the table.
    touched: Vec<EntityId>,
    /// The deltas, each from a word's start.
    words: Vec<u32>,
    grid: Grid,
    /// Kept for its memory.
    writer: BitWriter,
}

impl<R: Rules> Default for Records<R> {
    fn default() -> Self {
        Self {
            entities: Vec::new(),
            presences: Vec::new(),
            slots: Vec::new(),
            touched: Vec::new(),
            words: Vec::new(),
            grid: Grid::default(),
            writer: BitWriter::new(),
        }
    }
}

impl<R: Rules> Records<R> {
    /// Makes these the records after `tick`, from the records `before` it and the `truth` (by ascending id) after it.
    /// `rules` has the tick's world state.
    ///
    /// # Panics
    /// If the game breaks its contract: ids are out of order, or a derived entity is missing from the truth.
    pub fn update(&mut self, before: &Self, rules: &R, tick: Tick, truth: &[(EntityId, R::Entity)]) {
        self.update_from(&before.entities, rules, tick, truth);
    }

    /// The same, from the entities of the earlier records alone.
    pub fn update_from(
        &mut self,
        before: &[(EntityId, R::Entity)],
        rules: &R,
        tick: Tick,
        truth: &[(EntityId, R::Entity)],
    ) {
        self.clear(before, truth);
        let mut known = before.iter().peekable();
        for (id, entity) in truth {
            while let Some((gone, record)) = known.next_if(|(other, _)| other < id) {
                self.drop_record(rules, *gone, record);
            }
            match known.next_if(|(other, _)| other == id) {
                Some((_, record)) => self.follow(rules, tick, *id, record, entity),
                None => self.insert(*id, *entity),
            }
        }
        for (gone, record) in known {
            self.drop_record(rules, *gone, record);
        }
        self.link_children(rules);
        self.grid.rebuild(self.entities.iter().map(|(id, entity)| (*id, R::position(entity))));
    }

    /// Every record, by ascending id.
    pub fn entities(&self) -> &[(EntityId, R::Entity)] {
        &self.entities
    }

    /// The presence of an id.
    #[inline]
    pub fn presence(&self, id: EntityId) -> Presence {
        self.presences.get(id.index()).copied().unwrap_or_default()
    }

    /// The slot of a live id.
    #[inline]
    pub fn slot(&self, id: EntityId) -> Option<&Slot> {
        if self.presence(id).is_live() { self.slots.get(id.index()) } else { None }
    }

    /// The live record of an id.
    pub fn get(&self, id: EntityId) -> Option<&R::Entity> {
        self.slot(id).map(|slot| &self.entities[slot.record as usize].1)
    }

    /// The words of a slot's delta.
    #[inline]
    pub fn delta(&self, slot: &Slot) -> &[u32] {
        let start = slot.delta as usize;
        &self.words[start..start + usize::from(slot.delta_len).div_ceil(32)]
    }

    /// Bytes of deltas made on this tick.
    pub fn encoded_bytes(&self) -> usize {
        self.words.len() * 4
    }

    /// Finds what is near a position.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// One more than the largest id that can be live.
    pub fn ids_end(&self) -> usize {
        self.presences.len()
    }

    fn clear(&mut self, before: &[(EntityId, R::Entity)], truth: &[(EntityId, R::Entity)]) {
        for id in self.touched.drain(..) {
            self.presences[id.index()] = Presence::Absent;
        }
        self.entities.clear();
        self.words.clear();
        let end = |entities: &[(EntityId, R::Entity)]| entities.last().map_or(0, |(id, _)| id.index() + 1);
        let len = end(before).max(end(truth)).next_multiple_of(IDS_STEP);
        if self.presences.len() < len {
            self.presences.reserve_exact(len - self.presences.len());
            self.presences.resize(len, Presence::Absent);
            self.slots.reserve_exact(len - self.slots.len());
            self.slots.resize(len, Slot::default());
        }
        // Several outputs are in use, so none may take twice the memory it needs.
        if self.entities.capacity() < truth.len() {
            self.entities.reserve_exact(truth.len() + truth.len() / 8);
        }
    }

    fn set_presence(&mut self, id: EntityId, presence: Presence) {
        self.touched.push(id);
        self.presences[id.index()] = presence;
    }

    fn insert(&mut self, id: EntityId, entity: R::Entity) {
        assert!(self.entities.last().is_none_or(|(last, _)| *last < id), "the truth must come by ascending id");
        let record = self.entities.len() as u32;
        self.entities.push((id, entity));
        self.set_presence(id, Presence::Quiet);
        self.slots[id.index()] = Slot { position: R::position(&entity), record, ..Slot::default() };
    }

    /// Updates an entity that was there and still is.
    fn follow(&mut self, rules: &R, tick: Tick, id: EntityId, record: &R::Entity, truth: &R::Entity) {
        let mut predicted = *record;
        let fate = rules.predict(&mut predicted);
        if fate == Fate::Expires {
            // Viewers drop it now. If the game keeps it, they get it as a new one with the next tick.
            return self.set_presence(id, Presence::Expired);
        }
        let settled = rules.settle(tick, id, &predicted, truth);
        if settled == predicted {
            return self.insert(id, predicted);
        }
        if !R::is_corrected(id) {
            // No delta can describe this. It leaves, and enters again with the next tick.
            return self.set_presence(id, Presence::Removed);
        }
        self.insert(id, settled);
        write_delta(rules, record, &predicted, &settled, &mut self.writer);
        let delta = self.words.len() as u32;
        let delta_len = self.writer.drain_words(&mut self.words) as u16;
        let (from, to) = (R::position(&predicted), R::position(&settled));
        let is_far = (to.x - from.x).abs().max((to.y - from.y).abs()) > FAR;
        self.presences[id.index()] = if is_far { Presence::Moved } else { Presence::Eventful };
        let slot = &mut self.slots[id.index()];
        (slot.delta, slot.delta_len) = (delta, delta_len);
    }

    /// Drops an entity that was there and is gone.
    fn drop_record(&mut self, rules: &R, id: EntityId, record: &R::Entity) {
        let mut predicted = *record;
        let expires = rules.predict(&mut predicted) == Fate::Expires;
        self.set_presence(id, if expires { Presence::Expired } else { Presence::Removed });
    }

    /// Records the child that each entity spawned. A viewer that knows the parent knows the child.
    fn link_children(&mut self, rules: &R) {
        for (id, entity) in &self.entities {
            let Some((child_id, child)) = rules.spawned_by(*id, entity) else { continue };
            let born = self.get(child_id) == Some(&child);
            assert!(born, "the game must list {child_id:?}, which {id:?} brought forth, as {child:?}");
            let presence = &mut self.presences[id.index()];
            *presence = (*presence).max(Presence::Eventful);
            self.slots[id.index()].child = Some(child_id);
        }
    }
}
