//! Hello, refusals and closes: what a peer says, and what it hears.

use crate::stage::LoopStage;
use fracas_arena::rules::{Heading, Input, Thrust};
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs, Ping, Role, ServerMessage};
use tokio_tungstenite::tungstenite::Message;

fn hello(name: &str) -> ClientMessage<Input> {
    ClientMessage::Hello(Hello::player(name))
}

/// Connects, says `say`, and gives the close code and words that come back.
fn refusal(say: impl FnOnce(&mut crate::stage::LoopPeer)) -> (u16, String) {
    let mut stage = LoopStage::new();
    let bystander = stage.join(Hello::player("bystander"), 1 << 20);
    stage.run(10);
    let mut peer = stage.connect();
    say(&mut peer);
    stage.run(5);
    peer.hear();
    stage.run(3);
    assert!(peer.is_dropped(), "the server lets go");
    let updates = stage.players[bystander].client.counters().bodies;
    stage.run(10);
    assert_eq!(stage.players[bystander].client.counters().bodies, updates + 10, "nobody else game_events");
    assert_eq!(stage.room().headcount().people, 1);
    peer.closed.expect("a close frame came")
}

#[test]
fn a_hello_gets_a_welcome_and_the_first_frame_with_the_next_tick() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.tick();
    let (control, frames) = peer.hear_control();
    let [ServerMessage::Welcome(welcome)] = &control[..] else { panic!("{control:?}") };
    assert!(welcome.own.is_some() && !welcome.resumed);
    assert_eq!((frames, peer.sends()), (1, 1), "both in one write");
}

#[test]
fn what_came_with_the_handshake_is_not_lost() {
    let mut stage = LoopStage::new();
    let mut bytes = Vec::new();
    codec::encode(&hello("Ada"), &mut bytes);
    // A masked frame with a mask of zeros.
    let mut leftover = vec![0x82, 0x80 | bytes.len() as u8, 0, 0, 0, 0];
    leftover.extend(bytes);
    let mut peer = stage.connect_through(1 << 20, &leftover);
    stage.tick();
    assert!(matches!(peer.hear_control().0[..], [ServerMessage::Welcome(_)]));
}

#[test]
fn a_player_is_written_to_once_per_tick_and_no_more() {
    let mut stage = LoopStage::new();
    stage.join_many(10);
    stage.run(30);
    let before: Vec<_> = stage.players.iter().map(|player| player.peer.sends()).collect();
    stage.run(100);
    for (player, before) in stage.players.iter().zip(before) {
        assert_eq!(player.peer.sends(), before + 100);
    }
}

#[test]
fn an_input_that_comes_byte_by_byte_counts_once_and_whole() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.tick();
    let input = Input { thrust: Thrust::towards(Heading::new(0)), ..Input::default() };
    let mut payload = Vec::new();
    codec::encode(&ClientMessage::Inputs(Inputs { ack: Tick(1), tick: Tick(40), input }), &mut payload);
    let mut bytes = vec![0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend(payload);
    for byte in bytes {
        assert_eq!(stage.metric("fracas_connections"), 1.0);
        peer.say_raw(&[byte]);
        stage.tick();
    }
    let place = || stage.room().game().ship(fracas_server::ids::PlayerId(0)).expect("a ship").position;
    let before = place();
    for _ in 0..30 {
        stage.tick();
    }
    let after = stage.room().game().ship(fracas_server::ids::PlayerId(0)).expect("a ship").position;
    assert!(after.x > before.x, "it is held from tick 40 on");
}

#[test]
fn pings_of_both_layers_are_answered_with_the_next_write() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.tick();
    peer.hear();
    peer.socket.send(Message::Ping(vec![7, 8].into())).expect("the pipe has room");
    peer.say(&ClientMessage::Ping(Ping { stamp: 77 }));
    stage.tick();
    let heard = peer.hear();
    assert!(heard.contains(&Message::Pong(vec![7, 8].into())), "{heard:?}");
    let pong = heard.iter().find_map(|message| {
        match codec::decode::<fracas_protocol::game::rules::MessageOf<fracas_arena::rules::Arena>, 8192>(
            &message.clone().into_data(),
        ) {
            Ok(ServerMessage::Pong(pong)) => Some(pong),
            _ => None,
        }
    });
    let pong = pong.expect("an answer");
    assert_eq!((pong.stamp, pong.clock.tick), (77, stage.room().last_tick()));
}

#[test]
fn a_peers_close_is_answered_and_frees_the_place() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.tick();
    peer.hear();
    peer.socket.close(None).expect("the pipe has room");
    stage.tick();
    peer.hear();
    assert!(peer.is_dropped(), "it has answered, and says nothing more");
    drop(peer);
    stage.tick();
    assert_eq!(stage.metric("fracas_connections"), 0.0);
}

#[test]
fn a_goodbye_takes_the_ship_away_at_once_and_closes_with_1000() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.tick();
    peer.say(&ClientMessage::Goodbye);
    stage.tick();
    assert_eq!(stage.room().headcount().people, 0);
    peer.hear();
    assert_eq!(peer.closed.map(|(code, _)| code), Some(1000));
}

#[test]
fn a_hello_of_another_version_is_told_to_reload() {
    let (code, words) = refusal(|peer| peer.say(&ClientMessage::Hello(Hello { version: 9, ..Hello::player("Ada") })));
    assert_eq!((code, words.as_str()), (4500, CloseReason::Version.message()));
}

#[test]
fn names_that_cannot_be_shown_are_refused_with_words() {
    let words = |name: &str| {
        let (code, words) = refusal(|peer| peer.say(&hello(name)));
        assert_eq!(code, 4501);
        words
    };
    assert!(words("").contains("empty"));
    assert!(words(&"x".repeat(50)).contains("too long"));
    assert!(words("a\u{7}b").contains("control"));
}

#[test]
fn what_is_no_message_is_refused_with_words() {
    let code = |bytes: &[u8]| {
        let (code, words) = refusal(|peer| peer.say_bytes(bytes.to_vec()));
        assert!(!words.is_empty());
        code
    };
    assert_eq!(code(&[99]), 4501, "an unknown message");
    assert_eq!(code(&[]), 4501, "an empty message");
    assert_eq!(code(&[2, 5]), 4501, "an acknowledgement before the hello");
    let mut hello_and_more = Vec::new();
    codec::encode(&hello("Ada"), &mut hello_and_more);
    hello_and_more.push(0);
    assert_eq!(code(&hello_and_more), 4501, "trailing bytes");
}

#[test]
fn what_a_joined_player_may_not_say_closes_too() {
    let closes = |say: &ClientMessage<Input>| {
        refusal(|peer| {
            peer.say(&hello("Ada"));
            peer.say(say);
        })
    };
    assert_eq!(closes(&hello("Ada")).0, 4501, "before the welcome");
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.tick();
    peer.say(&hello("Ada"));
    stage.tick();
    peer.hear();
    assert_eq!(peer.closed, Some((4501, "A second hello came.".into())));
}

#[test]
fn an_input_beyond_its_range_is_refused_and_never_flown() {
    /// An input's message: acknowledged 0, for tick 5, and then byte by byte.
    fn inputs(thrust: &[u8], aim: &[u8], flags: &[u8], rail: &[u8]) -> Vec<u8> {
        [&[1, 0, 5], thrust, aim, flags, rail].concat()
    }
    let close_after = |bytes: Vec<u8>| {
        let mut stage = LoopStage::new();
        let mut peer = stage.connect();
        peer.say(&hello("Ada"));
        stage.tick();
        peer.hear();
        peer.say_bytes(bytes);
        stage.tick();
        peer.hear();
        peer.closed.map(|(code, _)| code)
    };
    // Numbers of 16 bits come after a byte 251.
    let (aim, flags, rail) = ([251, 0xff, 0x03], [1, 1], [1, 251, 0xff, 0x3f, 3, 15]);
    assert_eq!(close_after(inputs(&[16], &aim, &flags, &rail)), None, "the largest there are");
    assert_eq!(close_after(inputs(&[17], &aim, &flags, &rail)), Some(4501), "thrust 17");
    assert_eq!(close_after(inputs(&[255], &aim, &flags, &rail)), Some(4501), "thrust 255");
    assert_eq!(close_after(inputs(&[0], &[251, 0x00, 0x04], &flags, &rail)), Some(4501), "aim 1,024");
    assert_eq!(close_after(inputs(&[0], &aim, &[2, 0], &rail)), Some(4501), "neither true nor false");
    assert_eq!(close_after(inputs(&[0], &aim, &flags, &[1, 251, 0x00, 0x40, 3, 0])), Some(4501), "a rail's aim 16,384");
    assert_eq!(close_after(inputs(&[0], &aim, &flags, &[1, 0, 3, 16])), Some(4501), "a view's part 16");
    assert_eq!(close_after(inputs(&[0], &aim, &flags, &[2, 0, 3, 0])), Some(4501), "neither a rail nor none");
    assert_eq!(close_after(inputs(&[0], &aim, &flags, &[0, 7])), Some(4501), "more behind it");
    assert_eq!(
        close_after(inputs(&[0], &[251, 250, 0], &flags, &rail)),
        Some(4501),
        "an aim that fits one byte in three"
    );
    // A quiet NaN's bytes, as of a client that sends floats.
    assert_eq!(close_after([&[1, 0, 5][..], &f32::NAN.to_le_bytes(), &[0, 0, 0]].concat()), Some(4501), "floats");
}

#[test]
fn broken_websocket_frames_are_closed_with_the_codes_of_the_standard() {
    assert_eq!(refusal(|peer| peer.say_raw(&[0x82, 0x01, 0x00])).0, 1002, "not masked");
    assert_eq!(refusal(|peer| peer.say_raw(&[0x83, 0x80, 0, 0, 0, 0])).0, 1002, "an unknown opcode");
    assert_eq!(refusal(|peer| peer.say_raw(&[0x82, 0xfe, 0x04, 0x01, 0, 0, 0, 0])).0, 1009, "1,025 bytes announced");
    let text = |peer: &mut crate::stage::LoopPeer| peer.socket.send(Message::text("hello")).expect("the pipe has room");
    assert_eq!(refusal(text).0, 4501, "a text message");
}

#[test]
fn a_full_room_says_so_and_when_to_come_back() {
    let mut stage = LoopStage::with_people(2);
    stage.join_many(2);
    stage.run(5);
    let mut peer = stage.connect();
    peer.say(&hello("late"));
    stage.run(2);
    let (control, _) = peer.hear_control();
    assert!(
        matches!(control[..], [ServerMessage::Goodbye(goodbye)] if goodbye.code == 4001 && goodbye.retry_after_ms > 0)
    );
    assert_eq!(peer.code(), Some(4001));
    let mut watcher = stage.connect();
    watcher.say(&ClientMessage::Hello(Hello { role: Role::Spectator, ..Hello::player("watcher") }));
    stage.run(2);
    assert!(matches!(watcher.hear_control(), (control, 1..) if matches!(control[0], ServerMessage::Welcome(_))));
}

#[test]
fn who_pings_instead_of_saying_hello_is_sent_away_too() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    for _ in 0..6 {
        let _ = peer.socket.send(Message::Ping(vec![1].into()));
        stage.run(20);
        peer.hear();
    }
    assert_eq!(peer.code(), Some(4003));
}

#[test]
fn who_pings_without_end_and_does_not_read_is_told_why_it_is_closed() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect_through(8192, &[]);
    peer.say(&hello("Ada"));
    stage.tick();
    peer.hear();
    for _ in 0..20 {
        for _ in 0..8 {
            peer.socket.send(Message::Ping(vec![0; 125].into())).expect("the pipe has room");
        }
        stage.tick();
    }
    assert_eq!(stage.room().headcount().people, 0, "no ship waits for one that has never played");
    peer.hear();
    stage.run(3);
    peer.hear();
    assert_eq!(peer.code(), Some(4502));
}

#[test]
fn who_floods_with_frames_that_never_become_a_message_is_closed_for_it() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    peer.say(&hello("Ada"));
    stage.run(2);
    peer.say_raw(&[0x02, 0x80, 0, 0, 0, 0]);
    for _ in 0..20 * 5 {
        if peer.closed.is_none() {
            peer.say_raw(&[0x00, 0x80, 0, 0, 0, 0].repeat(1000));
        }
        stage.tick();
        peer.hear();
    }
    assert_eq!(peer.code(), Some(4502));
}

#[test]
fn who_never_says_hello_is_sent_away_and_not_waited_for_after_that() {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    stage.run(20 * 5 + 5);
    peer.hear();
    assert_eq!(peer.code(), Some(4003));
    stage.run(10);
    assert_eq!(stage.metric("fracas_connections"), 0.0);
}
