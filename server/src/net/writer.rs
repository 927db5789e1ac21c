//! The one way out of a connection: one buffer and one `send` per tick, for frames, control messages and the WebSocket
//! layer's own replies, in order.

use super::socket::Socket;
use std::io::{self, ErrorKind};

/// The first byte of a whole binary WebSocket message.
const BINARY: u8 = 0x82;

/// Longest header of an unmasked frame.
const HEADER_MAX: usize = 10;

/// Appends a binary message whose payload `fill` appends. The payload's length decides the header's, so room for the
/// longest is left and the payload moved down; a payload that stays empty leaves nothing.
pub(super) fn append_message(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_MAX]);
    let payload = start + HEADER_MAX;
    fill(out);
    let len = out.len() - payload;
    if len == 0 {
        return out.truncate(start);
    }
    let mut header = [BINARY; HEADER_MAX];
    let header_len = match len {
        0..126 => {
            header[1] = len as u8;
            2
        }
        126..65_536 => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    };
    out[start..start + header_len].copy_from_slice(&header[..header_len]);
    out.copy_within(payload.., start + header_len);
    out.truncate(start + header_len + len);
}

/// Capacity of an emptied outbox that is kept for the next control message; more is given back.
const CAPACITY_KEPT: usize = 256;

/// What waits for one peer's next write: the rest of a frame, replies of the WebSocket layer, control messages.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pending: Vec<u8>,
    /// The bodies in the frame of which the pending bytes are the rest; they count as sent when the last byte is.
    frame_bodies: u64,
    /// Bytes of the WebSocket layer's replies since nothing was pending.
    replies: usize,
}

/// What one write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Bytes that the kernel took.
    pub(super) bytes: usize,
    /// Bodies whose last byte was among them.
    pub(super) bodies: u64,
    /// The new frames are on their way, whole or begun.
    pub(super) frames_went: bool,
    /// The kernel did not take everything.
    pub(super) is_blocked: bool,
    /// The peer is gone.
    pub(super) is_broken: bool,
    /// Nothing is sent to it until it catches up.
    pub(super) is_stale: bool,
    /// Nothing is sent to it until it shows itself.
    pub(super) is_hidden: bool,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Bytes of the WebSocket layer's replies that may still wait. What else does is not the peer's doing.
    pub(super) fn replies_len(&self) -> usize {
        self.replies
    }

    /// The WebSocket layer's next step: it reads `inbound`, and its replies wait here. Returns what it says and what it
    /// left of `inbound`.
    pub(super) fn with_pipe<'i, T>(
        &mut self,
        inbound: &'i [u8],
        step: impl FnOnce(&mut Pipe<'i, '_>) -> T,
    ) -> (T, &'i [u8]) {
        let before = self.pending.len();
        let mut pipe = Pipe { inbound, outbound: &mut self.pending };
        let said = step(&mut pipe);
        let rest = pipe.inbound;
        self.replies += self.pending.len() - before;
        (said, rest)
    }

    /// Adds a binary message whose payload `fill` appends.
    pub(super) fn say(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        append_message(&mut self.pending, fill);
    }

    /// One `send` of what is pending and then of `frames`, which hold `bodies` bodies; `buffer` is for putting them
    /// together. A frame of which nothing went is dropped whole; one that was begun is finished first next time.
    pub(super) fn send(
        &mut self,
        socket: &mut impl Socket,
        buffer: &mut Vec<u8>,
        frames: &[u8],
        bodies: u64,
    ) -> Delivery {
        let before = self.pending.len();
        let bytes = if before == 0 {
            frames
        } else {
            buffer.clear();
            buffer.extend_from_slice(&self.pending);
            buffer.extend_from_slice(frames);
            buffer
        };
        if bytes.is_empty() {
            return Delivery::default();
        }
        let Some(sent) = send_once(socket, bytes) else { return Delivery { is_broken: true, ..Delivery::default() } };
        let mut delivery = Delivery { bytes: sent, is_blocked: sent < bytes.len(), ..Delivery::default() };
        if sent < before {
            self.pending.drain(..sent);
            return delivery;
        }
        delivery.bodies = std::mem::take(&mut self.frame_bodies);
        self.pending.clear();
        if sent > before {
            delivery.frames_went = true;
            self.pending.extend_from_slice(&bytes[sent..]);
            if self.pending.is_empty() { delivery.bodies += bodies } else { self.frame_bodies = bodies }
        }
        self.replies = 0;
        if self.pending.is_empty() {
            self.pending.shrink_to(CAPACITY_KEPT);
        }
        delivery
    }
}

/// One `send`, tried again only if a signal interrupted it: the bytes that went, none if the peer is gone.
fn send_once(socket: &mut impl Socket, bytes: &[u8]) -> Option<usize> {
    loop {
        return match socket.send(bytes) {
            Ok(0) => None,
            Ok(sent) => Some(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => None,
        };
    }
}

/// The stream that tungstenite sees: it reads what the event loop read, and what it writes waits for the tick's one
/// `send`.
pub(super) struct Pipe<'i, 'o> {
    /// Not read yet.
    pub(super) inbound: &'i [u8],
    /// To be sent.
    pub(super) outbound: &'o mut Vec<u8>,
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

    #[test]
    fn the_header_fits_the_length() {
        for (len, header) in [
            (1, vec![0x82, 1]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (70_000, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 17, 112]),
        ] {
            let mut out = vec![9];
            append_message(&mut out, |out| out.extend(std::iter::repeat_n(7, len)));
            assert_eq!(out[1..1 + header.len()], header);
            assert_eq!(out.len(), 1 + header.len() + len);
            assert!(out[1 + header.len()..].iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn nothing_is_no_message() {
        let mut out = vec![9];
        append_message(&mut out, |_| ());
        assert_eq!(out, [9]);
    }
}
