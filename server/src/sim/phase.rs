//! The phases of a tick, which are timed separately.

/// A part of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Requests and commands are taken in.
    Inbound,
    /// The game steps.
    Step,
    /// Records are predicted, compared and encoded.
    Records,
    /// The private data of single players is collected.
    Players,
    /// The tick is recorded for spectators, and their delayed view advances.
    Spectators,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::Inbound, Self::Step, Self::Records, Self::Players, Self::Spectators];

    /// The word used as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Step => "step",
            Self::Records => "records",
            Self::Players => "players",
            Self::Spectators => "spectators",
        }
    }
}
