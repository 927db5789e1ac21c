//! Many connections of one network that say hello and are cut, over and over: with the welcome, or without ever hearing it.

use super::{Conduct, End, Move};
use crate::peer::Peer;
use fracas_protocol::rng::Dice;

/// Its habits, which last for a seed.
#[derive(Debug)]
pub(super) struct Crowd {
    /// It says something before it cuts, so that its ship waits.
    speaks: bool,
    how: End,
    /// How long it listens, at most.
    patience_us: u64,
    away_us: u64,
}

impl Crowd {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            speaks: dice.chance(1, 4),
            how: if dice.chance(1, 4) { End::Goodbye } else { End::Cut },
            patience_us: if dice.chance(1, 4) { 40_000 } else { 2_000_000 },
            away_us: u64::from(dice.below(60_000)),
        }
    }
}

impl Conduct for Crowd {
    fn is_mute(&self) -> bool {
        !self.speaks
    }

    fn look(&mut self, peer: &Peer, now_us: u64, _: &mut Dice) -> Option<Move> {
        let is_due = peer.seat.is_some() || now_us - peer.began_us > self.patience_us;
        // Goodbye can be said only to who has said welcome.
        let how = if peer.seat.is_some() { self.how } else { End::Cut };
        is_due.then_some(Move::End { how, away_us: self.away_us, with_token: false })
    }
}
