//! One tick's changes of all records, as bits. They turn the records before the tick into the records after it.
//!
//! ```text
//! changes   for each entity before that does not expire: changed : 1 | [delta follows : 1 | delta]      (not for quiet ones)
//!           for each entity that entered and was not spawned: 1 : 1 | id : 16 | entry                   then 0 : 1
//! ```
//!
//! Expiries and spawns are not written, since they follow from the rules, as in a frame
//! (`fracas_protocol::wire::frame`). Unlike a frame's body, this has no known list and no positions relative to a view.

use super::compose::must;
use super::records::{Presence, Records};
use fracas_protocol::game::rules::{Fate, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::record::read_delta;
use fracas_protocol::wire::bits::{BitReader, BitWriter, Coder};

/// Writes the changes from the entities `before` a tick to the records `after` it. `rules` has the tick's world state.
pub fn write<R: Rules>(rules: &R, before: &[(EntityId, R::Entity)], after: &Records<R>, bits: &mut BitWriter) {
    let mut quiet = 0;
    for (id, _) in before {
        match after.slot(*id) {
            Some(slot) if slot.delta_len == 0 => quiet += 1,
            Some(slot) => {
                bits.zeros(std::mem::take(&mut quiet));
                bits.write(0b11, 2);
                bits.append(after.delta(slot), u32::from(slot.delta_len));
            }
            None if after.presence(*id) == Presence::Expired => {}
            None => {
                bits.zeros(std::mem::take(&mut quiet));
                bits.write(0b01, 2);
            }
        }
    }
    bits.zeros(quiet);
    let mut known = before.iter().map(|(id, _)| *id).peekable();
    for (id, entity) in after.entities() {
        while known.next_if(|known| known < id).is_some() {}
        if known.peek() != Some(id) && !is_spawned(*id, after) {
            bits.write(1, 1);
            bits.write(u32::from(id.0), EntityId::BITS);
            let mut entity = *entity;
            must(rules.code(&mut entity, None, bits));
        }
    }
    bits.write(0, 1);
}

/// Whether an entity was spawned on this tick by one that has a record.
fn is_spawned<R: Rules>(id: EntityId, after: &Records<R>) -> bool {
    R::IDS.parent(id).and_then(|parent| after.slot(parent)).is_some_and(|parent| parent.child == Some(id))
}

/// Reads what [`write()`] wrote: fills `after` with the entities after the tick, by ascending id.
///
/// # Panics
/// If the bits were not written by [`write()`] from the same `before` and the same world state.
pub fn read<R: Rules>(
    rules: &R,
    before: &[(EntityId, R::Entity)],
    after: &mut Vec<(EntityId, R::Entity)>,
    bits: &mut BitReader<'_>,
) {
    after.clear();
    if after.capacity() < before.len() {
        after.reserve_exact(before.len() + before.len() / 8);
    }
    for (id, record) in before {
        let mut now = *record;
        if rules.predict(&mut now) == Fate::Expires {
            continue;
        }
        if must(bits.flag(false)) {
            if !must(bits.flag(false)) {
                continue;
            }
            must(read_delta(rules, record, &mut now, bits));
        }
        after.push((*id, now));
    }
    let survivors = after.len();
    while must(bits.flag(false)) {
        let id = EntityId(must(bits.uint(0, EntityId::BITS)) as u16);
        let mut entity = rules.blank(id);
        must(rules.code(&mut entity, None, bits));
        after.push((id, entity));
    }
    for index in 0..after.len() {
        let (id, entity) = after[index];
        after.extend(rules.spawned_by(id, &entity));
    }
    if after.len() > survivors {
        // A stable sort finds the ordered runs, so this is a merge.
        after.sort_by_key(|(id, _)| *id);
    }
}
