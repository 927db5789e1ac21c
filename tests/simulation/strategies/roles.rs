//! One network with two roles: a player, and a spectator of the same room who might tell it what its ship cannot see.

use super::{Conduct, Move};
use crate::peer::SimPeer;
use fracas_protocol::rng::Rng;

/// Both stay; what the spectator is told is checked.
#[derive(Debug)]
pub(super) struct Roles;

impl Conduct for Roles {
    fn look(&mut self, _: &SimPeer, _: u64, _: &mut Rng) -> Option<Move> {
        None
    }
}
