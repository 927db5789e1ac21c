//! One connection in memory, in virtual time: bytes take their time, wait at a stall or in a partition, and are lost in a cut.

use fracas_protocol::rng::Rng;
use fracas_server::io::socket::Socket;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the kernels at both ends hold of one direction, in bytes.
pub(crate) const BUFFERS: usize = 64 * 1024;

/// Bytes that the other end's kernel has not acknowledged for so long end a connection, as `TCP_USER_TIMEOUT` does.
const UNACKNOWLEDGED_MAX_US: u64 = 12_000_000;

/// The one clock of a simulated world, in microseconds since it began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn now_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set_us(&self, us: u64) {
        self.0.store(us, Ordering::Relaxed);
    }
}

/// How good a line is while nothing happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// One way.
    pub(crate) delay_us: u64,
    /// Up to so much more.
    pub(crate) jitter_us: u64,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// One direction of a connection.
#[derive(Debug)]
struct Lane {
    bytes: VecDeque<u8>,
    /// Of the bytes, in order: when they arrive, and how many.
    parcels: VecDeque<(u64, usize)>,
    quality: Quality,
    rng: Rng,
    capacity: usize,
    /// How fast they go, if the line is narrow.
    bytes_per_s: Option<u64>,
    /// Nothing arrives earlier than what was sent before it.
    last_arrival_us: u64,
    /// Nothing arrives until then, since when that has been so.
    held_until_us: u64,
    held_since_us: u64,
    /// When the sender's last word arrives that nothing more comes.
    finished_us: Option<u64>,
    /// The reader is gone.
    abandoned: bool,
    /// Both ends are told that the line is gone.
    broken: bool,
    /// The most that was ever offered at once, in bytes.
    offered_max: usize,
}

impl Lane {
    fn new(quality: Quality, rng: Rng) -> Self {
        Self {
            bytes: VecDeque::new(),
            parcels: VecDeque::new(),
            quality,
            rng,
            capacity: BUFFERS,
            bytes_per_s: None,
            last_arrival_us: 0,
            held_until_us: 0,
            held_since_us: 0,
            finished_us: None,
            abandoned: false,
            broken: false,
            offered_max: 0,
        }
    }

    fn read(&mut self, now_us: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if now_us < self.held_until_us {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        while taken < buffer.len() {
            let Some((_, len)) = self.parcels.front_mut().filter(|(arrives_us, _)| *arrives_us <= now_us) else {
                break;
            };
            let part = (*len).min(buffer.len() - taken);
            (taken, *len) = (taken + part, *len - part);
            if *len == 0 {
                self.parcels.pop_front();
            }
        }
        if taken > 0 {
            self.bytes.read_exact(&mut buffer[..taken])?;
            return Ok(taken);
        }
        let is_over = self.parcels.is_empty() && self.finished_us.is_some_and(|at| at <= now_us);
        if is_over { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn write(&mut self, now_us: u64, bytes: &[u8]) -> io::Result<usize> {
        self.offered_max = self.offered_max.max(bytes.len());
        let is_held = now_us < self.held_until_us;
        if self.broken || (self.abandoned && !is_held) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if is_held && !self.bytes.is_empty() && now_us - self.held_since_us > UNACKNOWLEDGED_MAX_US {
            return Err(ErrorKind::TimedOut.into());
        }
        let len = bytes.len().min(self.capacity.saturating_sub(self.bytes.len()));
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let arrives_us = self.arrival_us(now_us, len);
        self.bytes.extend(&bytes[..len]);
        self.parcels.push_back((arrives_us, len));
        Ok(len)
    }

    /// When what is sent now arrives: on its way for a while, in order, and at the line's speed.
    fn arrival_us(&mut self, now_us: u64, len: usize) -> u64 {
        let jitter_us = u64::from(self.rng.below(self.quality.jitter_us as u32 + 1));
        let on_time_us = now_us + self.quality.delay_us + jitter_us;
        let passing_us = self.bytes_per_s.map_or(0, |speed| len as u64 * 1_000_000 / speed);
        self.last_arrival_us = on_time_us.max(self.last_arrival_us) + passing_us;
        self.last_arrival_us
    }

    fn hold(&mut self, now_us: u64, until_us: u64) {
        if self.held_until_us <= now_us {
            self.held_since_us = now_us;
        }
        self.held_until_us = self.held_until_us.max(until_us);
    }

    /// When there is something to read next.
    fn next_us(&self) -> Option<u64> {
        if self.broken {
            return Some(0);
        }
        let first = self.parcels.front().map(|(arrives_us, _)| *arrives_us).or(self.finished_us)?;
        Some(first.max(self.held_until_us)).filter(|at| *at < u64::MAX)
    }
}

fn lock(lane: &Arc<Mutex<Lane>>) -> MutexGuard<'_, Lane> {
    // Whoever panicked while they held one has failed anyway.
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct LineEnd {
    time: Time,
    inbound: Arc<Mutex<Lane>>,
    outbound: Arc<Mutex<Lane>>,
}

impl Socket for LineEnd {
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.inbound).read(self.time.now_us(), buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.outbound).write(self.time.now_us(), bytes)
    }

    fn finish(&mut self) {
        let mut lane = lock(&self.outbound);
        if lane.finished_us.is_none() {
            let arrives_us = lane.arrival_us(self.time.now_us(), 0);
            lane.finished_us = Some(arrives_us);
        }
    }

    fn abort(&mut self) {
        let mut lane = lock(&self.outbound);
        lane.bytes.clear();
        lane.parcels.clear();
        lane.broken |= lane.held_until_us <= self.time.now_us();
    }
}

/// Dropping a socket ends both directions.
impl Drop for LineEnd {
    fn drop(&mut self) {
        self.finish();
        lock(&self.inbound).abandoned = true;
    }
}

impl Read for LineEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv(buffer)
    }
}

impl Write for LineEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line between two ends, for whoever makes it fail.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    time: Time,
    there: Arc<Mutex<Lane>>,
    back: Arc<Mutex<Lane>>,
}

impl Line {
    /// A line and its ends: the client's and the server's.
    pub(crate) fn new(time: &Time, quality: Quality, rng: &mut Rng) -> (Self, LineEnd, LineEnd) {
        let mut lane = |stream| Arc::new(Mutex::new(Lane::new(quality, Rng::new(rng.word(), stream))));
        let (there, back) = (lane(5), lane(6));
        let end = |inbound: &Arc<Mutex<Lane>>, outbound: &Arc<Mutex<Lane>>| LineEnd {
            time: time.clone(),
            inbound: Arc::clone(inbound),
            outbound: Arc::clone(outbound),
        };
        let (client, server) = (end(&back, &there), end(&there, &back));
        (Self { time: time.clone(), there, back }, client, server)
    }

    fn lane(&self, direction: Direction) -> MutexGuard<'_, Lane> {
        lock(if direction == Direction::ToServer { &self.there } else { &self.back })
    }

    /// Both ends are told at once that it is gone; what is on its way is lost.
    pub(crate) fn cut(&self) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.lane(direction).broken = true;
        }
    }

    /// Nothing arrives in a direction before `until_us`, and nobody is told. At `u64::MAX` the line is dead for good.
    pub(crate) fn hold(&self, direction: Direction, until_us: u64) {
        self.lane(direction).hold(self.time.now_us(), until_us);
    }

    /// How much it holds towards the client, and how fast it is.
    pub(crate) fn narrow(&self, capacity: usize, bytes_per_s: Option<u64>) {
        let mut lane = self.lane(Direction::ToClient);
        (lane.capacity, lane.bytes_per_s) = (capacity, bytes_per_s);
    }

    /// When the client has something to read next.
    pub(crate) fn next_us(&self) -> Option<u64> {
        self.lane(Direction::ToClient).next_us()
    }

    /// The most that the server ever offered in one write, in bytes.
    pub(crate) fn offered_max(&self) -> usize {
        self.lane(Direction::ToClient).offered_max
    }
}
