//! Draws between ships that are equal by the rules. They use the world's random generator and the ships' state, never
//! their ids. So a low slot is no advantage.

use fracas_protocol::rng::Rng;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A ship's rank in the order of one tick's draws. Each tick has another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lot(u64, u64);

/// The draws of one tick.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Draw {
    salt: u64,
}

impl Draw {
    /// New draws. They use the generator once, however many ships there are.
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self { salt: rng.word() }
    }

    /// The lot of a ship. `traits` is all of its state except its id. `luck` decides only between ships with equal
    /// traits.
    pub(super) fn lot(&self, traits: impl Iterator<Item = u64>, luck: u64) -> Lot {
        Lot(self.mix(traits), self.mix(std::iter::once(luck)))
    }

    fn mix(&self, words: impl Iterator<Item = u64>) -> u64 {
        words.fold(self.salt, |mixed, word| Rng::new(mixed ^ word, 1).word())
    }
}

/// The nearest of the offered ships. Of equally near ones it is the one with the lower lot, whatever the order of the
/// offers.
pub(super) struct Nearest<L> {
    lot: L,
    best: Option<(i64, u16)>,
}

impl<L: Fn(u16) -> Lot> Nearest<L> {
    /// No ship yet. `lot` gives the lot of the ship in a slot.
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
