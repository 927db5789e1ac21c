//! A table of players by slot, for games that keep something for each.

use super::authority::PlayerInput;
use super::rules::Rules;
use crate::ids::{EntityId, PlayerId};
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::ops::{Index, IndexMut};

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

    /// Something of every slot from the first on: none for one without a player, or of which `of` gives none.
    pub fn by_slot<U>(&self, of: impl Fn(&T) -> Option<U>) -> impl Iterator<Item = Option<U>> {
        self.0.iter().map(move |row| of(row.as_ref()?))
    }

    /// A player at random; none if there is nobody.
    pub fn draw(&self, rng: &mut Rng) -> Option<PlayerId> {
        let index = rng.below(self.len() as u32) as usize;
        self.iter().nth(index).map(|(player, _)| player)
    }

    /// The players' own entities with their ids, by id.
    pub fn entities<R: Rules<Entity = T>>(&self) -> impl Iterator<Item = (EntityId, T)>
    where
        T: Copy,
    {
        self.iter().map(|(player, entity)| (R::IDS.of_player(player), *entity))
    }
}

impl<T> Slots<T> {
    /// Plays everybody's input, in a game whose players have no state of their own.
    pub fn play<R: Rules<Entity = T, Own = ()>>(&mut self, rules: &R, inputs: &[PlayerInput<R::Input>]) {
        for told in inputs {
            rules.play(&mut self[told.player], &mut (), &told.input);
        }
    }
}

impl<T> Index<PlayerId> for Slots<T> {
    type Output = T;

    /// # Panics
    /// If the player is not there. Everybody with an input is.
    fn index(&self, player: PlayerId) -> &T {
        self.get(player).unwrap_or_else(|| panic!("{player:?} is not here"))
    }
}

impl<T> IndexMut<PlayerId> for Slots<T> {
    fn index_mut(&mut self, player: PlayerId) -> &mut T {
        self.get_mut(player).unwrap_or_else(|| panic!("{player:?} is not here"))
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
        assert_eq!(slots.by_slot(|row| Some(*row)).flatten().count(), slots.len());
        assert_eq!((slots[PlayerId(1)], slots.draw(&mut Rng::new(1, 1)).is_some()), ('b', true));
        assert_eq!((slots.by_slot(|row| Some(*row)).count(), slots.get(PlayerId(9))), (4, None));
        assert_eq!(slots.remove(PlayerId(9)), None);
        assert_eq!((slots.remove(PlayerId(3)), slots.len()), (Some('e'), 1));
    }
}
