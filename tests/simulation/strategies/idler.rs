//! Takes a seat and does nothing with it: hidden, or parked in sight.

use super::{Conduct, Move};
use crate::peer::SimPeer;
use fracas_protocol::rng::Rng;

/// Its habit, which lasts for a seed.
#[derive(Debug)]
pub(super) struct Idler {
    hides: bool,
}

impl Idler {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self { hides: rng.chance(1, 2) }
    }
}

impl Conduct for Idler {
    fn look(&mut self, peer: &SimPeer, _: u64, _: &mut Rng) -> Option<Move> {
        (self.hides && peer.plays()).then_some(Move::Hide)
    }
}
