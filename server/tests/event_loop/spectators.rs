//! Spectators see a room with people in it late: nothing that reaches them tells of the present.

use crate::stage::{LoopStage, RATE};
use fracas_arena::rules::News;
use fracas_protocol::ids::Token;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::message::{Hello, Role};

/// Two and a half seconds.
const DELAY: u32 = 50;

fn watcher() -> Hello {
    Hello { role: Role::Spectator, ..Hello::player("watcher") }
}

/// A room of some age with four players, and a spectator who comes last.
fn watched(delay: u32) -> (LoopStage, usize) {
    let mut stage = LoopStage::new().late(delay);
    stage.join_many(4);
    stage.run(DELAY + 10);
    let spectator = stage.join(watcher(), 1 << 20);
    (stage, spectator)
}

/// Looks once a tick at what a spectator's client has and at what that of a player beside it has: how often the spectator's is
/// from less than `DELAY` ticks before, and how often the two are from the same tick; of so many looks.
fn newer(stage: &mut LoopStage, spectator: usize, ticks: u32) -> (u32, u32, u32) {
    let (mut newer, mut same, mut samples) = (0, 0, 0);
    for _ in 0..ticks {
        stage.run(1);
        let [seen, own] = [spectator, 0].map(|index| stage.players[index].client.replica());
        if seen.is_live() {
            samples += 1;
            newer += u32::from(seen.tick().plus(DELAY) > own.tick());
            same += u32::from(seen.tick() == own.tick());
        }
    }
    (newer, same, samples)
}

#[test]
fn a_spectator_beside_a_player_sees_nothing_newer_than_the_delay() {
    let (mut stage, spectator) = watched(DELAY);
    let (newer, _, samples) = newer(&mut stage, spectator, 60 * RATE.hz());
    assert_eq!(newer, 0, "of {samples} samples");
    assert!(samples > 59 * RATE.hz(), "it sees something at once: {samples}");
    let client = &stage.players[spectator].client;
    let late = stage.room().last_tick().since(client.replica().tick());
    assert!((i64::from(DELAY)..i64::from(DELAY) + 3).contains(&late), "and nothing much older either: {late} ticks");
    assert!(client.replica().follow().is_some() && client.replica().known().len() > 1);
    let counters = client.counters();
    assert!(counters.view_checks >= 55 && counters.view_mismatches == 0, "{counters:?}");
    assert_eq!((counters.desyncs, counters.resyncs), (0, 0), "{counters:?}");
}

#[test]
fn without_the_delay_a_spectator_has_the_tick_of_the_player_beside_it() {
    let (mut stage, spectator) = watched(0);
    let (newer, same, samples) = newer(&mut stage, spectator, 10 * RATE.hz());
    assert!(samples > 9 * RATE.hz());
    assert_eq!((newer, same), (samples, samples), "so the look above can see it");
}

#[test]
fn news_comes_to_a_spectator_as_late_as_all_else() {
    let (mut stage, spectator) = watched(DELAY);
    stage.run(20 * RATE.hz());
    let heard = |index: usize| {
        let news = stage.players[index].news.iter();
        news.filter(|(_, news)| !matches!(news, News::Destroyed { .. } | News::Rail { .. })).collect::<Vec<_>>()
    };
    let (told, late) = (heard(0), heard(spectator));
    assert!(late.len() >= 15, "once a second: {late:?}");
    let delay_us = RATE.due_us(Tick(DELAY));
    for (at_us, news) in late {
        let same = told.iter().find(|(told_us, told)| told == news && *told_us == at_us - delay_us);
        assert!(same.is_some(), "at {at_us} it hears {news:?}, which no player heard {delay_us} us before");
    }
}

#[test]
fn the_clock_that_a_spectator_is_told_is_late_too() {
    let (mut stage, spectator) = watched(DELAY);
    stage.run(3 * RATE.hz());
    let now_us = stage.now_us();
    let welcome = stage.players[spectator].welcome.as_ref().expect("a welcome");
    assert_eq!(welcome.clock.tick, Tick(DELAY + 11 - DELAY));
    let [late_us, own_us] = [spectator, 0].map(|index| stage.players[index].client.clock().server_us(now_us));
    let apart_us = own_us.expect("pongs came") - late_us.expect("pongs came");
    let delay_us = RATE.due_us(Tick(DELAY)) as i64;
    assert!((apart_us - delay_us).abs() < RATE.period_us() as i64, "{apart_us} us apart, not {delay_us}");
}

#[test]
fn a_room_without_people_is_shown_as_it_is_and_late_from_when_somebody_comes_to_when_nobody_was_there_for_the_delay() {
    let mut stage = LoopStage::new().late(DELAY);
    let spectator = stage.join(watcher(), 1 << 20);
    let behind = |stage: &LoopStage| {
        let replica = stage.players[spectator].client.replica();
        replica.is_live().then(|| stage.room().last_tick().since(replica.tick()))
    };
    stage.run(2 * DELAY);
    assert!(behind(&stage).is_some_and(|behind| behind < 3), "{:?}", behind(&stage));
    let player = stage.join(Hello::player("Ada"), 1 << 20);
    let came = stage.room().last_tick();
    for _ in 0..2 * DELAY {
        let before = stage.players[spectator].client.counters().bodies;
        stage.run(1);
        let is_told = stage.players[spectator].client.counters().bodies > before;
        let tick = stage.players[spectator].client.replica().tick();
        // What was on its way when the player came is the last that is new.
        assert!(!is_told || tick <= came || stage.room().last_tick().since(tick) >= i64::from(DELAY), "tick {tick}");
    }
    assert!(behind(&stage).is_some_and(|behind| behind >= i64::from(DELAY)), "{:?}", behind(&stage));
    let now_us = stage.now_us();
    let clock_us = stage.players[spectator].client.clock().server_us(now_us).expect("pongs came");
    let late_us = now_us as i64 - RATE.due_us(Tick(DELAY)) as i64 - clock_us;
    assert!(late_us.abs() < RATE.period_us() as i64, "its clock follows: it is {late_us} us off");
    stage.players[player].client.leave(now_us);
    stage.run(DELAY);
    assert!(behind(&stage).is_some_and(|behind| behind >= i64::from(DELAY)), "{:?}", behind(&stage));
    stage.run(10);
    assert!(behind(&stage).is_some_and(|behind| behind < 3), "{:?}", behind(&stage));
    let counters = stage.players[spectator].client.counters();
    assert_eq!((counters.resyncs, counters.desyncs, counters.view_mismatches), (2, 0, 0), "{counters:?}");
    assert!(stage.players[spectator].peer.code().is_none());
}

#[test]
fn in_a_young_room_a_spectator_waits_until_there_is_something_old_enough() {
    let mut stage = LoopStage::new().late(DELAY);
    stage.join_many(2);
    let spectator = stage.join(watcher(), 1 << 20);
    stage.run(DELAY);
    assert!(stage.players[spectator].welcome.is_some());
    assert_eq!(stage.players[spectator].client.counters().bodies, 0);
    stage.run(DELAY);
    let counters = stage.players[spectator].client.counters();
    assert!(counters.bodies >= u64::from(DELAY) - 3 && counters.desyncs == 0, "{counters:?}");
}

#[test]
fn where_ticks_are_skipped_a_spectator_is_later_for_a_while_and_never_too_early() {
    let (mut stage, spectator) = watched(DELAY);
    stage.run(20);
    for skips in [7, 0, 0, 30, 0, 0] {
        stage.skips = skips;
        stage.run(1);
        stage.skips = 0;
        let (newer, _, samples) = newer(&mut stage, spectator, 15);
        assert_eq!((newer, samples), (0, 15));
    }
    stage.run(2 * DELAY);
    let client = &stage.players[spectator].client;
    let late = stage.room().last_tick().since(client.replica().tick());
    assert!(late < i64::from(DELAY) + 3, "{late}");
    assert_eq!((client.counters().desyncs, client.counters().view_mismatches), (0, 0));
}

#[test]
fn people_in_another_room_make_nobody_late() {
    let mut stage = LoopStage::with_rooms(&["main", "duel"], 100).late(DELAY);
    let in_duel = |hello: Hello| Hello { room: "duel".into(), ..hello };
    stage.join(in_duel(Hello::player("Ada")), 1 << 20);
    stage.run(DELAY + 5);
    let [of_main, of_duel] = [watcher(), in_duel(watcher())].map(|hello| stage.join(hello, 1 << 20));
    stage.run(10);
    let late = |index: usize| {
        let tick = stage.players[index].client.replica().tick();
        stage.room().last_tick().since(tick)
    };
    assert!(late(of_main) < 3 && late(of_duel) >= i64::from(DELAY), "{} and {}", late(of_main), late(of_duel));
}

#[test]
fn a_spectators_token_takes_nothing_back_whether_its_connection_is_lost_or_not() {
    let (mut stage, spectator) = watched(0);
    stage.run(10);
    let token_of = |stage: &LoopStage, index: usize| stage.players[index].welcome.as_ref().expect("a welcome").token;
    let token = token_of(&stage, spectator);
    assert_eq!(token, Token::NONE);
    let again = |role| Hello { token: Some(token), role, ..Hello::player("again") };
    // As a page does that was duplicated: the one that it was made of watches on.
    let beside = stage.join(again(Role::Spectator), 1 << 20);
    stage.run(10);
    assert_eq!(stage.room().headcount().spectators, 2);
    assert!(!stage.players[beside].welcome.as_ref().expect("a welcome").resumed);
    assert!(stage.players[spectator].peer.code().is_none());
    stage.players.remove(spectator).peer.cut();
    stage.run(2);
    assert_eq!(stage.room().headcount().spectators, 1, "nothing waits for it");
    // Who has watched and wants to play gets a ship.
    let player = stage.join(again(Role::Player), 1 << 20);
    stage.run(10);
    let welcome = stage.players[player].welcome.as_ref().expect("a welcome");
    assert!(!welcome.resumed && welcome.own.is_some());
}

#[test]
fn a_spectator_that_comes_back_again_and_again_is_not_taken_for_one_that_guesses_tokens() {
    let mut stage = LoopStage::new();
    let mut token = None;
    for _ in 0..40 {
        let spectator = stage.join_from([192, 0, 2, 1], Hello { token, ..watcher() });
        stage.run(20);
        token = Some(stage.players[spectator].welcome.as_ref().expect("a welcome").token);
        stage.players.remove(spectator).peer.cut();
        stage.run(2);
    }
}
