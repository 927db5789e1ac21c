//! What a proxy on loopback says of whom it connects for: whether any way to write it, or not to, gets round the limit of an address.

use anyhow::Result;
use fracas_tests::Server;
use fracas_tests::raw::{connect, loopback};
use fracas_tests::verdict::VerdictRow;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// What an address may have, and how many try.
const LIMIT: u64 = 3;
const TRIES: usize = 12;

/// Headers of the same proxy, each for one client, and how many of them are let in.
const CLAIMS: [(&str, &[u8], u64); 14] = [
    ("an address", b"X-Forwarded-For: 203.0.113.9\r\n", LIMIT),
    ("an address and a port", b"X-Forwarded-For: 203.0.113.10:4711\r\n", LIMIT),
    ("an IPv6 address in brackets with a port", b"X-Forwarded-For: [2001:db8::1]:443\r\n", LIMIT),
    ("two proxies", b"X-Forwarded-For: 203.0.113.11, 127.0.0.9\r\n", LIMIT),
    ("two lines", b"X-Forwarded-For: 203.0.113.12\r\nX-Forwarded-For: 127.0.0.9\r\n", LIMIT),
    ("a claim of loopback", b"X-Forwarded-For: 127.0.0.1\r\n", LIMIT),
    ("a claim of IPv6's loopback", b"X-Forwarded-For: ::1\r\n", LIMIT),
    ("a mapped claim of loopback", b"X-Forwarded-For: ::ffff:127.0.0.2\r\n", LIMIT),
    ("a byte beyond ASCII", b"X-Forwarded-For: 203.0.113.\x80\r\n", 0),
    ("unknown", b"X-Forwarded-For: unknown\r\n", 0),
    ("nothing in it", b"X-Forwarded-For: \r\n", 0),
    ("a trailing comma", b"X-Forwarded-For: 203.0.113.13,\r\n", 0),
    ("no header", b"", 0),
    ("only Forwarded", b"Forwarded: for=203.0.113.14\r\n", 0),
];

pub(crate) fn run() -> Result<Vec<VerdictRow>> {
    let limit = LIMIT.to_string();
    let server = Server::start(&["--fill", "0", "--trusted-proxy", "127.0.0.0/8", "--max-per-address", &limit]);
    let mut rows = Vec::new();
    for (what, header, expected) in CLAIMS {
        let held: Vec<_> = (0..TRIES).map(|number| open(server.game, number, header)).collect::<Result<_>>()?;
        let admitted = held.iter().flatten().count() as u64;
        rows.push(VerdictRow::exactly(format!("{what}: let in of {TRIES}, where {LIMIT} may be"), admitted, expected));
    }
    let told = server.log().iter().filter(|line| line.contains("X-Forwarded-For")).count() as u64;
    rows.push(VerdictRow::exactly("lines in the log of what cannot be read", told, 1));
    rows.push(VerdictRow::exactly("health without the header", server.get("/readyz").status.into(), 200));
    Ok(rows)
}

/// Asks for the game; the connection, if it is let in.
fn open(game: SocketAddr, number: usize, header: &[u8]) -> Result<Option<TcpStream>> {
    let mut stream = connect(game, loopback(number))?;
    let mut request = format!(
        "GET /ws HTTP/1.1\r\nHost: {game}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: fracas.1\r\n"
    )
    .into_bytes();
    request.extend([header, b"\r\n"].concat());
    stream.write_all(&request)?;
    let mut first = [0; 12];
    stream.read_exact(&mut first)?;
    Ok((&first == b"HTTP/1.1 101").then_some(stream))
}
