//! A table of players by slot, for games that keep something for each.

use super::rules::Rules;
use crate::ids::{EntityId, PlayerId};
use serde::{Deserialize, Serialize};

/// Something for each player, by slot. Its order is that of the slots, so it is the same in every copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slots<T>(Vec<Option<T>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slots<T> {
    /// Sets a player's row. Returns what it was before.
    pub fn insert(&mut self, player: PlayerId, row: T) -> Option<T> {
        if self.0.len() <= player.index() {
            self.0.resize_with(player.index() + 1, || None);
        }
        self.0[player.index()].replace(row)
    }

    /// Removes a player's row.
    pub fn remove(&mut self, player: PlayerId) -> Option<T> {
        self.0.get_mut(player.index())?.take()
    }

    /// A player's row.
    pub fn get(&self, player: PlayerId) -> Option<&T> {
        self.0.get(player.index())?.as_ref()
    }

    /// A player's row, to change it.
    pub fn get_mut(&mut self, player: PlayerId) -> Option<&mut T> {
        self.0.get_mut(player.index())?.as_mut()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every player and its row, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (PlayerId, &T)> + Clone {
        self.0.iter().enumerate().filter_map(|(slot, row)| Some((PlayerId(slot as u16), row.as_ref()?)))
    }

    /// Every player and its row, by slot, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (PlayerId, &mut T)> {
        self.0.iter_mut().enumerate().filter_map(|(slot, row)| Some((PlayerId(slot as u16), row.as_mut()?)))
    }

    /// Every slot from the first on, also those without a player.
    pub fn by_slot(&self) -> impl Iterator<Item = Option<&T>> + Clone {
        self.0.iter().map(Option::as_ref)
    }

    /// The players' own entities with their ids, by id.
    pub fn entities<R: Rules<Entity = T>>(&self) -> impl Iterator<Item = (EntityId, T)>
    where
        T: Copy,
    {
        self.iter().map(|(player, entity)| (R::IDS.of_player(player), *entity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_order_of_their_slots_and_gaps_stay() {
        let mut slots = Slots::default();
        assert!(slots.insert(PlayerId(3), 'd').is_none() && slots.insert(PlayerId(1), 'b').is_none());
        assert_eq!(slots.insert(PlayerId(3), 'e'), Some('d'));
        assert_eq!(slots.iter().map(|(player, row)| (player.0, *row)).collect::<Vec<_>>(), [(1, 'b'), (3, 'e')]);
        assert_eq!(slots.by_slot().flatten().count(), slots.len());
        assert_eq!((slots.by_slot().count(), slots.get(PlayerId(9))), (4, None));
        assert_eq!(slots.remove(PlayerId(9)), None);
        assert_eq!((slots.remove(PlayerId(3)), slots.len()), (Some('e'), 1));
    }
}
