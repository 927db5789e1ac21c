//! Lost connections and tokens: the ship waits, comes back to its owner, and never has two.

use crate::stage::LoopStage;
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::wire::message::{ClientMessage, Hello, ServerMessage};
use fracas_server::ids::PlayerId;

fn hello_with(token: Token) -> Hello {
    Hello { token: Some(token), ..Hello::player("back again") }
}

/// A stage with one player who has been there for a second, and its token.
fn stage() -> (LoopStage, Token) {
    let mut stage = LoopStage::new();
    stage.join(Hello::player("Ada"), 1 << 20);
    stage.run(20);
    let token = stage.players[0].welcome.as_ref().expect("a welcome").token;
    (stage, token)
}

#[test]
fn a_lost_connection_leaves_the_ship_and_the_token_brings_it_back() {
    let (mut stage, token) = stage();
    let ship = stage.players[0].client.own_id();
    stage.players.remove(0).peer.cut();
    stage.run(100);
    assert_eq!(stage.room().headcount().people, 1, "the ship waits");
    let back = stage.join(hello_with(token), 1 << 20);
    stage.run(10);
    let welcome = stage.players[back].welcome.as_ref().expect("a welcome");
    assert!(welcome.resumed && welcome.own == ship);
    assert_ne!(welcome.token, token, "each token is for one use");
    assert_eq!(stage.room().headcount().people, 1);
    assert_eq!(stage.metric("fracas_sessions_resumed_total"), 1.0);
}

#[test]
fn a_ship_whose_player_was_lost_in_the_middle_of_an_input_does_not_fly_on() {
    use fracas_arena::rules::{Heading, Input, Thrust};
    use fracas_protocol::wire::codec;
    use fracas_protocol::wire::message::Inputs;
    let (mut stage, _) = stage();
    let mut player = stage.players.remove(0);
    let (ack, tick) = (player.client.replica().tick(), stage.room().last_tick().next());
    let input = Input { thrust: Thrust::towards(Heading::new(0)), ..Input::default() };
    let mut message = Vec::new();
    codec::encode(&ClientMessage::Inputs(Inputs { ack, tick, input }), &mut message);
    player.peer.say_bytes(message);
    // A text message ends it, read together with the input.
    player.peer.socket.send(tokio_tungstenite::tungstenite::Message::text("boo")).expect("the pipe has room");
    stage.run(20);
    let place = |stage: &LoopStage| stage.room().game().ship(PlayerId(0)).expect("the ship waits").position;
    let before = place(&stage);
    stage.run(20);
    assert_eq!(place(&stage), before, "nobody holds its keys");
}

#[test]
fn the_ship_of_a_lost_connection_is_gone_after_a_minute() {
    let (mut stage, token) = stage();
    stage.players.remove(0).peer.cut();
    stage.run(20 * 59);
    assert_eq!(stage.room().headcount().people, 1);
    stage.run(20 * 2);
    assert_eq!(stage.room().headcount().people, 0);
    let back = stage.join(hello_with(token), 1 << 20);
    stage.run(10);
    assert!(!stage.players[back].welcome.as_ref().expect("a welcome").resumed, "a new ship");
}

#[test]
fn the_old_socket_of_a_resumed_session_is_told_and_its_late_end_harms_nobody() {
    let (mut stage, token) = stage();
    let back = stage.join(hello_with(token), 1 << 20);
    stage.run(3);
    assert!(stage.players[back].welcome.as_ref().expect("a welcome").resumed);
    let mut old = stage.players.remove(0);
    old.peer.hear();
    assert_eq!(old.peer.code(), Some(4505));
    old.peer.cut();
    stage.run(60);
    assert!(stage.room().game().ship(PlayerId(0)).is_some());
    assert_eq!(stage.room().headcount().people, 1);
    let player = &stage.players[0];
    assert_eq!(player.client.replica().tick().next(), stage.room().last_tick(), "the new socket plays on");
}

#[test]
fn of_two_sockets_with_one_token_exactly_one_has_the_ship() {
    let (mut stage, token) = stage();
    stage.players.remove(0).peer.cut();
    stage.run(3);
    let (one, other) = (stage.join(hello_with(token), 1 << 20), stage.join(hello_with(token), 1 << 20));
    stage.run(10);
    let closed = |stage: &LoopStage, index: usize| stage.players[index].peer.code();
    let codes = [closed(&stage, one), closed(&stage, other)];
    assert!(codes == [Some(4505), None] || codes == [None, Some(4505)], "{codes:?}");
    assert_eq!(stage.room().headcount().people, 1);
}

#[test]
fn a_spent_token_is_void_once_the_new_one_is_proved() {
    let (mut stage, first) = stage();
    stage.players.remove(0).peer.cut();
    stage.run(3);
    stage.join(hello_with(first), 1 << 20);
    stage.run(10);
    stage.players.remove(0).peer.cut();
    stage.run(3);
    let thief = stage.join(hello_with(first), 1 << 20);
    stage.run(10);
    assert!(!stage.players[thief].welcome.as_ref().expect("a welcome").resumed);
    assert_eq!(stage.room().headcount().people, 2, "a ship of its own");
}

#[test]
fn who_leaves_before_the_answer_to_the_hello_takes_no_seat() {
    let mut stage = LoopStage::new();
    for i in 0..20 {
        let mut peer = stage.connect();
        peer.say(&ClientMessage::Hello(Hello::player(format!("hasty {i}"))));
        stage.tick_room();
        peer.cut();
        let published = stage.publish_to_loop();
        stage.tick_room();
        stage.write(published);
        stage.tick();
    }
    stage.run(3);
    assert_eq!(stage.metric("fracas_connections"), 0.0);
    stage.run(20 * 61);
    assert_eq!(stage.room().headcount().people, 0);
}

#[test]
fn who_says_hello_and_cuts_leaves_no_ship_behind() {
    let mut stage = LoopStage::new();
    for number in 0..50 {
        let mut peer = stage.connect();
        peer.say(&ClientMessage::Hello(Hello::player(format!("guest {number}"))));
        stage.run(2);
        assert!(matches!(peer.hear_control().0[0], ServerMessage::Welcome(_)));
        peer.cut();
        stage.run(1);
    }
    stage.run(2);
    assert_eq!(stage.room().headcount().people, 0, "nobody has shown that they could come back");
}

#[test]
fn an_address_cannot_fill_the_room_with_ships_that_it_loses() {
    const ADDRESS: [u8; 4] = [192, 0, 2, 1];
    let mut stage = LoopStage::new();
    let mut tokens = Vec::new();
    for number in 0..4 {
        let player = stage.join_from(ADDRESS, Hello::player(format!("player {number}")));
        stage.run(10);
        tokens.push(stage.players[player].welcome.as_ref().expect("a welcome").token);
        stage.players.remove(player).peer.cut();
        stage.run(2);
    }
    assert_eq!(stage.room().headcount().people, 4, "they wait");
    let fifth = stage.join_from(ADDRESS, Hello::player("a fifth"));
    let other = stage.join_from([192, 0, 2, 2], Hello::player("somebody else"));
    stage.run(10);
    let (code, words) = stage.players[fifth].peer.closed.clone().expect("a close");
    assert!(code == 4001 && words.contains("--max-per-address"), "{code} {words}");
    assert!(stage.players[other].welcome.is_some());
    let back = stage.join_from(ADDRESS, hello_with(tokens[2]));
    stage.run(10);
    assert!(stage.players[back].welcome.as_ref().is_some_and(|welcome| welcome.resumed), "its own ship");
    // A minute later the others are gone, and there is room for more.
    stage.run(20 * 61);
    let late = stage.join_from(ADDRESS, Hello::player("late"));
    stage.run(10);
    assert!(stage.players[late].welcome.is_some());
}

#[test]
fn who_guesses_tokens_is_told_to_stop_and_who_has_one_is_let_in_all_the_same() {
    const ADDRESS: [u8; 4] = [192, 0, 2, 1];
    let mut stage = LoopStage::new();
    let owner = stage.join_from(ADDRESS, Hello::player("owner"));
    stage.run(10);
    let token = stage.players[owner].welcome.as_ref().expect("a welcome").token;
    stage.players.remove(owner).peer.cut();
    stage.run(2);
    let mut guess = |guess: u8| {
        let Ok(guesser) = stage.try_join_from(ADDRESS, hello_with(Token([guess; 16]))) else { return Some(429) };
        stage.run(2);
        let mut player = stage.players.remove(guesser);
        assert!(player.welcome.as_ref().is_none_or(|welcome| !welcome.resumed), "0 accepted");
        let closed = player.peer.code();
        if closed.is_none() {
            player.peer.say(&ClientMessage::Goodbye);
            stage.run(1);
        }
        player.peer.cut();
        stage.run(1);
        closed
    };
    let codes: Vec<_> = (1..=200).map(&mut guess).collect();
    let number = |is: Option<u16>| codes.iter().filter(|code| **code == is).count();
    assert!(codes[..16].iter().all(Option::is_none), "whose sessions were another process's err, too: {codes:?}");
    assert!(number(None) <= 17 && number(Some(4504)) > 0 && number(Some(429)) > 100, "slowed down: {codes:?}");
    stage.run(20);
    let back = stage.join_from(ADDRESS, hello_with(token));
    stage.run(10);
    assert!(stage.players[back].welcome.as_ref().is_some_and(|welcome| welcome.resumed));
}

#[test]
fn who_takes_a_ship_and_is_gone_before_the_welcome_holds_it_like_any_that_it_has_lost() {
    const ADDRESS: [u8; 4] = [192, 0, 2, 1];
    let mut stage = LoopStage::new();
    for number in 0..4 {
        let player = stage.join_from([192, 0, 2, 10 + number], Hello::player(format!("player {number}")));
        stage.run(10);
        let token = stage.players[player].welcome.as_ref().expect("a welcome").token;
        // Its hello is read together with something that ends its connection.
        let taker = stage.join_from(ADDRESS, hello_with(token));
        stage.players[taker].step(0);
        stage.players[taker].peer.say(&ClientMessage::FreshStart);
        stage.run(5);
        stage.players.clear();
        stage.run(5);
    }
    assert_eq!(stage.room().headcount().people, 4, "they wait");
    let fifth = stage.join_from(ADDRESS, Hello::player("a fifth"));
    stage.run(10);
    assert_eq!(stage.players[fifth].peer.code(), Some(4001));
}

#[test]
fn a_token_whose_session_has_just_ended_is_no_way_around_the_share() {
    const ADDRESS: [u8; 4] = [192, 0, 2, 1];
    let mut stage = LoopStage::new();
    for number in 0..3 {
        let player = stage.join_from(ADDRESS, Hello::player(format!("lost {number}")));
        stage.run(10);
        stage.players.remove(player).peer.cut();
        stage.run(2);
    }
    let leaver = stage.join_from(ADDRESS, Hello::player("leaver"));
    stage.run(10);
    let token = stage.players[leaver].welcome.as_ref().expect("a welcome").token;
    // All on one tick: the session is over, and before anybody can know, others show its token.
    stage.players[leaver].peer.say(&ClientMessage::Goodbye);
    let others: Vec<_> = (0..3).map(|_| stage.join_from(ADDRESS, hello_with(token))).collect();
    stage.run(10);
    let code = |stage: &LoopStage, index: usize| stage.players[index].peer.code();
    assert!(others.iter().all(|other| code(&stage, *other) == Some(4001)), "three are lost, and four are there");
    assert_eq!(stage.room().headcount().people, 3);
}

#[test]
fn who_shows_a_token_with_a_hello_that_is_refused_changes_nothing_for_who_has_the_ship() {
    const ADDRESS: [u8; 4] = [192, 0, 2, 1];
    let mut stage = LoopStage::new();
    for number in 0..4 {
        let player = stage.join_from(ADDRESS, Hello::player(format!("player {number}")));
        stage.run(10);
        let token = stage.players[player].welcome.as_ref().expect("a welcome").token;
        let nameless = stage.join_from([192, 0, 2, 2], Hello { name: String::new(), ..hello_with(token) });
        stage.run(5);
        assert_eq!(stage.players[nameless].peer.code(), Some(4501));
        stage.players.clear();
        stage.run(3);
    }
    assert_eq!(stage.room().headcount().people, 4, "they wait");
    let fifth = stage.join_from(ADDRESS, Hello::player("a fifth"));
    stage.run(10);
    assert_eq!(stage.players[fifth].peer.code(), Some(4001), "and count");
}

#[test]
fn two_names_that_look_alike_are_told_apart_on_every_screen() {
    let mut stage = LoopStage::new();
    // The second is Cyrillic but for one letter; the third has a space that most do not see.
    for name in ["Ada", "Аdа", "Ada\u{a0}", "Grace"] {
        stage.join(Hello::player(name), 1 << 20);
    }
    stage.run(40);
    let own: Vec<_> = stage.players.iter().map(|player| player.client.own_id().expect("it plays")).collect();
    for player in &stage.players {
        let shown = |id: &EntityId| player.client.replica().get(*id)?.name.as_ref().map(|name| name.as_str());
        let seen: Vec<_> = own.iter().filter_map(shown).collect();
        assert!(seen.iter().all(|name| ["Ada", "Аdа #2", "Ada #3", "Grace"].contains(name)), "{seen:?}");
        assert!(!seen.is_empty());
    }
    assert_eq!(
        stage.players[1].client.replica().get(own[1]).and_then(|known| known.name.clone()).map(String::from).as_deref(),
        Some("Аdа #2")
    );
}
