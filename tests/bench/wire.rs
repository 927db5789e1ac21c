//! As much of WebSocket as two programs that trust each other need: whole binary messages, and an upgrade that succeeds.

use anyhow::Result;
use fracas_server::io::socket::set_up;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;

/// The end of a block of HTTP headers.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A client's request to be upgraded.
pub(crate) const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: fracas.1\r\n\r\n";

/// The answer to [`UPGRADE`], whose key is that of RFC 6455, section 1.3.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: fracas.1\r\n\r\n";

/// Waits for the request to be upgraded, which is under way, and answers it. `take` gets the messages that came with it.
/// The stream is as those of Fracas afterwards.
pub(crate) fn upgrade(mut stream: TcpStream, mut take: impl FnMut(&[u8])) -> Result<(TcpStream, Inbox)> {
    stream.set_nonblocking(false)?;
    let (mut inbox, mut buffer) = (Inbox::new(), [0; 1024]);
    while !inbox.is_upgraded() {
        let len = stream.read(&mut buffer)?;
        anyhow::ensure!(len > 0, "a player left before the upgrade");
        inbox.feed(&buffer[..len], &mut take);
    }
    stream.write_all(UPGRADED)?;
    // As Fracas does with its own.
    set_up(&stream)?;
    Ok((stream, inbox))
}

/// Appends a whole binary message, masked with zeros if a client sends it.
pub(crate) fn append_message(out: &mut Vec<u8>, payload: &[u8], masked: bool) {
    let mask = if masked { 0x80 } else { 0 };
    out.push(0x82);
    match payload.len() {
        len @ 0..126 => out.push(mask | len as u8),
        len @ 126..65_536 => {
            out.push(mask | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(mask | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&[0; 4]);
    }
    out.extend_from_slice(payload);
}

/// Bytes of a stream that have come and are not a whole message yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Whether the HTTP headers are behind us.
    upgraded: bool,
}

impl Inbox {
    /// An inbox of a connection that starts with HTTP headers.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether the HTTP headers are behind us.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    /// Takes bytes, and calls `take` with the payload of each message that is whole now. Panics if the other side does
    /// not speak as the two programs agreed.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        // Mostly there is nothing left from before, and nothing needs to be kept.
        if self.upgraded && self.bytes.is_empty() {
            let used = each_message(bytes, &mut take);
            return self.bytes.extend_from_slice(&bytes[used..]);
        }
        self.bytes.extend_from_slice(bytes);
        if !self.upgraded {
            let Some(end) = self.bytes.windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END) else { return };
            let head = self.bytes.drain(..end + HEAD_END.len()).collect::<Vec<_>>();
            let accepted = head.starts_with(b"HTTP/1.1 101") || head.starts_with(b"GET ");
            assert!(accepted, "refused: {}", String::from_utf8_lossy(&head));
            self.upgraded = true;
        }
        let used = each_message(&self.bytes, &mut take);
        self.bytes.drain(..used);
    }
}

/// Calls `take` with each whole message's payload. Returns the bytes that they took.
fn each_message(bytes: &[u8], take: &mut impl FnMut(&[u8])) -> usize {
    let mut used = 0;
    while let Some((payload, end)) = message(&bytes[used..]) {
        take(&bytes[used..][payload]);
        used += end;
    }
    used
}

/// Where the first message's payload is, and where the message ends; none if it is not whole.
fn message(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let (&[_, second], rest) = bytes.split_first_chunk()?;
    let (len, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
        len => (usize::from(len), 2),
    };
    let start = head + if second & 0x80 == 0 { 0 } else { 4 };
    (bytes.len() >= start + len).then_some((start..start + len, start + len))
}
