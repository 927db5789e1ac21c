//! A swarm at servers that take its connections and never answer: it comes to its end all the same.

use fracas_bots::conditioner::LinkConditions;
use fracas_bots::link::Target;
use fracas_bots::swarm::{self, SwarmPlan};
use fracas_protocol::game::toy::{Runner, Yard};
use fracas_protocol::tick::TickRate;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A server that gives its start-up data, and does with every other connection what it likes.
fn server(other: fn(&mut TcpStream)) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let data = Yard::ruleset(TickRate::HZ_30).data().bytes().clone();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let len = stream.read(&mut request).expect("a request");
            if request[..len].starts_with(b"GET /data") {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", data.len());
                stream.write_all(&[head.as_bytes(), &data].concat()).expect("it listens");
            } else {
                other(&mut stream);
                kept.push(stream);
            }
        }
    });
    Target::parse(&format!("ws://{address}/ws")).expect("an address")
}

fn check_that_a_swarm_ends(other: fn(&mut TcpStream)) {
    let plan = SwarmPlan {
        target: server(other),
        room: "main".into(),
        bots: 4,
        duration: Duration::from_secs(1),
        ramp: "100/s".parse().expect("a ramp"),
        brain: 0,
        seed: 1,
        input_hz: None,
        line: LinkConditions::default(),
        cut_at: None,
    };
    let began = Instant::now();
    let summary = swarm::run::<Yard, Runner>(plan).expect("the data is there");
    assert_eq!((summary.bots_requested, summary.bots_joined), (4, 0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_swarm_ends_though_no_handshake_is_answered() {
    check_that_a_swarm_ends(|_| ());
}

#[test]
fn a_swarm_ends_though_its_handshakes_drip_in() {
    check_that_a_swarm_ends(|stream| {
        let mut stream = stream.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            while stream.write_all(b"H").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
    });
}
