//! The only queues between the threads: sockets into event loops, batches of commands into the tick thread, the tick's
//! output back. Every queue has a bound, and says what happens there.

use crate::ids::{ConnectionKey, PlayerKind, RoomId, SessionId};
use crate::replication::{SpectatorOutput, TickOutput};
use crate::sim::join_refusal::JoinRefusal;
use crate::sim::overload::Round;
use fracas_protocol::game::authority::{Game, InputOf};
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::limits::BODIES_MAX;
use fracas_protocol::wire::message::{Aspect, Role};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A rare request of a connection to the room.
#[derive(Clone, Debug)]
pub enum Request {
    /// A player or spectator wants to join.
    Join {
        /// To be shown to others.
        name: Name,
        /// A person or one of the server's own bots.
        kind: PlayerKind,
        /// To play or to watch.
        role: Role,
        /// Its aspect.
        aspect: Aspect,
        /// The session of its token, if it has one.
        resume: Option<SessionId>,
        /// Whether it is exempt from the idle limit.
        may_idle: bool,
        /// Whether it may get a new session, if there is none to resume; or why not.
        may_begin: Result<(), JoinRefusal>,
        /// Its network: an IPv4 address, or the first address of an IPv6 /64. None for built-in bots.
        network: Option<IpAddr>,
    },
    /// The player leaves for good.
    Leave(SessionId),
    /// The connection is lost. The room keeps the entity for a while.
    Lost(SessionId),
    /// The page is hidden. The room releases the held controls.
    Rest(SessionId),
}

/// One player's input for one tick.
#[derive(Clone, Copy, Debug)]
pub struct Command<I> {
    /// The connection that sent it.
    pub connection: ConnectionKey,
    /// The player's session. It counts only if the connection still has it: another may have taken it over.
    pub session: SessionId,
    /// The tick that it is for.
    pub tick: Tick,
    /// The newest tick that was sent over this connection and acknowledged. The event loop knows it; the input's own
    /// claim does not count. None if it says nothing about the line: before the first, and while nothing is sent.
    pub ack: Option<Tick>,
    /// The input.
    pub input: I,
}

/// What an event loop read for one room since its last batch.
#[derive(Debug)]
pub struct Batch<I> {
    /// In the order in which they came.
    pub requests: Vec<(ConnectionKey, Request)>,
    /// In the order in which they came.
    pub commands: Vec<Command<I>>,
}

impl<I> Default for Batch<I> {
    fn default() -> Self {
        Self { requests: Vec::new(), commands: Vec::new() }
    }
}

impl<I> Batch<I> {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.commands.is_empty()
    }

    /// Forgets what it holds.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.commands.clear();
    }
}

/// What an event loop read since it last handed over, with a batch for each room.
#[derive(Debug)]
pub struct Batches<I> {
    /// By room.
    pub rooms: Vec<Batch<I>>,
    /// How long the loop's last round took, if it wrote to any connection.
    pub round: Option<Round>,
}

impl<I> Default for Batches<I> {
    fn default() -> Self {
        Self { rooms: Vec::new(), round: None }
    }
}

impl<I> Batches<I> {
    /// The batch of a room.
    pub fn of(&mut self, room: RoomId) -> &mut Batch<I> {
        if self.rooms.len() <= room.index() {
            self.rooms.resize_with(room.index() + 1, Batch::default);
        }
        &mut self.rooms[room.index()]
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.rooms.iter().all(Batch::is_empty)
    }
}

/// The room's answer to a [`Request::Join`].
#[derive(Clone, Copy, Debug)]
pub struct JoinAnswer {
    /// The connection that asked.
    pub connection: ConnectionKey,
    /// The session, or why there is none.
    pub verdict: Result<Admitted, JoinRefusal>,
}

/// What an admitted connection gets.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// Its session from now on.
    pub session: SessionId,
    /// Its own entity; a spectator has none.
    pub own: Option<EntityId>,
    /// Whether it got an old session back.
    pub resumed: bool,
    /// How many connections have had the session, this one included. Of two answers the one with the higher number
    /// counts, whichever event loop is quicker.
    pub given: u32,
}

/// Who in a room gets a piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everybody,
    /// Who plays; spectators hear the same later.
    Players,
    /// The spectators.
    Spectators,
    /// One session.
    One(SessionId),
}

impl Audience {
    /// Whether a session is among them.
    pub fn includes(self, session: SessionId, is_spectator: bool) -> bool {
        match self {
            Self::Everybody => true,
            Self::Players => !is_spectator,
            Self::Spectators => is_spectator,
            Self::One(one) => one == session,
        }
    }
}

/// A piece of the game's news as bytes, and who gets it.
#[derive(Clone, Debug)]
pub struct EncodedEvent {
    /// Whose room it is from.
    pub room: RoomId,
    /// Who in that room gets it.
    pub to: Audience,
    /// An encoded control message.
    pub message: Vec<u8>,
}

/// What frames are made of, by room.
pub type Outputs<R> = Arc<[Option<Arc<TickOutput<R>>>]>;

/// What spectators' frames are made of, by room; none where nobody watches.
pub type SpectatorOutputs<R> = Arc<[Option<SpectatorOutput<R>>]>;

/// What the tick thread publishes after each tick, of all rooms at once.
#[derive(Debug)]
pub struct Published<G: Game> {
    /// One more than that of the tick published before. A gap tells an event loop that it missed some.
    pub sequence: u64,
    /// The tick.
    pub tick: Tick,
    /// How often ticks run.
    pub rate: TickRate,
    /// What frames are made of.
    pub outputs: Outputs<G::Rules>,
    /// What spectators' frames are made of.
    pub spectator_outputs: SpectatorOutputs<G::Rules>,
    /// What is published only once. It is mostly empty.
    pub events: Arc<RoomEvents>,
    /// When the tick was due.
    pub due: Instant,
    /// How long its work took.
    pub work: Duration,
    /// How many ticks are to go in one frame, 1 to [`crate::sim::overload::PACK_MAX`].
    pub pack: u32,
}

impl<G: Game> Clone for Published<G> {
    fn clone(&self) -> Self {
        Self {
            outputs: Arc::clone(&self.outputs),
            spectator_outputs: Arc::clone(&self.spectator_outputs),
            events: Arc::clone(&self.events),
            ..*self
        }
    }
}

/// What a tick publishes beside the frames.
#[derive(Debug, Default)]
pub struct RoomEvents {
    /// Answers to joins.
    pub join_answers: Vec<JoinAnswer>,
    /// Connections that are to be closed, since another took over their session.
    pub evictions: Vec<(ConnectionKey, CloseReason)>,
    /// Rooms that ended by a panic, and may have reopened since. All their connections are closed, also those that wait
    /// to join.
    pub failed: Vec<RoomId>,
    /// Sessions that ended. Their tokens are void.
    pub ended: Vec<SessionId>,
    /// News.
    pub game_events: Vec<EncodedEvent>,
    /// The rooms close. Every connection is to be closed with this reason.
    pub farewell: Option<CloseReason>,
}

impl RoomEvents {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.join_answers.is_empty()
            && self.evictions.is_empty()
            && self.failed.is_empty()
            && self.ended.is_empty()
            && self.game_events.is_empty()
            && self.farewell.is_none()
    }

    /// Adds another room's of the same tick.
    pub fn append(&mut self, mut other: Self) {
        if self.is_empty() {
            return *self = other;
        }
        self.join_answers.append(&mut other.join_answers);
        self.evictions.append(&mut other.evictions);
        self.failed.append(&mut other.failed);
        self.ended.append(&mut other.ended);
        self.game_events.append(&mut other.game_events);
        self.farewell = self.farewell.or(other.farewell);
    }

    /// Adds a later tick's.
    pub fn extend(&mut self, later: &Self) {
        self.join_answers.extend_from_slice(&later.join_answers);
        self.evictions.extend_from_slice(&later.evictions);
        self.failed.extend_from_slice(&later.failed);
        self.failed.dedup();
        self.ended.extend_from_slice(&later.ended);
        self.game_events.extend_from_slice(&later.game_events);
        // Old news is useless, so only news is dropped. Everything else here is bounded by the slots in the rooms.
        let surplus = self.game_events.len().saturating_sub(GAME_EVENTS_MAX);
        self.game_events.drain(..surplus);
        self.farewell = self.farewell.or(later.farewell);
    }
}

/// Notices kept for an event loop that misses ticks; the oldest are dropped beyond.
pub const GAME_EVENTS_MAX: usize = 256;

/// Batches that may wait for the tick thread, per event loop. A loop whose batch does not fit keeps it and adds to it.
/// Requests are never lost. Commands beyond [`COMMANDS_MAX`] are dropped and counted.
pub const BATCHES_MAX: usize = 4;

/// Commands in one room's batch.
pub const COMMANDS_MAX: usize = 64 * 1024;

/// Ticks an event loop may be late before its players start afresh.
pub const OUTPUTS_MAX: usize = BODIES_MAX;

/// The tick thread's ends.
#[derive(Debug)]
pub struct TickEndpoints<G: Game> {
    /// From all event loops.
    pub inbound: flume::Receiver<Batches<InputOf<G>>>,
    /// To each event loop. A full one is skipped, and the loop notices the gap.
    pub outbound: Vec<flume::Sender<Published<G>>>,
    /// Returns emptied batches, so that their memory is reused.
    pub spare: Vec<flume::Sender<Batches<InputOf<G>>>>,
}

/// One event loop's ends.
#[derive(Debug)]
pub struct LoopEndpoints<G: Game> {
    /// To the tick thread.
    pub inbound: flume::Sender<Batches<InputOf<G>>>,
    /// From the tick thread; closed when that ends.
    pub outbound: flume::Receiver<Published<G>>,
    /// Emptied batches.
    pub spare: flume::Receiver<Batches<InputOf<G>>>,
}

/// Makes the queues between one tick thread and `loops` event loops.
pub fn endpoints<G: Game>(loops: usize) -> (TickEndpoints<G>, Vec<LoopEndpoints<G>>) {
    let (inbound_to, inbound) = flume::bounded(BATCHES_MAX * loops);
    let mut tick = TickEndpoints { inbound, outbound: Vec::new(), spare: Vec::new() };
    let mut ends = Vec::new();
    for _ in 0..loops {
        let (outbound, from_tick) = flume::bounded(OUTPUTS_MAX);
        let (spare, spares) = flume::bounded(BATCHES_MAX);
        tick.outbound.push(outbound);
        tick.spare.push(spare);
        ends.push(LoopEndpoints { inbound: inbound_to.clone(), outbound: from_tick, spare: spares });
    }
    (tick, ends)
}
