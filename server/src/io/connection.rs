//! One connection: a socket, its line, and the peer at the other end. It works over any [`Socket`] and is told the time, so
//! tests drive it in memory.

use crate::admission::control::Ticket;
use crate::io::policy::Policy;
use crate::io::service::Service;
use crate::io::socket::Socket;
use crate::io::writer::Delivery;
use crate::io::ws_stream::Line;
use std::io::ErrorKind;
use std::time::Instant;

/// Reads of one connection in one tick. What is left comes with the next.
const READS_MAX: usize = 4;

/// What one read of a socket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// So many bytes.
    Bytes(usize),
    /// So many, which is all that the peer may send for now: there may be more.
    Last(usize),
    /// Nothing is there now.
    Nothing,
    /// The peer is not read for now: it has sent more than it may.
    Unread,
    /// The peer is gone.
    End,
}

/// A connection.
#[derive(Debug)]
pub struct Connection<P, S> {
    socket: S,
    /// Its WebSocket.
    pub line: Line,
    /// What the service knows of the peer.
    pub peer: P,
    /// A send failed: the next read says so to the service.
    is_broken: bool,
    _ticket: Option<Ticket>,
}

impl<P, S: Socket> Connection<P, S> {
    /// A connection whose handshake is done.
    pub(crate) fn new(socket: S, policy: &Policy, peer: P, ticket: Option<Ticket>, now: Instant) -> Self {
        Self { socket, line: Line::new(policy, now), peer, is_broken: false, _ticket: ticket }
    }

    /// Why it ended: its own word, or the network's.
    pub(crate) fn end_label(&self) -> &'static str {
        self.line.ended().map_or("lost", |reason| reason.label())
    }

    /// Asks the socket once what is there. What it says goes to [`Self::read`].
    pub(crate) fn receive(&mut self, buffer: &mut [u8], policy: &Policy, now: Instant) -> Arrival {
        if self.is_broken {
            return Arrival::End;
        }
        let most = self.line.may_read(policy, now, buffer.len());
        if most == 0 {
            return Arrival::Unread;
        }
        loop {
            return match self.socket.recv(&mut buffer[..most]) {
                Ok(0) => Arrival::End,
                Ok(len) if len == most && most < buffer.len() => Arrival::Last(len),
                Ok(len) => Arrival::Bytes(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Arrival::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Arrival::End,
            };
        }
    }

    /// Takes what `buffer` received, and with `scratch` more if that is full; then judges line and peer. Returns the bytes
    /// that came.
    pub(crate) fn read<V: Service<Peer = P>>(
        &mut self,
        arrival: Arrival,
        buffer: &[u8],
        scratch: &mut [u8],
        service: &mut V,
        now: Instant,
    ) -> u64 {
        let mut received = self.take(arrival, buffer, service, now);
        let mut is_full = arrival == Arrival::Bytes(buffer.len());
        for _ in 1..READS_MAX {
            // There is no more when there was room for more.
            if !is_full || self.line.is_gone() {
                break;
            }
            let arrival = self.receive(scratch, service.policy(), now);
            received += self.take(arrival, scratch, service, now);
            is_full = arrival == Arrival::Bytes(scratch.len());
        }
        self.line.judge(service.policy(), now);
        if self.line.is_open() {
            service.judge(&mut self.peer, &mut self.line, now);
        }
        if !self.line.is_open() {
            service.part(&mut self.peer);
        }
        received
    }

    fn take<V: Service<Peer = P>>(&mut self, arrival: Arrival, buffer: &[u8], service: &mut V, now: Instant) -> u64 {
        match arrival {
            Arrival::Nothing => 0,
            Arrival::Unread => {
                self.line.exceeds_bytes(now);
                0
            }
            Arrival::End => {
                self.line.lose();
                0
            }
            Arrival::Bytes(len) => {
                self.feed(&buffer[..len], service, now);
                len as u64
            }
            Arrival::Last(len) => {
                self.feed(&buffer[..len], service, now);
                self.line.exceeds_bytes(now);
                len as u64
            }
        }
    }

    /// Takes bytes from the socket, or such as came with the handshake.
    pub(crate) fn feed<V: Service<Peer = P>>(&mut self, bytes: &[u8], service: &mut V, now: Instant) {
        if !self.line.heard(bytes.len(), service.policy(), now) {
            return;
        }
        let mut inbound = bytes;
        while let Some(message) = self.line.next_message(&mut inbound, service.policy(), now) {
            if let Err(refusal) = service.take(&mut self.peer, &mut self.line, &message, now) {
                service.dismiss(&mut self.peer, &mut self.line, refusal, now);
            }
        }
    }

    /// It is gone. If it did not take what was to be sent in time, nobody waits for that any more.
    pub(crate) fn end(&mut self) {
        if !self.line.outbox.is_empty() {
            self.socket.abort();
        }
    }

    /// The tick's one write: what is pending, then the frames in `frames`, which hold `bodies` bodies.
    pub(crate) fn write(&mut self, buffer: &mut Vec<u8>, frames: &[u8], bodies: u64) -> Delivery {
        let delivery = self.line.outbox.send(&mut self.socket, buffer, frames, bodies);
        self.is_broken |= delivery.is_broken;
        if delivery.bytes > 0 && self.line.outbox.is_empty() && self.line.is_closing() {
            self.socket.finish();
        }
        delivery
    }
}
