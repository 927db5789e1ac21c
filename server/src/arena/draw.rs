//! Draws between ships for which the rules see no difference: by the world's rng and by what the ships are, never by their
//! ids. So nobody gains by having joined into a low slot.

use fracas_protocol::rng::Rng;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A ship's place in the order of one tick's draws. Another tick gives another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lot(u64, u64);

/// The draws of one tick.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Draw {
    salt: u64,
}

impl Draw {
    /// New draws, for which the rng is asked once, however many ships there are.
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self { salt: rng.word() }
    }

    /// The lot of a ship, of which `traits` are all that tells it from others but for its id. `luck` decides only between
    /// ships that are equal in all of them.
    pub(super) fn lot(&self, traits: impl Iterator<Item = u64>, luck: u64) -> Lot {
        Lot(self.mix(traits), self.mix(std::iter::once(luck)))
    }

    fn mix(&self, words: impl Iterator<Item = u64>) -> u64 {
        words.fold(self.salt, |mixed, word| Rng::new(mixed ^ word, 1).word())
    }
}

/// The nearest of the ships that were offered; of equally near ones the one with the lower lot, in whichever order they came.
pub(super) struct Nearest<L> {
    lot: L,
    best: Option<(i64, u16)>,
}

impl<L: Fn(u16) -> Lot> Nearest<L> {
    /// None yet. `lot` tells the lot of the ship in a slot.
    pub(super) fn new(lot: L) -> Self {
        Self { lot, best: None }
    }

    /// One more ship, so far away.
    pub(super) fn offer(&mut self, distance: i64, slot: u16) {
        let is_nearer = |(least, best): (i64, u16)| match distance.cmp(&least) {
            Ordering::Less => true,
            Ordering::Equal => (self.lot)(slot) < (self.lot)(best),
            Ordering::Greater => false,
        };
        if self.best.is_none_or(is_nearer) {
            self.best = Some((distance, slot));
        }
    }

    /// How far away the nearest is, and its slot.
    pub(super) fn best(&self) -> Option<(i64, u16)> {
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_two_wins_half_of_the_draws() {
        let mut rng = Rng::new(7, 1);
        for (one, other) in [(([1, 5], 3), ([1, 6], 3)), (([1, 5], 3), ([1, 5], 4))] {
            let wins = (0..10_000).filter(|_| {
                let draw = Draw::new(&mut rng);
                draw.lot(one.0.into_iter(), one.1) < draw.lot(other.0.into_iter(), other.1)
            });
            assert!((4_800..5_200).contains(&wins.count()), "{one:?} against {other:?}");
        }
    }
}
