//! Leaves after a shot, when it is hurt or when it is destroyed, and joins again at once from the same network, so that the
//! pauses, the energy, the hull and the wait of its ship begin anew.

use super::{Conduct, ConnectionEnd, Move};
use crate::peer::SimPeer;
use fracas_protocol::rng::Rng;

/// What makes it leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It has fired its rail.
    Shot,
    /// Its ship was hit.
    Hurt,
    /// Its ship is destroyed.
    Destroyed,
}

/// One with its habits, which last for a seed.
#[derive(Debug)]
pub(super) struct Hopper {
    cause: Cause,
    /// Each other time, if it is none.
    how: Option<ConnectionEnd>,
    with_token: bool,
    /// How long it stays away, at least.
    away_us: u64,
    /// The connection whose ship has flown: only then can it be destroyed.
    flown: Option<u32>,
    /// The connection, and the pause of its rail as it was last told of it.
    pause: (u32, u8),
}

impl Hopper {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let causes = [Cause::Shot, Cause::Shot, Cause::Hurt, Cause::Destroyed];
        Self {
            cause: causes[rng.below(4) as usize],
            how: [Some(ConnectionEnd::Goodbye), Some(ConnectionEnd::Goodbye), Some(ConnectionEnd::Cut), None]
                [rng.below(4) as usize],
            with_token: rng.chance(1, 4),
            away_us: if rng.chance(1, 3) { u64::from(rng.below(1_000_000)) } else { 0 },
            flown: None,
            pause: (0, 0),
        }
    }
}

impl Conduct for Hopper {
    fn look(&mut self, peer: &SimPeer, _: u64, rng: &mut Rng) -> Option<Move> {
        let (ship, own) = peer.own_ship()?;
        if ship.is_alive() {
            self.flown = Some(peer.number);
        }
        let (of, before) = std::mem::replace(&mut self.pause, (peer.number, own.rail_pause));
        // A pause grows only with a shot; a new ship may begin with one.
        let has_shot = of == peer.number && own.rail_pause > before;
        let has_flown = self.flown == Some(peer.number);
        let is_due = match self.cause {
            Cause::Shot => ship.is_alive() && has_shot,
            Cause::Hurt => ship.is_alive() && ship.hull < fracas_arena::rules::tuning::HULL_MAX,
            Cause::Destroyed => has_flown && !ship.is_alive(),
        };
        // Who is destroyed has nothing more to gain here, whatever it waits for.
        let is_due = is_due || (has_flown && !ship.is_alive() && rng.chance(1, 20));
        let how = self.how.unwrap_or(if rng.chance(1, 2) { ConnectionEnd::Goodbye } else { ConnectionEnd::Cut });
        is_due.then_some(Move::ConnectionEnd { how, away_us: self.away_us, with_token: self.with_token })
    }
}
