//! Who may connect, and how a refusal reads.

use fracas_protocol::wire::frame::TickFollower;
use fracas_protocol::wire::message::{ClientMessage, Hello, ServerMessage};
use fracas_tests::http::{HttpAnswer, exchange, get, handshake, request};
use fracas_tests::peer::PeerHeard;
use fracas_tests::{Peer, Server};
use std::io::Write;
use std::net::TcpStream;

const PROTOCOL: (&str, &str) = ("Sec-WebSocket-Protocol", "fracas.1");

fn with_origin(server: &Server, origin: &str) -> HttpAnswer {
    handshake(server.game, &[PROTOCOL, ("Origin", origin)])
}

#[test]
fn a_page_of_another_origin_is_refused_and_an_allowed_one_is_not() {
    let server = Server::start(&["--fill", "0", "--allow-origin", "https://play.example"]);
    let own = format!("http://{}", server.game);
    assert_eq!(handshake(server.game, &[PROTOCOL]).status, 101, "no browser");
    assert_eq!(with_origin(&server, &own).status, 101);
    assert_eq!(with_origin(&server, "https://play.example").status, 101);
    for foreign in ["null", "http://evil.example", "http://play.example", "https://play.example.evil"] {
        let answer = with_origin(&server, foreign);
        assert_eq!(answer.status, 403, "{foreign}");
        assert!(answer.body.contains("--allow-origin"), "{}", answer.body);
    }
    assert_eq!(server.metric("fracas_connections_rejected_total{reason=\"origin\"}"), 4.0);
}

#[test]
fn a_page_that_may_connect_may_read_the_start_up_data_and_another_may_not() {
    let server = Server::start(&["--fill", "0", "--allow-origin", "https://play.example"]);
    let data = |headers: &[(&str, &str)]| get(server.game, "/data", headers);
    let readers = |answer: &HttpAnswer| answer.header("access-control-allow-origin").map(String::from);
    let plain = data(&[]);
    assert_eq!((plain.status, readers(&plain), plain.header("vary")), (200, None, Some("Origin")));
    for allowed in ["https://play.example", &format!("http://{}", server.game)] {
        assert_eq!(readers(&data(&[("Origin", allowed)])).as_deref(), Some(allowed));
    }
    for foreign in ["null", "http://evil.example", "http://play.example", "https://play.example.evil"] {
        let answer = data(&[("Origin", foreign)]);
        assert_eq!((answer.status, readers(&answer)), (200, None), "{foreign}");
    }
    let two = data(&[("Origin", "https://play.example"), ("Origin", "https://play.example")]);
    assert_eq!(readers(&two), None, "two origins are none");
}

#[test]
fn what_is_no_handshake_of_ours_is_told_what_would_be() {
    let server = Server::start(&["--fill", "0"]);
    let plain = server.get("/ws");
    assert_eq!(plain.status, 400, "no upgrade at all");
    assert!(plain.body.contains("Upgrade: websocket"), "{plain:?}");
    let other = handshake(server.game, &[("Sec-WebSocket-Protocol", "chat")]);
    assert_eq!(other.status, 400);
    assert!(other.body.contains("fracas.1"));
    let offered = handshake(server.game, &[PROTOCOL, ("Sec-WebSocket-Extensions", "permessage-deflate")]);
    assert_eq!((offered.status, offered.header("sec-websocket-extensions")), (101, None));
    let version = exchange(server.game, upgrade_with("Upgrade: websocket\r\nConnection: Upgrade\r\n", "12"));
    assert_eq!((version.status, version.header("sec-websocket-version")), (426, Some("13")));
    assert!(version.body.contains("Sec-WebSocket-Version"), "{version:?}");
    let post = request(server.game, "POST", "/ws", &[PROTOCOL]);
    assert_eq!((post.status, post.header("allow")), (405, Some("GET")));
}

/// A handshake with these lines for `Upgrade` and `Connection`.
fn upgrade_with(lines: &str, version: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\n{lines}Sec-WebSocket-Version: {version}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: fracas.1\r\n\r\n"
    )
}

#[test]
fn a_handshake_whose_lists_stand_in_several_lines_is_accepted() {
    let server = Server::start(&["--fill", "0"]);
    for lines in [
        "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
        "Connection: keep-alive,upgrade\r\nUpgrade: h2c, WebSocket\r\n",
    ] {
        assert_eq!(exchange(server.game, upgrade_with(lines, "13")).status, 101, "{lines}");
    }
}

#[test]
fn a_health_probe_of_http_1_0_without_a_host_is_answered_on_both_ports() {
    let server = Server::start(&["--fill", "0"]);
    for port in [server.game, server.ops] {
        let status = |path: &str| exchange(port, format!("GET {path} HTTP/1.0\r\n\r\n")).status;
        assert_eq!((status("/livez"), status("/readyz")), (200, 200), "{port}");
    }
    assert_eq!(exchange(server.ops, "GET /metrics HTTP/1.0\r\n\r\n").status, 421, "only health");
}

#[test]
fn an_address_has_its_share_and_the_refusal_names_the_flag() {
    let server = Server::start(&["--fill", "4", "--limit-loopback", "--max-per-address", "3"]);
    server.wait_for("the server's own bots, which do not count", |server| {
        server.metric("fracas_players{kind=\"bot\"}") == 4.0
    });
    let peers: Vec<_> = (0..3).map(|_| Peer::connect(server.game)).collect();
    let answer = handshake(server.game, &[PROTOCOL]);
    assert_eq!(answer.status, 429);
    assert!(answer.body.contains("--max-per-address") && answer.header("retry-after").is_some());
    assert_eq!(answer.header("connection"), Some("close"), "it does not keep what may be missing");
    drop(peers);
    server.wait_for("the places are free again", |server| handshake(server.game, &[PROTOCOL]).status == 101);
}

#[test]
fn without_descriptors_newcomers_are_heard_in_place_of_the_silent_and_who_plays_plays_on() {
    let server = Server::start_within(48, &["--fill", "0"]);
    let mut player = Peer::joined(server.game, "Ada");
    let connect = || TcpStream::connect(server.game).expect("the kernel takes it");
    let crowd: Vec<_> = (0..100).map(|_| connect()).collect();
    // Somewhere among them the descriptors end.
    assert_eq!(server.get("/livez").status, 200, "who says what it wants is heard");
    let (mut follower, mut frames) = (TickFollower::default(), 0);
    while frames < 60 {
        match player.hear() {
            PeerHeard::Frame(frame) => {
                let ticks = follower.follow(&frame).expect("a header");
                player.say(&ClientMessage::Ack(ticks.first.plus(ticks.bodies - 1)));
                frames += 1;
            }
            PeerHeard::Control(_) => {}
            PeerHeard::Closed(close) => panic!("it was closed: {close:?}"),
        }
    }
    drop(crowd);
    assert!(server.metric("fracas_http_connections_shed_total{reason=\"descriptors\"}") > 50.0);
    let (code, log) = server.stop();
    let complaints = log.iter().filter(|line| line.contains("no descriptor is left")).count();
    assert_eq!((code, complaints), (Some(0), 1), "it is said once: {log:?}");
}

#[test]
fn half_requests_do_not_take_the_operators_port_away() {
    let server = Server::start(&["--fill", "0", "--limit-loopback", "--ops-token", "a-secret-of-some-length"]);
    let half = || {
        let mut stream = TcpStream::connect(server.ops).expect("the kernel takes it");
        stream.write_all(b"GET /livez HTTP/1.1\r\nX-Slow: ").expect("it is taken");
        stream
    };
    let held: Vec<_> = (0..256).map(|_| half()).collect();
    assert_eq!(server.get_ops("/livez").status, 200);
    let headers = [("Host", "localhost"), ("Authorization", "Bearer a-secret-of-some-length")];
    let metrics = request(server.ops, "GET", "/metrics", &headers).body;
    assert!(
        metrics.contains("fracas_http_connections_shed_total{reason=\"address\"} 2"),
        "over two hundred: {metrics}"
    );
    assert_eq!(request(server.ops, "POST", "/drain", &headers).status, 202);
    assert_eq!(server.wait().0, Some(0));
    drop(held);
}

#[test]
fn a_full_server_tells_when_to_come_back_and_stays_ready() {
    let server = Server::start(&["--fill", "0", "--max-players", "2"]);
    let mut peers: Vec<_> = (0..2).map(|_| Peer::connect(server.game)).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.join(&format!("player {number}"));
    }
    let mut late = Peer::connect(server.game);
    late.say(&ClientMessage::Hello(Hello::player("late")));
    assert!(matches!(late.hear_control(), ServerMessage::Goodbye(goodbye) if goodbye.code == 4001));
    assert_eq!(late.hear_close().map(|(code, _)| code), Some(4001));
    assert_eq!(server.get("/readyz").status, 200, "full is not broken");
    // The ship of a lost connection is kept, so its seat is not free; a player who says goodbye frees it at once.
    let mut lost = peers.pop().expect("two");
    lost.say(&ClientMessage::FreshStart);
    server.wait_for("it has spoken", |server| server.metric("fracas_desyncs_reported_total") > 0.0);
    drop(lost);
    server.wait_for("it is lost", |server| server.metric("fracas_connections") < 2.0);
    let mut later = Peer::connect(server.game);
    later.say(&ClientMessage::Hello(Hello::player("later")));
    assert_eq!(later.hear_close().map(|(code, _)| code), Some(4001), "its seat is not free");
    peers[0].say(&ClientMessage::Goodbye);
    server.wait_for("a seat is free", |server| server.metric("fracas_players{kind=\"person\"}") < 2.0);
    let _next = Peer::joined(server.game, "next");
}

#[test]
fn every_kind_of_bad_first_word_gets_its_code_and_words_and_nobody_else_notices() {
    let server = Server::start(&["--fill", "6"]);
    let mut bystander = Peer::joined(server.game, "bystander");
    let close = |say: &dyn Fn(&mut Peer)| {
        let mut peer = Peer::connect(server.game);
        say(&mut peer);
        peer.hear_close().expect("a close frame, not a bare end")
    };
    let hello = |hello: Hello| close(&move |peer: &mut Peer| peer.say(&ClientMessage::Hello(hello.clone())));
    assert_eq!(hello(Hello { version: 7, ..Hello::player("Ada") }).0, 4500);
    assert_eq!(hello(Hello::player("")), (4501, "The name is empty: type 1 to 20 characters.".into()));
    assert_eq!(hello(Hello::player("x".repeat(90))).0, 4501);
    assert!(hello(Hello::player("\u{1b}[31m")).1.contains("control"));
    assert!(hello(Hello { room: "attic".into(), ..Hello::player("Ada") }).1.contains("\"main\""));
    assert_eq!(close(&|peer| peer.say_bytes(vec![42, 42])).0, 4501, "an unknown message");
    assert_eq!(close(&|peer| peer.say(&ClientMessage::FreshStart)).1, "The first message must be a hello.");
    assert_eq!(close(&|peer| peer.say_bytes(vec![0; 1025])).0, 1009);
    assert_eq!(close(&|peer| peer.say_raw(&[0x82, 1, 0])).0, 1002, "not masked");
    for _ in 0..60 {
        assert!(!matches!(bystander.hear(), PeerHeard::Closed(_)), "the bystander plays on");
        bystander.say(&ClientMessage::Ack(fracas_protocol::tick::Tick(0)));
    }
    assert_eq!(server.get("/livez").status, 200);
}
