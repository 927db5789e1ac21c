//! Takes a seat and does nothing with it: hidden, or parked in sight.

use super::{Conduct, Move};
use crate::peer::Peer;
use fracas_protocol::rng::Dice;

/// Its habit, which lasts for a seed.
#[derive(Debug)]
pub(super) struct Idler {
    hides: bool,
}

impl Idler {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self { hides: dice.chance(1, 2) }
    }
}

impl Conduct for Idler {
    fn look(&mut self, peer: &Peer, _: u64, _: &mut Dice) -> Option<Move> {
        (self.hides && peer.plays()).then_some(Move::Hide)
    }
}
