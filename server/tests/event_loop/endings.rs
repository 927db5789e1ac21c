//! All the ways in which a connection ends: whoever ends it, the service hears of that once, and of nothing after it.

use crate::stage::{LoopPeer, PipeEnd, RATE, connection};
use fracas_protocol::wire::close::CloseReason;
use fracas_server::admission::control::Network;
use fracas_server::ids::{ConnectionKey, PlayerKind};
use fracas_server::io::close::{CloseRequest, ConnectionEnd};
use fracas_server::io::connection::Connection;
use fracas_server::io::event_loop::{EventLoop, LoopEnd, LoopShared, Newcomer};
use fracas_server::io::policy::Policy;
use fracas_server::io::service::{Addressee, ConnectionEvent, LoopStep, Service};
use fracas_server::ops::Telemetry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// What a binary message of one byte has the service do.
const REFUSE: u8 = 1;
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The endings that a service heard of, for the test that looks at them while it runs.
type Endings = Arc<Mutex<Vec<ConnectionEnd>>>;

/// A service that notes what it is told, and sends everybody something each round.
struct Ledger {
    endings: Endings,
    /// Whom it has something for: everybody it is told of is sent away.
    evicts: Option<Addressee>,
}

impl Service for Ledger {
    /// Whether its end was told, and its key.
    type Client = (bool, ConnectionKey);

    fn open(&mut self, key: ConnectionKey, _: PlayerKind, _: Option<Network>, _: Instant) -> Self::Client {
        (false, key)
    }

    fn handle(
        &mut self,
        (has_ended, _): &mut Self::Client,
        connection: &mut Connection,
        event: ConnectionEvent<'_>,
        now: Instant,
    ) -> Result<(), CloseRequest> {
        assert!(!*has_ended, "{event:?} after the end");
        match event {
            ConnectionEvent::Message(Message::Binary(bytes)) if bytes[..] == [REFUSE] => {
                Err(CloseRequest::bad_message("No."))
            }
            ConnectionEvent::Read if connection.silent_for(now) > SILENCE_MAX => Err(CloseReason::TimedOut.into()),
            ConnectionEvent::Addressed => Err(CloseReason::Kicked.into()),
            ConnectionEvent::Ended(ending) => {
                *has_ended = true;
                if matches!(ending, ConnectionEnd::Closed(_)) {
                    connection.say(|out| out.extend_from_slice(b"goodbye"));
                }
                self.endings.lock().expect("no panic").push(ending.clone());
                // It is ended already.
                Err(CloseReason::Idle.into())
            }
            _ => Ok(()),
        }
    }

    fn exchange(&mut self, _: Duration) -> LoopStep {
        LoopStep::Farewell(CloseReason::GoingAway)
    }

    fn next_addressed(&mut self, _: Instant) -> Option<Addressee> {
        self.evicts.take()
    }

    fn compose(&mut self, (has_ended, _): &mut Self::Client, _: &mut Connection, _: Instant, out: &mut Vec<u8>) -> u64 {
        assert!(!*has_ended, "nothing is composed after the end");
        out.extend([0x82, 1, 7]);
        1
    }

    fn written(&mut self, _: Duration, now: Instant) -> Instant {
        now
    }
}

struct EndingStage {
    event_loop: EventLoop<Ledger, PipeEnd>,
    newcomers: flume::Sender<Newcomer<PipeEnd>>,
    connections: Arc<AtomicUsize>,
    endings: Endings,
    now: Instant,
}

impl EndingStage {
    fn new() -> Self {
        let (newcomers, waiting) = flume::bounded(10);
        let (endings, connections) = (Endings::default(), Arc::<AtomicUsize>::default());
        let ledger = Ledger { endings: Arc::clone(&endings), evicts: None };
        let metrics = Telemetry::new(RATE).expect("metrics").for_loop();
        let shared = LoopShared { connections: Arc::clone(&connections), metrics };
        let event_loop = EventLoop::new(0, ledger, Policy::game(), waiting, shared);
        Self { event_loop, newcomers, connections, endings, now: Instant::now() }
    }

    fn connect(&mut self, leftover: &[u8]) -> LoopPeer {
        let (theirs, socket) = connection(1 << 20);
        let newcomer = Newcomer { socket, leftover: leftover.to_vec(), kind: PlayerKind::Person, permit: None };
        self.newcomers.send(newcomer).expect("the loop is there");
        LoopPeer::new(theirs)
    }

    fn run(&mut self, rounds: u32) {
        for _ in 0..rounds {
            self.now += Duration::from_millis(50);
            let now = self.now;
            self.event_loop.read_all(|| now);
            self.event_loop.write_all(|| now);
        }
    }

    fn heard(&self) -> Vec<&'static str> {
        let endings = self.endings.lock().expect("no panic");
        let label = |ending: &ConnectionEnd| match ending {
            ConnectionEnd::Closed(request) => request.reason.label(),
            ConnectionEnd::ByPeer => "by the peer",
            ConnectionEnd::Lost => "lost",
        };
        endings.iter().map(label).collect()
    }
}

/// Connects, lets `end` happen, and checks that it was heard of as `label` and once, whatever the peer does after it.
fn check(label: &str, leftover: &[u8], end: impl Fn(&mut EndingStage, &mut LoopPeer)) {
    for is_cut in [false, true] {
        let mut stage = EndingStage::new();
        let mut peer = stage.connect(leftover);
        stage.run(1);
        end(&mut stage, &mut peer);
        stage.run(1);
        if is_cut {
            peer.cut();
        }
        for _ in 0..100 {
            peer.hear();
            stage.run(1);
        }
        assert_eq!(stage.heard(), [label]);
        assert_eq!(stage.connections.load(Ordering::Relaxed), 0, "{label}: its slot is free");
    }
}

#[test]
fn a_service_hears_of_a_connections_end_exactly_once() {
    let say_raw = |bytes: &'static [u8]| move |_: &mut EndingStage, peer: &mut LoopPeer| peer.say_raw(bytes);
    check("by the peer", &[], |_, peer| peer.socket.close(None).expect("the pipe has room"));
    check("lost", &[], |_, peer| peer.cut());
    check("lost", &[], |_, peer| peer.finish());
    check("lost", &[], |stage, peer| {
        peer.go_deaf();
        stage.run(1);
    });
    check("protocol_error", &[], say_raw(&[0x82, 0x01, 0x00]));
    check("protocol_error", &[0x82, 0x01, 0x00], |_, _| ());
    check("too_big", &[], say_raw(&[0x82, 0xfe, 0x04, 0x01, 0, 0, 0, 0]));
    check("bad_message", &[], |_, peer| peer.socket.send(Message::text("hello")).expect("the pipe has room"));
    check("bad_message", &[], |_, peer| peer.say_bytes(vec![REFUSE]));
    check("timed_out", &[], |stage, _| stage.run(110));
    check("kicked", &[], |stage, _| stage.event_loop.service().evicts = Some(Addressee::Everybody));
    check("kicked", &[], |stage, _| {
        // The first key of a loop.
        let key = ConnectionKey { event_loop: 0, slot: 0, generation: 1 };
        stage.event_loop.service().evicts = Some(Addressee::One(key));
    });
    check("rate", &[], |stage, peer| {
        for _ in 0..80 {
            if peer.closed.is_none() {
                peer.say_raw(&[0x89, 0x80, 0, 0, 0, 0].repeat(8));
            }
            stage.run(1);
            peer.hear();
        }
    });
}

#[test]
fn a_service_hears_once_of_a_farewell_whatever_ends_with_it() {
    let mut stage = EndingStage::new();
    let mut peers = [(); 3].map(|()| stage.connect(&[]));
    stage.run(1);
    peers[0].say_bytes(vec![REFUSE]);
    peers[1].cut();
    let endings = Arc::clone(&stage.endings);
    let serving = std::thread::spawn(move || stage.event_loop.run());
    while peers[2].closed.is_none() {
        peers[2].hear();
        std::thread::yield_now();
    }
    drop(peers);
    assert_eq!(serving.join().expect("it does not panic"), LoopEnd::Farewell);
    let endings = endings.lock().expect("no panic");
    let farewells = endings.iter().filter(|ending| **ending == ConnectionEnd::Closed(CloseReason::GoingAway.into()));
    assert_eq!((endings.len(), farewells.count()), (3, 1));
}
