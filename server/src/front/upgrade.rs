//! The WebSocket handshake of a request (RFC 6455, 4.2): its rules, the answer, and the message for each fault. No I/O
//! in here.

use crate::front::rejection::{Rejection, RejectionResponse};
use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The only version of WebSocket.
const WEBSOCKET_VERSION: &str = "13";

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeFault {
    /// Only a GET can be upgraded.
    Method,
    /// HTTP/1.0 knows no upgrade.
    HttpVersion,
    /// `Upgrade` does not name WebSocket.
    Upgrade,
    /// `Connection` does not name `Upgrade`. A proxy drops it unless it is configured to pass it on.
    Connection,
    /// Another version of WebSocket, or none.
    Version,
    /// There is no `Sec-WebSocket-Key`.
    KeyMissing,
    /// There are several keys, or one that is not base64 of 16 bytes.
    Key,
    /// The offered subprotocols do not include this one.
    Subprotocol(&'static str),
    /// No subprotocol is offered, and it must be this one.
    SubprotocolMissing(&'static str),
}

impl HandshakeFault {
    fn message(self) -> String {
        let message = match self {
            Self::Method => "The game's WebSocket is asked for with GET.",
            Self::HttpVersion => {
                "The game's WebSocket needs HTTP/1.1; a proxy in between must use it towards this server."
            }
            Self::Upgrade => "This is the game's WebSocket: the header Upgrade: websocket is missing.",
            Self::Connection => {
                "The header Connection: Upgrade is missing; a proxy in between must pass it on with Upgrade: websocket."
            }
            Self::Version => "Sec-WebSocket-Version must be 13.",
            Self::KeyMissing => "The header Sec-WebSocket-Key is missing.",
            Self::Key => "Sec-WebSocket-Key must be given once, as base64 of 16 bytes.",
            Self::Subprotocol(name) => {
                return format!("None of the offered subprotocols is {name}; offer it in Sec-WebSocket-Protocol.");
            }
            Self::SubprotocolMissing(name) => {
                return format!("The header Sec-WebSocket-Protocol is missing: offer the subprotocol {name}.");
            }
        };
        message.into()
    }
}

impl From<HandshakeFault> for RejectionResponse {
    fn from(fault: HandshakeFault) -> Self {
        let (status, headers): (u16, &[(HeaderName, &'static str)]) = match fault {
            HandshakeFault::Method => (405, &[(header::ALLOW, "GET")]),
            HandshakeFault::Version => (
                StatusCode::UPGRADE_REQUIRED.as_u16(),
                // RFC 9110, 7.8: an answer with Upgrade names it in Connection.
                &[
                    (header::SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION),
                    (header::UPGRADE, "websocket"),
                    (header::CONNECTION, "Upgrade, close"),
                ],
            ),
            _ => (Rejection::Handshake.status(), &[]),
        };
        Self { why: Rejection::Handshake, status, message: fault.message().into(), headers: headers.to_vec() }
    }
}

/// Checks a handshake, which must offer `subprotocol`, if any. Returns the answer that accepts it.
pub(crate) fn answer(request: &Parts, subprotocol: Option<&'static str>) -> Result<Response<Body>, HandshakeFault> {
    let key = check(request, subprotocol)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = HeaderValue::try_from(derive_accept_key(key)).map_err(|_| HandshakeFault::Key)?;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    Ok(response)
}

/// The key of a valid handshake.
fn check<'a>(request: &'a Parts, subprotocol: Option<&'static str>) -> Result<&'a [u8], HandshakeFault> {
    let headers = &request.headers;
    if request.method != Method::GET {
        return Err(HandshakeFault::Method);
    }
    if request.version < Version::HTTP_11 {
        return Err(HandshakeFault::HttpVersion);
    }
    let names = |name, token: &str| tokens(headers, name).any(|other| other.eq_ignore_ascii_case(token.as_bytes()));
    if !names(header::UPGRADE, "websocket") {
        return Err(HandshakeFault::Upgrade);
    }
    if !names(header::CONNECTION, "upgrade") {
        return Err(HandshakeFault::Connection);
    }
    if !tokens(headers, header::SEC_WEBSOCKET_VERSION).eq([WEBSOCKET_VERSION.as_bytes()]) {
        return Err(HandshakeFault::Version);
    }
    if let Some(name) = subprotocol {
        // Subprotocols are compared as they are written (RFC 6455, 4.1).
        let mut offered = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).peekable();
        offered.peek().ok_or(HandshakeFault::SubprotocolMissing(name))?;
        if !offered.any(|other| other == name.as_bytes()) {
            return Err(HandshakeFault::Subprotocol(name));
        }
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().ok_or(HandshakeFault::KeyMissing)?.as_bytes().trim_ascii();
    if keys.next().is_none() && is_key(key) { Ok(key) } else { Err(HandshakeFault::Key) }
}

/// The elements of a list header. Several lines are one list, and empty elements do not count (RFC 9110, 5.6.1).
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).filter(|t| !t.is_empty())
}

/// Whether it is base64 of 16 bytes: 22 digits and the padding.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const PLAIN: [(&str, &str); 5] = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "fracas.1"),
    ];

    /// A plain handshake, in which the lines of a header's name are replaced by these.
    fn with(name: &str, lines: &[&str]) -> Parts {
        let mut builder = Request::get("/ws");
        for (other, line) in PLAIN.iter().filter(|(other, _)| *other != name) {
            builder = builder.header(*other, *line);
        }
        for line in lines {
            builder = builder.header(name, *line);
        }
        builder.body(()).expect("a request").into_parts().0
    }

    fn fault(request: &Parts) -> Option<HandshakeFault> {
        answer(request, Some("fracas.1")).err()
    }

    #[test]
    fn a_plain_handshake_is_accepted_with_the_key_of_the_rfc() {
        let response = answer(&with("", &[]), Some("fracas.1")).expect("accepted");
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
        assert_eq!(header(header::SEC_WEBSOCKET_ACCEPT), Some(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".as_slice()));
        assert_eq!(header(header::SEC_WEBSOCKET_PROTOCOL), Some(b"fracas.1".as_slice()));
        let without = answer(&with("Sec-WebSocket-Protocol", &[]), None).expect("accepted");
        assert!(!without.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn lists_are_read_whole_however_they_are_written() {
        for lines in [
            ["keep-alive", "Upgrade"].as_slice(),
            &["Upgrade", "keep-alive"],
            &["close,\tuPGRADE ,"],
            &[",", "upgrade"],
        ] {
            assert_eq!(fault(&with("Connection", lines)), None, "{lines:?}");
        }
        for lines in [["h2c, WebSocket"].as_slice(), &["h2c", "websocket"], &["WEBSOCKET"]] {
            assert_eq!(fault(&with("Upgrade", lines)), None, "{lines:?}");
        }
        for lines in
            [["chat", "fracas.1"].as_slice(), &["fracas.2 ,\tfracas.1"], &["fracas.1", "chat"], &["\u{e9}, fracas.1"]]
        {
            assert_eq!(fault(&with("Sec-WebSocket-Protocol", lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn each_fault_of_a_handshake_is_told_by_its_own_name() {
        let mut post = with("", &[]);
        post.method = Method::POST;
        assert_eq!(fault(&post), Some(HandshakeFault::Method));
        let mut old = with("", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(fault(&old), Some(HandshakeFault::HttpVersion));
        let table: [(&str, &[&str], HandshakeFault); 13] = [
            ("Upgrade", &[], HandshakeFault::Upgrade),
            ("Upgrade", &["h2c", "websockets"], HandshakeFault::Upgrade),
            ("Connection", &[], HandshakeFault::Connection),
            ("Connection", &["keep-alive", "Upgrade2"], HandshakeFault::Connection),
            ("Sec-WebSocket-Version", &[], HandshakeFault::Version),
            ("Sec-WebSocket-Version", &["8"], HandshakeFault::Version),
            ("Sec-WebSocket-Version", &["13", "8"], HandshakeFault::Version),
            ("Sec-WebSocket-Key", &[], HandshakeFault::KeyMissing),
            ("Sec-WebSocket-Key", &["abc"], HandshakeFault::Key),
            ("Sec-WebSocket-Key", &["dGhlIHNhbXBsZSBub25j*Q=="], HandshakeFault::Key),
            ("Sec-WebSocket-Key", &[PLAIN[3].1, PLAIN[3].1], HandshakeFault::Key),
            ("Sec-WebSocket-Protocol", &["chat", "Fracas.1"], HandshakeFault::Subprotocol("fracas.1")),
            ("Sec-WebSocket-Protocol", &[], HandshakeFault::SubprotocolMissing("fracas.1")),
        ];
        for (name, lines, expected) in table {
            assert_eq!(fault(&with(name, lines)), Some(expected), "{name}: {lines:?}");
        }
    }

    #[test]
    fn a_wrong_version_is_told_the_right_one() {
        let refused = RejectionResponse::from(HandshakeFault::Version);
        assert_eq!(refused.status, 426);
        assert!(refused.headers.contains(&(header::SEC_WEBSOCKET_VERSION, "13")));
    }
}
