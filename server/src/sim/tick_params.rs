//! What the rooms are told with each tick.

use fracas_protocol::game::rules::Detail;
use fracas_protocol::tick::Tick;

/// What a tick of all rooms, or of one, is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickParams {
    /// Which tick it is.
    pub tick: Tick,
    /// How much viewers are told at once.
    pub detail: Detail,
    /// How many may join who were not here before, in all rooms together.
    pub joins_left: u32,
}

impl TickParams {
    /// A tick on which nothing is held back.
    pub fn unrestrained(tick: Tick) -> Self {
        Self { tick, detail: Detail::Full, joins_left: u32::MAX }
    }
}
