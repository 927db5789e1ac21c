//! What a room's tick comes to.

use crate::replication::{SpectatorOutput, TickOutput};
use crate::sim::channel::RoomEvents;
use fracas_protocol::game::rules::Rules;
use std::sync::Arc;

/// What became of a batch's commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputCounts {
    /// Put into a buffer.
    pub taken: u64,
    /// Stamped too far ahead.
    pub early: u64,
    /// Older than what is in effect, or for a tick that has one.
    pub old: u64,
    /// Their session is over.
    pub orphaned: u64,
}

/// How many came in on a tick who were not here before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinCounts {
    /// Let in.
    pub joined: u32,
    /// Let in with the debt of one who left.
    pub in_debt: u32,
}

impl JoinCounts {
    /// Adds another room's.
    pub fn add(&mut self, other: Self) {
        self.joined += other.joined;
        self.in_debt += other.in_debt;
    }
}

impl InputCounts {
    /// Adds another room's.
    pub fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.early += other.early;
        self.old += other.old;
        self.orphaned += other.orphaned;
    }
}

/// What one tick has to say.
#[derive(Debug)]
pub struct TickResult<R: Rules> {
    /// What frames are made of.
    pub output: Arc<TickOutput<R>>,
    /// What spectators' frames are made of, if anybody watches.
    pub spectator_output: Option<SpectatorOutput<R>>,
    /// What is said only once.
    pub events: RoomEvents,
    /// What became of the commands.
    pub inputs: InputCounts,
    /// What became of those who asked to be let in.
    pub joins: JoinCounts,
}
