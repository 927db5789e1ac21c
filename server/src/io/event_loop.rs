//! An event loop: one thread that owns its peers' sockets. Once per tick it reads each of them just before the step,
//! and writes each just after it. Nothing wakes it in between.

use crate::admission::control::AdmissionPermit;
use crate::ids::PlayerKind;
use crate::io::close::ConnectionEnd;
use crate::io::connection::{Connection, Inbound};
use crate::io::policy::Policy;
use crate::io::service::{Addressee, ConnectionEvent, LoopStep, Service};
use crate::io::socket::Socket;
use crate::io::table::SlotTable;
use crate::io::writer::Delivery;
use crate::ops::LoopMetrics;
use fracas_protocol::wire::close::CloseReason;
use std::io::{ErrorKind, Result as IoResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A connection's share of the first read: some twenty inputs.
const FIRST_READ_BYTES: usize = 512;
/// Bytes of one connection that each further read takes.
const SCRATCH_BYTES: usize = 16 * 1024;
/// Reads of one connection in one tick. The rest is read on the next tick.
const READS_MAX: usize = 4;
/// Connections whose frames are composed before the first of them is sent. A system call leaves little of the world and
/// of this program in the processor's nearest caches. So frames are composed in groups, without calls in between.
const TOGETHER: usize = 32;
/// How long a stopping loop waits for its peers to hear the close.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often a stopping loop checks them.
const FAREWELL_STEP: Duration = Duration::from_millis(10);

/// A socket whose WebSocket handshake is done, on its way to an event loop.
#[derive(Debug)]
pub struct Newcomer<S> {
    /// The socket, non-blocking.
    pub socket: S,
    /// What came with the handshake.
    pub leftover: Vec<u8>,
    /// A person or a built-in bot.
    pub kind: PlayerKind,
    /// Counts the connection while it lasts.
    pub permit: Option<AdmissionPermit>,
}

/// Newcomers that may wait for an event loop. Further ones are refused by the listener.
pub const NEWCOMERS_MAX: usize = 8192;

/// State that an event loop shares with others.
#[derive(Clone, Debug)]
pub struct LoopShared {
    /// Connections of this loop, for the listener to choose the loop with the fewest.
    pub connections: Arc<AtomicUsize>,
    /// Its metrics.
    pub metrics: LoopMetrics,
}

/// Why an event loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopEnd {
    /// The service ended it, and all peers were told.
    Farewell,
    /// There is nothing more to serve, since the tick thread ended without a farewell.
    Over,
}

/// One event loop.
pub struct EventLoop<V: Service, S> {
    service: V,
    policy: Policy,
    newcomers: flume::Receiver<Newcomer<S>>,
    shared: LoopShared,
    slots: SlotTable<ConnectionSlot<V::Client, S>>,
    /// How long a round of reading takes, smoothed, and when the next one begins.
    reading_time: Duration,
    read_at: Instant,
    /// A part for each connection of a group, and a buffer for those with more bytes.
    inbound: Vec<u8>,
    scratch: Vec<u8>,
    /// Composed frames, and their connections.
    frames: Vec<u8>,
    composed: Vec<Composed>,
    buffer: Vec<u8>,
}

/// The frames of one connection on this tick.
#[derive(Clone, Copy, Debug)]
struct Composed {
    slot: usize,
    /// Where they end in the buffer. They start where those before end.
    end: usize,
    bodies: u64,
}

impl<V: Service, S: Socket> EventLoop<V, S> {
    /// An event loop without connections, which are held to `policy`; its index tells its keys from those of others.
    pub fn new(
        index: u8,
        service: V,
        policy: Policy,
        newcomers: flume::Receiver<Newcomer<S>>,
        shared: LoopShared,
    ) -> Self {
        Self {
            service,
            policy,
            newcomers,
            shared,
            slots: SlotTable::new(index),
            reading_time: Duration::ZERO,
            read_at: Instant::now(),
            inbound: vec![0; TOGETHER * FIRST_READ_BYTES],
            scratch: vec![0; SCRATCH_BYTES],
            frames: Vec::new(),
            composed: Vec::with_capacity(TOGETHER),
            buffer: Vec::new(),
        }
    }

    /// The service.
    pub fn service(&mut self) -> &mut V {
        &mut self.service
    }

    /// Runs until the service ends it. Call it on a separate thread.
    pub fn run(self) -> LoopEnd {
        self.run_with(|| ())
    }

    /// The same; calls `before` before each round.
    pub fn run_with(mut self, mut before: impl FnMut()) -> LoopEnd {
        loop {
            before();
            std::thread::sleep(self.read_at.saturating_duration_since(Instant::now()));
            let reading = self.read_all(Instant::now);
            match self.service.exchange(reading) {
                LoopStep::Write => self.write_all(Instant::now),
                LoopStep::Farewell(reason) => {
                    self.write_all(Instant::now);
                    self.say_farewell(reason);
                    return LoopEnd::Farewell;
                }
                LoopStep::Over => return LoopEnd::Over,
            }
        }
    }

    /// Takes newcomers in and reads everybody. Returns how long that took. `clock` tells the time.
    pub fn read_all(&mut self, clock: impl Fn() -> Instant) -> Duration {
        let began = clock();
        let newcomers: Vec<_> = self.newcomers.try_iter().collect();
        for newcomer in newcomers {
            self.adopt(newcomer, began);
        }
        let (mut received, mut anybody_gone) = (0, false);
        for first in (0..self.slots.count()).step_by(TOGETHER) {
            let (mut arrivals, now) = ([Received::Nothing; TOGETHER], clock());
            let shares = self.inbound.chunks_exact_mut(FIRST_READ_BYTES).zip(&mut arrivals);
            for ((_, slot), (share, arrival)) in self.slots.from(first).zip(shares) {
                *arrival = slot.map_or(Received::Nothing, |slot| slot.receive(share, &self.policy, now));
            }
            // Read the clock again, since bytes may have come while the first connections were read.
            let now = clock();
            let shares = self.inbound.chunks_exact(FIRST_READ_BYTES).zip(arrivals);
            for ((_, slot), (share, arrival)) in self.slots.from(first).zip(shares) {
                let Some(slot) = slot else { continue };
                let mut ctx = ServiceCtx { service: &mut self.service, policy: &self.policy, now };
                received += slot.read(arrival, share, &mut self.scratch, &mut ctx);
                anybody_gone |= slot.connection.is_gone();
                self.shared.metrics.messages_dropped.increment(u64::from(slot.connection.drain_dropped()));
            }
        }
        self.shared.metrics.received_bytes.increment(received);
        if anybody_gone {
            self.drop_gone();
        }
        let took = clock().saturating_duration_since(began);
        self.shared.metrics.reading.record(took);
        self.reading_time = (self.reading_time * 7 + took) / 8;
        took
    }

    fn adopt(&mut self, newcomer: Newcomer<S>, now: Instant) {
        let Newcomer { socket, leftover, kind, permit } = newcomer;
        let network = permit.as_ref().and_then(AdmissionPermit::network);
        let index = self.slots.insert(|key| {
            let (client, connection) = (self.service.open(key, kind, network, now), Connection::new(&self.policy, now));
            ConnectionSlot { socket, is_broken: false, connection, client, _permit: permit }
        });
        self.shared.metrics.connections_opened.increment(1);
        // Without this the bytes that came with the handshake would wait for the next packet.
        if let Some(slot) = self.slots.at(index) {
            slot.feed(&leftover, &mut ServiceCtx { service: &mut self.service, policy: &self.policy, now });
        }
        self.count_connections();
    }

    /// Tells those whom the service has something for, and writes everybody once. `clock` tells the time.
    pub fn write_all(&mut self, clock: impl Fn() -> Instant) {
        let began = clock();
        self.address(began);
        let (mut bodies, mut bytes) = (0, 0);
        for first in (0..self.slots.count()).step_by(TOGETHER) {
            let now = clock();
            self.compose(first, now);
            let mut ctx = ServiceCtx { service: &mut self.service, policy: &self.policy, now };
            let mut start = 0;
            for Composed { slot, end, bodies: composed } in self.composed.drain(..) {
                let Some(slot) = self.slots.at(slot) else { continue };
                let frames = &self.frames[std::mem::replace(&mut start, end)..end];
                let delivery = slot.write(&mut self.buffer, frames, composed);
                slot.handle(ConnectionEvent::Sent(&delivery), &mut ctx);
                bodies += delivery.bodies;
                bytes += delivery.bytes as u64;
            }
        }
        let ended = clock();
        self.read_at = self.service.written(self.reading_time, ended);
        let metrics = &mut self.shared.metrics;
        metrics.updates_sent.increment(bodies);
        metrics.sent_bytes.increment(bytes);
        metrics.writing.record(ended.saturating_duration_since(began));
    }

    fn address(&mut self, now: Instant) {
        while let Some(addressee) = self.service.next_addressed(now) {
            let mut ctx = ServiceCtx { service: &mut self.service, policy: &self.policy, now };
            match addressee {
                Addressee::One(key) => {
                    if let Some(slot) = self.slots.get(key) {
                        slot.handle(ConnectionEvent::Addressed, &mut ctx);
                    }
                }
                Addressee::Everybody => {
                    self.slots.iter_mut().for_each(|slot| slot.handle(ConnectionEvent::Addressed, &mut ctx));
                }
            }
        }
    }

    /// Composes the frames of [`TOGETHER`] connections from slot `first` on, one after the other, into `frames`.
    fn compose(&mut self, first: usize, now: Instant) {
        self.frames.clear();
        for (index, slot) in self.slots.from(first).take(TOGETHER) {
            let Some(ConnectionSlot { connection, client, .. }) = slot else { continue };
            let is_open = connection.is_open();
            let bodies = if is_open { self.service.compose(client, connection, now, &mut self.frames) } else { 0 };
            self.composed.push(Composed { slot: index, end: self.frames.len(), bodies });
        }
    }

    fn drop_gone(&mut self) {
        let metrics = &mut self.shared.metrics;
        let is_gone = |slot: &ConnectionSlot<_, _>| slot.connection.is_gone();
        self.slots.take_if(is_gone, |mut slot| {
            slot.let_go();
            metrics.connection_closed(slot.connection.end_label());
        });
        self.count_connections();
    }

    fn count_connections(&mut self) {
        let count = self.slots.len();
        self.shared.connections.store(count, Ordering::Relaxed);
        self.shared.metrics.connections.set(count as f64);
    }

    /// Closes all connections with `reason`, and waits a while until the peers have received it.
    fn say_farewell(&mut self, reason: CloseReason) {
        let until = Instant::now() + FAREWELL;
        loop {
            let mut ctx = ServiceCtx { service: &mut self.service, policy: &self.policy, now: Instant::now() };
            // Again each time, since a newcomer may still have been on its way.
            self.slots.iter_mut().for_each(|slot| slot.close(ConnectionEnd::Closed(reason.into()), &mut ctx));
            self.write_all(Instant::now);
            if Instant::now() > until || self.slots.is_empty() {
                return;
            }
            std::thread::sleep(FAREWELL_STEP);
            self.read_all(Instant::now);
        }
    }
}

/// The result of one read of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Received {
    /// So many bytes.
    Bytes(usize),
    /// So many bytes, which is all that the peer may send for now. There may be more.
    Last(usize),
    /// No bytes are there now.
    Nothing,
    /// The peer is not read for now, since it has sent more than it may.
    Unread,
    /// The peer is gone.
    End,
}

/// What a slot needs of its loop while it has its turn.
struct ServiceCtx<'a, V> {
    service: &'a mut V,
    policy: &'a Policy,
    now: Instant,
}

/// A socket with its connection, and what the service knows of the peer.
#[derive(Debug)]
struct ConnectionSlot<C, S> {
    socket: S,
    /// A send failed: the next read says so.
    is_broken: bool,
    connection: Connection,
    client: C,
    _permit: Option<AdmissionPermit>,
}

impl<C, S: Socket> ConnectionSlot<C, S> {
    /// Reads the socket once. The result goes to [`Self::read`].
    fn receive(&mut self, buffer: &mut [u8], policy: &Policy, now: Instant) -> Received {
        if self.is_broken {
            return Received::End;
        }
        let most = self.connection.may_read(policy, now, buffer.len());
        if most == 0 {
            return Received::Unread;
        }
        match uninterrupted(|| self.socket.recv(&mut buffer[..most])) {
            Ok(0) => Received::End,
            Ok(len) if len == most && most < buffer.len() => Received::Last(len),
            Ok(len) => Received::Bytes(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            Err(_) => Received::End,
        }
    }

    /// Handles what `buffer` received, and with `scratch` more if that is full; then checks limits and deadlines. Returns the
    /// bytes that came.
    fn read<V: Service<Client = C>>(
        &mut self,
        arrival: Received,
        buffer: &[u8],
        scratch: &mut [u8],
        ctx: &mut ServiceCtx<'_, V>,
    ) -> u64 {
        let mut received = self.handle_arrival(arrival, buffer, ctx);
        let mut is_full = arrival == Received::Bytes(buffer.len());
        for _ in 1..READS_MAX {
            // If the buffer was not full, there is no more.
            if !is_full || self.connection.is_gone() {
                break;
            }
            let arrival = self.receive(scratch, ctx.policy, ctx.now);
            received += self.handle_arrival(arrival, scratch, ctx);
            is_full = arrival == Received::Bytes(scratch.len());
        }
        if let Some(ending) = self.connection.check_limits(ctx.policy, ctx.now) {
            self.close(ending, ctx);
        }
        self.handle(ConnectionEvent::Read, ctx);
        received
    }

    fn handle_arrival<V: Service<Client = C>>(
        &mut self,
        arrival: Received,
        buffer: &[u8],
        ctx: &mut ServiceCtx<'_, V>,
    ) -> u64 {
        let len = match arrival {
            Received::Bytes(len) | Received::Last(len) => len,
            Received::Nothing | Received::Unread => 0,
            Received::End => {
                self.close(ConnectionEnd::Lost, ctx);
                self.connection.stop_lingering();
                0
            }
        };
        if len > 0 {
            self.feed(&buffer[..len], ctx);
        }
        if matches!(arrival, Received::Last(_) | Received::Unread) {
            self.connection.leave_unread(ctx.now);
        }
        len as u64
    }

    /// Handles bytes from the socket, or those that came with the handshake.
    fn feed<V: Service<Client = C>>(&mut self, bytes: &[u8], ctx: &mut ServiceCtx<'_, V>) {
        self.connection.record_bytes(bytes.len(), ctx.policy, ctx.now);
        let mut inbound = bytes;
        while let Some(event) = self.connection.poll(&mut inbound, ctx.policy, ctx.now) {
            match event {
                Inbound::Message(message) => self.handle(ConnectionEvent::Message(&message), ctx),
                Inbound::End(ending) => self.close(ending, ctx),
            }
        }
    }

    /// Tells the service what happened, if the connection is open, and closes it if the service says so.
    fn handle<V: Service<Client = C>>(&mut self, event: ConnectionEvent<'_>, ctx: &mut ServiceCtx<'_, V>) {
        if self.connection.is_open()
            && let Err(request) = ctx.service.handle(&mut self.client, &mut self.connection, event, ctx.now)
        {
            self.close(request.into(), ctx);
        }
    }

    /// The one way in which a connection ends, whoever asks for it and whatever for: the service hears of it, and may still say
    /// something; then goes the close frame. Of several endings the first one counts.
    fn close<V: Service<Client = C>>(&mut self, ending: ConnectionEnd, ctx: &mut ServiceCtx<'_, V>) {
        if self.connection.is_open() {
            let told = ConnectionEvent::Ended(&ending);
            // It is being closed already: what the service asks for now changes nothing.
            let _ = ctx.service.handle(&mut self.client, &mut self.connection, told, ctx.now);
            self.connection.end(&ending, ctx.now);
        }
    }

    /// The tick's one write: what is pending, then the frames in `frames`, which hold `bodies` bodies.
    fn write(&mut self, buffer: &mut Vec<u8>, frames: &[u8], bodies: u64) -> Delivery {
        let bytes = self.connection.to_send(buffer, frames);
        if bytes.is_empty() {
            return Delivery::default();
        }
        let sent = match uninterrupted(|| self.socket.send(bytes)) {
            Ok(sent) if sent > 0 => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Ok(_) | Err(_) => {
                self.is_broken = true;
                return Delivery::default();
            }
        };
        let delivery = self.connection.record_sent(sent, frames, bodies);
        if sent > 0 && self.connection.is_all_sent() && self.connection.is_closing() {
            self.socket.finish();
        }
        delivery
    }

    /// The connection is gone. What it did not take in time is thrown away.
    fn let_go(&mut self) {
        if !self.connection.is_all_sent() {
            self.socket.abort();
        }
    }
}

/// Tries again what a signal interrupted.
fn uninterrupted(mut call: impl FnMut() -> IoResult<usize>) -> IoResult<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
