//! Whose ship is whose: at most one connection has one on any tick; who comes back within the grace has the same one, later
//! than it was left; who left does not; and nobody is closed without a reason.

use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::tick::Tick;
use std::collections::BTreeMap;

/// Which connection was told of which ship as its own.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<(EntityId, Tick), u32>);

impl Ledger {
    /// A connection got a body of a tick with the ship as its own.
    pub(crate) fn own(&mut self, ship: EntityId, tick: Tick, connection: u32) -> Result<(), String> {
        match self.0.insert((ship, tick), connection) {
            Some(other) if other != connection => {
                Err(format!("connections {other} and {connection} both have {ship:?} on tick {tick}"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a player has said goodbye to its ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    No,
    /// It said so, and nobody knows whether the server heard it.
    Maybe,
    /// The server has confirmed it.
    Yes,
}

/// What a player has of a session, when it is not connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) token: Token,
    /// None for a spectator.
    pub(crate) own: Option<EntityId>,
    /// The last tick it heard of.
    pub(crate) tick: Tick,
    pub(crate) left: Left,
    /// The server is known to have heard from the client that has the token, and nobody else can have used it since.
    pub(crate) is_sure: bool,
}

impl Claim {
    /// Whether the ship must be given back.
    pub(crate) fn must_be_kept(&self) -> bool {
        self.is_sure && self.left == Left::No && self.own.is_some()
    }

    /// Judges the answer to a hello with the token.
    pub(crate) fn check(&self, own: Option<EntityId>, resumed: bool) -> Result<(), String> {
        match resumed {
            true if self.left == Left::Yes => Err("a session that it had left came back".into()),
            true if own != self.own => Err(format!("it came back as {own:?}, and had been {:?}", self.own)),
            false if self.must_be_kept() => Err(format!("it was not given {:?} back", self.own)),
            _ => Ok(()),
        }
    }
}
