//! The only endpoints between the threads: sockets into event loops, batches of commands into the tick thread, the tick's
//! output back. Every channel has a bound, and says what happens there.

use crate::game::{Game, InputOf};
use crate::ids::ConnectionKey;
use crate::ids::PlayerKind;
use crate::ids::{RoomId, SessionId};
use crate::replication::{SpectatorOutput, TickOutput};
use crate::sim::join_refusal::JoinRefusal;
use crate::sim::overload::Round;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::limits::BODIES_MAX;
use fracas_protocol::wire::message::{Aspect, Role};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Something seldom that a connection asks of the room.
#[derive(Clone, Debug)]
pub enum Request {
    /// Let me in.
    Join {
        /// To be shown to others.
        name: Name,
        /// A person or one of the server's own bots.
        kind: PlayerKind,
        /// To play or to watch.
        role: Role,
        /// The shape of its window.
        aspect: Aspect,
        /// The session its token names, if it has one.
        resume: Option<SessionId>,
        /// Whether it may do nothing for as long as it likes.
        may_idle: bool,
        /// Whether it may have a new entity, if there is none to give back; or why not.
        may_begin: Result<(), JoinRefusal>,
        /// The network it comes from: an IPv4 address, or the first address of an IPv6 /64. None for the server's own bots.
        network: Option<IpAddr>,
    },
    /// I leave for good.
    Leave(SessionId),
    /// My connection is lost; keep my entity for a while.
    Lost(SessionId),
    /// Nobody looks any more: let go of what I hold.
    Rest(SessionId),
}

/// One player's input for one tick.
#[derive(Clone, Copy, Debug)]
pub struct Command<I> {
    /// Who says it.
    pub connection: ConnectionKey,
    /// Whose it is, if the connection still has the session: another may have taken it over since.
    pub session: SessionId,
    /// For which tick.
    pub tick: Tick,
    /// The newest tick that was sent over this connection and that its client has acknowledged: what the event loop knows,
    /// and not what the input says. None if that tells nothing of the line: before the first, and while nothing is sent.
    pub ack: Option<Tick>,
    /// What.
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

/// What an event loop read since it last handed over: a batch for each room that was asked for anything yet.
#[derive(Debug)]
pub struct Batches<I> {
    /// By room.
    pub rooms: Vec<Batch<I>>,
    /// How the loop's last round went, if it wrote to anybody.
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
    /// Whose.
    pub connection: ConnectionKey,
    /// In, or why not.
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
    /// How many connections the session has been given to, with this one: of two answers the later one counts, whichever
    /// event loop is quicker.
    pub given: u32,
}

/// Who in a room gets a piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everybody,
    /// Who plays; spectators hear the same later.
    Players,
    /// Who has none.
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
    /// One more than that of the tick published before: a gap tells an event loop that it missed some.
    pub sequence: u64,
    /// The tick.
    pub tick: Tick,
    /// How often ticks run.
    pub rate: TickRate,
    /// What frames are made of.
    pub outputs: Outputs<G::Rules>,
    /// What spectators' frames are made of.
    pub spectator_outputs: SpectatorOutputs<G::Rules>,
    /// What is said only once, and mostly empty.
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

/// What a tick says beside the frames.
#[derive(Debug, Default)]
pub struct RoomEvents {
    /// Answers to joins.
    pub join_answers: Vec<JoinAnswer>,
    /// Connections whose session another took over.
    pub evictions: Vec<(ConnectionKey, CloseReason)>,
    /// Rooms that ended by a panic, and may have begun again since: everybody in them, or waiting to get in, is out.
    pub failed: Vec<RoomId>,
    /// Sessions that ended: their tokens are void.
    pub ended: Vec<SessionId>,
    /// News.
    pub game_events: Vec<EncodedEvent>,
    /// The rooms close: every connection is to be closed with this.
    pub farewell: Option<CloseReason>,
}

impl RoomEvents {
    /// Whether they say nothing.
    pub fn is_empty(&self) -> bool {
        self.join_answers.is_empty()
            && self.evictions.is_empty()
            && self.failed.is_empty()
            && self.ended.is_empty()
            && self.game_events.is_empty()
            && self.farewell.is_none()
    }

    /// Adds what another room said on the same tick.
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

    /// Adds what a later tick said.
    pub fn extend(&mut self, later: &Self) {
        self.join_answers.extend_from_slice(&later.join_answers);
        self.evictions.extend_from_slice(&later.evictions);
        self.failed.extend_from_slice(&later.failed);
        self.failed.dedup();
        self.ended.extend_from_slice(&later.ended);
        self.game_events.extend_from_slice(&later.game_events);
        // News is only of use while it is new; everything else here is bounded by the slots of the rooms.
        let surplus = self.game_events.len().saturating_sub(GAME_EVENTS_MAX);
        self.game_events.drain(..surplus);
        self.farewell = self.farewell.or(later.farewell);
    }
}

/// Notices kept for an event loop that misses ticks; the oldest are dropped beyond.
pub const GAME_EVENTS_MAX: usize = 256;

/// Batches that may wait for the tick thread, per event loop. A loop whose batch finds no room there keeps it and adds to it:
/// requests are never lost, commands beyond [`COMMANDS_MAX`] are dropped and counted.
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
    /// To each event loop. A full one is left out: the loop game_events the gap.
    pub outbound: Vec<flume::Sender<Published<G>>>,
    /// Emptied batches go back, for their memory.
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

/// Makes the endpoints between one tick thread and `loops` event loops.
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
