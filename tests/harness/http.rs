//! HTTP as plain as can be, so that a test decides every byte of a request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The header, as it came.
    pub header: String,
    /// The body, as text.
    pub body: String,
}

impl HttpAnswer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// GETs `path` with more headers.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    let host = address.to_string();
    request(address, "GET", path, &[&[("Host", &*host)], headers].concat())
}

/// Asks for `path` by any method, with these headers and no others but one that ends the connection.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    exchange(address, request + "\r\n")
}

/// Asks for the game's WebSocket with more headers, and gives the answer's header only.
pub fn handshake(address: SocketAddr, headers: &[(&str, &str)]) -> HttpAnswer {
    let mut request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    exchange(address, request + "\r\n")
}

/// Sends these bytes, and reads the answer until its end, or until its header's end after an upgrade.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> HttpAnswer {
    let request = request.as_ref();
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket has timeouts");
    stream.write_all(request).expect("it is taken");
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => bytes.extend_from_slice(&buffer[..len]),
            // Who answers without listening may be told afterwards that nobody listens.
            Err(_) if bytes.windows(4).any(|four| four == b"\r\n\r\n") => break,
            Err(error) => panic!("no answer to {:?}: {error}", String::from_utf8_lossy(request)),
        }
        // After an upgrade the connection stays open: the header is all there is.
        if bytes.starts_with(b"HTTP/1.1 101") && bytes.windows(4).any(|four| four == b"\r\n\r\n") {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (header, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no header in {text:?}"));
    let status = header.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    HttpAnswer { status, header: header.into(), body: body.into() }
}
