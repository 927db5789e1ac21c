//! Makes a player's frames: a header, a private block, and the shared strings in the order of its known list.
//!
//! `fracas_protocol::replica` reads what is written here, in the same order.

use super::output::{PlayerOutput, TickOutput};
use super::records::Presence;
use super::view::Viewer;
use crate::game::{Game, PlayerId};
use fracas_protocol::WireError;
use fracas_protocol::bits::{BitWriter, Coder};
use fracas_protocol::frame::{self, FrameHeader};
use fracas_protocol::ids::EntityId;
use fracas_protocol::limits::{BODIES_MAX, ENTRY_BUDGET_BYTES, FRAME_BYTES_MAX, VISIBLE_MAX};
use fracas_protocol::record::Digest;
use fracas_protocol::rules::{Point, Rules};
use std::sync::Arc;

/// Composes frames for the viewers of one event loop, and holds the memory that all of them use in turn.
#[derive(Debug)]
pub struct Composer<G: Game> {
    /// For each id, the number of the last body for which it was known.
    stamps: Vec<u32>,
    stamp: u32,
    leaves: Vec<u16>,
    /// What might enter: the square of its distance, and its id.
    candidates: Vec<(i64, EntityId)>,
    entries: BitWriter,
    entry_words: Vec<u32>,
    /// Bytes of entries made since this was last taken.
    entry_bytes: usize,
    game: std::marker::PhantomData<fn() -> G>,
}

impl<G: Game> Default for Composer<G> {
    fn default() -> Self {
        Self {
            stamps: Vec::new(),
            stamp: 0,
            leaves: Vec::new(),
            candidates: Vec::new(),
            entries: BitWriter::new(),
            entry_words: Vec::new(),
            entry_bytes: 0,
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

    fn body(
        &mut self,
        viewer: &mut Viewer<G::Rules>,
        told: &PlayerOutput<G::Rules>,
        output: &TickOutput<G::Rules>,
        bits: &mut BitWriter,
    ) {
        viewer.tick = Some(output.tick);
        private_block(viewer, told, output, bits);
        let centre = viewer.follow.and_then(|id| output.records.get(id)).map(G::Rules::position);
        self.leaves(viewer, output, centre, bits);
        deltas(viewer, output, bits);
        spawn(viewer, output);
        self.stamp_known(viewer, output.records.slots_len());
        self.entries(viewer, output, centre, bits);
        let mut hash = None;
        if output.tick.is_phase(viewer.hash_phase, output.rules.tick_rate().hz()) {
            hash = Some(hash_known(viewer, output));
        }
        must(frame::code_hash(&mut hash, bits));
    }

    /// Drops what expired, and writes what leaves: what is gone, and what is too far away.
    fn leaves(
        &mut self,
        viewer: &mut Viewer<G::Rules>,
        output: &TickOutput<G::Rules>,
        centre: Option<Point>,
        bits: &mut BitWriter,
    ) {
        let keep = centre.map(|centre| Viewer::<G::Rules>::leave_rect(viewer.aspect(), centre));
        self.leaves.clear();
        let mut place: u16 = 0;
        viewer.known.retain(|&id| {
            let slot = output.records.slot(id);
            if slot.presence == Presence::Expired {
                return false;
            }
            let stays = slot.presence == Presence::Live && keep.is_some_and(|rect| rect.contains(slot.position));
            if !stays {
                self.leaves.push(place);
            }
            place += 1;
            stays
        });
        must(frame::code_leaves(&mut self.leaves, usize::from(place), bits));
    }

    fn stamp_known(&mut self, viewer: &Viewer<G::Rules>, ids: usize) {
        if self.stamps.len() < ids {
            self.stamps.resize(ids, 0);
        }
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.stamps.fill(0);
            self.stamp = 1;
        }
        for id in &viewer.known {
            self.stamps[id.index()] = self.stamp;
        }
    }

    /// Writes what enters the view, nearest first, as much as the budget allows.
    fn entries(
        &mut self,
        viewer: &mut Viewer<G::Rules>,
        output: &TickOutput<G::Rules>,
        centre: Option<Point>,
        bits: &mut BitWriter,
    ) {
        let Some(centre) = centre else {
            must(bits.count(0, VISIBLE_MAX as u32));
            return;
        };
        self.find_candidates(viewer, output, centre);
        let (mut count, known) = (0, viewer.known.len());
        for &(_, id) in &self.candidates {
            if known + count >= VISIBLE_MAX || self.entries.bit_len() >= ENTRY_BUDGET_BYTES * 8 {
                break;
            }
            entry::<G>(viewer, output, id, centre, &mut self.entries);
            viewer.known.push(id);
            count += 1;
        }
        must(bits.count(count as u32, VISIBLE_MAX as u32));
        if count > 0 {
            self.entry_words.clear();
            let len = self.entries.drain_words(&mut self.entry_words);
            bits.append(&self.entry_words, len);
            self.entry_bytes += len as usize / 8;
            viewer.known.sort_unstable();
        }
    }

    /// Collects what is in the view and not known. The entity that the view follows comes first: the others' places are
    /// told relative to it.
    fn find_candidates(&mut self, viewer: &Viewer<G::Rules>, output: &TickOutput<G::Rules>, centre: Point) {
        let rect = Viewer::<G::Rules>::entry_rect(viewer.aspect(), centre);
        let (stamps, stamp, candidates) = (&self.stamps, self.stamp, &mut self.candidates);
        candidates.clear();
        output.records.grid().visit(&rect, |id, place| {
            if stamps[id.index()] != stamp {
                let distance = if viewer.follow == Some(id) { -1 } else { centre.distance_squared(place) };
                candidates.push((distance, id));
            }
        });
        candidates.sort_unstable();
    }
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

/// Writes a flag for each known entity that can be corrected, and the shared delta where there is one.
fn deltas<R: Rules>(viewer: &Viewer<R>, output: &TickOutput<R>, bits: &mut BitWriter) {
    for &id in viewer.known.iter().filter(|id| R::is_corrected(**id)) {
        let slot = output.records.slot(id);
        bits.write(u32::from(slot.delta_len > 0), 1);
        if slot.delta_len > 0 {
            bits.append(output.records.delta(&slot), u32::from(slot.delta_len));
        }
    }
}

/// Adds what the known entities brought forth. Nothing is written: the client does the same.
fn spawn<R: Rules>(viewer: &mut Viewer<R>, output: &TickOutput<R>) {
    let len = viewer.known.len();
    for index in 0..len {
        if let Some(child) = output.records.slot(viewer.known[index]).child {
            viewer.known.push(child);
        }
    }
    if viewer.known.len() > len {
        viewer.known.sort_unstable();
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

fn hash_known<R: Rules>(viewer: &Viewer<R>, output: &TickOutput<R>) -> u32 {
    let mut digest = Digest::default();
    for &id in &viewer.known {
        if let Some(entity) = output.records.get(id) {
            digest.entity::<R>(id, entity);
        }
    }
    digest.finish()
}

/// What is written is in range by construction: the game made it.
fn must<T>(written: Result<T, WireError>) -> T {
    match written {
        Ok(value) => value,
        Err(error) => unreachable!("our own state cannot be written: {error}"),
    }
}
