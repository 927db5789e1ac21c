//! Makes a player's frames: a header, a private block, and the shared strings in the order of its known list.
//!
//! `fracas_protocol::replica` reads what is written here, in the same order.

use super::crowds::Crowds;
use super::known::{self, Marks};
use super::output::{PlayerOutput, TickOutput};
use super::view::Viewer;
use crate::game::Game;
use crate::grid::Rect;
use crate::ids::PlayerId;
use fracas_protocol::WireError;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::wire::bits::{BitWriter, Coder};
use fracas_protocol::wire::frame::{self, FrameHeader};
use fracas_protocol::wire::limits::{BODIES_MAX, ENTRY_BUDGET_BYTES, FRAME_BYTES_MAX, VISIBLE_MAX};
use std::sync::Arc;

/// Entities known beyond which nothing more enters: what those known bring forth must find room.
const ENTRIES_UP_TO: usize = VISIBLE_MAX - VISIBLE_MAX / 8;

/// Composes frames for the viewers of one event loop, and holds the memory that all of them use in turn.
#[derive(Debug)]
pub struct Composer<G: Game> {
    marks: Marks,
    leaves: Vec<u16>,
    /// What might enter: the square of its distance, and its id.
    candidates: Vec<(i64, EntityId)>,
    entries: BitWriter,
    entry_words: Vec<u32>,
    /// Bytes of entries made since this was last taken.
    entry_bytes: usize,
    crowds: Crowds,
    /// Bodies of which the shared part was copied, not made.
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
    /// Appends one frame to `out` with the bodies of as many of `outputs` (in order of their ticks, not empty) as fit.
    /// Returns how many were used up; 0 bytes are appended if the player was in none of those.
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
            self.body(viewer, told, output, &mut bits);
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

    /// Bodies so far of which the part that depends on the known list alone was copied from another viewer's.
    pub fn bodies_shared(&self) -> u64 {
        self.bodies_shared
    }

    fn body(
        &mut self,
        viewer: &mut Viewer<G::Rules>,
        told: &PlayerOutput<G::Rules>,
        output: &TickOutput<G::Rules>,
        bits: &mut BitWriter,
    ) {
        viewer.tick = Some(output.tick);
        let followed = viewer.follow;
        private_block(viewer, told, output, bits);
        viewer.look(output.tick, followed);
        let centre = viewer.follow.and_then(|id| output.records.get(id)).map(G::Rules::position);
        let hash_due = output.tick.is_phase(viewer.hash_phase, output.rules.tick_rate().hz());
        let crowd = centre.and_then(|centre| self.crowds.find(viewer, centre, output, &mut self.marks));
        self.candidates.clear();
        if let (Some(crowd), Some(centre)) = (&crowd, centre) {
            self.bodies_shared += 1;
            crowd.replay(&mut viewer.known, bits);
            find_among(viewer, centre, crowd.unknown(), &mut self.candidates);
        } else {
            // Without a place of its own it sees nothing.
            let leave_rect = |centre| Viewer::<G::Rules>::leave_rect(viewer.aspect(), centre);
            let (keep, looks) = (centre.map_or(Rect::NOWHERE, leave_rect), viewer.looks || centre.is_none());
            known::leave(&mut viewer.known, &output.records, keep, looks, &mut self.leaves, bits);
            known::change(&mut viewer.known, &output.records, bits);
            if let Some(centre) = centre {
                find_around(viewer, centre, output, &mut self.marks, &mut self.candidates);
            }
        }
        let shared_hash = crowd.filter(|_| hash_due && self.candidates.is_empty());
        let shared_hash = shared_hash.map(|crowd| crowd.hash(&output.records));
        match centre {
            Some(centre) if !self.candidates.is_empty() => self.entries(viewer, output, centre, bits),
            _ => {
                must(bits.count(0, VISIBLE_MAX as u32));
            }
        }
        let own_hash = || known::hash(&viewer.known, &output.records);
        must(frame::code_hash(&mut hash_due.then(|| shared_hash.unwrap_or_else(own_hash)), bits));
    }

    /// Writes what enters the view, nearest first, as much as the budget allows.
    fn entries(
        &mut self,
        viewer: &mut Viewer<G::Rules>,
        output: &TickOutput<G::Rules>,
        centre: Point,
        bits: &mut BitWriter,
    ) {
        self.candidates.sort_unstable();
        let known = viewer.known.len();
        for &(_, id) in &self.candidates {
            if viewer.known.len() >= ENTRIES_UP_TO || self.entries.bit_len() >= ENTRY_BUDGET_BYTES * 8 {
                break;
            }
            entry::<G>(viewer, output, id, centre, &mut self.entries);
            viewer.known.push(id);
        }
        must(bits.count((viewer.known.len() - known) as u32, VISIBLE_MAX as u32));
        self.entry_words.clear();
        let len = self.entries.drain_words(&mut self.entry_words);
        bits.append(&self.entry_words, len);
        self.entry_bytes += len as usize / 8;
        known::sort_new(&mut viewer.known, known);
    }
}

/// Collects what is in the view and not known.
fn find_around<R: Rules>(
    viewer: &Viewer<R>,
    centre: Point,
    output: &TickOutput<R>,
    marks: &mut Marks,
    candidates: &mut Vec<(i64, EntityId)>,
) {
    let known = marks.mark(&viewer.known, output.records.ids_end());
    let rect = Viewer::<R>::entry_rect(viewer.aspect(), centre);
    output.records.grid().visit(&rect, |id, place| {
        if !known.contains(id) {
            candidates.push((nearness(viewer, id, centre, place), id));
        }
    });
}

/// Collects what is in the view among `unknown`, which is all that can be.
fn find_among<R: Rules>(
    viewer: &Viewer<R>,
    centre: Point,
    unknown: &[(EntityId, Point)],
    candidates: &mut Vec<(i64, EntityId)>,
) {
    let rect = Viewer::<R>::entry_rect(viewer.aspect(), centre);
    let inside = unknown.iter().filter(|(_, place)| rect.contains(*place));
    candidates.extend(inside.map(|(id, place)| (nearness(viewer, *id, centre, *place), *id)));
}

/// Decides who enters first. The entity that the view follows is before all: the others' places are told relative to it.
fn nearness<R: Rules>(viewer: &Viewer<R>, id: EntityId, centre: Point, place: Point) -> i64 {
    if viewer.follow == Some(id) { -1 } else { centre.distance_squared(place) }
}

/// Writes what only this player is told, where it differs from what its client has or expects. A fresh start resets both
/// ends to the same beginnings, so it needs no rule of its own.
fn private_block<R: Rules>(
    viewer: &mut Viewer<R>,
    told: &PlayerOutput<R>,
    output: &TickOutput<R>,
    bits: &mut BitWriter,
) {
    let world = output.rules.world();
    let world_told = viewer.world != Some(world);
    let follow_told = viewer.follow != told.follow;
    let report_told = viewer.report != told.report;
    let mut expected = viewer.own;
    if let Some(entity) = told.follow.and_then(|id| output.records.get(id)) {
        output.rules.predict_own(entity, &mut expected);
    }
    // A spectator has no state of its own: its client predicts something, and nobody minds.
    let own = told.own.unwrap_or(expected);
    let own_told = own != expected;
    (viewer.world, viewer.follow) = (Some(world), told.follow);
    (viewer.report, viewer.own) = (told.report, own);
    must(bits.flag(world_told || follow_told || report_told || own_told));
    if !(world_told || follow_told || report_told || own_told) {
        return;
    }
    must(bits.flag(world_told));
    if world_told {
        let mut world = world;
        must(R::code_world(&mut world, bits));
    }
    must(bits.flag(follow_told));
    if follow_told {
        must(frame::code_follow(&mut viewer.follow, bits));
    }
    must(bits.flag(report_told));
    if report_told {
        must(viewer.report.code(bits));
    }
    must(bits.flag(own_told));
    if own_told {
        must(R::code_own(&mut viewer.own, bits));
    }
}

fn entry<G: Game>(
    viewer: &mut Viewer<G::Rules>,
    output: &TickOutput<G::Rules>,
    id: EntityId,
    centre: Point,
    bits: &mut BitWriter,
) {
    let Some(mut entity) = output.records.get(id).copied() else { unreachable!("the grid holds live records") };
    bits.write(u32::from(id.0), EntityId::BITS);
    if G::Rules::is_named(id) {
        let row = G::owner(id).and_then(|owner| output.names.get(owner.index())?.as_ref());
        let Some((serial, name)) = row else { unreachable!("{id:?} has an owner, who has a name") };
        must(viewer.names.write(*serial, name, bits));
    }
    let anchor = (viewer.follow != Some(id)).then_some(centre);
    must(output.rules.code_entry(&mut entity, anchor, bits));
}

/// What is written is in range by construction: the game made it.
pub(super) fn must<T>(written: Result<T, WireError>) -> T {
    match written {
        Ok(value) => value,
        Err(error) => unreachable!("our own state cannot be written: {error}"),
    }
}
