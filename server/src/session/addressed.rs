//! What the tick thread has for single connections of an event loop, or for all of them, in the order in which it is told.

use crate::ids::{ConnectionKey, RoomId, SessionId};
use crate::io::service::Addressee;
use crate::sim::channel::{JoinAnswer, RoomEvents};
use fracas_protocol::wire::close::CloseReason;
use std::collections::VecDeque;

/// One thing to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addressed {
    /// A room's spectators are late by more or fewer ticks from now on.
    DelayChanged(RoomId),
    /// A room ended by a panic, and may have begun again since.
    RoomFailed(RoomId),
    /// A room's answer, given on the tick with this index among those that are taken in.
    JoinAnswer(usize, JoinAnswer),
    /// Another connection took the session over, or the room sent its player away.
    Evicted(ConnectionKey, CloseReason),
    /// A session is over. For the registry, and no connection.
    SessionEnded(SessionId),
    /// Ticks are missing: what comes does not follow from what was sent.
    TicksMissed,
    /// A client's turn for a fresh start has come.
    FreshStart(ConnectionKey),
}

impl Addressed {
    /// Whom to tell, if it is for connections.
    pub(crate) fn addressee(&self) -> Option<Addressee> {
        match self {
            Self::DelayChanged(_) | Self::RoomFailed(_) | Self::TicksMissed => Some(Addressee::Everybody),
            Self::JoinAnswer(_, answer) => Some(Addressee::One(answer.connection)),
            Self::Evicted(key, _) | Self::FreshStart(key) => Some(Addressee::One(*key)),
            Self::SessionEnded(_) => None,
        }
    }
}

/// Adds what a tick says to the connections of the event loop `index`. The queue is bounded as the events are: by the seats in
/// the rooms.
pub(crate) fn add_events(queue: &mut VecDeque<Addressed>, events: &RoomEvents, tick: usize, index: u8) {
    // Before the answers, which may be to its next life.
    queue.extend(events.failed.iter().copied().map(Addressed::RoomFailed));
    let answers = events.join_answers.iter().filter(|answer| answer.connection.event_loop == index);
    queue.extend(answers.map(|answer| Addressed::JoinAnswer(tick, *answer)));
    let evictions = events.evictions.iter().filter(|(key, _)| key.event_loop == index);
    queue.extend(evictions.map(|(key, reason)| Addressed::Evicted(*key, *reason)));
    // Every loop hears of every end; the first one is enough to clear the registry.
    if index == 0 {
        queue.extend(events.ended.iter().copied().map(Addressed::SessionEnded));
    }
}
