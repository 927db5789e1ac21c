//! One network with two roles: a player, and a spectator of the same room who might tell it what its ship cannot see.

use super::{Conduct, Move};
use crate::peer::Peer;
use fracas_protocol::rng::Dice;

/// Both stay; what the spectator is told is checked.
#[derive(Debug)]
pub(super) struct Roles;

impl Conduct for Roles {
    fn look(&mut self, _: &Peer, _: u64, _: &mut Dice) -> Option<Move> {
        None
    }
}
