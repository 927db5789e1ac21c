//! A connection to a server: the only file that names the WebSocket and HTTP libraries.

use fracas_protocol::arena::Map;
use fracas_protocol::arena::map::MapDocument;
use fracas_protocol::limits::{CLIENT_MESSAGE_BYTES_MAX, FRAME_BYTES_MAX, SUBPROTOCOL};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, http};

/// Time for connecting, the handshake included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Time for an HTTP answer, and its size in bytes.
const FETCH_DEADLINE: Duration = Duration::from_secs(10);
const FETCH_BYTES_MAX: usize = 1024 * 1024;

/// Time for the server to answer a close.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

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
    /// The server's map cannot be used.
    #[error("the server's map: {0}")]
    Map(String),
}

/// What came over a link.
#[derive(Clone, Debug)]
pub enum Received {
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

    /// The map that the server plays on.
    pub async fn fetch_map(&self) -> Result<Map, LinkError> {
        let body = fetch(&self.authority, "/map").await?;
        let document: MapDocument = serde_json::from_slice(&body).map_err(|error| LinkError::Map(error.to_string()))?;
        Map::try_from(&document).map_err(|error| LinkError::Map(error.to_string()))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ws://{}{}", self.authority, self.path)
    }
}

/// GETs `path` from `authority`, and gives the body of a 200.
pub async fn fetch(authority: &str, path: &str) -> Result<Bytes, LinkError> {
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
            let body = Limited::new(body, FETCH_BYTES_MAX).collect().await.map_err(|error| network(&error))?;
            Ok((head, body.to_bytes()))
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

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Link {
    socket: WebSocketStream<TcpStream>,
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
                Ok((socket, _)) => Ok(Self { socket }),
                Err(WsError::Http(answer)) => {
                    let body = answer.body().clone().unwrap_or_default();
                    Err(refusal(answer.status(), answer.headers(), &body))
                }
                Err(error) => Err(network(&error)),
            }
        };
        tokio::time::timeout(CONNECT_DEADLINE, connect).await.map_err(|_| network(&"no answer in time"))?
    }

    /// Waits for the next message or the end.
    pub async fn receive(&mut self) -> Received {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(message))) => return Received::Message(message),
                Some(Ok(Message::Close(frame))) => {
                    return Received::Closed(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                // The server speaks in binary; the rest is the layer's own business.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Received::Closed(None),
            }
        }
    }

    /// Sends some messages together.
    pub async fn send(&mut self, messages: impl IntoIterator<Item = Vec<u8>>) -> Result<(), LinkError> {
        let network = |error: WsError| LinkError::Network(error.to_string());
        let mut any = false;
        for message in messages {
            debug_assert!(message.len() <= CLIENT_MESSAGE_BYTES_MAX);
            self.socket.feed(Message::Binary(message.into())).await.map_err(network)?;
            any = true;
        }
        if any { self.socket.flush().await.map_err(network) } else { Ok(()) }
    }

    /// Closes, and waits a while for the server to say that it knows.
    pub async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let farewell = async {
            // A peer that is gone already needs no word.
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Received::Message(_) = self.receive().await {}
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
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused_with_words() {
        let target = Target::parse("ws://127.0.0.1:8080/ws").expect("an address");
        assert_eq!(target.to_string(), "ws://127.0.0.1:8080/ws");
        assert_eq!(Target::parse("ws://example").expect("an address").to_string(), "ws://example:80/ws");
        for wrong in ["http://127.0.0.1:8080/ws", "wss://example/ws", "127.0.0.1:8080", ""] {
            assert!(Target::parse(wrong).expect_err(wrong).to_string().contains("ws://HOST:PORT/ws"));
        }
    }
}
