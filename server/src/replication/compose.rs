//! Makes a player's frames: a header, a private block, and the shared bits in the order of its known list.
//!
//! What is in a body, and in which order, is said by `fracas_protocol::wire::body`, for this end and for a client's replica.

use super::crowds::Crowds;
use super::known::{self, Marks};
use super::output::{PlayerOutput, TickOutput};
use super::view::Viewer;
use crate::ids::PlayerId;
use fracas_protocol::WireError;
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::grid::Rect;
use fracas_protocol::ids::EntityId;
use fracas_protocol::wire::bits::BitWriter;
use fracas_protocol::wire::body::{Anchor, BodyEnd, PrivateBlock, code_body, code_entry};
use fracas_protocol::wire::frame::FrameHeader;
use fracas_protocol::wire::limits::{BODIES_MAX, ENTRY_BUDGET_BYTES, FRAME_BYTES_MAX, VISIBLE_MAX};
use std::sync::Arc;

/// With more known entities than this nothing more enters, since spawns of the known ones need room.
const ENTRIES_UP_TO: usize = VISIBLE_MAX - VISIBLE_MAX / 8;

/// Composes frames for the viewers of one event loop. It holds the memory that they share.
#[derive(Debug)]
pub struct Composer<G: Game> {
    marks: Marks,
    leaves: Vec<u16>,
    /// Candidates for entering: squared distance and id.
    candidates: Vec<(i64, EntityId)>,
    entries: BitWriter,
    entry_words: Vec<u32>,
    /// Bytes of entries made since the last call of `take_entry_bytes`.
    entry_bytes: usize,
    crowds: Crowds,
    /// Bodies whose shared part was copied, not made.
    bodies_shared: u64,
    game: std::marker::PhantomData<fn() -> G>,
}

impl<G: Game> Default for Composer<G> {
    fn default() -> Self {
        Self {
            marks: Marks::default(),
            leaves: Vec::new(),
            candidates: Vec::new(),
            entries: BitWriter::new(),
            entry_words: Vec::new(),
            entry_bytes: 0,
            crowds: Crowds::default(),
            bodies_shared: 0,
            game: std::marker::PhantomData,
        }
    }
}

impl<G: Game> Composer<G> {
    /// Appends one frame to `out`, with the bodies of as many of `outputs` as fit. `outputs` is in order of ticks and
    /// not empty. Returns how many were used up. Nothing is appended if the player was in none of them.
    pub fn frame(
        &mut self,
        viewer: &mut Viewer<G::Rules>,
        player: PlayerId,
        outputs: &[Arc<TickOutput<G::Rules>>],
        out: &mut Vec<u8>,
    ) -> usize {
        let absent = outputs.iter().take_while(|output| output.player(player).is_none()).count();
        let Some(first) = outputs.get(absent) else { return outputs.len() };
        let start = out.len();
        let fresh = viewer.is_fresh();
        let consecutive = viewer.tick.is_some_and(|tick| tick.next() == first.tick);
        let mut header = FrameHeader { bodies: 1, fresh, first: (!consecutive).then_some(first.tick) };
        let mut bits = BitWriter::continuing(std::mem::take(out));
        must(header.code(&mut bits));
        let mut bodies = 0;
        for output in &outputs[absent..] {
            let full = bodies == BODIES_MAX || bits.bit_len() / 8 > start + FRAME_BYTES_MAX / 4;
            let follows = bodies == 0 || viewer.tick.is_some_and(|tick| tick.next() == output.tick);
            let Some(told) = output.player(player).filter(|_| follows && !(bodies > 0 && full)) else { break };
            must(code_body(&mut BodyWriter::new(self, viewer, told, output), &mut bits));
            bodies += 1;
        }
        *out = bits.finish();
        // The number of bodies, less one, is in the first byte's lowest bits.
        out[start] |= (bodies - 1) as u8;
        debug_assert!(out.len() - start <= FRAME_BYTES_MAX);
        absent + bodies
    }

    /// Bytes of entries made since the last call.
    pub fn take_entry_bytes(&mut self) -> usize {
        std::mem::take(&mut self.entry_bytes)
    }

    /// Bodies so far whose shared part was copied from another viewer's.
    pub fn bodies_shared(&self) -> u64 {
        self.bodies_shared
    }
}

/// Collects the entities that are in the view and not known.
fn find_around<R: Rules>(
    viewer: &Viewer<R>,
    centre: Point,
    output: &TickOutput<R>,
    marks: &mut Marks,
    candidates: &mut Vec<(i64, EntityId)>,
) {
    let known = marks.mark(&viewer.known, output.records.ids_end());
    let rect = Viewer::<R>::entry_rect(viewer.aspect(), centre);
    output.records.grid().visit(&rect, |id, position| {
        if !known.contains(id) {
            candidates.push((nearness(viewer, id, centre, position), id));
        }
    });
}

/// Collects the entities of `unknown` that are in the view. `unknown` holds all candidates.
fn find_among<R: Rules>(
    viewer: &Viewer<R>,
    centre: Point,
    unknown: &[(EntityId, Point)],
    candidates: &mut Vec<(i64, EntityId)>,
) {
    let rect = Viewer::<R>::entry_rect(viewer.aspect(), centre);
    let inside = unknown.iter().filter(|(_, position)| rect.contains(*position));
    candidates.extend(inside.map(|(id, position)| (nearness(viewer, *id, centre, *position), *id)));
}

/// The order of entering. The followed entity is first, since the others' positions are relative to it.
fn nearness<R: Rules>(viewer: &Viewer<R>, id: EntityId, centre: Point, position: Point) -> i64 {
    if viewer.follow == Some(id) { -1 } else { centre.distance_squared(position) }
}

/// The writing end of one body.
struct BodyWriter<'a, G: Game> {
    composer: &'a mut Composer<G>,
    viewer: &'a mut Viewer<G::Rules>,
    told: &'a PlayerOutput<G::Rules>,
    output: &'a TickOutput<G::Rules>,
    /// The middle of the view. Without one the viewer sees nothing.
    centre: Option<Point>,
    is_hash_due: bool,
    /// The hash, if a crowd had it.
    shared_hash: Option<u32>,
}

impl<'a, G: Game> BodyWriter<'a, G> {
    fn new(
        composer: &'a mut Composer<G>,
        viewer: &'a mut Viewer<G::Rules>,
        told: &'a PlayerOutput<G::Rules>,
        output: &'a TickOutput<G::Rules>,
    ) -> Self {
        let is_hash_due = output.tick.is_phase(viewer.hash_phase, output.rate.hz());
        Self { composer, viewer, told, output, centre: None, is_hash_due, shared_hash: None }
    }

    /// Writes what enters the view aside, nearest first, as much as the budget allows. Returns how many.
    fn write_entries(&mut self) -> Result<u32, WireError> {
        let Self { composer, viewer, output, .. } = self;
        composer.candidates.sort_unstable();
        let known = viewer.known.len();
        let mut anchor = Anchor { follow: viewer.follow, centre: self.centre };
        for &(_, id) in &composer.candidates {
            let bits = &mut composer.entries;
            if viewer.known.len() >= ENTRIES_UP_TO || bits.bit_len() >= ENTRY_BUDGET_BYTES * 8 {
                break;
            }
            let names = &mut viewer.names;
            let write_name = |id, bits: &mut BitWriter| {
                let row = G::Rules::IDS.owner(id).and_then(|owner| output.names.get(owner.index())?.as_ref());
                let Some((serial, name)) = row else { unreachable!("{id:?} has an owner, who has a name") };
                names.write(*serial, name, bits)
            };
            let record = |id| match output.records.get(id) {
                Some(record) => *record,
                None => unreachable!("the grid holds live records"),
            };
            code_entry(&output.rules, id, &mut anchor, bits, write_name, record)?;
            viewer.known.push(id);
        }
        Ok((viewer.known.len() - known) as u32)
    }
}

impl<G: Game> BodyEnd<G::Rules, BitWriter> for BodyWriter<'_, G> {
    #[inline]
    fn world(&self) -> <G::Rules as Rules>::World {
        self.output.rules.world()
    }

    /// Writes the private block, where it differs from what the client has or expects. A fresh start resets both ends
    /// to the same state, so it needs no rule of its own.
    #[inline]
    fn private(&mut self) -> PrivateBlock<G::Rules> {
        let Self { viewer, told, output, .. } = self;
        let world = output.rules.world();
        let mut expected = viewer.own;
        if let Some(entity) = told.follow.and_then(|id| output.records.get(id)) {
            output.rules.predict_own(entity, &mut expected);
        }
        // A spectator has no own state. What its client predicts for it has no effect.
        let own = told.own.unwrap_or(expected);
        let private = PrivateBlock {
            world: (viewer.world != Some(world)).then_some(world),
            follow: (viewer.follow != told.follow).then_some(told.follow),
            report: (viewer.report != told.report).then_some(told.report),
            own: (own != expected).then_some(own),
        };
        (viewer.world, viewer.report, viewer.own) = (Some(world), told.report, own);
        private
    }

    /// The records are of this tick already.
    #[inline]
    fn begin(&mut self, private: &PrivateBlock<G::Rules>) -> Result<(), WireError> {
        let Self { viewer, output, .. } = self;
        viewer.tick = Some(output.tick);
        viewer.follow = self.told.follow;
        viewer.look(output.tick, private.follow.is_some());
        self.centre = viewer.follow.and_then(|id| output.records.get(id)).map(G::Rules::position);
        Ok(())
    }

    /// Writes all that depends on the known list alone, or copies it from a crowd; then finds what may enter.
    fn code_known(&mut self, bits: &mut BitWriter) -> Result<(), WireError> {
        let Self { composer, viewer, output, centre, .. } = self;
        let Composer { crowds, marks, candidates, leaves, bodies_shared, .. } = &mut **composer;
        candidates.clear();
        let crowd = match *centre {
            Some(centre) => crowds.find(viewer, centre, output, marks)?,
            None => None,
        };
        if let (Some(crowd), Some(centre)) = (crowd, *centre) {
            *bodies_shared += 1;
            crowd.replay(&mut viewer.known, bits);
            find_among(viewer, centre, crowd.unknown(), candidates);
            if self.is_hash_due && candidates.is_empty() {
                self.shared_hash = Some(crowd.hash(&output.rules, &output.records));
            }
            return Ok(());
        }
        let leave_rect = |centre| Viewer::<G::Rules>::leave_rect(viewer.aspect(), centre);
        let (keep, looks) = (centre.map_or(Rect::NOWHERE, leave_rect), viewer.looks || centre.is_none());
        known::leave(&mut viewer.known, &output.records, keep, looks, leaves, bits)?;
        known::change(&mut viewer.known, &output.records, bits);
        if let Some(centre) = *centre {
            find_around(viewer, centre, output, marks, candidates);
        }
        Ok(())
    }

    #[inline]
    fn entries(&mut self) -> Result<u32, WireError> {
        if self.composer.candidates.is_empty() { Ok(0) } else { self.write_entries() }
    }

    #[inline]
    fn code_entries(&mut self, count: u32, bits: &mut BitWriter) -> Result<(), WireError> {
        if count > 0 {
            let Composer { entries, entry_words, entry_bytes, .. } = &mut *self.composer;
            entry_words.clear();
            let len = entries.drain_words(entry_words);
            bits.append(entry_words, len);
            *entry_bytes += len as usize / 8;
            let known = &mut self.viewer.known;
            let sorted = known.len() - count as usize;
            known::sort_new(known, sorted);
        }
        Ok(())
    }

    #[inline]
    fn hash(&mut self) -> Option<u32> {
        let own_hash = || known::hash(&self.output.rules, &self.viewer.known, &self.output.records);
        self.is_hash_due.then(|| self.shared_hash.unwrap_or_else(own_hash))
    }

    #[inline]
    fn finish(&mut self, _: Option<u32>) {}
}

/// The written value is in range by construction, since the game made it.
pub(super) fn must<T>(written: Result<T, WireError>) -> T {
    match written {
        Ok(value) => value,
        Err(error) => unreachable!("our own state cannot be written: {error}"),
    }
}
