//! A player's seat: what its client says, what of the room its client knows, and whether it keeps up.

use super::admission::Network;
use super::allowance::{Allowance, Limit};
use super::handshake::{self, Admissible, Refusal, RoomNames, bad_message};
use super::line::Line;
use super::pace::Asker;
use super::staleness::Staleness;
use super::writer::Delivery;
use crate::channel::{Admitted, Batches, COMMANDS_MAX, Command, ConnectionKey, Request};
use crate::game::{Game, InputOf, PlayerKind};
use crate::replication::Viewer;
use crate::session::Registry;
use crate::sim::roster::{RoomId, Session};
use crate::telemetry::LoopMetrics;
use fracas_protocol::close::CloseReason;
use fracas_protocol::codec;
use fracas_protocol::limits::{CLIENT_MESSAGE_BYTES_MAX, FRESH_START_INTERVAL_MS};
use fracas_protocol::message::{Aspect, ClientMessage, Inputs, Ping, Pong, ServerClock, ServerMessage};
use fracas_protocol::rules::MessageOf;
use fracas_protocol::tick::{Tick, TickRate};
use std::time::{Duration, Instant};

/// Time for the hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// A client that says nothing for so long is asked whether it is there, again and again: a hidden tab may have nothing to say
/// of its own, but browsers answer pings by themselves.
const PROBE_AFTER: Duration = Duration::from_secs(4);
/// A client that says nothing for so long, to two pings, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A stale client that acknowledges nothing for so long is closed.
const STALE_MAX: Duration = Duration::from_secs(10);
/// Inputs a tick that are taken, and for how long a stalled line may make up for what it held back. More are dropped.
const INPUTS_PER_TICK: u32 = 2;
const INPUTS_BURST: Duration = Duration::from_secs(3);
/// Pings that may wait for their answer; more are not answered.
const PINGS_MAX: usize = 4;

/// How far somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The hello is awaited.
    Greeting,
    /// A room was asked to let it in, and maybe to give it a session back.
    Asked(RoomId, Option<Session>),
    /// It is in the room.
    Seated(Session),
    /// It has left, or was never there.
    Left,
}

/// The tick that ran last (or that a spectator is shown as the last), when it was due, and how long its work took.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockTick {
    pub(super) tick: Tick,
    pub(super) due: Instant,
    pub(super) work: Duration,
}

/// What a seat needs to take what its client says.
pub(super) struct Desk<'a, G: Game> {
    pub(super) batches: &'a mut Batches<InputOf<G>>,
    pub(super) rooms: &'a RoomNames,
    pub(super) registry: &'a Registry,
    pub(super) metrics: &'a LoopMetrics,
    /// The tick that ran last, and how often ticks run.
    pub(super) tick: Tick,
    pub(super) tick_hz: u32,
}

/// One who wants to play, plays, or has played over a connection.
#[derive(Debug)]
pub struct Seat<G: Game> {
    key: ConnectionKey,
    kind: PlayerKind,
    network: Option<Network>,
    /// What tells it from others of its network: a hash of the token or the name that it has shown.
    client: Option<u64>,
    stage: Stage,
    /// What its client knows of the room, once it is seated.
    viewer: Option<Viewer<G::Rules>>,
    aspect: Aspect,
    staleness: Staleness,
    /// Whether the client asked for a fresh start, and when it last got one that it asked for.
    wants_fresh_start: bool,
    fresh_start_at: Option<Instant>,
    /// A fresh start whose first frame has not gone yet: whether the client asked for it.
    starting: Option<bool>,
    /// Whether the client has said anything since it was seated.
    confirmed: bool,
    /// Whether the client has a token of its session, so that it can come back.
    can_return: bool,
    inputs: Allowance,
    pings: Vec<(Ping, Instant)>,
    /// When its hello came.
    asked_at: Instant,
    /// When it last came any further.
    progress_at: Instant,
    /// Nobody looks at what it would get.
    is_hidden: bool,
    /// Whether it has no ship, and is shown the room as spectators are.
    is_spectator: bool,
    /// Whether it waits in the event loop's queue of fresh starts.
    pub(super) is_queued: bool,
}

impl<G: Game> Seat<G> {
    pub(super) fn new(key: ConnectionKey, kind: PlayerKind, network: Option<Network>, now: Instant) -> Self {
        Self {
            key,
            kind,
            network,
            client: None,
            stage: Stage::Greeting,
            viewer: None,
            aspect: Aspect::default(),
            staleness: Staleness::default(),
            wants_fresh_start: false,
            fresh_start_at: None,
            starting: None,
            confirmed: false,
            can_return: false,
            inputs: Allowance::new(now),
            pings: Vec::new(),
            asked_at: now,
            progress_at: now,
            is_hidden: false,
            is_spectator: false,
            is_queued: false,
        }
    }

    pub(super) fn key(&self) -> ConnectionKey {
        self.key
    }

    /// Whether the room's answer is awaited.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Asked(..))
    }

    /// The session it has.
    pub(super) fn session(&self) -> Option<Session> {
        match self.stage {
            Stage::Seated(session) => Some(session),
            _ => None,
        }
    }

    /// The room that it is in, or waits to get into.
    pub(super) fn room(&self) -> Option<RoomId> {
        match self.stage {
            Stage::Asked(room, _) => Some(room),
            Stage::Seated(session) => Some(session.room),
            Stage::Greeting | Stage::Left => None,
        }
    }

    /// The room that it watches, if it is in one as a spectator.
    pub(super) fn watches(&self) -> Option<RoomId> {
        self.session().filter(|_| self.is_spectator).map(|session| session.room)
    }

    /// The session and the viewer to compose a frame for, unless it is stale, hidden or not in the room.
    pub(super) fn audience(&mut self) -> Option<(Session, &mut Viewer<G::Rules>)> {
        let listens = !self.staleness.is_stale() && !self.is_hidden;
        match (self.stage, &mut self.viewer) {
            (Stage::Seated(session), Some(viewer)) if listens => Some((session, viewer)),
            _ => None,
        }
    }

    /// Whether it does not keep up.
    pub(super) fn is_stale(&self) -> bool {
        self.session().is_some() && self.staleness.is_stale() && !self.is_hidden
    }

    /// Whether it wants no frames.
    pub(super) fn is_hidden(&self) -> bool {
        self.session().is_some() && self.is_hidden
    }

    /// Who it is, when it is to be told when to come back.
    pub(super) fn asker(&self) -> Asker {
        Asker { network: self.network.as_ref().map(Network::address), client: self.client }
    }

    /// The room gave it a new session. If it had asked for one that was over by then, it has not taken a join from its network's
    /// budget yet, and does so now; or it has to wait for that, and the session is not its own.
    pub(super) fn pay_for(&self, admitted: &Admitted, now: Instant) -> Result<(), Refusal> {
        let asked_for_another = matches!(self.stage, Stage::Asked(_, Some(_))) && !admitted.resumed;
        match &self.network {
            Some(network) if asked_for_another => network.take_join(now).map_err(handshake::beyond_join_budget),
            _ => Ok(()),
        }
    }

    /// The room does not let it in: the join that its hello took is its network's again, so that who waits for a seat does not
    /// use up what its neighbours need.
    pub(super) fn give_back_join(&self) {
        if let (Stage::Asked(_, None), Some(network)) = (self.stage, &self.network) {
            network.give_back_join();
        }
    }

    /// Takes a message.
    pub(super) fn take(
        &mut self,
        line: &mut Line,
        message: &[u8],
        now: Instant,
        desk: &mut Desk<'_, G>,
    ) -> Result<(), Refusal> {
        match self.stage {
            Stage::Greeting => self.take_hello(message, now, desk),
            Stage::Asked(..) => Err(bad_message("A message came before the welcome.")),
            Stage::Seated(session) => self.take_said(session, line, message, now, desk),
            Stage::Left => Ok(()),
        }
    }

    fn take_hello(&mut self, message: &[u8], now: Instant, desk: &mut Desk<'_, G>) -> Result<(), Refusal> {
        let hello = handshake::read_hello::<G>(message)?;
        self.client = Some(handshake::client_of(&hello));
        let known = hello.token.and_then(|token| desk.registry.show(&token));
        let admissible = handshake::admit(hello, self.kind, self.network.as_ref(), desk.rooms, known, now)?;
        let Admissible { room, resume, request, aspect } = admissible;
        if let Some(session) = resume {
            desk.registry.claim(session, self.key);
        }
        (self.aspect, self.asked_at, self.stage) = (aspect, now, Stage::Asked(room, resume));
        desk.batches.of(room).requests.push((self.key, request));
        Ok(())
    }

    fn take_said(
        &mut self,
        session: Session,
        line: &mut Line,
        message: &[u8],
        now: Instant,
        desk: &mut Desk<'_, G>,
    ) -> Result<(), Refusal> {
        let said = codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(message)
            .map_err(|_| bad_message("A message could not be read."))?;
        if !std::mem::replace(&mut self.confirmed, true) {
            desk.registry.confirm(session, self.key);
            self.can_return = !self.is_spectator;
        }
        match said {
            ClientMessage::Inputs(inputs) => self.take_inputs(session, inputs, now, desk),
            ClientMessage::Ack(tick) => self.acknowledge(tick, now, desk),
            ClientMessage::Ping(ping) if self.pings.len() < PINGS_MAX => self.pings.push((ping, now)),
            ClientMessage::Ping(_) => {}
            ClientMessage::FreshStart => {
                desk.metrics.fresh_starts_requested.increment(1);
                self.wants_fresh_start = true;
            }
            ClientMessage::Goodbye => {
                self.leave_room(desk.batches, Request::Leave);
                line.close(CloseReason::Leave.into(), now);
            }
            ClientMessage::Hide => {
                self.is_hidden = true;
                desk.batches.of(session.room).requests.push((self.key, Request::Rest(session)));
            }
            ClientMessage::Show if self.is_hidden => {
                (self.is_hidden, self.wants_fresh_start, self.progress_at) = (false, true, now);
                self.staleness.set_stale();
            }
            ClientMessage::Show => {}
            ClientMessage::Hello(_) => return Err(bad_message("A second hello came.")),
        }
        Ok(())
    }

    fn take_inputs(&mut self, session: Session, inputs: Inputs<InputOf<G>>, now: Instant, desk: &mut Desk<'_, G>) {
        let Inputs { ack, tick, input } = inputs;
        self.acknowledge(ack, now, desk);
        let ack = self.staleness.acknowledged().filter(|_| !self.is_hidden);
        let limit = Limit { per_s: INPUTS_PER_TICK * desk.tick_hz, burst: INPUTS_BURST };
        let commands = &mut desk.batches.of(session.room).commands;
        if self.inputs.take(now, limit, 1) && commands.len() < COMMANDS_MAX {
            commands.push(Command { connection: self.key, session, tick, ack, input });
        } else {
            desk.metrics.inputs_dropped_flood.increment(1);
        }
    }

    fn acknowledge(&mut self, tick: Tick, now: Instant, desk: &Desk<'_, G>) {
        if self.staleness.acknowledge(tick, desk.tick) {
            self.progress_at = now;
        }
    }

    /// Judges silence and slowness. Why it is to be closed, if it is.
    pub(super) fn judge(&mut self, line: &mut Line, now: Instant) -> Option<CloseReason> {
        let (silent, stuck) = (line.silent_for(now), now.saturating_duration_since(self.progress_at));
        let late = match self.stage {
            // Since it came: whatever it says instead of the hello is no progress.
            Stage::Greeting => stuck > HELLO_DEADLINE,
            Stage::Asked(..) | Stage::Seated(_) => silent > SILENCE_MAX,
            Stage::Left => false,
        };
        if silent > PROBE_AFTER && self.session().is_some() {
            line.probe(now, PROBE_AFTER);
        }
        match late {
            true => Some(CloseReason::TimedOut),
            false => (self.is_stale() && stuck > STALE_MAX).then_some(CloseReason::Slow),
        }
    }

    /// The room let it in: the welcome is to be sent, and frames follow.
    pub(super) fn seat(&mut self, admitted: &Admitted, now: Instant) {
        let session = admitted.session;
        self.stage = Stage::Seated(session);
        self.viewer = Some(Viewer::new(self.aspect, u32::from(session.player.0)));
        (self.progress_at, self.can_return) = (now, admitted.resumed);
        self.is_spectator = admitted.own.is_none();
    }

    /// Its connection is lost: the ship of a client that can come back waits for it, and counts for its network meanwhile.
    pub(super) fn lose(&mut self, batches: &mut Batches<InputOf<G>>, registry: &Registry) {
        // Who has asked for a ship and is gone before the answer leaves it waiting, too: the room gives it away all the same.
        let waits = match self.stage {
            Stage::Seated(session) if self.can_return => Some(session),
            Stage::Asked(_, resume) => resume,
            _ => None,
        };
        if let (Some(session), Some(share)) = (waits, self.network.as_ref().and_then(Network::keep)) {
            registry.keep(session, self.key, share);
        }
        self.leave_room(batches, if waits.is_some() { Request::Lost } else { Request::Leave });
    }

    /// Tells the room that the session has no connection any more, if it had this one. A seat that was asked for is given
    /// back when the answer finds nobody.
    pub(super) fn leave_room(&mut self, batches: &mut Batches<InputOf<G>>, how: fn(Session) -> Request) {
        if let Stage::Seated(session) = self.stage {
            batches.of(session.room).requests.push((self.key, how(session)));
        }
        self.leave();
    }

    /// It has left, and the room knows.
    pub(super) fn leave(&mut self) {
        (self.stage, self.viewer) = (Stage::Left, None);
    }

    /// What time it is, as an answer to what it asked when it asked to be let in.
    pub(super) fn clock(&self, now: Instant, last: ClockTick) -> ServerClock {
        clock(self.asked_at, now, last)
    }

    /// Answers the pings that wait, as late as possible.
    pub(super) fn answer_pings(&mut self, line: &mut Line, now: Instant, last: ClockTick) {
        if self.pings.is_empty() || self.session().is_none() {
            return;
        }
        if self.staleness.is_stale() {
            // What cannot be read now is not worth waiting for.
            return self.pings.clear();
        }
        let work_us = last.work.as_micros() as u32;
        for (ping, read_at) in self.pings.drain(..) {
            let pong = Pong { stamp: ping.stamp, clock: clock(read_at, now, last), work_us };
            line.say(|out| codec::encode::<MessageOf<G::Rules>>(&ServerMessage::Pong(pong), out));
        }
    }

    /// Judges whether the client keeps up, and whether it is ready to start afresh.
    pub(super) fn is_ready_for_fresh_start(&mut self, line: &Line, tick: Tick, rate: TickRate, now: Instant) -> bool {
        if self.session().is_none() || self.is_hidden {
            return false;
        }
        if self.staleness.lags(tick, rate) {
            self.staleness.set_stale();
        }
        self.may_start_afresh(line, now)
    }

    /// Whether it may start afresh: it was stale and has caught up, or its client asked for it (once a second).
    pub(super) fn may_start_afresh(&self, line: &Line, now: Instant) -> bool {
        let interval = Duration::from_millis(u64::from(FRESH_START_INTERVAL_MS));
        let may_ask = self.fresh_start_at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        let has_reason =
            if self.staleness.is_stale() { self.staleness.has_caught_up() } else { self.wants_fresh_start };
        let is_here = self.session().is_some() && !self.is_hidden && line.outbox.is_empty();
        is_here && has_reason && (may_ask || !self.wants_fresh_start)
    }

    /// Its next frame starts afresh.
    pub(super) fn start_afresh(&mut self, now: Instant) {
        let was_asked = std::mem::take(&mut self.wants_fresh_start);
        if was_asked {
            self.fresh_start_at = Some(now);
        }
        self.starting = Some(was_asked);
        self.staleness.start_afresh();
        if let Some(viewer) = &mut self.viewer {
            viewer.start_afresh();
        }
    }

    /// Nothing goes to it until it has caught up.
    pub(super) fn set_stale(&mut self) {
        if self.session().is_some() {
            self.staleness.set_stale();
        }
    }

    /// What became of what was composed for it. A fresh start counts when its first frame goes.
    pub(super) fn sent(&mut self, delivery: &Delivery, metrics: &LoopMetrics) {
        if let Some(tick) = self.viewer.as_ref().and_then(Viewer::tick).filter(|_| delivery.frames_went) {
            self.staleness.sent(tick);
            if let Some(was_asked) = self.starting.take() {
                metrics.resyncs.increment(1);
                metrics.desyncs_reported.increment(u64::from(was_asked));
            }
        }
        if delivery.is_blocked {
            self.staleness.set_stale();
        }
    }
}

/// What time it is, as an answer to what was read at `read_at`.
fn clock(read_at: Instant, now: Instant, last: ClockTick) -> ServerClock {
    let us = |from: Instant| now.saturating_duration_since(from).as_micros() as u32;
    ServerClock { hold_us: us(read_at), tick: last.tick, phase_us: us(last.due) }
}
