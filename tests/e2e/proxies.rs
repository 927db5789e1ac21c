//! Who is who when proxies stand in between, and by which names browsers may come.

use fracas_tests::Server;
use fracas_tests::http::{HttpAnswer, exchange, get};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A handshake with this `Host` and more header lines, as they are.
fn handshake_to(host: &str, more: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: fracas.1\r\n"
    )
    .into_bytes();
    request.extend(more);
    request.extend(b"\r\n");
    request
}

/// How often of so many times at once a handshake through a trusted proxy is accepted.
fn accepted(server: &Server, forwarded: &[u8], times: usize) -> usize {
    let line = [b"X-Forwarded-For: ", forwarded, b"\r\n"].concat();
    let open = || {
        let mut stream = TcpStream::connect(server.game).expect("somebody listens");
        stream.write_all(&handshake_to("localhost", &line)).expect("it is taken");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        (&first == b"HTTP/1.1 101").then_some(stream)
    };
    let held: Vec<_> = (0..times).map(|_| open()).collect();
    held.iter().flatten().count()
}

#[test]
fn behind_a_proxy_on_loopback_everybody_has_a_limit_whatever_the_header_says() {
    let server = Server::start(&["--fill", "2", "--trusted-proxy", "127.0.0.0/8", "--max-per-address", "3"]);
    server.wait_for("its own bots need no header", |server| server.metric("fracas_players{kind=\"bot\"}") == 2.0);
    for forwarded in
        ["203.0.113.9", "203.0.113.10:4711", "[2001:db8::1]:443", "::1", "::ffff:192.0.2.1", "127.0.0.1, 127.0.0.2"]
    {
        assert_eq!(accepted(&server, forwarded.as_bytes(), 5), 3, "{forwarded}");
    }
    let unreadable: [&[u8]; 6] = [b"\xff", b"203.0.113.\x80", b"unknown", b"", b"203.0.113.9,", b"203.0.113.9:"];
    for forwarded in unreadable {
        assert_eq!(accepted(&server, forwarded, 1), 0, "{}", forwarded.escape_ascii());
    }
    assert_eq!(server.metric("fracas_connections_rejected_total{reason=\"forwarded\"}"), 6.0);
    let missing = exchange(server.game, handshake_to("localhost", b""));
    assert_eq!(missing.status, 400);
    assert!(missing.body.contains("X-Forwarded-For") && missing.body.contains("--trusted-proxy"), "{missing:?}");
    let other = exchange(server.game, handshake_to("localhost", b"Forwarded: for=203.0.113.9\r\n"));
    assert!(other.status == 400 && other.body.contains("Forwarded header"), "{other:?}");
    assert_eq!((server.get("/livez").status, server.get("/readyz").status), (200, 200), "health needs no header");
    let (_, log) = server.stop();
    assert_eq!(log.iter().filter(|line| line.contains("X-Forwarded-For")).count(), 1, "it is said once: {log:?}");
}

#[test]
fn a_page_by_rebound_dns_cannot_connect_and_what_to_add_is_told_once() {
    let server = Server::start(&["--fill", "0"]);
    let port = server.game.port();
    let from_page = |server: &Server, host: &str, origin: &str| {
        exchange(server.game, handshake_to(host, format!("Origin: {origin}\r\n").as_bytes()))
    };
    let own = |server: &Server, name: &str| {
        let host = format!("{name}:{}", server.game.port());
        from_page(server, &host, &format!("http://{host}")).status
    };
    assert_eq!((own(&server, "127.0.0.1"), own(&server, "localhost"), own(&server, "evil.example")), (101, 101, 403));
    let page = |host: &str| -> HttpAnswer {
        exchange(server.game, format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!((page("localhost").status, page(&format!("127.0.0.1:{port}")).status), (200, 200));
    let refused = page("lan-box:8080");
    assert_eq!(refused.status, 421);
    assert!(refused.body.contains("--public-host lan-box"), "{refused:?}");
    assert_eq!(
        exchange(server.game, handshake_to("anything.example", b"")).status,
        101,
        "who is no browser may come by any name"
    );
    for path in ["/livez", "/readyz", "/data"] {
        let by_name = format!("GET {path} HTTP/1.1\r\nHost: anything.example\r\nConnection: close\r\n\r\n");
        assert_eq!(exchange(server.game, by_name).status, 200, "{path}");
    }
    let (_, log) = server.stop();
    assert_eq!(log.iter().filter(|line| line.contains("--public-host")).count(), 1, "it is said once: {log:?}");
}

#[test]
fn a_server_with_a_public_name_is_played_by_that_name_also_behind_tls() {
    let server =
        Server::start(&["--fill", "0", "--public-host", "play.example", "--allow-origin", "https://other.example"]);
    let from_page = |host: &str, origin: &str| {
        exchange(server.game, handshake_to(host, format!("Origin: {origin}\r\n").as_bytes())).status
    };
    assert_eq!(from_page("play.example:8080", "http://play.example:8080"), 101);
    assert_eq!(from_page("play.example", "https://play.example"), 101, "a proxy that passes on the name");
    assert_eq!(from_page("127.0.0.1:8080", "https://play.example"), 101, "one that does not");
    assert_eq!(from_page("127.0.0.1:8080", "https://other.example"), 101);
    assert_eq!(from_page("play.example", "https://evil.example"), 403);
    assert_eq!(from_page("evil.example", "https://evil.example"), 403);
    assert_eq!(get(server.game, "/", &[]).status, 200);
}
