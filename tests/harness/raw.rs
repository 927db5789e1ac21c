//! WebSocket by hand: sockets whose handshake is done, frames that no library would send, and the close code that comes back.

use fracas_arena::rules::Input;
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::ids::Token;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{FRAME_MARK, TickFollower};
use fracas_protocol::wire::limits::SUBPROTOCOL;
use fracas_protocol::wire::message::{ClientMessage, Hello, ServerMessage, Welcome};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// For whatever a peer waits for.
const PATIENCE: Duration = Duration::from_secs(15);
/// An HTTP answer is not longer.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Connects from a loopback address of one's own: 127.0.0.1 has not enough ports for all that a test may want.
pub fn connect(address: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&address.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// A frame with this first byte, masked with zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
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
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// A message of the protocol, in its frame.
pub fn message(message: &ClientMessage<Input>) -> Vec<u8> {
    let mut payload = Vec::new();
    codec::encode(message, &mut payload);
    frame(0x82, &payload)
}

/// A hello that shows a token, in its frame.
pub fn hello(name: &str, token: Option<Token>) -> Vec<u8> {
    message(&ClientMessage::Hello(Hello { token, ..Hello::player(name) }))
}

/// How long somebody who is sent away comes back.
const COMES_BACK: Duration = Duration::from_secs(20);

/// The arena's welcome.
pub type ArenaWelcome = Welcome<<fracas_arena::rules::Arena as Rules>::World>;

/// How a hello was answered.
#[derive(Clone, Debug)]
pub enum RawAnswer {
    /// It is in.
    Welcome(ArenaWelcome),
    /// It is not: the close code, and how long to stay away in milliseconds if that was said.
    Closed(Option<u16>, Option<u32>),
}

/// A connection whose WebSocket handshake is done.
#[derive(Debug)]
pub struct Raw {
    /// Its socket.
    pub stream: TcpStream,
    /// What the server said when it closed in answer to a hello.
    pub words: String,
    unread: Vec<u8>,
}

impl Raw {
    /// Connects from a loopback address and asks for the game.
    ///
    /// # Errors
    /// Those of the network; and `Other` with the answer's first line if the server refuses.
    pub fn open(address: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        Self::open_with(address, from, "")
    }

    /// The same with more header lines, each with its line end.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_with(address: SocketAddr, from: Ipv4Addr, headers: &str) -> io::Result<Self> {
        let mut raw = Self { stream: connect(address, from)?, words: String::new(), unread: Vec::new() };
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n{headers}\r\n"
        );
        raw.say(request.as_bytes())?;
        let end = loop {
            if let Some(at) = raw.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if raw.unread.len() > ANSWER_BYTES_MAX || !raw.read_more()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let header = String::from_utf8_lossy(&raw.unread[..end]).into_owned();
        if !header.starts_with("HTTP/1.1 101") {
            return Err(io::Error::other(header));
        }
        raw.unread.drain(..end);
        Ok(raw)
    }

    /// Connects, says hello, and waits for the welcome. A server that has no time for it now says when to come back, and so
    /// it does, for a while.
    pub fn join(address: SocketAddr, from: Ipv4Addr, name: &str) -> io::Result<(Self, ArenaWelcome)> {
        let until = Instant::now() + COMES_BACK;
        loop {
            let mut raw = Self::open(address, from)?;
            match raw.ask(&hello(name, None))? {
                RawAnswer::Welcome(welcome) => return Ok((raw, welcome)),
                RawAnswer::Closed(Some(4001), Some(pause_ms)) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(u64::from(pause_ms)));
                }
                RawAnswer::Closed(code, _) => return Err(io::Error::other(format!("closed with {code:?}"))),
            }
        }
    }

    /// Where its own end is.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Puts bytes on the line.
    pub fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says hello, and waits for the answer.
    pub fn ask(&mut self, hello: &[u8]) -> io::Result<RawAnswer> {
        self.say(hello)?;
        let mut retry_after_ms = None;
        while let Some((first, payload)) = self.next_frame()? {
            match first {
                0x88 => {
                    self.words = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                    return Ok(RawAnswer::Closed(code_of(&payload), retry_after_ms));
                }
                0x82 => match codec::decode::<MessageOf<fracas_arena::rules::Arena>, 8192>(&payload) {
                    Ok(ServerMessage::Welcome(welcome)) => return Ok(RawAnswer::Welcome(welcome)),
                    Ok(ServerMessage::Goodbye(goodbye)) => retry_after_ms = Some(goodbye.retry_after_ms),
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(RawAnswer::Closed(None, retry_after_ms))
    }

    /// The code of the server's close frame, whatever comes before it; none if the connection just ends.
    pub fn close_code(&mut self) -> Option<u16> {
        self.close_code_by(Instant::now() + PATIENCE)
    }

    /// The same, if it comes by then.
    pub fn close_code_by(&mut self, until: Instant) -> Option<u16> {
        while Instant::now() < until {
            match self.next_frame() {
                Ok(Some((0x88, payload))) => return code_of(&payload),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
        None
    }

    /// The next frame: its first byte and its payload. None at the end.
    pub fn next_frame(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some((start, end)) = whole_frame(&self.unread) {
                let (first, payload) = (self.unread[0], self.unread[start..end].to_vec());
                self.unread.drain(..end);
                return Ok(Some((first, payload)));
            }
            if !self.read_more()? {
                return Ok(None);
            }
        }
    }

    fn read_more(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let len = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..len]);
        Ok(len > 0)
    }
}

/// A player by hand, who knows nothing of the game but its ticks.
#[derive(Debug)]
pub struct RawPlayer {
    /// Its connection.
    pub raw: Raw,
    follower: TickFollower,
}

impl RawPlayer {
    /// Somebody who has been let in over `raw`.
    pub fn new(raw: Raw) -> Self {
        Self { raw, follower: TickFollower::default() }
    }

    /// Takes the next frame. When the connection has ended: with which code, if with any.
    ///
    /// # Errors
    /// `WouldBlock` if it must not wait and nothing is there. Other faults of the network are an end without a code, and so is
    /// a frame that cannot be read.
    pub fn hear(&mut self) -> io::Result<Option<Option<u16>>> {
        match self.raw.next_frame() {
            Ok(Some((0x88, payload))) => Ok(Some(code_of(&payload))),
            Ok(Some((_, payload))) => {
                let is_frame = payload.first().is_some_and(|first| first & FRAME_MARK != 0);
                let is_bad = is_frame && self.follower.follow(&payload).is_err();
                Ok(is_bad.then_some(None))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
            Ok(None) | Err(_) => Ok(Some(None)),
        }
    }

    /// Says that it is there, and which tick came last.
    pub fn acknowledge(&mut self) -> io::Result<()> {
        let ack = ClientMessage::Ack(self.follower.tick.unwrap_or_default());
        self.raw.say(&message(&ack))
    }
}

/// Where the payload of the frame at the front starts and ends, if it is whole. A server's frames are not masked.
fn whole_frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, len) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        len => (2, usize::from(len)),
    };
    (bytes.len() >= start + len).then_some((start, start + len))
}

fn code_of(payload: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(payload.get(..2)?.try_into().ok()?))
}

/// The loopback address that number `number` uses: 250 of them, for some 28,000 connections each.
pub fn loopback(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, (number % 250 + 1) as u8)
}
