//! One connection: the bytes it sends become requests and commands, and what is to be sent leaves in one write per tick.
//!
//! It works over any [`Socket`] and is told the time, so tests drive it in memory.

use super::admission::Ticket;
use super::allowance::{Allowance, Limit};
use super::handshake::{self, Refusal, bad_message};
use super::socket::Socket;
use super::staleness::Staleness;
use super::writer::{Delivery, Outbox};
use crate::channel::{Batch, COMMANDS_MAX, Command, ConnectionKey, Request};
use crate::game::{Game, InputOf, PlayerKind};
use crate::replication::Viewer;
use crate::session::Registry;
use crate::sim::roster::Session;
use crate::telemetry::LoopMetrics;
use fracas_protocol::close::CloseReason;
use fracas_protocol::codec;
use fracas_protocol::limits::{CLIENT_MESSAGE_BYTES_MAX, FRESH_START_INTERVAL_MS};
use fracas_protocol::message::{Aspect, ClientMessage, Goodbye, Inputs, Ping, Pong, ServerClock, ServerMessage};
use fracas_protocol::rules::MessageOf;
use fracas_protocol::tick::{Tick, TickRate};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// Reads of one connection in one tick. What is left comes with the next.
const READS_MAX: usize = 4;
/// Time for the hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// A client that says nothing for so long is asked whether it is there, again and again: a hidden tab may have nothing to say
/// of its own, but browsers answer pings by themselves.
const PROBE_AFTER: Duration = Duration::from_secs(4);
/// A client that says nothing for so long, to two pings, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A stale client that acknowledges nothing for so long is closed.
const STALE_MAX: Duration = Duration::from_secs(10);
/// How long a closing connection may take to read our close frame and send its own.
const LINGER: Duration = Duration::from_secs(2);
/// What a closing connection may still send before it is cut, in bytes.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// Replies of the WebSocket layer (pongs) that may wait for the next write, in bytes.
const REPLIES_MAX: usize = 4096;
/// Inputs a tick that are taken, and for how long a stalled line may make up for what it held back. More are dropped.
const INPUTS_PER_TICK: u32 = 2;
const INPUTS_BURST: Duration = Duration::from_secs(3);
/// Pings that may wait for their answer; more are not answered.
const PINGS_MAX: usize = 4;
/// Most bytes of a close frame's text.
const CLOSE_WORDS_MAX: usize = 123;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// The hello is awaited.
    Greeting,
    /// The room was asked to let it in.
    Asked,
    /// It is in the room.
    Seated(Session),
    /// It is to be closed; what is pending is sent, and what comes is thrown away, until the instant.
    Closing(Instant),
    /// It can be dropped.
    Gone,
}

/// The tick that ran last, when it was due, and how long its work took.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockTick {
    pub(super) tick: Tick,
    pub(super) due: Instant,
    pub(super) work: Duration,
}

/// What one read of a socket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// So many bytes.
    Bytes(usize),
    /// Nothing is there now.
    Nothing,
    /// The peer is gone.
    End,
}

/// A connection and what the server knows of its client.
#[derive(Debug)]
pub(super) struct Connection<G: Game, S> {
    key: ConnectionKey,
    socket: S,
    websocket: WebSocketContext,
    kind: PlayerKind,
    life: Life,
    /// Why it ended, once that is known.
    ended: Option<CloseReason>,
    outbox: Outbox,
    /// What it knows of the room, once it is seated.
    viewer: Option<Viewer<G::Rules>>,
    aspect: Aspect,
    staleness: Staleness,
    /// Whether the client asked for a fresh start, and when it last got one that it asked for.
    wants_fresh_start: bool,
    fresh_start_at: Option<Instant>,
    /// Whether the client has said anything since it was seated.
    confirmed: bool,
    inputs: Allowance,
    pings: Vec<(Ping, Instant)>,
    /// When its hello came.
    asked_at: Instant,
    heard_at: Instant,
    /// When it was last asked whether it is there.
    probed_at: Instant,
    /// Nobody looks at what it would get.
    is_hidden: bool,
    progress_at: Instant,
    lingered_bytes: usize,
    /// Whether it waits in the event loop's queue of fresh starts.
    pub(super) is_queued: bool,
    /// A send failed: the next read says so to the room.
    is_broken: bool,
    _ticket: Option<Ticket>,
}

/// What a connection needs to read.
pub(super) struct Reading<'a, G: Game> {
    pub(super) now: Instant,
    /// The tick that ran last, and how often ticks run.
    pub(super) tick: Tick,
    pub(super) tick_hz: u32,
    /// For what did not fit into a connection's share of the first read.
    pub(super) scratch: &'a mut [u8],
    pub(super) batch: &'a mut Batch<InputOf<G>>,
    pub(super) registry: &'a Registry,
    pub(super) metrics: &'a LoopMetrics,
    /// Bytes that were read.
    pub(super) received: u64,
}

impl<G: Game, S: Socket> Connection<G, S> {
    /// A connection whose handshake is done.
    pub(super) fn new(key: ConnectionKey, socket: S, kind: PlayerKind, ticket: Option<Ticket>, now: Instant) -> Self {
        Self {
            key,
            socket,
            websocket: WebSocketContext::new(Role::Server, Some(websocket_config())),
            kind,
            life: Life::Greeting,
            ended: None,
            outbox: Outbox::default(),
            viewer: None,
            aspect: Aspect::default(),
            staleness: Staleness::default(),
            wants_fresh_start: false,
            fresh_start_at: None,
            confirmed: false,
            inputs: Allowance::new(now),
            pings: Vec::new(),
            asked_at: now,
            heard_at: now,
            probed_at: now,
            is_hidden: false,
            progress_at: now,
            lingered_bytes: 0,
            is_queued: false,
            is_broken: false,
            _ticket: ticket,
        }
    }

    pub(super) fn key(&self) -> ConnectionKey {
        self.key
    }

    /// The session and the viewer to compose a frame for, unless it is stale, hidden or not in the room.
    pub(super) fn audience(&mut self) -> Option<(Session, &mut Viewer<G::Rules>)> {
        let listens = !self.staleness.is_stale() && !self.is_hidden;
        match (self.life, &mut self.viewer) {
            (Life::Seated(session), Some(viewer)) if listens => Some((session, viewer)),
            _ => None,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.life == Life::Gone
    }

    /// Whether it does not keep up.
    pub(super) fn is_stale(&self) -> bool {
        self.session().is_some() && self.staleness.is_stale() && !self.is_hidden
    }

    /// Whether it wants no frames.
    pub(super) fn is_hidden(&self) -> bool {
        self.session().is_some() && self.is_hidden
    }

    /// Why it ended: its own word, or the network's.
    pub(super) fn end_label(&self) -> &'static str {
        self.ended.map_or("lost", CloseReason::label)
    }

    /// Asks the socket once what is there. What it says goes to [`Self::read`].
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Arrival {
        if self.is_broken {
            return Arrival::End;
        }
        loop {
            return match self.socket.recv(buffer) {
                Ok(0) => Arrival::End,
                Ok(len) => Arrival::Bytes(len),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Arrival::Nothing,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => Arrival::End,
            };
        }
    }

    /// Takes what `buffer` received, and more if that is full; judges the silence if nothing came.
    pub(super) fn read(&mut self, arrival: Arrival, buffer: &[u8], reading: &mut Reading<'_, G>) {
        let mut may_be_more = self.take(arrival, buffer, reading);
        for _ in 1..READS_MAX {
            if !may_be_more {
                break;
            }
            let scratch = std::mem::take(&mut reading.scratch);
            let arrival = self.receive(scratch);
            may_be_more = self.take(arrival, scratch, reading);
            reading.scratch = scratch;
        }
        self.judge_silence(reading);
    }

    /// Returns whether there may be more: there is not when there was room for more.
    fn take(&mut self, arrival: Arrival, buffer: &[u8], reading: &mut Reading<'_, G>) -> bool {
        match arrival {
            Arrival::Nothing => return false,
            Arrival::End => self.lose(reading.batch),
            Arrival::Bytes(len) => {
                reading.received += len as u64;
                self.heard_at = reading.now;
                self.feed(&buffer[..len], reading);
            }
        }
        arrival == Arrival::Bytes(buffer.len()) && self.life != Life::Gone
    }

    /// Takes bytes from the socket, or such as came with the handshake.
    pub(super) fn feed(&mut self, bytes: &[u8], reading: &mut Reading<'_, G>) {
        if let Life::Closing(_) = self.life {
            self.lingered_bytes += bytes.len();
            if self.lingered_bytes > LINGER_BYTES_MAX {
                self.life = Life::Gone;
            }
            return;
        }
        let mut inbound = bytes;
        while self.is_open() {
            let (read, rest) = self.outbox.with_pipe(inbound, |pipe| self.websocket.read(pipe));
            inbound = rest;
            match read {
                Ok(Message::Binary(message)) => self.take_message(&message, reading),
                Ok(Message::Text(_)) => {
                    self.close(bad_message("The game speaks in binary messages."), reading.now, Some(reading.batch));
                }
                // Answered by the layer itself.
                Ok(_) => {}
                Err(WsError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => self.fail(&error, reading),
            }
        }
        if self.is_open() && self.outbox.replies_len() > REPLIES_MAX {
            self.close(CloseReason::Rate.into(), reading.now, Some(reading.batch));
        }
    }

    /// The WebSocket layer has had enough: the peer closed, or broke the protocol.
    fn fail(&mut self, error: &WsError, reading: &mut Reading<'_, G>) {
        let reason = match error {
            WsError::ConnectionClosed | WsError::AlreadyClosed => {
                // The layer has put the reply to the peer's close into the pending bytes.
                self.leave_room(reading.batch, Request::Lost);
                self.ended.get_or_insert(CloseReason::Leave);
                self.life = Life::Closing(reading.now + LINGER);
                return;
            }
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooBig,
            WsError::Utf8(_) => CloseReason::InvalidUtf8,
            _ => CloseReason::ProtocolError,
        };
        self.close(reason.into(), reading.now, Some(reading.batch));
    }

    fn take_message(&mut self, message: &[u8], reading: &mut Reading<'_, G>) {
        let taken = match self.life {
            Life::Greeting => self.take_hello(message, reading),
            Life::Asked => Err(bad_message("A message came before the welcome.")),
            Life::Seated(session) => self.take_said(session, message, reading),
            Life::Closing(_) | Life::Gone => Ok(()),
        };
        if let Err(refusal) = taken {
            self.close(refusal, reading.now, Some(reading.batch));
        }
    }

    fn take_hello(&mut self, message: &[u8], reading: &mut Reading<'_, G>) -> Result<(), Refusal> {
        let hello = handshake::read_hello::<G>(message)?;
        let (request, aspect) = handshake::admit(hello, self.kind, reading.registry)?;
        self.aspect = aspect;
        self.asked_at = reading.now;
        self.life = Life::Asked;
        reading.batch.requests.push((self.key, request));
        Ok(())
    }

    fn take_said(&mut self, session: Session, message: &[u8], reading: &mut Reading<'_, G>) -> Result<(), Refusal> {
        let said = codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(message)
            .map_err(|_| bad_message("A message could not be read."))?;
        if !std::mem::replace(&mut self.confirmed, true) {
            reading.registry.confirm(session);
        }
        match said {
            ClientMessage::Inputs(Inputs { ack, tick, input }) => {
                self.acknowledge(ack, reading);
                let limit = Limit { per_s: INPUTS_PER_TICK * reading.tick_hz, burst: INPUTS_BURST };
                if self.inputs.take(reading.now, limit, 1) && reading.batch.commands.len() < COMMANDS_MAX {
                    reading.batch.commands.push(Command { session, tick, ack, input });
                } else {
                    reading.metrics.inputs_dropped_flood.increment(1);
                }
            }
            ClientMessage::Ack(tick) => self.acknowledge(tick, reading),
            ClientMessage::Ping(ping) if self.pings.len() < PINGS_MAX => self.pings.push((ping, reading.now)),
            ClientMessage::Ping(_) => {}
            ClientMessage::FreshStart => {
                reading.metrics.desyncs_reported.increment(1);
                self.wants_fresh_start = true;
            }
            ClientMessage::Goodbye => {
                self.leave_room(reading.batch, Request::Leave);
                self.close(CloseReason::Leave.into(), reading.now, None);
            }
            ClientMessage::Hide => {
                self.is_hidden = true;
                reading.batch.requests.push((self.key, Request::Rest(session)));
            }
            ClientMessage::Show if self.is_hidden => {
                self.is_hidden = false;
                self.staleness.set_stale();
                self.wants_fresh_start = true;
                self.progress_at = reading.now;
            }
            ClientMessage::Show => {}
            ClientMessage::Hello(_) => return Err(bad_message("A second hello came.")),
        }
        Ok(())
    }

    fn acknowledge(&mut self, tick: Tick, reading: &Reading<'_, G>) {
        if self.staleness.acknowledge(tick, reading.tick) {
            self.progress_at = reading.now;
        }
    }

    fn judge_silence(&mut self, reading: &mut Reading<'_, G>) {
        let silent = reading.now.saturating_duration_since(self.heard_at);
        let stuck = reading.now.saturating_duration_since(self.progress_at);
        let late = match self.life {
            // Since it came: whatever it says instead of the hello is no progress.
            Life::Greeting => stuck > HELLO_DEADLINE,
            Life::Asked | Life::Seated(_) => silent > SILENCE_MAX,
            Life::Closing(until) => {
                if reading.now >= until {
                    self.life = Life::Gone;
                }
                return;
            }
            Life::Gone => return,
        };
        if self.session().is_some()
            && silent > PROBE_AFTER
            && reading.now.saturating_duration_since(self.probed_at) > PROBE_AFTER
        {
            self.probed_at = reading.now;
            // It fails only after a close frame, and then nobody need be asked.
            let _ = self.outbox.with_pipe(&[], |pipe| {
                self.websocket.write(pipe, Message::Ping(Bytes::new())).and_then(|()| self.websocket.flush(pipe))
            });
        }
        if late {
            self.close(CloseReason::TimedOut.into(), reading.now, Some(reading.batch));
        } else if self.is_stale() && stuck > STALE_MAX {
            self.close(CloseReason::Slow.into(), reading.now, Some(reading.batch));
        }
    }

    /// The room let it in: the welcome is to be sent, and frames follow.
    pub(super) fn seat(&mut self, session: Session, welcome: &MessageOf<G::Rules>, hash_phase: u32, now: Instant) {
        self.life = Life::Seated(session);
        self.viewer = Some(Viewer::new(self.aspect, hash_phase));
        self.progress_at = now;
        self.say(welcome);
    }

    /// Whether the room's answer is awaited.
    pub(super) fn is_asked(&self) -> bool {
        self.life == Life::Asked
    }

    /// The session it has.
    pub(super) fn session(&self) -> Option<Session> {
        match self.life {
            Life::Seated(session) => Some(session),
            _ => None,
        }
    }

    /// Adds a control message to what is to be sent.
    pub(super) fn say(&mut self, message: &MessageOf<G::Rules>) {
        self.outbox.say(|out| codec::encode(message, out));
    }

    /// Closes with a code and words: says goodbye if the client may come back, and lingers until it has heard. Tells the
    /// room with `batch`, unless it knows.
    pub(super) fn close(&mut self, refusal: Refusal, now: Instant, batch: Option<&mut Batch<InputOf<G>>>) {
        if !self.is_open() {
            return;
        }
        if let Some(batch) = batch {
            self.leave_room(batch, Request::Lost);
        }
        let Refusal { reason, words } = refusal;
        self.ended = Some(reason);
        if reason.may_retry() {
            self.say(&ServerMessage::Goodbye(Goodbye { code: reason.code(), retry_after_ms: RETRY_AFTER_MS }));
        }
        let frame = CloseFrame { code: CloseCode::from(reason.code()), reason: shorten(&words) };
        // It fails only if a close frame went out before, and then that one counts.
        let _ = self.outbox.with_pipe(&[], |pipe| self.websocket.close(pipe, Some(frame)));
        self.life = Life::Closing(now + LINGER);
    }

    fn is_open(&self) -> bool {
        matches!(self.life, Life::Greeting | Life::Asked | Life::Seated(_))
    }

    /// Tells the room that the session has no connection any more, if it had this one.
    fn leave_room(&mut self, batch: &mut Batch<InputOf<G>>, how: fn(Session) -> Request) {
        if let Life::Seated(session) = self.life {
            batch.requests.push((self.key, how(session)));
        }
        self.viewer = None;
    }

    /// The peer is gone without a word.
    pub(super) fn lose(&mut self, batch: &mut Batch<InputOf<G>>) {
        self.leave_room(batch, Request::Lost);
        // A seat that was asked for is given back when the answer finds nobody.
        self.life = Life::Gone;
    }

    /// What time it is, as an answer to what it asked when it asked to be let in.
    pub(super) fn clock(&self, now: Instant, last: ClockTick) -> ServerClock {
        clock(self.asked_at, now, last)
    }

    /// Answers the pings that wait, as late as possible.
    pub(super) fn answer_pings(&mut self, now: Instant, last: ClockTick) {
        if self.pings.is_empty() || self.session().is_none() {
            return;
        }
        if self.staleness.is_stale() {
            // What cannot be read now is not worth waiting for.
            return self.pings.clear();
        }
        let (mut pings, work_us) = (std::mem::take(&mut self.pings), last.work.as_micros() as u32);
        for (ping, read_at) in pings.drain(..) {
            self.say(&ServerMessage::Pong(Pong { stamp: ping.stamp, clock: clock(read_at, now, last), work_us }));
        }
        self.pings = pings;
    }

    /// Judges whether the client keeps up. True if it has just become stale.
    pub(super) fn check_staleness(&mut self, tick: Tick, rate: TickRate) -> bool {
        let is_judged = self.session().is_some() && !self.is_hidden;
        is_judged && self.staleness.lags(tick, rate) && self.staleness.set_stale()
    }

    /// Whether it may start afresh: it was stale and has caught up, or its client asked for it (once a second).
    pub(super) fn is_ready_for_fresh_start(&self, now: Instant) -> bool {
        let interval = Duration::from_millis(u64::from(FRESH_START_INTERVAL_MS));
        let may_ask = self.fresh_start_at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        let has_reason =
            if self.staleness.is_stale() { self.staleness.has_caught_up() } else { self.wants_fresh_start };
        let is_here = self.session().is_some() && !self.is_hidden && self.outbox.is_empty();
        is_here && has_reason && (may_ask || !self.wants_fresh_start)
    }

    /// Its next frame starts afresh.
    pub(super) fn start_afresh(&mut self, now: Instant) {
        if std::mem::take(&mut self.wants_fresh_start) {
            self.fresh_start_at = Some(now);
        }
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

    /// The tick's one write: what is pending, then the frames in `frames`, which hold `bodies` bodies up to `tick`.
    pub(super) fn write(&mut self, buffer: &mut Vec<u8>, frames: &[u8], bodies: u64, tick: Tick) -> Delivery {
        let mut delivery = self.outbox.send(&mut self.socket, buffer, frames, bodies);
        self.is_broken |= delivery.is_broken;
        if delivery.frames_went {
            self.staleness.sent(tick);
        }
        if delivery.is_blocked {
            self.staleness.set_stale();
        }
        if delivery.bytes > 0
            && self.outbox.is_empty()
            && let Life::Closing(_) = self.life
        {
            self.socket.finish();
        }
        delivery.is_stale = self.is_stale();
        delivery.is_hidden = self.is_hidden();
        delivery
    }
}

/// What time it is, as an answer to what was read at `read_at`.
fn clock(read_at: Instant, now: Instant, last: ClockTick) -> ServerClock {
    let us = |from: Instant| now.saturating_duration_since(from).as_micros() as u32;
    ServerClock { hold_us: us(read_at), tick: last.tick, phase_us: us(last.due) }
}

/// How long a client that may come back should wait at least, in milliseconds. It adds its own jitter.
const RETRY_AFTER_MS: u32 = 1000;

fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(256)
        .write_buffer_size(0)
        .max_write_buffer_size(REPLIES_MAX)
        .max_message_size(Some(CLIENT_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(CLIENT_MESSAGE_BYTES_MAX))
}

/// The words as far as a close frame can hold them.
fn shorten(words: &str) -> Utf8Bytes {
    let end = words.floor_char_boundary(CLOSE_WORDS_MAX);
    words[..end].into()
}
