//! The connections of one event loop, each in a place that its key names.

use crate::ids::ConnectionKey;

/// Places with their holders. A key of somebody who has left finds nobody, whoever has the place now.
#[derive(Debug)]
pub(crate) struct SlotTable<T> {
    event_loop: u8,
    places: Vec<Option<T>>,
    /// By place: which holder is in it, or was the last.
    generations: Vec<u32>,
    free: Vec<u32>,
    generation: u32,
}

impl<T> SlotTable<T> {
    pub(crate) fn new(event_loop: u8) -> Self {
        Self { event_loop, places: Vec::new(), generations: Vec::new(), free: Vec::new(), generation: 0 }
    }

    /// Whether there is nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Slots, with or without somebody in them.
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// Puts what `make` makes of its key into a free place.
    pub(crate) fn insert(&mut self, make: impl FnOnce(ConnectionKey) -> T) -> usize {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.generations.push(0);
            self.places.len() as u32 - 1
        });
        self.generation = self.generation.wrapping_add(1);
        let key = ConnectionKey { event_loop: self.event_loop, place, generation: self.generation };
        self.generations[place as usize] = key.generation;
        self.places[place as usize] = Some(make(key));
        place as usize
    }

    /// Who is in a place.
    pub(crate) fn at(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place)?.as_mut()
    }

    /// Whom a key names.
    pub(crate) fn get(&mut self, key: ConnectionKey) -> Option<&mut T> {
        let place = key.place as usize;
        let is_theirs = key.event_loop == self.event_loop && self.generations.get(place) == Some(&key.generation);
        if is_theirs { self.at(place) } else { None }
    }

    /// Everybody, in the order of their places.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }

    /// The places from `first` on, and who is in them.
    pub(crate) fn from(&mut self, first: usize) -> impl Iterator<Item = (usize, Option<&mut T>)> {
        self.places[first..].iter_mut().enumerate().map(move |(index, holder)| (first + index, holder.as_mut()))
    }

    /// Takes everybody out of whom `is_gone` says so, and hands them to `take`.
    pub(crate) fn take_if(&mut self, mut is_gone: impl FnMut(&T) -> bool, mut take: impl FnMut(T)) {
        for (place, holder) in self.places.iter_mut().enumerate() {
            if let Some(gone) = holder.take_if(|holder| is_gone(holder)) {
                take(gone);
                self.free.push(place as u32);
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
        let place = table.insert(|key| {
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
        assert_eq!((place, table.len()), (again, 1));
        assert_eq!(table.get(keys[0]), None);
        assert_eq!(table.get(keys[1]), Some(&mut 'b'));
        assert_eq!(table.get(ConnectionKey { event_loop: 2, ..keys[1] }), None, "of another event loop");
    }
}
