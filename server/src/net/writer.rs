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

/// What became of a buffer that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The kernel took all of it.
    All,
    /// It took this much, perhaps nothing.
    Part(usize),
    /// The peer is gone.
    Gone,
}

/// One `send`, tried again only if a signal interrupted it.
pub(super) fn send_once(socket: &mut impl Socket, bytes: &[u8]) -> Sent {
    loop {
        return match socket.send(bytes) {
            Ok(sent) if sent == bytes.len() => Sent::All,
            Ok(0) => Sent::Gone,
            Ok(sent) => Sent::Part(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Part(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => Sent::Gone,
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
