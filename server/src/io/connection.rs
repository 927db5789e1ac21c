//! One connection: a socket, its stream, and the peer at the other end. It works over any [`Socket`] and is told the time, so
//! tests drive it in memory.

use crate::admission::control::AdmissionPermit;
use crate::io::policy::Policy;
use crate::io::service::Service;
use crate::io::socket::Socket;
use crate::io::writer::Delivery;
use crate::io::ws_stream::WsStream;
use std::io::ErrorKind;
use std::time::Instant;

/// Reads of one connection in one tick. What is left comes with the next.
const READS_MAX: usize = 4;

/// What one read of a socket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
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
    pub stream: WsStream,
    /// What the service knows of the peer.
    pub peer: P,
    /// A send failed: the next read says so to the service.
    is_broken: bool,
    _permit: Option<AdmissionPermit>,
}

impl<P, S: Socket> Connection<P, S> {
    /// A connection whose handshake is done.
    pub(crate) fn new(socket: S, policy: &Policy, peer: P, permit: Option<AdmissionPermit>, now: Instant) -> Self {
        Self { socket, stream: WsStream::new(policy, now), peer, is_broken: false, _permit: permit }
    }

    /// Why it ended: its own word, or the network's.
    pub(crate) fn end_label(&self) -> &'static str {
        self.stream.ended().map_or("lost", |reason| reason.label())
    }

    /// Asks the socket once what is there. What it says goes to [`Self::read`].
    pub(crate) fn receive(&mut self, buffer: &mut [u8], policy: &Policy, now: Instant) -> Received {
        if self.is_broken {
            return Received::End;
        }
        let most = self.stream.may_read(policy, now, buffer.len());
        if most == 0 {
            return Received::Unread;
        }
        loop {
            return match self.socket.recv(&mut buffer[..most]) {
                Ok(0) => Received::End,
                Ok(len) if len == most && most < buffer.len() => Received::Last(len),
                Ok(len) => Received::Bytes(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Received::End,
            };
        }
    }

    /// Takes what `buffer` received, and with `scratch` more if that is full; then checks limits and deadlines. Returns the bytes
    /// that came.
    pub(crate) fn read<V: Service<Peer = P>>(
        &mut self,
        arrival: Received,
        buffer: &[u8],
        scratch: &mut [u8],
        service: &mut V,
        now: Instant,
    ) -> u64 {
        let mut received = self.handle_arrival(arrival, buffer, service, now);
        let mut is_full = arrival == Received::Bytes(buffer.len());
        for _ in 1..READS_MAX {
            // There is no more when there was room for more.
            if !is_full || self.stream.is_gone() {
                break;
            }
            let arrival = self.receive(scratch, service.policy(), now);
            received += self.handle_arrival(arrival, scratch, service, now);
            is_full = arrival == Received::Bytes(scratch.len());
        }
        self.stream.check_limits(service.policy(), now);
        if self.stream.is_open() {
            service.check_deadlines(&mut self.peer, &mut self.stream, now);
        }
        if !self.stream.is_open() {
            service.closed(&mut self.peer);
        }
        received
    }

    fn handle_arrival<V: Service<Peer = P>>(
        &mut self,
        arrival: Received,
        buffer: &[u8],
        service: &mut V,
        now: Instant,
    ) -> u64 {
        match arrival {
            Received::Nothing => 0,
            Received::Unread => {
                self.stream.exceeds_bytes(now);
                0
            }
            Received::End => {
                self.stream.lose();
                0
            }
            Received::Bytes(len) => {
                self.feed(&buffer[..len], service, now);
                len as u64
            }
            Received::Last(len) => {
                self.feed(&buffer[..len], service, now);
                self.stream.exceeds_bytes(now);
                len as u64
            }
        }
    }

    /// Takes bytes from the socket, or such as came with the handshake.
    pub(crate) fn feed<V: Service<Peer = P>>(&mut self, bytes: &[u8], service: &mut V, now: Instant) {
        if !self.stream.heard(bytes.len(), service.policy(), now) {
            return;
        }
        let mut inbound = bytes;
        while let Some(message) = self.stream.next_message(&mut inbound, service.policy(), now) {
            if let Err(refusal) = service.handle_message(&mut self.peer, &mut self.stream, &message, now) {
                service.dismiss(&mut self.peer, &mut self.stream, refusal, now);
            }
        }
    }

    /// It is gone. If it did not take what was to be sent in time, nobody waits for that any more.
    pub(crate) fn end(&mut self) {
        if !self.stream.outbox.is_empty() {
            self.socket.abort();
        }
    }

    /// The tick's one write: what is pending, then the frames in `frames`, which hold `bodies` bodies.
    pub(crate) fn write(&mut self, buffer: &mut Vec<u8>, frames: &[u8], bodies: u64) -> Delivery {
        let delivery = self.stream.outbox.send(&mut self.socket, buffer, frames, bodies);
        self.is_broken |= delivery.is_broken;
        if delivery.bytes > 0 && self.stream.outbox.is_empty() && self.stream.is_closing() {
            self.socket.finish();
        }
        delivery
    }
}
