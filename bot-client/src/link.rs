//! A connection to a server: the only file that names the WebSocket and HTTP libraries.

use fracas_protocol::game::data::{DATA_BYTES_MAX, DataError, StartData};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, FRAME_BYTES_MAX, SUBPROTOCOL};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL};
use hyper_util::rt::TokioIo;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, http};

/// Time for connecting, the handshake included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Time for an HTTP answer.
const FETCH_DEADLINE: Duration = Duration::from_secs(10);

/// Time for the server to answer a close, and before that to take what was still to be sent.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// How long the kernel may refuse to take what is sent: then the server does not read.
const SEND_DEADLINE: Duration = Duration::from_secs(5);
/// How long nothing may come, not even a ping. A server sends frames on every tick, and to a hidden client a ping every four
/// seconds; it closes a stale one after ten.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// WebSocket pings and pongs in one second; more are a flood, and the link is ended.
const CONTROLS_PER_S_MAX: u32 = 50;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`.
    authority: String,
    /// The path of the game's WebSocket.
    path: String,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address cannot be used.
    #[error("{0:?} is no address of a game: write ws://HOST:PORT/ws (TLS is not spoken here)")]
    Url(String),
    /// The server said no before the upgrade.
    #[error("the server refused with status {status}: {words}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// How long to wait, in seconds, if the server said so.
        retry_after_s: Option<u32>,
        /// What the server said, in its first line.
        words: String,
    },
    /// Nobody is there, or the network failed.
    #[error("{0}")]
    Network(String),
    /// The server plays another game.
    #[error(transparent)]
    OtherGame(#[from] DataError),
}

/// What came over a link.
#[derive(Clone, Debug)]
pub enum LinkEvent {
    /// A binary message.
    Message(Bytes),
    /// The end, with the close code and words if there were any.
    Closed(Option<(u16, String)>),
}

impl Target {
    /// Reads `ws://HOST:PORT/PATH`.
    pub fn parse(url: &str) -> Result<Self, LinkError> {
        let wrong = || LinkError::Url(url.to_owned());
        let uri: http::Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("ws")).ok_or_else(wrong)?;
        let port = authority.port_u16().unwrap_or(80);
        let path = if uri.path() == "/" { "/ws" } else { uri.path() };
        Ok(Self { authority: format!("{}:{port}", authority.host()), path: path.to_owned() })
    }

    /// The rules of the game that the server plays, with its start-up data. Their tick rate is 30 Hz until the welcome
    /// tells the server's.
    pub async fn fetch_rules<R: Rules>(&self) -> Result<Ruleset<R>, LinkError> {
        let data = StartData::new(Vec::from(fetch(&self.authority, "/data").await?));
        Ok(Ruleset::new(TickRate::HZ_30, data)?)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ws://{}{}", self.authority, self.path)
    }
}

/// GETs `path` from `authority`, and gives the body of a 200.
async fn fetch(authority: &str, path: &str) -> Result<Bytes, LinkError> {
    let network = |error: &dyn std::fmt::Display| LinkError::Network(format!("http://{authority}{path}: {error}"));
    let get = async {
        let stream = TcpStream::connect(authority).await.map_err(|error| network(&error))?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| network(&error))?;
        let request = hyper::Request::get(path)
            .header(hyper::header::HOST, authority)
            .body(Empty::<Bytes>::new())
            .map_err(|error| network(&error))?;
        // Owns the sender, so that the connection ends with it.
        let exchange = async move {
            let mut sender = sender;
            let response = sender.send_request(request).await.map_err(|error| network(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, DATA_BYTES_MAX).collect().await.map_err(|error| network(&error))?;
            Ok::<_, LinkError>((head, body.to_bytes()))
        };
        // A server may close as soon as it has answered: what it said counts, however the connection ends.
        tokio::join!(exchange, connection).0
    };
    let (head, body) = tokio::time::timeout(FETCH_DEADLINE, get).await.map_err(|_| network(&"no answer in time"))??;
    if head.status.is_success() { Ok(body) } else { Err(refusal(head.status, &head.headers, &body)) }
}

fn refusal(status: http::StatusCode, headers: &http::HeaderMap, body: &[u8]) -> LinkError {
    let retry_after_s = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let words = String::from_utf8_lossy(body).lines().next().unwrap_or_default().to_owned();
    LinkError::Refused { status: status.as_u16(), retry_after_s, words }
}

/// A connection whose handshake is done. A server that does not read, says nothing or only pings ends it.
#[derive(Debug)]
pub struct Link<S = TcpStream> {
    socket: WebSocketStream<S>,
    /// Since when the kernel has not taken what is being sent.
    sending_since: Option<Instant>,
    /// When anything last came, and when it is next looked at how long ago that is.
    heard_at: Instant,
    watch: Pin<Box<Sleep>>,
    /// When a second of control messages began, and how many came in it.
    controls: (Instant, u32),
}

impl Link {
    /// Connects; `header` goes with the handshake.
    pub async fn connect(target: &Target, header: Option<(&'static str, &str)>) -> Result<Self, LinkError> {
        let network = |error: &dyn std::fmt::Display| LinkError::Network(format!("{target}: {error}"));
        let mut request = target.to_string().into_client_request().map_err(|error| network(&error))?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        if let Some((name, value)) = header {
            let value = HeaderValue::from_str(value).map_err(|error| network(&error))?;
            request.headers_mut().insert(name, value);
        }
        let connect = async {
            let stream = TcpStream::connect(&target.authority).await.map_err(|error| network(&error))?;
            stream.set_nodelay(true).map_err(|error| network(&error))?;
            let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config())).await;
            match handshake {
                Ok((socket, _)) => Ok(Self::over(socket)),
                Err(WsError::Http(answer)) => {
                    let body = answer.body().clone().unwrap_or_default();
                    Err(refusal(answer.status(), answer.headers(), &body))
                }
                Err(error) => Err(network(&error)),
            }
        };
        tokio::time::timeout(CONNECT_DEADLINE, connect).await.map_err(|_| network(&"no answer in time"))?
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A link over a socket whose handshake is done.
    pub(crate) fn over(socket: WebSocketStream<S>) -> Self {
        let now = Instant::now();
        let watch = Box::pin(tokio::time::sleep_until(now + SILENCE_MAX));
        Self { socket, sending_since: None, heard_at: now, watch, controls: (now, 0) }
    }

    /// Waits for the next message or the end. May be dropped at any time without a loss.
    pub async fn receive(&mut self) -> LinkEvent {
        loop {
            let next = tokio::select! {
                biased;
                next = self.socket.next() => next,
                () = &mut self.watch => {
                    let until = self.heard_at + SILENCE_MAX;
                    if Instant::now() >= until {
                        return LinkEvent::Closed(None);
                    }
                    self.watch.as_mut().reset(until);
                    continue;
                }
            };
            self.heard_at = Instant::now();
            match next {
                Some(Ok(Message::Binary(message))) => return LinkEvent::Message(message),
                Some(Ok(Message::Close(frame))) => {
                    return LinkEvent::Closed(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                // The server speaks in binary; the rest is the layer's own business.
                Some(Ok(_)) if self.may_come() => {}
                Some(_) | None => return LinkEvent::Closed(None),
            }
        }
    }

    /// Whether a message that is no binary one is not one too many.
    fn may_come(&mut self) -> bool {
        let (began, count) = &mut self.controls;
        if self.heard_at.saturating_duration_since(*began) >= Duration::from_secs(1) {
            (*began, *count) = (self.heard_at, 0);
        }
        *count += 1;
        *count <= CONTROLS_PER_S_MAX
    }

    /// Sends some messages together. Where it is dropped and called again, the time that the kernel has not taken anything
    /// goes on.
    ///
    /// # Errors
    /// If the connection broke, or the server does not read.
    pub async fn send(&mut self, messages: impl IntoIterator<Item = Vec<u8>>) -> Result<(), LinkError> {
        let mut any = self.sending_since.is_some();
        let until = *self.sending_since.get_or_insert_with(Instant::now) + SEND_DEADLINE;
        let socket = &mut self.socket;
        let send = async {
            for message in messages {
                debug_assert!(message.len() <= CLIENT_MESSAGE_BYTES_MAX);
                socket.feed(Message::Binary(message.into())).await?;
                any = true;
            }
            if any { socket.flush().await } else { Ok(()) }
        };
        let sent = tokio::time::timeout_at(until, send).await;
        let sent = sent.map_err(|_| LinkError::Network("the server does not read".into()))?;
        self.sending_since = None;
        sent.map_err(|error| LinkError::Network(error.to_string()))
    }

    /// Closes, and waits a while for the server to say that it knows.
    pub async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let farewell = async {
            // A peer that is gone already needs no word.
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let LinkEvent::Message(_) = self.receive().await {}
            }
        };
        // A server that does not answer is left alone.
        let _ = tokio::time::timeout(CLOSE_DEADLINE, farewell).await;
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

#[cfg(test)]
pub(crate) mod tests;
