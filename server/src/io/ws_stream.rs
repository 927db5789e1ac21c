//! One WebSocket, from bytes to messages and back, without a socket: what it says waits here for the tick's one write.

use crate::io::policy::{Policy, Rates, Replies};
use crate::io::rate_limiter::{RateLimit, RateLimiter};
use crate::io::writer::{Opcode, Outbox};
use crate::session::hello::{CloseRequest, bad_message};
use fracas_protocol::wire::close::CloseReason;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// How long a closing connection may take to read our close frame and send its own.
const LINGER: Duration = Duration::from_secs(2);
/// The same for one that has said nothing of use for too long: it is not likely to answer now.
const LINGER_SILENT: Duration = Duration::from_millis(500);
/// What a closing connection may still send before it is cut, in bytes.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of a close frame's text.
pub(crate) const CLOSE_MESSAGE_BYTES_MAX: usize = 123;

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamState {
    Open,
    /// What is pending is sent, and what comes is thrown away, until the instant.
    Closing(Instant),
    /// It can be dropped.
    Gone,
}

/// One WebSocket without its socket.
#[derive(Debug)]
pub struct WsStream {
    websocket: WebSocketContext,
    pub(crate) outbox: Outbox,
    state: StreamState,
    /// Why it ended, once that is known.
    ended: Option<CloseReason>,
    /// When anything last came, and when the peer was last asked whether it is there.
    heard_at: Instant,
    probed_at: Instant,
    lingered_bytes: usize,
    bytes: RateLimiter,
    messages: RateLimiter,
    pings: RateLimiter,
    over_limit: OverLimit,
    /// Messages and pings that were dropped since this was last taken.
    dropped: u32,
}

/// For how long a peer has been exceeding what it may.
#[derive(Clone, Copy, Debug, Default)]
struct OverLimit {
    since: Option<Instant>,
    last: Option<Instant>,
}

impl OverLimit {
    /// A peer that has kept within its limits for so long has not been exceeding them.
    const RELIEF: Duration = Duration::from_secs(1);

    fn exceeded(&mut self, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) > Self::RELIEF) {
            self.since = Some(now);
        }
        self.last = Some(now);
    }

    fn is_beyond(&self, now: Instant, patience: Duration) -> bool {
        let is_over = self.last.is_some_and(|last| now.saturating_duration_since(last) <= Self::RELIEF);
        is_over && self.since.is_some_and(|since| now.saturating_duration_since(since) > patience)
    }
}

impl WsStream {
    pub(crate) fn new(policy: &Policy, now: Instant) -> Self {
        Self {
            websocket: WebSocketContext::new(Role::Server, Some(websocket_config(policy))),
            outbox: Outbox::default(),
            state: StreamState::Open,
            ended: None,
            heard_at: now,
            probed_at: now,
            lingered_bytes: 0,
            bytes: RateLimiter::new(now),
            messages: RateLimiter::new(now),
            pings: RateLimiter::new(now),
            over_limit: OverLimit::default(),
            dropped: 0,
        }
    }

    /// Whether messages come and go.
    pub fn is_open(&self) -> bool {
        self.state == StreamState::Open
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.state, StreamState::Closing(_))
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state == StreamState::Gone
    }

    /// Why it ended, if it did with a word.
    pub(crate) fn ended(&self) -> Option<CloseReason> {
        self.ended
    }

    /// How long nothing has come.
    pub fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard_at)
    }

    /// Bytes that may be read now, at most `most`.
    pub(crate) fn may_read(&self, policy: &Policy, now: Instant, most: usize) -> usize {
        match (policy.replies, &policy.rates) {
            (Replies::WaitBeyond(bytes), _) if self.is_open() && self.outbox.pending_len() > bytes => 0,
            (_, Some(rates)) if self.is_open() => most.min(self.bytes.left(now, rates.bytes) as usize),
            _ => most,
        }
    }

    /// Takes note of bytes that came. Returns whether they are to be looked at.
    pub(crate) fn heard(&mut self, len: usize, policy: &Policy, now: Instant) -> bool {
        self.heard_at = now;
        if self.is_closing() {
            self.lingered_bytes += len;
            if self.lingered_bytes > LINGER_BYTES_MAX {
                self.state = StreamState::Gone;
            }
            return false;
        }
        if let Some(rates) = &policy.rates {
            self.bytes.try_acquire(now, rates.bytes, len as u32);
        }
        true
    }

    /// The bytes that may be read are used up, and more are there.
    pub(crate) fn exceeds_bytes(&mut self, now: Instant) {
        self.over_limit.exceeded(now);
    }

    /// The next whole message in `inbound`, whose bytes it takes. None if there is no more, or the stream is not open (any
    /// more): then what is wrong has been said.
    pub(crate) fn next_message(&mut self, inbound: &mut &[u8], policy: &Policy, now: Instant) -> Option<Message> {
        while self.is_open() {
            let (read, rest) = self.outbox.with_pipe(inbound, |pipe| self.websocket.read(pipe));
            *inbound = rest;
            match read {
                Ok(Message::Text(_)) if !policy.takes_text => {
                    self.close(bad_message("The game speaks in binary messages."), now);
                }
                Ok(message @ (Message::Binary(_) | Message::Text(_))) => {
                    let limit = policy.rates.map(|rates| rates.messages);
                    if may_come(&mut self.messages, limit, now) {
                        return Some(message);
                    }
                    self.drop_one(now);
                }
                // The layer has answered it already; too many are an offence all the same.
                Ok(Message::Ping(_)) => {
                    let limit = policy.rates.map(|rates| rates.pings);
                    if !may_come(&mut self.pings, limit, now) {
                        self.drop_one(now);
                    }
                }
                Ok(_) => {}
                Err(WsError::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => self.fail(&error, now),
            }
        }
        None
    }

    fn drop_one(&mut self, now: Instant) {
        self.dropped += 1;
        self.over_limit.exceeded(now);
    }

    /// Messages and pings that were dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u32 {
        std::mem::take(&mut self.dropped)
    }

    /// The WebSocket layer has had enough: the peer closed, or broke the protocol.
    fn fail(&mut self, error: &WsError, now: Instant) {
        let reason = match error {
            WsError::ConnectionClosed | WsError::AlreadyClosed => {
                // The layer has put the reply to the peer's close into what is pending.
                self.ended.get_or_insert(CloseReason::Leave);
                self.state = StreamState::Closing(now + LINGER);
                return;
            }
            WsError::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooBig,
            WsError::Utf8(_) => CloseReason::InvalidUtf8,
            _ => CloseReason::ProtocolError,
        };
        self.close(reason.into(), now);
    }

    /// Judges it after a round of reading: whether it has asked for too much, and whether it has closed for long enough.
    pub(crate) fn check_limits(&mut self, policy: &Policy, now: Instant) {
        match self.state {
            StreamState::Open => {
                let Rates { patience, .. } = match &policy.rates {
                    Some(rates) => *rates,
                    None => return,
                };
                let hoards = matches!(policy.replies, Replies::CloseBeyond(most) if self.outbox.replies_len() > most);
                if hoards || self.over_limit.is_beyond(now, patience) {
                    self.close(CloseReason::Rate.into(), now);
                }
            }
            StreamState::Closing(until) if now >= until => self.state = StreamState::Gone,
            StreamState::Closing(_) | StreamState::Gone => {}
        }
    }

    /// Asks the peer whether it is there, unless that was done lately.
    pub fn probe(&mut self, now: Instant, interval: Duration) {
        if now.saturating_duration_since(self.probed_at) > interval {
            self.probed_at = now;
            // It fails only after a close frame, and then nobody need be asked.
            let _ = self.outbox.with_pipe(&[], |pipe| {
                self.websocket.write(pipe, Message::Ping(Bytes::new())).and_then(|()| self.websocket.flush(pipe))
            });
        }
    }

    /// Adds a binary message whose payload `fill` appends to what is to be sent.
    pub fn say(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.outbox.say(Opcode::Binary, fill);
    }

    /// Adds a message of the same kind and content.
    pub fn echo(&mut self, message: &Message) {
        let opcode = if message.is_text() { Opcode::Text } else { Opcode::Binary };
        match message {
            Message::Binary(bytes) => self.outbox.say(opcode, |out| out.extend_from_slice(bytes)),
            Message::Text(text) => self.outbox.say(opcode, |out| out.extend_from_slice(text.as_bytes())),
            _ => {}
        }
    }

    /// Closes with a code and message, and lingers until the peer has heard them: a socket that is closed with unread input
    /// in it takes back what was sent last.
    pub fn close(&mut self, refusal: CloseRequest, now: Instant) {
        if !self.is_open() {
            return;
        }
        let CloseRequest { reason, message, .. } = refusal;
        self.ended = Some(reason);
        let frame = CloseFrame { code: CloseCode::from(reason.code()), reason: shorten(&message) };
        // It fails only if a close frame went out before, and then that one counts.
        let _ = self.outbox.with_pipe(&[], |pipe| self.websocket.close(pipe, Some(frame)));
        let linger = if reason == CloseReason::TimedOut { LINGER_SILENT } else { LINGER };
        self.state = StreamState::Closing(now + linger);
    }

    /// The peer is gone without a word.
    pub(crate) fn lose(&mut self) {
        self.state = StreamState::Gone;
    }
}

fn may_come(limiter: &mut RateLimiter, limit: Option<RateLimit>, now: Instant) -> bool {
    limit.is_none_or(|limit| limiter.try_acquire(now, limit, 1))
}

fn websocket_config(policy: &Policy) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(policy.read_bytes)
        .write_buffer_size(0)
        .max_write_buffer_size(policy.replies.bytes().max(policy.message_bytes_max))
        .max_message_size(Some(policy.message_bytes_max))
        .max_frame_size(Some(policy.message_bytes_max))
}

/// The message as far as a close frame can hold them.
fn shorten(message: &str) -> Utf8Bytes {
    let end = message.floor_char_boundary(CLOSE_MESSAGE_BYTES_MAX);
    message[..end].into()
}
