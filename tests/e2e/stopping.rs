//! Signals: everybody is told, and the exit code is 0.

use fracas_protocol::wire::message::ServerMessage;
use fracas_tests::peer::PeerHeard;
use fracas_tests::{Peer, Server, run_bots};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn a_signal_stops_the_server_with_exit_0_and_every_player_told_why() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let server = Server::start(&["--fill", "3"]);
        let mut peers: Vec<_> = (0..5).map(|_| Peer::connect(server.game)).collect();
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.join(&format!("player {number}"));
        }
        let began = Instant::now();
        server.signal(signal);
        for peer in &mut peers {
            let mut told = false;
            let close = loop {
                match peer.hear() {
                    PeerHeard::Control(message) => {
                        told |= matches!(*message, ServerMessage::Goodbye(goodbye) if goodbye.code == 1001);
                    }
                    PeerHeard::Frame(_) => {}
                    PeerHeard::Closed(close) => break close,
                }
            };
            assert_eq!(close, Some((1001, "The server is stopping.".into())));
            assert!(told, "and when to come back");
        }
        let (code, log) = server.wait();
        assert_eq!(code, Some(0), "{log:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_peer_that_does_not_listen_does_not_keep_the_server_from_stopping() {
    let server = Server::start(&["--fill", "0"]);
    let _deaf = Peer::joined(server.game, "deaf");
    let began = Instant::now();
    let (code, _) = server.stop();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Server::start(&["--fill", "0"]);
    let _deaf = Peer::joined(server.game, "deaf");
    server.signal(Signal::TERM);
    // It waits for the peer to close, which does nothing of the kind.
    server.wait_for("it is stopping", |server| server.log().iter().any(|line| line.contains("telling everybody")));
    server.signal(Signal::TERM);
    let (code, log) = server.wait();
    assert_eq!(code, Some(1), "not in good order: {log:?}");
    assert!(log.iter().any(|line| line.contains("second signal")), "{log:?}");
}

#[test]
fn a_terminal_that_goes_away_hangs_up_twice_and_still_everybody_is_told() {
    let server = Server::start(&["--fill", "0"]);
    let mut peer = Peer::joined(server.game, "Ada");
    server.signal(Signal::HUP);
    server.wait_for("it is stopping", |server| server.log().iter().any(|line| line.contains("telling everybody")));
    server.signal(Signal::HUP);
    let close = loop {
        if let PeerHeard::Closed(close) = peer.hear() {
            break close;
        }
    };
    assert_eq!(close, Some((1001, "The server is stopping.".into())));
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log:?}");
    assert!(log.iter().any(|line| line.contains("SIGHUP")), "{log:?}");
}

#[test]
fn signals_that_mean_nothing_to_it_do_nothing_and_nohup_is_respected() {
    let server = Server::start_after("trap '' HUP", &["--fill", "0"]);
    for signal in [Signal::USR1, Signal::USR2, Signal::PIPE, Signal::HUP] {
        server.signal(signal);
    }
    let ticks = |server: &Server| server.metric("fracas_tick_duration_seconds_count");
    let before = ticks(&server);
    server.wait_for("it ticks on", |server| ticks(server) > before + 5.0);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log:?}");
    assert!(log.iter().any(|line| line.contains("SIGTERM")), "the first that it heard of: {log:?}");
}

#[test]
fn bots_that_are_told_to_go_come_back_by_themselves_to_the_process_that_follows() {
    let server = Server::start(&["--fill", "0"]);
    let (url, game) = (server.url(), server.game);
    let swarm = std::thread::spawn(move || {
        run_bots(&["swarm", "--url", &url, "--bots", "10", "--ramp", "100/s", "--duration", "12s", "--json", "-"])
    });
    server.wait_for("the bots are in", |server| server.metric("fracas_players{kind=\"person\"}") == 10.0);
    assert_eq!(server.stop().0, Some(0));
    let next = Server::start_at(game, &["--fill", "0"]);
    next.wait_for("they are back", |server| server.metric("fracas_players{kind=\"person\"}") == 10.0);
    let finished = swarm.join().expect("the swarm ends by itself");
    let summary: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(summary["disconnects"], serde_json::json!({ "going_away": 10 }));
    assert_eq!((&summary["returns"], &summary["resumed"]), (&10.into(), &0.into()), "with new ships");
    assert_eq!(summary["bots_at_end"], 10);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}
