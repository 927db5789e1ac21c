//! What the rooms are told with each tick.

use fracas_protocol::tick::Tick;

/// What a tick of all rooms, or of one, is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickParams {
    /// Which tick it is.
    pub tick: Tick,
    /// How many may join who were not here before, in all rooms together.
    pub joins_left: u32,
}

impl TickParams {
    /// A tick on which nothing is held back.
    pub fn unrestrained(tick: Tick) -> Self {
        Self { tick, joins_left: u32::MAX }
    }
}
