//! An event loop: one thread that owns its peers' sockets. Once per tick it reads each of them just before the step and
//! writes each just after it; nothing wakes it in between.

use crate::admission::control::AdmissionPermit;
use crate::ids::PlayerKind;
use crate::io::connection::{Connection, Received};
use crate::io::service::{Connections, LoopStep, Service};
use crate::io::socket::Socket;
use crate::io::table::SlotTable;
use crate::ops::LoopMetrics;
use fracas_protocol::wire::close::CloseReason;
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
/// How long a stopping loop waits for its peers to hear the close.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often a stopping loop looks at them.
const FAREWELL_STEP: Duration = Duration::from_millis(10);

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
    pub permit: Option<AdmissionPermit>,
}

/// Newcomers that may wait for an event loop; beyond that the listener refuses.
pub const NEWCOMERS_MAX: usize = 8192;

/// What an event loop shares with others.
#[derive(Clone, Debug)]
pub struct LoopShared {
    /// Connections of this loop, for the listener to choose the loop with the fewest.
    pub connections: Arc<AtomicUsize>,
    /// Where it counts.
    pub metrics: LoopMetrics,
}

/// Why an event loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopEnd {
    /// The service said farewell, and everybody was told.
    Farewell,
    /// There is nothing more to serve: the tick thread is gone without a word.
    Over,
}

/// One event loop.
pub struct EventLoop<V: Service, S> {
    service: V,
    newcomers: flume::Receiver<Newcomer<S>>,
    shared: LoopShared,
    connections: Connections<V::Peer, S>,
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

impl<V: Service, S: Socket> EventLoop<V, S> {
    /// An event loop without connections; its index tells its keys from those of others.
    pub fn new(index: u8, service: V, newcomers: flume::Receiver<Newcomer<S>>, shared: LoopShared) -> Self {
        Self {
            service,
            newcomers,
            shared,
            connections: SlotTable::new(index),
            reading_time: Duration::ZERO,
            inbound: vec![0; TOGETHER * FIRST_READ_BYTES],
            scratch: vec![0; SCRATCH_BYTES],
            frames: Vec::new(),
            composed: Vec::with_capacity(TOGETHER),
            buffer: Vec::new(),
        }
    }

    /// What it serves.
    pub fn service(&mut self) -> &mut V {
        &mut self.service
    }

    /// Runs until the service says farewell. Call it on a thread of its own.
    pub fn run(self) -> LoopEnd {
        self.run_with(|| ())
    }

    /// The same; calls `before` before each round.
    pub fn run_with(mut self, mut before: impl FnMut()) -> LoopEnd {
        loop {
            before();
            let read_at = self.service.read_at(self.reading_time);
            std::thread::sleep(read_at.saturating_duration_since(Instant::now()));
            self.read_all(Instant::now);
            let turn = self.service.wait();
            match turn {
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

    /// Takes newcomers, reads everybody, and lets the service hand over what was read. `clock` tells the time.
    pub fn read_all(&mut self, clock: impl Fn() -> Instant) {
        let began = clock();
        let newcomers: Vec<_> = self.newcomers.try_iter().collect();
        for newcomer in newcomers {
            self.adopt(newcomer, began);
        }
        let (mut received, mut anybody_gone) = (0, false);
        for first in (0..self.connections.places()).step_by(TOGETHER) {
            let (mut arrivals, policy, now) = ([Received::Nothing; TOGETHER], self.service.policy(), clock());
            let shares = self.inbound.chunks_exact_mut(FIRST_READ_BYTES).zip(&mut arrivals);
            for ((_, connection), (share, arrival)) in self.connections.from(first).zip(shares) {
                *arrival = connection.map_or(Received::Nothing, |connection| connection.receive(share, policy, now));
            }
            // Anew, since what came while the first were read has come by now.
            let now = clock();
            let shares = self.inbound.chunks_exact(FIRST_READ_BYTES).zip(arrivals);
            for ((_, connection), (share, arrival)) in self.connections.from(first).zip(shares) {
                let Some(connection) = connection else { continue };
                received += connection.read(arrival, share, &mut self.scratch, &mut self.service, now);
                anybody_gone |= connection.stream.is_gone();
                self.shared.metrics.messages_dropped.increment(u64::from(connection.stream.take_dropped()));
            }
        }
        self.shared.metrics.received_bytes.increment(received);
        if anybody_gone {
            self.drop_gone();
        }
        let took = clock().saturating_duration_since(began);
        self.service.hand_over(took);
        self.shared.metrics.reading.record(took);
        self.reading_time = (self.reading_time * 7 + took) / 8;
    }

    fn adopt(&mut self, newcomer: Newcomer<S>, now: Instant) {
        let Newcomer { socket, leftover, kind, permit } = newcomer;
        let (service, network) = (&mut self.service, permit.as_ref().and_then(AdmissionPermit::network));
        let place = self.connections.insert(|key| {
            let peer = service.open(key, kind, network, now);
            Connection::new(socket, service.policy(), peer, permit, now)
        });
        self.shared.metrics.connections_opened.increment(1);
        // Without this the bytes that came with the handshake would wait for the next packet.
        if let Some(connection) = self.connections.at(place) {
            connection.feed(&leftover, service, now);
        }
        self.count_connections();
    }

    /// Writes everybody once. `clock` tells the time.
    pub fn write_all(&mut self, clock: impl Fn() -> Instant) {
        let began = clock();
        self.service.prepare(&mut self.connections, began);
        let (mut bodies, mut bytes) = (0, 0);
        for first in (0..self.connections.places()).step_by(TOGETHER) {
            self.compose(first, clock());
            let mut start = 0;
            for Composed { place, end, bodies: composed } in self.composed.drain(..) {
                let Some(connection) = self.connections.at(place) else { continue };
                let frames = &self.frames[std::mem::replace(&mut start, end)..end];
                let delivery = connection.write(&mut self.buffer, frames, composed);
                self.service.sent(&mut connection.peer, &delivery);
                bodies += delivery.bodies;
                bytes += delivery.bytes as u64;
            }
        }
        let ended = clock();
        self.service.written(ended);
        let metrics = &mut self.shared.metrics;
        metrics.updates_sent.increment(bodies);
        metrics.sent_bytes.increment(bytes);
        metrics.writing.record(ended.saturating_duration_since(began));
    }

    /// Composes what the connections from place `first` on get, [`TOGETHER`] of them, one after the other into `frames`.
    fn compose(&mut self, first: usize, now: Instant) {
        self.frames.clear();
        for (place, connection) in self.connections.from(first).take(TOGETHER) {
            let Some(connection) = connection else { continue };
            let bodies = self.service.compose(&mut connection.peer, &mut connection.stream, now, &mut self.frames);
            self.composed.push(Composed { place, end: self.frames.len(), bodies });
        }
    }

    fn drop_gone(&mut self) {
        let metrics = &mut self.shared.metrics;
        let is_gone = |connection: &Connection<_, _>| connection.stream.is_gone();
        self.connections.take_if(is_gone, |mut connection| {
            connection.end();
            metrics.connection_closed(connection.end_label());
        });
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
                self.service.dismiss(&mut connection.peer, &mut connection.stream, reason.into(), Instant::now());
            }
            self.write_all(Instant::now);
            if Instant::now() > until || self.connections.is_empty() {
                return;
            }
            std::thread::sleep(FAREWELL_STEP);
            self.read_all(Instant::now);
        }
    }
}
