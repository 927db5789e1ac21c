//! A WebSocket client that decides every bit of what it says, right or wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The bit of a first byte that says that a message ends with this frame.
pub(crate) const FIN: u8 = 0x80;

/// A frame as a client masks it; `first` is its first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A close frame's payload.
pub(crate) fn close_payload(code: u16, words: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], words].concat()
}

/// A connection whose handshake is done.
pub(crate) struct EchoClient(TcpStream);

impl EchoClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket has timeouts");
        stream.set_nodelay(true).expect("a socket can send at once");
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 101"), "{answer}");
        assert!(answer.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "the key's answer: {answer}");
        assert!(!answer.contains("sec-websocket-protocol"), "none was offered: {answer}");
        Self(stream)
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        // A server that has closed does not take them.
        let _ = self.0.write_all(bytes);
    }

    /// A second handle, to speak on another thread.
    pub(crate) fn speaker(&self) -> TcpStream {
        self.0.try_clone().expect("a socket can be shared")
    }

    /// The next frame: its first byte and payload. None at the end.
    pub(crate) fn hear(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        let len = match head[1] {
            len @ 0..126 => u64::from(len),
            126 => self.number::<2>()?,
            127 => self.number::<8>()?,
            _ => panic!("a server does not mask"),
        };
        let mut payload = vec![0; len as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }

    fn number<const LEN: usize>(&mut self) -> Option<u64> {
        let mut bytes = [0; LEN];
        self.0.read_exact(&mut bytes).ok()?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Everything up to the close, and its payload; after it nothing may come.
    pub(crate) fn hear_close(&mut self) -> (Vec<(u8, Vec<u8>)>, Vec<u8>) {
        let mut before = Vec::new();
        loop {
            match self.hear().expect("a close frame") {
                (first, payload) if first == FIN | CLOSE => {
                    // Ours, if the server closed first; then it ends the connection.
                    self.say(&frame(FIN | CLOSE, &payload));
                    assert!(self.hear().is_none(), "nothing comes after a close");
                    return (before, payload);
                }
                other => before.push(other),
            }
        }
    }

    /// The code of the close that comes next.
    pub(crate) fn close_code(&mut self) -> u16 {
        let (before, payload) = self.hear_close();
        assert!(before.is_empty(), "{before:?}");
        u16::from_be_bytes([payload[0], payload[1]])
    }
}
