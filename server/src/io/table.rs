//! The connections of one event loop, each in the slot that its key names.

use crate::ids::ConnectionKey;

/// Slots with their holders. The key of a connection that has left finds nothing, even if the slot is used again.
#[derive(Debug)]
pub(crate) struct SlotTable<T> {
    event_loop: u8,
    slots: Vec<Option<T>>,
    /// By slot: the number of its present or last holder.
    generations: Vec<u32>,
    free: Vec<u32>,
    generation: u32,
}

impl<T> SlotTable<T> {
    pub(crate) fn new(event_loop: u8) -> Self {
        Self { event_loop, slots: Vec::new(), generations: Vec::new(), free: Vec::new(), generation: 0 }
    }

    /// Whether there are no holders.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The number of slots, free ones included.
    pub(crate) fn count(&self) -> usize {
        self.slots.len()
    }

    /// Puts the value that `make` makes from its key into a free slot.
    pub(crate) fn insert(&mut self, make: impl FnOnce(ConnectionKey) -> T) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.generations.push(0);
            self.slots.len() as u32 - 1
        });
        self.generation = self.generation.wrapping_add(1);
        let key = ConnectionKey { event_loop: self.event_loop, slot, generation: self.generation };
        self.generations[slot as usize] = key.generation;
        self.slots[slot as usize] = Some(make(key));
        slot as usize
    }

    /// Who is in a slot.
    pub(crate) fn at(&mut self, slot: usize) -> Option<&mut T> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The holder that a key names.
    pub(crate) fn get(&mut self, key: ConnectionKey) -> Option<&mut T> {
        let slot = key.slot as usize;
        let is_theirs = key.event_loop == self.event_loop && self.generations.get(slot) == Some(&key.generation);
        if is_theirs { self.at(slot) } else { None }
    }

    /// All holders, in the order of their slots.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// The slots from `first` on, with their holders.
    pub(crate) fn from(&mut self, first: usize) -> impl Iterator<Item = (usize, Option<&mut T>)> {
        self.slots[first..].iter_mut().enumerate().map(move |(index, holder)| (first + index, holder.as_mut()))
    }

    /// Removes all holders for which `is_gone` is true, and passes them to `take`.
    pub(crate) fn take_if(&mut self, mut is_gone: impl FnMut(&T) -> bool, mut take: impl FnMut(T)) {
        for (slot, holder) in self.slots.iter_mut().enumerate() {
            if let Some(gone) = holder.take_if(|holder| is_gone(holder)) {
                take(gone);
                self.free.push(slot as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_somebody_who_left_does_not_find_the_next_holder_of_the_place() {
        let mut table = SlotTable::new(3);
        let mut keys = Vec::new();
        let slot = table.insert(|key| {
            keys.push(key);
            'a'
        });
        assert_eq!(table.get(keys[0]), Some(&mut 'a'));
        table.take_if(|_| true, |_| ());
        assert_eq!(table.get(keys[0]), None);
        let again = table.insert(|key| {
            keys.push(key);
            'b'
        });
        assert_eq!((slot, table.len()), (again, 1));
        assert_eq!(table.get(keys[0]), None);
        assert_eq!(table.get(keys[1]), Some(&mut 'b'));
        assert_eq!(table.get(ConnectionKey { event_loop: 2, ..keys[1] }), None, "of another event loop");
    }
}
