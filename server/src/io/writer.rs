//! The one way out of a connection: one buffer and one `send` per tick, for frames, control messages and the WebSocket
//! layer's own replies, in order.

use crate::io::socket::Socket;
use std::io::{self, ErrorKind};

/// The first byte of a whole WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 0x81,
    Binary = 0x82,
}

/// Longest header of an unmasked frame.
const HEADER_MAX: usize = 10;

/// Appends a binary message whose payload `fill` appends; nothing, if that is nothing.
pub(crate) fn append_frame(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let (start, mut is_empty) = (out.len(), true);
    append_message(Opcode::Binary, out, |out| {
        let before = out.len();
        fill(out);
        is_empty = out.len() == before;
    });
    if is_empty {
        out.truncate(start);
    }
}

/// Appends a message whose payload `fill` appends. The payload's length decides the header's, so room for the longest is
/// left and the payload moved down.
fn append_message(opcode: Opcode, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_MAX]);
    let payload = start + HEADER_MAX;
    fill(out);
    let len = out.len() - payload;
    let mut header = [opcode as u8; HEADER_MAX];
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
pub(crate) struct Outbox {
    pending: Vec<u8>,
    /// How much of that has gone already: moving the rest down after each send would cost more than the send.
    gone: usize,
    /// The bodies in the frame of which the pending bytes are the rest; they count as sent when the last byte is.
    frame_bodies: u64,
    /// Bytes of the WebSocket layer's replies since nothing was pending.
    replies: usize,
}

/// What one write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes that the kernel took.
    pub bytes: usize,
    /// Bodies whose last byte was among them.
    pub bodies: u64,
    /// The new frames are on their way, whole or begun.
    pub frames_went: bool,
    /// The kernel did not take everything.
    pub is_blocked: bool,
    /// The peer is gone.
    pub is_broken: bool,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn pending_len(&self) -> usize {
        self.pending.len() - self.gone
    }

    /// Bytes of the WebSocket layer's replies that may still wait. What else does is not the peer's doing.
    pub(crate) fn replies_len(&self) -> usize {
        self.replies
    }

    /// The WebSocket layer's next step: it reads `inbound`, and its replies wait here. Returns what it says and what it
    /// left of `inbound`.
    pub(crate) fn with_pipe<'i, T>(
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

    /// Adds a message whose payload `fill` appends.
    pub(crate) fn say(&mut self, opcode: Opcode, fill: impl FnOnce(&mut Vec<u8>)) {
        append_message(opcode, &mut self.pending, fill);
    }

    /// One `send` of what is pending and then of `frames`, which hold `bodies` bodies; `buffer` is for putting them
    /// together. A frame of which nothing went is dropped whole; one that was begun is finished first next time.
    pub(crate) fn send(
        &mut self,
        socket: &mut impl Socket,
        buffer: &mut Vec<u8>,
        frames: &[u8],
        bodies: u64,
    ) -> Delivery {
        let waiting = &self.pending[self.gone..];
        let before = waiting.len();
        let bytes = match (waiting, frames) {
            (_, []) => waiting,
            ([], _) => frames,
            _ => {
                buffer.clear();
                buffer.extend_from_slice(waiting);
                buffer.extend_from_slice(frames);
                buffer
            }
        };
        if bytes.is_empty() {
            return Delivery::default();
        }
        let Some(sent) = send_once(socket, bytes) else { return Delivery { is_broken: true, ..Delivery::default() } };
        let mut delivery = Delivery { bytes: sent, is_blocked: sent < bytes.len(), ..Delivery::default() };
        if sent < before {
            self.gone += sent;
            return delivery;
        }
        delivery.bodies = std::mem::take(&mut self.frame_bodies);
        if sent > before {
            delivery.frames_went = true;
            let rest = &frames[sent - before..];
            if rest.is_empty() {
                delivery.bodies += bodies;
            } else {
                self.frame_bodies = bodies;
            }
            self.pending.clear();
            self.pending.extend_from_slice(rest);
        } else {
            self.pending.clear();
        }
        (self.gone, self.replies) = (0, 0);
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
pub(crate) struct Pipe<'i, 'o> {
    /// Not read yet.
    pub(crate) inbound: &'i [u8],
    /// To be sent.
    pub(crate) outbound: &'o mut Vec<u8>,
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
            (0, vec![0x82, 0]),
            (1, vec![0x82, 1]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (70_000, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 17, 112]),
        ] {
            let mut out = vec![9];
            append_message(Opcode::Binary, &mut out, |out| out.extend(std::iter::repeat_n(7, len)));
            assert_eq!(out[1..1 + header.len()], header);
            assert_eq!(out.len(), 1 + header.len() + len);
            assert!(out[1 + header.len()..].iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn a_frame_of_nothing_is_none() {
        let mut out = vec![9];
        append_frame(&mut out, |_| ());
        assert_eq!(out, [9]);
    }
}
