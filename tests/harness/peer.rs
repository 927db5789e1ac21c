//! A peer on a real socket: says what a test wants, and tells what it hears.

use fracas_arena::rules::{Arena, Input};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::FRAME_MARK;
use fracas_protocol::wire::limits::{FRAME_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX, SUBPROTOCOL};
use fracas_protocol::wire::message::{ClientMessage, Hello, ServerMessage};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// What a peer heard.
#[derive(Debug)]
pub enum PeerHeard {
    /// A control message.
    Control(Box<MessageOf<Arena>>),
    /// A frame.
    Frame(Vec<u8>),
    /// The end, with the close code and words if there were any.
    Closed(Option<(u16, String)>),
}

/// A peer whose handshake is done. It waits at most ten seconds for anything.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocket<TcpStream>,
}

impl Peer {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket has timeouts");
        let mut request = format!("ws://{address}/ws").into_client_request().expect("an address");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let config = WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).read_buffer_size(4096);
        let (socket, answer) = client::client_with_config(request, stream, Some(config)).expect("the handshake");
        assert_eq!(
            answer.headers().get("sec-websocket-protocol").map(HeaderValue::as_bytes),
            Some(SUBPROTOCOL.as_bytes())
        );
        Self { socket }
    }

    /// Connects, and joins as a player of this name.
    pub fn joined(address: SocketAddr, name: &str) -> Self {
        let mut peer = Self::connect(address);
        peer.join(name);
        peer
    }

    /// Joins as a player of this name: says the hello, and hears the welcome.
    pub fn join(&mut self, name: &str) {
        self.say(&ClientMessage::Hello(Hello::player(name)));
        assert!(matches!(self.hear_control(), ServerMessage::Welcome(_)), "{name} is let in");
    }

    /// Says a message of the protocol.
    pub fn say(&mut self, message: &ClientMessage<Input>) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.say_bytes(bytes);
    }

    /// Says any bytes as a binary message.
    pub fn say_bytes(&mut self, bytes: Vec<u8>) {
        // A server that has closed does not take them.
        let _ = self.socket.send(Message::Binary(bytes.into()));
    }

    /// Puts bytes on the line, below the WebSocket layer.
    pub fn say_raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).expect("the kernel takes it");
    }

    /// Waits for the next message or the end.
    pub fn hear(&mut self) -> PeerHeard {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) if bytes.first().is_some_and(|first| first & FRAME_MARK != 0) => {
                    return PeerHeard::Frame(bytes.to_vec());
                }
                Ok(Message::Binary(bytes)) => {
                    let message = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&bytes);
                    return PeerHeard::Control(Box::new(message.expect("the server speaks well")));
                }
                Ok(Message::Close(frame)) => {
                    return PeerHeard::Closed(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                Ok(_) => {}
                Err(_) => return PeerHeard::Closed(None),
            }
        }
    }

    /// Waits for the end, whatever else comes. Returns the close code and words.
    pub fn hear_close(&mut self) -> Option<(u16, String)> {
        loop {
            if let PeerHeard::Closed(close) = self.hear() {
                return close;
            }
        }
    }

    /// Waits for the next control message, whatever else comes.
    pub fn hear_control(&mut self) -> MessageOf<Arena> {
        loop {
            match self.hear() {
                PeerHeard::Control(message) => return *message,
                PeerHeard::Frame(_) => {}
                PeerHeard::Closed(close) => panic!("closed: {close:?}"),
            }
        }
    }
}
