//! What a room's tick comes to.

use crate::replication::{SpectatorOutput, TickOutput};
use crate::sim::channel::RoomEvents;
use fracas_protocol::game::rules::Rules;
use std::sync::Arc;

/// How many commands of a batch were taken or dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputCounts {
    /// Taken into an input buffer.
    pub taken: u64,
    /// Stamped too far ahead.
    pub early: u64,
    /// Older than what is in effect, or for a tick that has one.
    pub old: u64,
    /// Their session is over.
    pub orphaned: u64,
}

/// How many new sessions began on a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinCounts {
    /// Let in.
    pub joined: u32,
    /// Sessions that began with a debt.
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

/// The result of one tick.
#[derive(Debug)]
pub struct TickResult<R: Rules> {
    /// The output that frames are made from.
    pub output: Arc<TickOutput<R>>,
    /// The output for spectators' frames, if anybody watches.
    pub spectator_output: Option<SpectatorOutput<R>>,
    /// What is published only once.
    pub events: RoomEvents,
    /// How many commands were taken or dropped.
    pub inputs: InputCounts,
    /// How many sessions began.
    pub joins: JoinCounts,
}
