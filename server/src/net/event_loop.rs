//! An event loop: one thread that owns its players' sockets. Once per tick it reads each of them just before the step and
//! writes each just after it; nothing wakes it in between.

use super::admission::Ticket;
use super::connection::{Arrival, ClockTick, Connection, Reading};
use super::socket::Socket;
use super::table::Table;
use super::writer::append_message;
use crate::channel::{Admission, Asides, BATCHES_MAX, Batch, ConnectionKey, LoopDoors, Published, Request};
use crate::game::{Game, InputOf, PlayerKind};
use crate::replication::{Composer, TickOutput};
use crate::session::Registry;
use crate::telemetry::LoopMetrics;
use fracas_protocol::close::CloseReason;
use fracas_protocol::message::{Limits, ServerMessage, Welcome};
use fracas_protocol::rules::{MessageOf, Rules};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A connection's share of the first read: some twenty inputs.
const FIRST_READ_BYTES: usize = 512;
/// As much of one connection as is taken at once afterwards.
const SCRATCH_BYTES: usize = 16 * 1024;
/// Connections whose frames are composed before the first of them is sent: a system call leaves little of the world and of
/// this program in the processor's nearest caches, so they are made one after the other, and not each after a call.
const TOGETHER: usize = 32;
/// How long the tick may keep us waiting before we look at the sockets again without it.
const TICK_PATIENCE: Duration = Duration::from_millis(250);
/// How long a stopping loop waits for its peers to hear the close.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often a stopping loop looks at them.
const FAREWELL_STEP: Duration = Duration::from_millis(10);
/// Fresh starts per tick: at least this many, and one in so many players.
const FRESH_STARTS_MIN: usize = 8;
const FRESH_STARTS_SHARE: usize = 64;

/// A socket whose WebSocket handshake is done, on its way to an event loop.
#[derive(Debug)]
pub struct Newcomer<S> {
    /// The socket, non-blocking.
    pub socket: S,
    /// What came with the handshake.
    pub leftover: Vec<u8>,
    /// A person or one of the server's own bots.
    pub kind: PlayerKind,
    /// Counts the connection while it lasts.
    pub ticket: Option<Ticket>,
}

/// Newcomers that may wait for an event loop; beyond that the listener refuses.
pub const NEWCOMERS_MAX: usize = 8192;

/// What an event loop shares with others.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Which token belongs to which session.
    pub registry: Arc<Registry>,
    /// Connections of this loop, for the listener to choose the loop with the fewest.
    pub connections: Arc<AtomicUsize>,
    /// Where it counts.
    pub metrics: LoopMetrics,
}

/// Why an event loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopEnd {
    /// The room said farewell, and everybody was told.
    Farewell,
    /// The tick thread is gone without a word.
    TickThreadGone,
}

/// One event loop.
pub struct EventLoop<G: Game, S> {
    index: u8,
    doors: LoopDoors<G>,
    newcomers: flume::Receiver<Newcomer<S>>,
    shared: Shared,
    connections: Table<Connection<G, S>>,
    batch: Batch<InputOf<G>>,
    composer: Composer<G>,
    /// What was said on the ticks that are being written, if it has notices.
    news: Vec<Arc<Asides>>,
    /// The newest tick that was published to us.
    last: Option<Published<G>>,
    /// Who is to start afresh, in the order in which they became ready.
    fresh_starts: VecDeque<ConnectionKey>,
    /// How long a round of reading takes, smoothed.
    reading_time: Duration,
    /// A share for each of those that are read together, and a buffer for who has more.
    inbound: Vec<u8>,
    scratch: Vec<u8>,
    /// Frames on their way to their sockets, and whose they are.
    frames: Vec<u8>,
    composed: Vec<Composed>,
    buffer: Vec<u8>,
}

/// What one connection is to be sent on this tick.
#[derive(Clone, Copy, Debug)]
struct Composed {
    place: usize,
    /// Where it ends in the frames; it starts where the one before ends.
    end: usize,
    bodies: u64,
}

impl<G: Game, S: Socket> EventLoop<G, S> {
    /// An event loop without connections.
    pub fn new(index: u8, doors: LoopDoors<G>, newcomers: flume::Receiver<Newcomer<S>>, shared: Shared) -> Self {
        Self {
            index,
            doors,
            newcomers,
            shared,
            connections: Table::new(index),
            batch: Batch::default(),
            composer: Composer::default(),
            news: Vec::new(),
            last: None,
            fresh_starts: VecDeque::new(),
            reading_time: Duration::ZERO,
            inbound: vec![0; TOGETHER * FIRST_READ_BYTES],
            scratch: vec![0; SCRATCH_BYTES],
            frames: Vec::new(),
            composed: Vec::with_capacity(TOGETHER),
            buffer: Vec::new(),
        }
    }

    /// Runs until the room says farewell. Call it on a thread of its own.
    pub fn run(mut self) -> LoopEnd {
        let mut published = Vec::with_capacity(BATCHES_MAX);
        loop {
            std::thread::sleep(self.read_at().saturating_duration_since(Instant::now()));
            self.read_all(Instant::now);
            match self.doors.outbound.recv_timeout(TICK_PATIENCE) {
                Ok(first) => published.push(first),
                // Late; what is pending is sent all the same.
                Err(flume::RecvTimeoutError::Timeout) => {}
                Err(flume::RecvTimeoutError::Disconnected) => return LoopEnd::TickThreadGone,
            }
            published.extend(self.doors.outbound.try_iter());
            let farewell = published.iter().find_map(|tick| tick.asides.farewell);
            self.write_all(&mut published, Instant::now);
            if let Some(reason) = farewell {
                self.say_farewell(reason);
                return LoopEnd::Farewell;
            }
        }
    }

    /// When to read next: just before the next tick is due, by the time that reading takes.
    fn read_at(&self) -> Instant {
        let Some(last) = &self.last else { return Instant::now() };
        let period = Duration::from_micros(last.output.rules.tick_rate().period_us());
        let lead = self.reading_time + self.reading_time / 4 + Duration::from_micros(500);
        last.due + period - lead.min(period)
    }

    /// What has been published and not been taken yet.
    pub fn take_published(&mut self) -> Vec<Published<G>> {
        self.doors.outbound.try_iter().collect()
    }

    /// Takes newcomers, reads everybody, and hands what was read to the tick thread. `clock` tells the time.
    pub fn read_all(&mut self, clock: impl Fn() -> Instant) {
        let began = clock();
        let newcomers: Vec<_> = self.newcomers.try_iter().collect();
        for newcomer in newcomers {
            self.adopt(newcomer, began);
        }
        let (mut received, mut anybody_gone) = (0, false);
        let mut inbound = std::mem::take(&mut self.inbound);
        for first in (0..self.connections.places()).step_by(TOGETHER) {
            let mut arrivals = [Arrival::Nothing; TOGETHER];
            let shares = inbound.chunks_exact_mut(FIRST_READ_BYTES).zip(&mut arrivals);
            for ((_, connection), (share, arrival)) in self.connections.from(first).zip(shares) {
                *arrival = connection.map_or(Arrival::Nothing, |connection| connection.receive(share));
            }
            let now = clock();
            for (place, (share, arrival)) in (first..).zip(inbound.chunks_exact(FIRST_READ_BYTES).zip(arrivals)) {
                let Some((connection, mut reading)) = self.reading(now, place) else { continue };
                connection.read(arrival, share, &mut reading);
                received += reading.received;
                anybody_gone |= connection.is_gone();
                self.note_readiness(place, now);
            }
        }
        self.inbound = inbound;
        self.shared.metrics.received_bytes.increment(received);
        if anybody_gone {
            self.drop_gone();
        }
        self.hand_over();
        let took = clock().saturating_duration_since(began);
        self.shared.metrics.reading.record(took);
        self.reading_time = (self.reading_time * 7 + took) / 8;
    }

    fn adopt(&mut self, newcomer: Newcomer<S>, now: Instant) {
        let Newcomer { socket, leftover, kind, ticket } = newcomer;
        let place = self.connections.insert(|key| Connection::new(key, socket, kind, ticket, now));
        self.shared.metrics.connections_opened.increment(1);
        // Without this the bytes that came with the handshake would wait for the next packet.
        if let Some((connection, mut reading)) = self.reading(now, place) {
            connection.feed(&leftover, &mut reading);
        }
        self.count_connections();
    }

    /// A connection, and what it needs to read.
    fn reading(&mut self, now: Instant, place: usize) -> Option<(&mut Connection<G, S>, Reading<'_, G>)> {
        let connection = self.connections.at(place)?;
        let reading = Reading {
            now,
            tick: self.last.as_ref().map(|last| last.output.tick).unwrap_or_default(),
            tick_hz: self.last.as_ref().map_or(1, |last| last.output.rules.tick_rate().hz()),
            scratch: &mut self.scratch,
            batch: &mut self.batch,
            registry: &self.shared.registry,
            metrics: &self.shared.metrics,
            received: 0,
        };
        Some((connection, reading))
    }

    /// Gives the batch to the tick thread; while that has no room, it grows here.
    fn hand_over(&mut self) {
        if self.batch.requests.is_empty() && self.batch.commands.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        match self.doors.inbound.try_send(batch) {
            Ok(()) => self.batch = self.doors.spare.try_recv().unwrap_or_default(),
            Err(refused) => self.batch = refused.into_inner(),
        }
    }

    /// Writes everybody once, with what the published ticks say. `clock` tells the time.
    pub fn write_all(&mut self, published: &mut Vec<Published<G>>, clock: impl Fn() -> Instant) {
        let now = clock();
        let first_whole = self.after_last_gap(published);
        let missed = first_whole.is_some();
        let whole = &published[first_whole.unwrap_or(0)..];
        let outputs: Vec<Arc<TickOutput<G::Rules>>> = whole.iter().map(|tick| Arc::clone(&tick.output)).collect();
        if let Some(last) = published.last() {
            self.last = Some(last.clone());
        }
        self.news.clear();
        for tick in published.drain(..) {
            self.take_asides(&tick, now);
            if !tick.asides.notices.is_empty() {
                self.news.push(tick.asides);
            }
        }
        if missed {
            self.connections.iter_mut().for_each(Connection::set_stale);
        }
        self.start_afresh(now);
        let (mut bodies, mut bytes, mut stale, mut hidden) = (0, 0, 0, 0);
        for first in (0..self.connections.places()).step_by(TOGETHER) {
            self.compose(first, &outputs, clock());
            let mut start = 0;
            for Composed { place, end, bodies: composed } in self.composed.drain(..) {
                let (Some(connection), Some(last)) = (self.connections.at(place), &self.last) else { continue };
                let frames = &self.frames[std::mem::replace(&mut start, end)..end];
                let delivery = connection.write(&mut self.buffer, frames, composed, last.output.tick);
                bodies += delivery.bodies;
                bytes += delivery.bytes as u64;
                stale += u32::from(delivery.is_stale);
                hidden += u32::from(delivery.is_hidden);
            }
        }
        let metrics = &mut self.shared.metrics;
        metrics.updates_sent.increment(bodies);
        metrics.sent_bytes.increment(bytes);
        metrics.encoded_bytes.increment(self.composer.take_entry_bytes() as u64);
        metrics.stale_players.set(f64::from(stale));
        metrics.hidden_players.set(f64::from(hidden));
        metrics.writing.record(clock().saturating_duration_since(now));
    }

    /// If ticks were published that never came here, because the door was full: the index of the first tick after the
    /// last of them. The door may have filled and emptied while we were taking what it held.
    fn after_last_gap(&self, published: &[Published<G>]) -> Option<usize> {
        let mut before = self.last.as_ref().map(|last| last.sequence);
        let mut after_gap = None;
        for (index, tick) in published.iter().enumerate() {
            if before.is_some_and(|before| tick.sequence != before + 1) {
                after_gap = Some(index);
            }
            before = Some(tick.sequence);
        }
        after_gap
    }

    fn take_asides(&mut self, tick: &Published<G>, now: Instant) {
        let (index, asides) = (self.index, &tick.asides);
        for admission in asides.admissions.iter().filter(|admission| admission.connection.event_loop == index) {
            self.take_admission(admission, tick, now);
        }
        for (key, reason) in &asides.evictions {
            if let Some(connection) = self.connections.get(*key) {
                connection.close((*reason).into(), now, None);
            }
        }
        // Every loop hears of every end; the first one is enough to clear the registry.
        if self.index == 0 {
            asides.ended.iter().for_each(|session| self.shared.registry.end(*session));
        }
    }

    fn take_admission(&mut self, admission: &Admission, published: &Published<G>, now: Instant) {
        let output = &published.output;
        let tick = ClockTick { tick: output.tick, due: published.due, work: published.work };
        let registry = Arc::clone(&self.shared.registry);
        let connection = self.connections.get(admission.connection).filter(|connection| connection.is_asked());
        let (admitted, connection) = match (admission.verdict, connection) {
            (Ok(admitted), Some(connection)) => (admitted, connection),
            (Err(reason), Some(connection)) => return connection.close(reason.into(), now, None),
            (Err(_), None) => return,
            (Ok(admitted), None) => {
                // It left before the answer came, and never got the token of a session that began just now.
                let how = if admitted.resumed { Request::Lost } else { Request::Leave };
                return self.batch.requests.push((admission.connection, how(admitted.session)));
            }
        };
        let welcome: MessageOf<G::Rules> = ServerMessage::Welcome(Welcome {
            tick_rate: output.rules.tick_rate(),
            clock: connection.clock(now, tick),
            own: admitted.own,
            token: registry.issue(admitted.session),
            resumed: admitted.resumed,
            map: output.rules.map_id(),
            world: output.rules.world(),
            limits: Limits::default(),
        });
        let hash_phase = u32::from(admitted.session.player.0);
        connection.seat(admitted.session, &welcome, hash_phase, now);
        self.shared.metrics.sessions_resumed.increment(u64::from(admitted.resumed));
    }

    /// Looks whether a connection that was just read keeps up, and queues it if it is ready to start afresh.
    fn note_readiness(&mut self, place: usize, now: Instant) {
        let (Some(connection), Some(last)) = (self.connections.at(place), &self.last) else { return };
        connection.check_staleness(last.output.tick, last.output.rules.tick_rate());
        if connection.is_ready_for_fresh_start(now) && !connection.is_queued {
            connection.is_queued = true;
            self.fresh_starts.push_back(connection.key());
        }
    }

    /// Starts as many of those who are ready afresh as a tick may: when a whole loop was late, its players' fresh starts
    /// must not make it late again.
    fn start_afresh(&mut self, now: Instant) {
        for _ in 0..FRESH_STARTS_MIN.max(self.connections.len() / FRESH_STARTS_SHARE) {
            let Some(key) = self.fresh_starts.pop_front() else { break };
            let ready = |connection: &&mut Connection<G, S>| connection.is_ready_for_fresh_start(now);
            let Some(connection) = self.connections.get(key) else { continue };
            connection.is_queued = false;
            if let Some(connection) = Some(connection).filter(ready) {
                connection.start_afresh(now);
                self.shared.metrics.resyncs.increment(1);
            }
        }
    }

    /// Composes what the connections from place `first` on get, [`TOGETHER`] of them, one after the other into `frames`.
    fn compose(&mut self, first: usize, outputs: &[Arc<TickOutput<G::Rules>>], now: Instant) {
        let Some(last) = &self.last else { return };
        let tick = ClockTick { tick: last.output.tick, due: last.due, work: last.work };
        self.frames.clear();
        for (place, connection) in self.connections.from(first).take(TOGETHER) {
            let Some(connection) = connection else { continue };
            connection.answer_pings(now, tick);
            let mut bodies = 0;
            // Who is stale does without news, as without frames.
            if let Some((session, viewer)) = connection.audience() {
                let news = self.news.iter().flat_map(|asides| &asides.notices);
                for notice in news.filter(|notice| notice.to.is_none_or(|to| to == session)) {
                    append_message(&mut self.frames, |out| out.extend_from_slice(&notice.message));
                }
                let mut rest = outputs;
                while !rest.is_empty() {
                    let mut used = 0;
                    append_message(&mut self.frames, |out| {
                        used = self.composer.frame(viewer, session.player, rest, out);
                    });
                    bodies += used as u64;
                    rest = &rest[used..];
                }
            }
            self.composed.push(Composed { place, end: self.frames.len(), bodies });
        }
    }

    fn drop_gone(&mut self) {
        let metrics = &mut self.shared.metrics;
        self.connections.take_if(Connection::is_gone, |connection| metrics.connection_closed(connection.end_label()));
        self.count_connections();
    }

    fn count_connections(&mut self) {
        let count = self.connections.len();
        self.shared.connections.store(count, Ordering::Relaxed);
        self.shared.metrics.connections.set(count as f64);
    }

    /// Closes everybody with `reason`, and waits a while until they have heard it.
    fn say_farewell(&mut self, reason: CloseReason) {
        let until = Instant::now() + FAREWELL;
        loop {
            // Again each time: somebody may still have been on the way to us.
            for connection in self.connections.iter_mut() {
                connection.close(reason.into(), Instant::now(), None);
            }
            self.write_all(&mut Vec::new(), Instant::now);
            if Instant::now() > until || self.connections.len() == 0 {
                return;
            }
            std::thread::sleep(FAREWELL_STEP);
            self.read_all(Instant::now);
        }
    }
}
