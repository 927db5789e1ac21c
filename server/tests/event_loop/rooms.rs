//! Several rooms on one event loop: each player is in one of them, and hears of no other.

use crate::stage::LoopStage;
use fracas_protocol::wire::message::{ClientMessage, Hello, ServerMessage};

fn hello_to(room: &str, name: &str) -> Hello {
    Hello { room: room.into(), ..Hello::player(name) }
}

#[test]
fn each_player_is_in_the_room_it_asked_for_and_sees_nobody_of_another() {
    let mut stage = LoopStage::with_rooms(&["main", "duel"], 100);
    for number in 0..30 {
        let room = if number % 3 == 0 { "main" } else { "duel" };
        stage.join(hello_to(room, &format!("player {number}")), 1 << 20);
    }
    stage.run(200);
    assert_eq!((stage.room_at(0).headcount().people, stage.room_at(1).headcount().people), (10, 20));
    let own = |number: usize| stage.players[number].client.own_id();
    assert_eq!(own(0), own(1), "in two rooms the same id is two ships");
    for (number, player) in stage.players.iter().enumerate() {
        let (counters, room) = (player.client.counters(), stage.room_at(u8::from(number % 3 != 0)));
        assert!(counters.view_checks >= 8 && counters.view_mismatches == 0, "player {number}: {counters:?}");
        assert_eq!(counters.desyncs, 0, "player {number}");
        assert!(player.client.replica().tick().next() >= room.last_tick(), "player {number} gets every tick");
    }
}

#[test]
fn news_of_one_room_is_not_told_in_another() {
    let mut stage = LoopStage::with_rooms(&["main", "duel"], 100);
    let mut listeners = [stage.connect(), stage.connect()];
    for (listener, room) in listeners.iter_mut().zip(["main", "duel"]) {
        listener.say(&ClientMessage::Hello(hello_to(room, room)));
    }
    (0..4).for_each(|number| {
        stage.join(hello_to("duel", &format!("player {number}")), 1 << 20);
    });
    stage.run(20 * 3);
    for (listener, people) in listeners.iter_mut().zip([1, 5]) {
        let (control, _) = listener.hear_control();
        let told: Vec<_> = control
            .iter()
            .filter_map(|message| match message {
                ServerMessage::News(fracas_arena::rules::News::Leaderboard { players, .. }) => Some(*players),
                _ => None,
            })
            .collect();
        assert!(told.len() >= 2, "once a second");
        assert_eq!(told.last(), Some(&people));
    }
}

#[test]
fn a_token_of_one_room_gets_a_new_ship_in_another_and_stays_good_for_its_own() {
    let mut stage = LoopStage::with_rooms(&["main", "duel"], 100);
    stage.join(Hello::player("Ada"), 1 << 20);
    stage.run(20);
    let token = stage.players[0].welcome.as_ref().expect("a welcome").token;
    stage.players.remove(0).peer.cut();
    stage.run(5);
    let elsewhere = stage.join(Hello { token: Some(token), ..hello_to("duel", "Ada") }, 1 << 20);
    stage.run(10);
    assert!(!stage.players[elsewhere].welcome.as_ref().expect("a welcome").resumed);
    assert_eq!((stage.room_at(0).headcount().people, stage.room_at(1).headcount().people), (1, 1));
    let back = stage.join(Hello { token: Some(token), ..Hello::player("Ada") }, 1 << 20);
    stage.run(10);
    assert!(stage.players[back].welcome.as_ref().expect("a welcome").resumed, "its own ship waited");
}

#[test]
fn each_room_has_its_own_places() {
    let mut stage = LoopStage::with_rooms(&["main", "duel"], 2);
    for _ in 0..2 {
        stage.join(hello_to("main", "early"), 1 << 20);
    }
    stage.run(3);
    let late = stage.join(hello_to("main", "late"), 1 << 20);
    let other = stage.join(hello_to("duel", "other"), 1 << 20);
    stage.run(3);
    assert_eq!(stage.players[late].peer.code(), Some(4001), "it is full");
    assert!(stage.players[other].welcome.is_some());
}
