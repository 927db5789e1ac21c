//! Joins have a budget per network: who uses it up is told so and when to come back, and nobody else game_events.

use crate::stage::{LoopPeer, LoopStage};
use fracas_protocol::ids::Token;
use fracas_protocol::wire::message::{ClientMessage, Hello, ServerMessage};

const ADDRESS: [u8; 4] = [192, 0, 2, 1];

fn hello_with(token: Token) -> Hello {
    Hello { token: Some(token), ..Hello::player("back") }
}

/// Joins and plays for a moment; the index, and the token.
fn settle(stage: &mut LoopStage, address: [u8; 4]) -> (usize, Token) {
    let player = stage.join_from(address, Hello::player("owner"));
    stage.run(10);
    (player, stage.players[player].welcome.as_ref().expect("a welcome").token)
}

/// Somebody who says hello, and nothing else.
fn say_hello(stage: &mut LoopStage) -> LoopPeer {
    let player = stage.join_from(ADDRESS, Hello::player("churner"));
    let mut peer = stage.players.remove(player).peer;
    peer.say(&ClientMessage::Hello(Hello::player("churner")));
    peer
}

/// Joins and cuts the stream, over and over, until that is refused: how often, and the words of the refusal.
fn churn(stage: &mut LoopStage) -> (u32, String) {
    for count in 0..1000 {
        let mut peer = say_hello(stage);
        stage.run(2);
        peer.hear();
        if let Some((code, words)) = peer.closed.take() {
            assert_eq!(code, 4001, "{words}");
            return (count, words);
        }
        peer.cut();
        stage.run(1);
    }
    panic!("nobody refuses it");
}

#[test]
fn who_joins_and_cuts_over_and_over_is_refused_by_name_and_ships_are_given_back_all_the_same() {
    let mut stage = LoopStage::new();
    let (owner, token) = settle(&mut stage, ADDRESS);
    stage.players.remove(owner).peer.cut();
    stage.run(2);
    let (count, words) = churn(&mut stage);
    assert!((63..=110).contains(&count) && words.contains("--joins-per-address"), "{count}: {words}");
    let mut peer = say_hello(&mut stage);
    stage.run(2);
    let wait_ms = peer.hear_control().0.into_iter().find_map(|message| match message {
        ServerMessage::Goodbye(goodbye) => Some(goodbye.retry_after_ms),
        _ => None,
    });
    assert!(wait_ms.is_some_and(|wait_ms| (1..=500).contains(&wait_ms)), "{wait_ms:?}");
    assert!(stage.metric("fracas_joins_refused_total{reason=\"join_budget\"}") >= 2.0);
    assert_eq!(stage.metric("fracas_joins_refused_total{reason=\"full\"}"), 0.0);
    let back = stage.join_from(ADDRESS, hello_with(token));
    let other = stage.join_from([192, 0, 2, 2], Hello::player("somebody else"));
    stage.run(10);
    assert!(stage.players[back].welcome.as_ref().is_some_and(|welcome| welcome.resumed), "its own ship");
    assert!(stage.players[other].welcome.is_some());
}

#[test]
fn a_token_whose_session_has_just_ended_is_no_way_around_the_budget() {
    let mut stage = LoopStage::new();
    let (leaver, token) = settle(&mut stage, ADDRESS);
    churn(&mut stage);
    let people = stage.room().headcount().people;
    // All on one tick: the session is over, and before anybody can know, somebody shows its token.
    stage.players[leaver].peer.say(&ClientMessage::Goodbye);
    let other = stage.join_from(ADDRESS, hello_with(token));
    stage.run(6);
    let (code, words) = stage.players[other].peer.closed.clone().expect("a close");
    assert!(code == 4001 && words.contains("--joins-per-address"), "{code} {words}");
    assert_eq!(stage.room().headcount().people, people - 1, "and the ship that it was given is gone");
}

#[test]
fn who_waits_for_a_seat_uses_up_no_joins_of_its_neighbours() {
    let mut stage = LoopStage::with_people(1);
    let (seated, _) = settle(&mut stage, [192, 0, 2, 2]);
    for _ in 0..200 {
        let mut peer = say_hello(&mut stage);
        stage.run(2);
        peer.hear();
        assert_eq!(peer.closed.take(), Some((4001, "The server is full.".into())));
    }
    stage.players[seated].peer.say(&ClientMessage::Goodbye);
    stage.run(3);
    let next = stage.join_from(ADDRESS, Hello::player("next"));
    stage.run(10);
    assert!(stage.players[next].welcome.is_some());
}

#[test]
fn forty_newcomers_fill_a_room_whose_places_others_have_just_left() {
    let mut stage = LoopStage::with_people(40);
    for number in 0..200_u32 {
        // Another network each time: none of them is beyond its budget.
        let address = [10, 0, (number / 250) as u8, (number % 250) as u8];
        let churner = stage.join_from(address, Hello::player("churner"));
        stage.run(1);
        stage.players.remove(churner).peer.cut();
    }
    let newcomers: Vec<_> =
        (0..40).map(|number| stage.join_from([172, 16, 0, number], Hello::player("newcomer"))).collect();
    stage.run(10);
    assert!(newcomers.iter().all(|newcomer| stage.players[*newcomer].welcome.is_some()));
    let late = stage.join_from([172, 16, 0, 99], Hello::player("late"));
    stage.run(4);
    assert_eq!(stage.players[late].peer.closed.clone(), Some((4001, "The server is full.".into())));
    assert_eq!(stage.metric("fracas_joins_refused_total{reason=\"full\"}"), 1.0);
}
