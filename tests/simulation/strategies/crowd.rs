//! Many connections of one network that say hello and are cut, over and over: with the welcome, or without ever hearing it.

use super::{Conduct, ConnectionEnd, Move};
use crate::peer::SimPeer;
use fracas_protocol::rng::Rng;

/// Its habits, which last for a seed.
#[derive(Debug)]
pub(super) struct CrowdStrategy {
    /// It says something before it cuts, so that its ship waits.
    speaks: bool,
    how: ConnectionEnd,
    /// How long it listens, at most.
    patience_us: u64,
    away_us: u64,
}

impl CrowdStrategy {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            speaks: rng.chance(1, 4),
            how: if rng.chance(1, 4) { ConnectionEnd::Goodbye } else { ConnectionEnd::Cut },
            patience_us: if rng.chance(1, 4) { 40_000 } else { 2_000_000 },
            away_us: u64::from(rng.below(60_000)),
        }
    }
}

impl Conduct for CrowdStrategy {
    fn is_mute(&self) -> bool {
        !self.speaks
    }

    fn look(&mut self, peer: &SimPeer, now_us: u64, _: &mut Rng) -> Option<Move> {
        let is_due = peer.seat.is_some() || now_us - peer.began_us > self.patience_us;
        // Goodbye can be said only to who has said welcome.
        let how = if peer.seat.is_some() { self.how } else { ConnectionEnd::Cut };
        is_due.then_some(Move::ConnectionEnd { how, away_us: self.away_us, with_token: false })
    }
}
