//! One client's connection: its messages, what it knows of the room, and whether it keeps up.

use crate::admission::control::Network;
use crate::admission::retry_scheduler::RetryClient;
use crate::ids::{ConnectionKey, PlayerKind, RoomId, SessionId};
use crate::io::close::CloseRequest;
use crate::io::connection::Connection;
use crate::io::rate_limiter::{RateLimit, RateLimiter};
use crate::io::writer::Delivery;
use crate::ops::LoopMetrics;
use crate::replication::Viewer;
use crate::session::Registry;
use crate::session::fresh_start::{FreshStart, FreshStartQueue};
use crate::session::hello::{self, Admissible, RoomNames};
use crate::session::staleness::Staleness;
use crate::sim::channel::{Admitted, Batches, COMMANDS_MAX, Command, Request};
use fracas_protocol::game::authority::{Game, InputOf};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{Aspect, ClientMessage, Inputs, Ping, Pong, ServerClock, ServerMessage};
use std::time::{Duration, Instant};

/// Time for the hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// A client that is silent for so long is pinged repeatedly. A hidden tab may have nothing to send, but browsers answer
/// pings by themselves.
const PROBE_AFTER: Duration = Duration::from_secs(4);
/// A client that is silent for so long, and to two pings, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A stale client that acknowledges nothing for so long is closed.
const STALE_MAX: Duration = Duration::from_secs(10);
/// Inputs a tick that are accepted, and the time whose inputs may come at once after a stall. More are dropped.
const INPUTS_PER_TICK: u32 = 2;
const INPUTS_BURST: Duration = Duration::from_secs(3);
/// Pings that may wait for their answer. More are not answered.
const PINGS_MAX: usize = 4;

/// The stage of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The hello is awaited.
    AwaitingHello,
    /// A room was asked to let it join, or to resume a session.
    Asked(RoomId, Option<SessionId>),
    /// It is in the room.
    Joined(SessionId),
    /// It has left, or was never there.
    Left,
}

/// The last tick (for a spectator, the last one shown), when it was due, and how long its work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockTick {
    pub(crate) tick: Tick,
    pub(crate) due: Instant,
    pub(crate) work: Duration,
}

/// What a connection needs to handle its client's messages.
pub(crate) struct InboundCtx<'a, G: Game> {
    pub(crate) batches: &'a mut Batches<InputOf<G>>,
    pub(crate) rooms: &'a RoomNames,
    pub(crate) registry: &'a Registry,
    pub(crate) metrics: &'a LoopMetrics,
    /// The tick that ran last, and how often ticks run.
    pub(crate) tick: Tick,
    pub(crate) tick_hz: u32,
}

/// A client that wants to play, plays, or has played over a connection.
#[derive(Debug)]
pub struct ClientConn<G: Game> {
    key: ConnectionKey,
    kind: PlayerKind,
    network: Option<Network>,
    /// A hash of its token or name, which distinguishes it from others of its network.
    client: Option<u64>,
    phase: Phase,
    /// What its client knows of the room, once it has joined.
    viewer: Option<Viewer<G::Rules>>,
    aspect: Aspect,
    staleness: Staleness,
    fresh_start: FreshStart,
    /// Whether the client has sent anything since it joined.
    confirmed: bool,
    /// Whether the client has a token of its session, so that it can resume it.
    can_return: bool,
    inputs: RateLimiter,
    pings: Vec<(Ping, Instant)>,
    /// When its hello came.
    asked_at: Instant,
    /// When it last made progress.
    progress_at: Instant,
    /// The page is hidden.
    is_hidden: bool,
    /// Whether it is a spectator.
    is_spectator: bool,
}

impl<G: Game> ClientConn<G> {
    pub(crate) fn new(key: ConnectionKey, kind: PlayerKind, network: Option<Network>, now: Instant) -> Self {
        Self {
            key,
            kind,
            network,
            client: None,
            phase: Phase::AwaitingHello,
            viewer: None,
            aspect: Aspect::default(),
            staleness: Staleness::default(),
            fresh_start: FreshStart::default(),
            confirmed: false,
            can_return: false,
            inputs: RateLimiter::new(now),
            pings: Vec::new(),
            asked_at: now,
            progress_at: now,
            is_hidden: false,
            is_spectator: false,
        }
    }

    /// Whether the room's answer is awaited.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.phase, Phase::Asked(..))
    }

    /// Its session.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.phase {
            Phase::Joined(session) => Some(session),
            _ => None,
        }
    }

    /// The room that it is in, or waits to get into.
    pub(crate) fn room(&self) -> Option<RoomId> {
        match self.phase {
            Phase::Asked(room, _) => Some(room),
            Phase::Joined(session) => Some(session.room),
            Phase::AwaitingHello | Phase::Left => None,
        }
    }

    /// The room that it watches, if it is in one as a spectator.
    pub(crate) fn watches(&self) -> Option<RoomId> {
        self.session().filter(|_| self.is_spectator).map(|session| session.room)
    }

    /// The session and the viewer to compose a frame for, unless it is stale, hidden or not in the room.
    pub(crate) fn audience(&mut self) -> Option<(SessionId, &mut Viewer<G::Rules>)> {
        let listens = !self.staleness.is_stale() && !self.is_hidden;
        match (self.phase, &mut self.viewer) {
            (Phase::Joined(session), Some(viewer)) if listens => Some((session, viewer)),
            _ => None,
        }
    }

    /// Whether it does not keep up.
    pub(crate) fn is_stale(&self) -> bool {
        self.session().is_some() && self.staleness.is_stale() && !self.is_hidden
    }

    /// Whether it wants no frames.
    pub(crate) fn is_hidden(&self) -> bool {
        self.session().is_some() && self.is_hidden
    }

    /// The client, for the retry scheduler.
    pub(crate) fn retry_client(&self) -> RetryClient {
        RetryClient { network: self.network.as_ref().map(Network::address), client: self.client }
    }

    /// The room gave it a new session. If it had asked to resume one that was over by then, it pays for the join now.
    /// If the network's budget is empty, it must wait, and the session is taken away.
    pub(crate) fn pay_for(&self, admitted: &Admitted, now: Instant) -> Result<(), CloseRequest> {
        let asked_for_another = matches!(self.phase, Phase::Asked(_, Some(_))) && !admitted.resumed;
        match &self.network {
            Some(network) if asked_for_another => network.take_join(now).map_err(hello::beyond_join_budget),
            _ => Ok(()),
        }
    }

    /// The room refused it. The join that its hello took is given back. So waiting for a seat does not use up the
    /// network's budget.
    pub(crate) fn give_back_join(&self) {
        if let (Phase::Asked(_, None), Some(network)) = (self.phase, &self.network) {
            network.give_back_join();
        }
    }

    /// Takes a message.
    pub(crate) fn handle_message(
        &mut self,
        message: &[u8],
        now: Instant,
        ctx: &mut InboundCtx<'_, G>,
    ) -> Result<(), CloseRequest> {
        match self.phase {
            Phase::AwaitingHello => self.handle_hello(message, now, ctx),
            Phase::Asked(..) => Err(CloseRequest::bad_message("A message came before the welcome.")),
            Phase::Joined(session) => self.handle_joined(session, message, now, ctx),
            Phase::Left => Ok(()),
        }
    }

    fn handle_hello(&mut self, message: &[u8], now: Instant, ctx: &mut InboundCtx<'_, G>) -> Result<(), CloseRequest> {
        let hello = hello::read_hello::<G>(message)?;
        self.client = Some(hello::client_of(&hello));
        let known = hello.token.and_then(|token| ctx.registry.show(&token));
        let admissible = hello::admit(hello, self.kind, self.network.as_ref(), ctx.rooms, known, now)?;
        let Admissible { room, resume, request, aspect } = admissible;
        if let Some(session) = resume {
            ctx.registry.claim(session, self.key);
        }
        (self.aspect, self.asked_at, self.phase) = (aspect, now, Phase::Asked(room, resume));
        ctx.batches.of(room).requests.push((self.key, request));
        Ok(())
    }

    fn handle_joined(
        &mut self,
        session: SessionId,
        message: &[u8],
        now: Instant,
        ctx: &mut InboundCtx<'_, G>,
    ) -> Result<(), CloseRequest> {
        let said = codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(message)
            .map_err(|_| CloseRequest::bad_message("A message could not be read."))?;
        if !std::mem::replace(&mut self.confirmed, true) {
            ctx.registry.confirm(session, self.key);
            self.can_return = !self.is_spectator;
        }
        match said {
            ClientMessage::Inputs(inputs) => self.handle_inputs(session, inputs, now, ctx),
            ClientMessage::Ack(tick) => self.acknowledge(tick, now, ctx),
            ClientMessage::Ping(ping) if self.pings.len() < PINGS_MAX => self.pings.push((ping, now)),
            ClientMessage::Ping(_) => {}
            ClientMessage::FreshStart => {
                ctx.metrics.fresh_starts_requested.increment(1);
                self.fresh_start.request();
            }
            ClientMessage::Goodbye => {
                self.leave_room(ctx.batches, Request::Leave);
                return Err(CloseReason::Leave.into());
            }
            ClientMessage::Hide => {
                self.is_hidden = true;
                ctx.batches.of(session.room).requests.push((self.key, Request::Rest(session)));
            }
            ClientMessage::Show if self.is_hidden => {
                (self.is_hidden, self.progress_at) = (false, now);
                self.fresh_start.request();
                self.staleness.set_stale();
            }
            ClientMessage::Show => {}
            ClientMessage::Hello(_) => return Err(CloseRequest::bad_message("A second hello came.")),
        }
        Ok(())
    }

    fn handle_inputs(
        &mut self,
        session: SessionId,
        inputs: Inputs<InputOf<G>>,
        now: Instant,
        ctx: &mut InboundCtx<'_, G>,
    ) {
        let Inputs { ack, tick, input } = inputs;
        self.acknowledge(ack, now, ctx);
        let ack = self.staleness.acknowledged().filter(|_| !self.is_hidden);
        let limit = RateLimit { per_s: INPUTS_PER_TICK * ctx.tick_hz, burst: INPUTS_BURST };
        let commands = &mut ctx.batches.of(session.room).commands;
        if self.inputs.try_acquire(now, limit, 1) && commands.len() < COMMANDS_MAX {
            commands.push(Command { connection: self.key, session, tick, ack, input });
        } else {
            ctx.metrics.inputs_dropped_flood.increment(1);
        }
    }

    fn acknowledge(&mut self, tick: Tick, now: Instant, ctx: &InboundCtx<'_, G>) {
        if self.staleness.acknowledge(tick, ctx.tick) {
            self.progress_at = now;
        }
    }

    /// Checks for silence and slowness.
    pub(crate) fn check_deadlines(&mut self, connection: &mut Connection, now: Instant) -> Result<(), CloseRequest> {
        let (silent, stuck) = (connection.silent_for(now), now.saturating_duration_since(self.progress_at));
        let late = match self.phase {
            // Counted since it connected: other messages than the hello are no progress.
            Phase::AwaitingHello => stuck > HELLO_DEADLINE,
            Phase::Asked(..) | Phase::Joined(_) => silent > SILENCE_MAX,
            Phase::Left => false,
        };
        if silent > PROBE_AFTER && self.session().is_some() {
            connection.probe(now, PROBE_AFTER);
        }
        if late {
            return Err(CloseReason::TimedOut.into());
        }
        if self.is_stale() && stuck > STALE_MAX { Err(CloseReason::Slow.into()) } else { Ok(()) }
    }

    /// The room let it in. The welcome is to be sent, and frames follow.
    pub(crate) fn join(&mut self, admitted: &Admitted, now: Instant) {
        let session = admitted.session;
        self.phase = Phase::Joined(session);
        self.viewer = Some(Viewer::new(self.aspect, u32::from(session.player.0)));
        (self.progress_at, self.can_return) = (now, admitted.resumed);
        self.is_spectator = admitted.own.is_none();
    }

    /// Its connection is lost. The entity of a client that can resume waits for it, and counts for its network meanwhile.
    pub(crate) fn lose(&mut self, batches: &mut Batches<InputOf<G>>, registry: &Registry) {
        // A client that asked to resume a session and left before the answer leaves its entity waiting, too. The room
        // gives it the session all the same.
        let waits = match self.phase {
            Phase::Joined(session) if self.can_return => Some(session),
            Phase::Asked(_, resume) => resume,
            _ => None,
        };
        if let (Some(session), Some(share)) = (waits, self.network.as_ref().and_then(Network::keep)) {
            registry.keep(session, self.key, share);
        }
        self.leave_room(batches, if waits.is_some() { Request::Lost } else { Request::Leave });
    }

    /// Tells the room that the session has no connection any more, if it had this one. A requested seat is given back
    /// when the answer finds no client.
    pub(crate) fn leave_room(&mut self, batches: &mut Batches<InputOf<G>>, how: fn(SessionId) -> Request) {
        if let Phase::Joined(session) = self.phase {
            batches.of(session.room).requests.push((self.key, how(session)));
        }
        self.leave();
    }

    /// It has left, and the room knows.
    pub(crate) fn leave(&mut self) {
        (self.phase, self.viewer) = (Phase::Left, None);
    }

    /// The server's clock, as an answer to its hello.
    pub(crate) fn clock(&self, now: Instant, last: ClockTick) -> ServerClock {
        clock(self.asked_at, now, last)
    }

    /// Answers the pings that wait, as late as possible.
    pub(crate) fn answer_pings(&mut self, connection: &mut Connection, now: Instant, last: ClockTick) {
        if self.pings.is_empty() || self.session().is_none() {
            return;
        }
        if self.staleness.is_stale() {
            // A client that cannot read now gets no answer later.
            return self.pings.clear();
        }
        let work_us = last.work.as_micros() as u32;
        for (ping, read_at) in self.pings.drain(..) {
            let pong = Pong { stamp: ping.stamp, clock: clock(read_at, now, last), work_us };
            connection.say(|out| codec::encode::<MessageOf<G::Rules>>(&ServerMessage::Pong(pong), out));
        }
    }

    /// Looks whether the client keeps up, and puts it into the queue when it is ready to start afresh.
    pub(crate) fn check_staleness(
        &mut self,
        connection: &Connection,
        (tick, rate): (Tick, TickRate),
        queue: &mut FreshStartQueue,
        now: Instant,
    ) {
        if self.session().is_none() || self.is_hidden {
            return;
        }
        if self.staleness.lags(tick, rate) {
            self.staleness.set_stale();
        }
        if self.is_ready_to_start_afresh(connection, now) {
            queue.push(self.key, &mut self.fresh_start);
        }
    }

    fn is_ready_to_start_afresh(&self, connection: &Connection, now: Instant) -> bool {
        let is_here = self.session().is_some() && !self.is_hidden && connection.is_all_sent();
        is_here && self.fresh_start.is_ready(&self.staleness, now)
    }

    /// Its turn in the queue has come: its next frame starts afresh, if it is still ready.
    pub(crate) fn start_afresh(&mut self, connection: &Connection, now: Instant) {
        self.fresh_start.leave_queue();
        if self.is_ready_to_start_afresh(connection, now) {
            self.fresh_start.begin(&mut self.staleness, now);
            if let Some(viewer) = &mut self.viewer {
                viewer.start_afresh();
            }
        }
    }

    /// Nothing goes to it until it has caught up.
    pub(crate) fn set_stale(&mut self) {
        if self.session().is_some() {
            self.staleness.set_stale();
        }
    }

    /// What became of what was composed for it.
    pub(crate) fn handle_sent(&mut self, delivery: &Delivery, metrics: &LoopMetrics) {
        if let Some(tick) = self.viewer.as_ref().and_then(Viewer::tick).filter(|_| delivery.frames_went) {
            self.staleness.sent(tick);
            self.fresh_start.record_sent(metrics);
        }
        if delivery.is_blocked {
            self.staleness.set_stale();
        }
    }
}

/// The server's clock, as an answer to a message read at `read_at`.
fn clock(read_at: Instant, now: Instant, last: ClockTick) -> ServerClock {
    let us = |from: Instant| now.saturating_duration_since(from).as_micros() as u32;
    ServerClock { hold_us: us(read_at), tick: last.tick, phase_us: us(last.due) }
}
