//! Who does nothing gives way to others, and does not come back by itself.

use crate::stage::{LoopStage, RATE};
use fracas_arena::rules::{Heading, Input, Thrust};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs, Role};
use fracas_server::sim::idle::IdleLimit;
use std::time::Duration;

/// Longer than the minute that a full room waits.
const LIMIT_S: u32 = 90;

fn stage(people: u16) -> LoopStage {
    LoopStage::with_idle_limit(&["main"], people, IdleLimit::after(Duration::from_secs(LIMIT_S.into())))
}

/// What a player wants on the next tick.
fn say(stage: &mut LoopStage, player: usize, input: Input) {
    let ack = stage.room().last_tick();
    stage.players[player].peer.say(&ClientMessage::Inputs(Inputs { ack, tick: ack.next(), input }));
}

/// So many seconds, in which `busy` fly to and fro, `turning` turn on the spot and all others hold what they hold.
fn run(stage: &mut LoopStage, seconds: u32, busy: &[usize], turning: &[usize]) {
    for second in 0..seconds {
        for player in busy {
            let thrust = Thrust::try_from(1 + (second % 2 * 8) as u8).expect("a heading");
            say(stage, *player, Input { thrust, ..Input::default() });
        }
        for player in turning.iter().filter(|_| second % 30 == 0) {
            let aim = Heading::new((second / 30 % 2) as u16);
            say(stage, *player, Input { aim, ..Input::default() });
        }
        stage.run(RATE.hz());
    }
}

fn code(stage: &LoopStage, player: usize) -> Option<u16> {
    stage.players[player].peer.code()
}

#[test]
fn hidden_squatters_held_all_seats_for_good_and_now_give_way() {
    let mut stage = stage(6);
    stage.join_many(6);
    stage.run(30);
    // The first plays, the second toggles a bit of its aim twice a minute, one holds a key, three hide and answer pings.
    say(&mut stage, 2, Input { thrust: Thrust::try_from(3).expect("a heading"), ..Input::default() });
    for player in 3..6 {
        stage.players[player].peer.say(&ClientMessage::Hide);
        stage.players[player].is_frozen = true;
    }
    run(&mut stage, 58, &[0], &[1]);
    let late = stage.join(Hello::player("newcomer"), 1 << 20);
    run(&mut stage, 1, &[0], &[1]);
    assert_eq!(code(&stage, late), Some(CloseReason::Full.code()), "not yet");
    assert!((0..6).all(|player| code(&stage, player).is_none()));
    run(&mut stage, 8, &[0], &[]);
    assert_eq!(code(&stage, 0), None, "it plays");
    let codes: Vec<_> = [1, 3, 4, 5].map(|player| code(&stage, player)).into();
    assert_eq!(codes, [Some(4506); 4], "a minute is over, and the room was full");
    assert_eq!(code(&stage, 2), None, "it pressed its key a second later, when there was room");
    let newcomers: Vec<_> = (0..4).map(|_| stage.join(Hello::player("newcomer"), 1 << 20)).collect();
    run(&mut stage, 3, &[0], &[]);
    assert!(newcomers.iter().all(|player| stage.players[*player].welcome.is_some()), "there is room for others");
    assert_eq!(code(&stage, 2), Some(4506), "until the room was full again");
    run(&mut stage, 1, &[0], &[]);
    assert_eq!(stage.metric("fracas_connections_closed_total{reason=\"idle\"}"), 5.0);
}

#[test]
fn in_a_room_that_is_not_full_idle_players_have_the_whole_time_and_the_clock_does_not_start_anew_with_the_token() {
    let mut stage = stage(10);
    stage.join_many(2);
    stage.run(30);
    run(&mut stage, LIMIT_S - 20, &[0], &[]);
    let token = stage.players[1].welcome.as_ref().map(|welcome| welcome.token);
    assert!(token.is_some() && code(&stage, 1).is_none());
    stage.players[1].peer.cut();
    run(&mut stage, 1, &[0], &[]);
    let back = stage.join(Hello { token, ..Hello::player("player 1") }, 1 << 20);
    run(&mut stage, 10, &[0], &[]);
    assert!(
        stage.players[back].welcome.as_ref().is_some_and(|welcome| welcome.resumed) && code(&stage, back).is_none()
    );
    run(&mut stage, 15, &[0], &[]);
    assert_eq!((code(&stage, 0), code(&stage, back)), (None, Some(4506)));
    // Its session is over: the token gives a new ship, and not the old one.
    let again = stage.join(Hello { token, ..Hello::player("player 1") }, 1 << 20);
    run(&mut stage, 1, &[0], &[]);
    assert!(stage.players[again].welcome.as_ref().is_some_and(|welcome| !welcome.resumed), "by hand it may come back");
}

#[test]
fn who_has_watched_longest_gives_up_the_stand_only_when_somebody_needs_it() {
    let mut stage = stage(4);
    let watcher = |name: &str| Hello { role: Role::Spectator, ..Hello::player(name) };
    // There are four stands.
    let first: Vec<_> = (0..4).map(|number| stage.join(watcher(&format!("watcher {number}")), 1 << 20)).collect();
    run(&mut stage, 59, &[], &[]);
    let early = stage.join(watcher("early"), 1 << 20);
    run(&mut stage, 60, &[], &[]);
    assert_eq!(code(&stage, early), Some(CloseReason::Full.code()), "nobody had watched for a minute");
    assert!(first.iter().all(|player| code(&stage, *player).is_none()), "nobody else wants to watch");
    let late = stage.join(watcher("late"), 1 << 20);
    run(&mut stage, 5, &[], &[]);
    assert_eq!(code(&stage, late), Some(CloseReason::Full.code()), "it comes back in a moment");
    let gone = first.iter().filter(|player| code(&stage, **player) == Some(4506)).count();
    assert_eq!(gone, 1, "one for each who asks");
    let late = stage.join(watcher("late"), 1 << 20);
    run(&mut stage, 1, &[], &[]);
    assert!(stage.players[late].welcome.is_some());
}
