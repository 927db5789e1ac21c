//! A known list, ascending by id: what leaves it, what changes in it, and what enters it.

use super::records::{Presence, Records};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::grid::Rect;
use fracas_protocol::ids::EntityId;
use fracas_protocol::wire::bits::BitWriter;
use fracas_protocol::wire::frame;
use fracas_protocol::{WireError, record};

/// New ids up to which each is inserted where it belongs; more are sorted.
const FEW: usize = 8;

/// Drops expired entities and writes the leaves. Entities that are gone leave. Entities outside of `keep` leave on a
/// tick on which the viewer `looks`. They also leave when anything known, its own entity included, has jumped to another
/// position.
pub(super) fn leave<R: Rules>(
    known: &mut Vec<EntityId>,
    records: &Records<R>,
    keep: Rect,
    looks: bool,
    leaves: &mut Vec<u16>,
    bits: &mut BitWriter,
) -> Result<(), WireError> {
    leaves.clear();
    let most = known.iter().map(|id| records.presence(*id)).max();
    if !looks && most.is_none_or(|most| most < Presence::Moved) {
        return frame::code_leaves(leaves, known.len(), bits);
    }
    let looks = looks || has_moved(known, records);
    let mut index: u16 = 0;
    known.retain(|&id| {
        if records.presence(id) == Presence::Expired {
            return false;
        }
        let stays = records.slot(id).is_some_and(|slot| !looks || keep.contains(slot.position));
        if !stays {
            leaves.push(index);
        }
        index += 1;
        stays
    });
    frame::code_leaves(leaves, usize::from(index), bits)
}

/// Whether anything known has moved far away.
pub(super) fn has_moved<R: Rules>(known: &[EntityId], records: &Records<R>) -> bool {
    known.iter().any(|id| records.presence(*id) == Presence::Moved)
}

/// Writes a flag for each known entity that can be corrected, and the shared delta where there is one. Then adds the
/// spawns of the known entities, for which nothing is written. The client does the same.
pub(super) fn change<R: Rules>(known: &mut Vec<EntityId>, records: &Records<R>, bits: &mut BitWriter) {
    let len = known.len();
    let mut quiet = 0;
    for index in 0..len {
        let id = known[index];
        let is_corrected = R::is_corrected(id);
        if records.presence(id) == Presence::Quiet {
            quiet += u32::from(is_corrected);
            continue;
        }
        let Some(slot) = records.slot(id) else { continue };
        if is_corrected {
            bits.zeros(std::mem::take(&mut quiet));
            bits.write(u32::from(slot.delta_len > 0), 1);
            bits.append(records.delta(slot), u32::from(slot.delta_len));
        }
        known.extend(slot.child);
    }
    bits.zeros(quiet);
    sort_new(known, len);
}

/// Sorts the ids from `sorted` on in among those before.
pub(super) fn sort_new(known: &mut [EntityId], sorted: usize) {
    if known.len() - sorted > FEW {
        return known.sort_unstable();
    }
    for index in sorted..known.len() {
        let id = known[index];
        let at = known[..index].partition_point(|other| *other < id);
        known[at..=index].rotate_right(1);
    }
}

/// The hash of the records of a known list.
pub(super) fn hash<R: Rules>(rules: &R, known: &[EntityId], records: &Records<R>) -> u32 {
    record::hash(rules, known.iter().filter_map(|id| Some((*id, records.get(*id)?))))
}

/// Marks for a fast check whether an id is in a list. There is a byte per id, with a new number for each list. So the
/// bytes are cleared only once in 255 lists.
#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: Vec<u8>,
    number: u8,
}

/// A view of the list that was marked last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marked<'a> {
    marks: &'a [u8],
    number: u8,
}

impl Marks {
    /// Marks a list. All ids that will be asked for are below `end`.
    pub(super) fn mark(&mut self, known: &[EntityId], end: usize) -> Marked<'_> {
        if self.marks.len() < end {
            self.marks.resize(end, 0);
        }
        if self.number == u8::MAX {
            self.marks.fill(0);
            self.number = 0;
        }
        self.number += 1;
        for id in known {
            self.marks[id.index()] = self.number;
        }
        Marked { marks: &self.marks, number: self.number }
    }
}

impl Marked<'_> {
    #[inline]
    pub(super) fn contains(self, id: EntityId) -> bool {
        self.marks[id.index()] == self.number
    }
}
