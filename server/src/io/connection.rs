//! One WebSocket connection without I/O: bytes and the time go in, messages and its end come out, and what is to be sent is
//! asked for. The socket is the event loop's.

use crate::io::close::{CLOSE_MESSAGE_BYTES_MAX, CloseRequest, ConnectionEnd};
use crate::io::inbound_limits::InboundLimits;
use crate::io::policy::{Policy, Replies};
use crate::io::writer::{Delivery, Opcode, Outbox};
use fracas_protocol::wire::close::CloseReason;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// How long a closing connection may take to read our close frame and send its own.
const LINGER: Duration = Duration::from_secs(2);
/// The same for one that was silent for too long, and is not likely to answer now.
const LINGER_SILENT: Duration = Duration::from_millis(500);
/// Bytes that a closing connection may still send before it is cut.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionState {
    Open,
    /// Until the instant, pending bytes are sent and received bytes are thrown away.
    Closing(Instant),
    /// It can be dropped.
    Gone,
}

/// What the peer's bytes come to.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A whole message.
    Message(Message),
    /// The connection is to end.
    End(ConnectionEnd),
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Connection {
    websocket: WebSocketContext,
    outbox: Outbox,
    state: ConnectionState,
    /// The label of its end, once it has ended.
    ended: Option<&'static str>,
    /// When bytes last came, and when the peer was last pinged.
    heard_at: Instant,
    probed_at: Instant,
    lingered_bytes: usize,
    limits: InboundLimits,
}

impl Connection {
    pub(super) fn new(policy: &Policy, now: Instant) -> Self {
        Self {
            websocket: WebSocketContext::new(Role::Server, Some(websocket_config(policy))),
            outbox: Outbox::default(),
            state: ConnectionState::Open,
            ended: None,
            heard_at: now,
            probed_at: now,
            lingered_bytes: 0,
            limits: InboundLimits::new(now),
        }
    }

    /// Whether it is open for messages.
    pub fn is_open(&self) -> bool {
        self.state == ConnectionState::Open
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, ConnectionState::Closing(_))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.state == ConnectionState::Gone
    }

    /// The word that labels its end in metrics.
    pub(super) fn end_label(&self) -> &'static str {
        self.ended.unwrap_or_else(|| ConnectionEnd::Lost.label())
    }

    /// How long nothing has come.
    pub fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard_at)
    }

    /// Whether everything that was to be sent has left.
    pub fn is_all_sent(&self) -> bool {
        self.outbox.is_empty()
    }

    // The way in.

    /// Bytes that may be read now, at most `most`.
    pub(super) fn may_read(&self, policy: &Policy, now: Instant, most: usize) -> usize {
        match (policy.replies, &policy.rates) {
            (Replies::WaitBeyond(bytes), _) if self.is_open() && self.outbox.pending_len() > bytes => 0,
            (_, Some(rates)) if self.is_open() => most.min(self.limits.bytes_left(rates, now)),
            _ => most,
        }
    }

    /// More bytes are there than may be read now.
    pub(super) fn leave_unread(&mut self, now: Instant) {
        self.limits.exceed(now);
    }

    /// Counts bytes that came. What is in them is asked for with [`Self::poll`].
    pub(super) fn record_bytes(&mut self, len: usize, policy: &Policy, now: Instant) {
        self.heard_at = now;
        if self.is_closing() {
            self.lingered_bytes += len;
            if self.lingered_bytes > LINGER_BYTES_MAX {
                self.state = ConnectionState::Gone;
            }
        } else if let Some(rates) = &policy.rates {
            self.limits.record_bytes(rates, now, len);
        }
    }

    /// The next that `inbound` holds, whose bytes it consumes. None if there is no more, or the connection has ended.
    pub(super) fn poll(&mut self, inbound: &mut &[u8], policy: &Policy, now: Instant) -> Option<Inbound> {
        while self.is_open() {
            match self.with_pipe(inbound, |websocket, pipe| websocket.read(pipe)) {
                Ok(Message::Text(_)) if !policy.takes_text => {
                    let request = CloseRequest::bad_message("The game speaks in binary messages.");
                    return Some(Inbound::End(request.into()));
                }
                Ok(message @ (Message::Binary(_) | Message::Text(_))) => {
                    if self.limits.admit_message(policy.rates.as_ref(), now) {
                        return Some(Inbound::Message(message));
                    }
                }
                Ok(Message::Ping(_)) => self.limits.count_ping(policy.rates.as_ref(), now),
                Ok(_) => {}
                Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Some(Inbound::End(ending_of(&error))),
            }
        }
        None
    }

    /// Checks it after a round of reading: whether it has asked for too much, and whether it has been closing for long
    /// enough.
    pub(super) fn check_limits(&mut self, policy: &Policy, now: Instant) -> Option<ConnectionEnd> {
        match self.state {
            ConnectionState::Open => {
                let rates = policy.rates.as_ref()?;
                let hoards = matches!(policy.replies, Replies::CloseBeyond(most) if self.outbox.replies_len() > most);
                let is_beyond = hoards || self.limits.is_beyond_patience(rates, now);
                is_beyond.then(|| ConnectionEnd::Closed(CloseReason::Rate.into()))
            }
            ConnectionState::Closing(until) => {
                if now >= until {
                    self.state = ConnectionState::Gone;
                }
                None
            }
            ConnectionState::Gone => None,
        }
    }

    /// Messages and pings that were dropped since the last call.
    pub(super) fn drain_dropped(&mut self) -> u32 {
        self.limits.drain_dropped()
    }

    // The way out.

    /// Pings the peer, unless that was done lately.
    pub fn probe(&mut self, now: Instant, interval: Duration) {
        if now.saturating_duration_since(self.probed_at) > interval {
            self.probed_at = now;
            // It fails only after a close frame. Then no ping is needed.
            let _ = self.with_pipe(&mut &[][..], |websocket, pipe| {
                websocket.write(pipe, Message::Ping(Bytes::new())).and_then(|()| websocket.flush(pipe))
            });
        }
    }

    /// Adds a binary message whose payload `fill` appends to what is to be sent.
    pub fn say(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.outbox.say(Opcode::Binary, fill);
    }

    /// Adds a message of the same kind and content.
    pub fn echo(&mut self, message: &Message) {
        match message {
            Message::Binary(bytes) => self.outbox.say(Opcode::Binary, |out| out.extend_from_slice(bytes)),
            Message::Text(text) => self.outbox.say(Opcode::Text, |out| out.extend_from_slice(text.as_bytes())),
            _ => {}
        }
    }

    /// What is to be sent now: what is pending, and then `frames`. `buffer` is for putting them together.
    pub(super) fn to_send<'a>(&'a self, buffer: &'a mut Vec<u8>, frames: &'a [u8]) -> &'a [u8] {
        self.outbox.to_send(buffer, frames)
    }

    /// So many bytes of [`Self::to_send`] went; the frames hold `bodies` bodies.
    pub(super) fn record_sent(&mut self, sent: usize, frames: &[u8], bodies: u64) -> Delivery {
        self.outbox.record_sent(sent, frames, bodies)
    }

    // The end.

    /// Ends an open connection. One that is closed lingers until the peer has heard why: a socket that is closed with unread
    /// input in it takes back what was sent last.
    pub(super) fn end(&mut self, ending: &ConnectionEnd, now: Instant) {
        self.ended = Some(ending.label());
        self.state = match ending {
            ConnectionEnd::Lost => ConnectionState::Gone,
            ConnectionEnd::ByPeer => ConnectionState::Closing(now + LINGER),
            ConnectionEnd::Closed(CloseRequest { reason, message, .. }) => {
                let frame = CloseFrame { code: CloseCode::from(reason.code()), reason: shorten(message) };
                // It fails only if a close frame was sent before. Then that one counts.
                let _ = self.with_pipe(&mut &[][..], |websocket, pipe| websocket.close(pipe, Some(frame)));
                let linger = if *reason == CloseReason::TimedOut { LINGER_SILENT } else { LINGER };
                ConnectionState::Closing(now + linger)
            }
        };
    }

    /// The socket of a connection that has ended is gone, too.
    pub(super) fn stop_lingering(&mut self) {
        self.state = ConnectionState::Gone;
    }

    /// The WebSocket layer's next step: it reads from `inbound`, and its replies wait in the outbox.
    fn with_pipe<'i, T>(
        &mut self,
        inbound: &mut &'i [u8],
        step: impl FnOnce(&mut WebSocketContext, &mut Pipe<'i, '_>) -> T,
    ) -> T {
        let websocket = &mut self.websocket;
        self.outbox.reply(|outbound| {
            let mut pipe = Pipe { inbound, outbound };
            let result = step(websocket, &mut pipe);
            *inbound = pipe.inbound;
            result
        })
    }
}

/// What an error of the WebSocket layer means: the peer closed, or broke the protocol.
fn ending_of(error: &WsError) -> ConnectionEnd {
    let reason = match error {
        // The layer has put the reply to the peer's close into the outbox.
        WsError::ConnectionClosed | WsError::AlreadyClosed => return ConnectionEnd::ByPeer,
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooBig,
        WsError::Utf8(_) => CloseReason::InvalidUtf8,
        _ => CloseReason::ProtocolError,
    };
    ConnectionEnd::Closed(reason.into())
}

fn websocket_config(policy: &Policy) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(policy.read_bytes)
        .write_buffer_size(0)
        .max_write_buffer_size(policy.replies.bytes().max(policy.message_bytes_max))
        .max_message_size(Some(policy.message_bytes_max))
        .max_frame_size(Some(policy.message_bytes_max))
}

/// As much of the message as a close frame can hold.
fn shorten(message: &str) -> Utf8Bytes {
    let end = message.floor_char_boundary(CLOSE_MESSAGE_BYTES_MAX);
    message[..end].into()
}

/// The stream that tungstenite sees. It reads what the event loop read. What it writes waits for the tick's one `send`.
struct Pipe<'i, 'o> {
    /// Not read yet.
    inbound: &'i [u8],
    /// To be sent.
    outbound: &'o mut Vec<u8>,
}

impl io::Read for Pipe<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.inbound.is_empty() {
            // Not `Ok(0)`, which would be the end of the stream.
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = self.inbound.len().min(buffer.len());
        let (now, later) = self.inbound.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.inbound = later;
        Ok(len)
    }
}

impl io::Write for Pipe<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbound.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as clients send it, with a mask of zeros.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        [&[0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
    }

    fn open() -> (Connection, Policy, Instant) {
        let (policy, now) = (Policy::game(), Instant::now());
        (Connection::new(&policy, now), policy, now)
    }

    fn to_send(connection: &Connection) -> Vec<u8> {
        connection.to_send(&mut Vec::new(), &[]).to_vec()
    }

    #[test]
    fn bytes_become_messages_and_replies_wait_until_they_are_asked_for() {
        let (mut connection, policy, now) = open();
        let bytes = [frame(2, b"one"), frame(9, b"ping"), frame(2, b"two"), frame(2, b"three")].concat();
        let (now_come, later) = bytes.split_at(bytes.len() - 2);
        let mut messages = Vec::new();
        for part in [now_come, later] {
            let mut inbound = part;
            while let Some(Inbound::Message(message)) = connection.poll(&mut inbound, &policy, now) {
                messages.push(message.into_data());
            }
            assert!(inbound.is_empty() && connection.is_open());
        }
        assert_eq!(messages, [&b"one"[..], b"two", b"three"]);
        assert_eq!(to_send(&connection), b"\x8a\x04ping");
        connection.record_sent(6, &[], 0);
        assert!(connection.is_all_sent());
    }

    #[test]
    fn an_error_ends_it_only_when_the_loop_says_so_and_nothing_is_read_after_that() {
        let (mut connection, policy, now) = open();
        let bytes = [&[0x82, 0x01, 0x00][..], &frame(2, b"late")].concat();
        let mut inbound = &bytes[..];
        let Some(Inbound::End(ending)) = connection.poll(&mut inbound, &policy, now) else {
            panic!("it is not masked")
        };
        assert_eq!(ending, ConnectionEnd::Closed(CloseReason::ProtocolError.into()));
        assert!(connection.is_open() && to_send(&connection).is_empty());
        connection.end(&ending, now);
        assert_eq!(to_send(&connection)[2..4], 1002_u16.to_be_bytes());
        assert!(connection.poll(&mut inbound, &policy, now).is_none());
        assert!(connection.check_limits(&policy, now + LINGER).is_none() && connection.is_gone());
    }
}
