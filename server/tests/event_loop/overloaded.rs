//! What is given up when there is more to do than time for it: fewer frames, but no tick is lost, and nobody who was in is
//! sent away.

use crate::stage::{LoopStage, RATE};
use fracas_arena::rules::{Heading, Input, Thrust};
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::limits::BODIES_MAX;
use fracas_protocol::wire::message::Hello;
use fracas_server::sim::overload::Level;

const PLAYERS: usize = 12;

fn stage() -> LoopStage {
    let mut stage = LoopStage::new();
    stage.join_many(PLAYERS);
    stage.run(40);
    stage
}

/// Bodies that each player has applied.
fn bodies(stage: &LoopStage) -> Vec<u64> {
    stage.players.iter().map(|player| player.client.counters().bodies).collect()
}

fn sends(stage: &LoopStage) -> usize {
    stage.players.iter().map(|player| player.peer.sends()).sum()
}

/// Every player has applied every tick, and knows what the server believes it knows.
fn check_sound(stage: &LoopStage) {
    for player in &stage.players {
        let counters = player.client.counters();
        assert_eq!((counters.view_mismatches, counters.desyncs, counters.resyncs), (0, 0, 0), "{counters:?}");
        assert!(counters.view_checks > 0);
    }
}

#[test]
fn packed_ticks_go_in_fewer_frames_and_none_is_missing() {
    for (level, pack) in [(Level::JoinsWait, 1), (Level::PackedByTwo, 2), (Level::PackedByFour, 4)] {
        let mut stage = stage();
        stage.level = level;
        stage.run(20);
        let (bodies_before, sends_before) = (bodies(&stage), sends(&stage));
        let ticks = 10 * RATE.hz();
        stage.run(ticks);
        for (before, after) in bodies_before.iter().zip(bodies(&stage)) {
            assert!((after - before).abs_diff(u64::from(ticks)) < 4, "{} bodies in {ticks} ticks", after - before);
        }
        // Pongs and news, a few in each second, go when they are there.
        let (sent, frames) = (sends(&stage) - sends_before, PLAYERS * (ticks / pack) as usize);
        assert!((frames..=frames + PLAYERS * 10 * 6).contains(&sent), "{sent} sends at {level:?}");
        check_sound(&stage);
    }
}

#[test]
fn frames_are_spread_over_the_ticks_while_they_are_packed() {
    let mut stage = stage();
    stage.level = Level::PackedByFour;
    stage.run(20);
    for _ in 0..40 {
        let before = bodies(&stage);
        stage.run(1);
        let served = before.iter().zip(bodies(&stage)).filter(|(before, after)| after > *before).count();
        assert!((1..=PLAYERS / 2).contains(&served), "{served} of {PLAYERS} on one tick");
    }
}

#[test]
fn no_tick_is_missing_however_the_level_changes_and_the_loop_is_late() {
    for seed in 1..=20 {
        println!("seed {seed}");
        let (mut stage, mut rng) = (stage(), Rng::new(seed, 1));
        for _ in 0..60 {
            stage.level = Level::ALL[rng.below(Level::ALL.len() as u32) as usize];
            for player in &mut stage.players {
                let thrust = Thrust::towards(Heading::new(rng.below(1024) as u16));
                player.client.set_input(Input { thrust, fire: rng.chance(1, 3), ..Input::default() });
            }
            let late = rng.below(BODIES_MAX as u32 - 4);
            (0..late).for_each(|_| stage.tick_room());
            stage.run(1 + rng.below(12));
        }
        stage.level = Level::Normal;
        stage.run(20);
        let present = stage.room().last_tick();
        for player in &stage.players {
            assert_eq!(player.client.replica().tick().next(), present, "it is in the present");
        }
        check_sound(&stage);
    }
}

#[test]
fn a_round_without_a_tick_loses_none_of_those_that_wait_for_their_turn() {
    let mut stage = stage();
    stage.level = Level::PackedByFour;
    for round in 0..60 {
        for player in &mut stage.players {
            let thrust = Thrust::towards(Heading::new(round * 64 % 1024));
            player.client.set_input(Input { thrust, ..Input::default() });
        }
        stage.run(1);
        // The tick is late, and the loop writes what else there is.
        stage.write(Vec::new());
    }
    check_sound(&stage);
}

#[test]
fn who_has_no_turn_among_the_ticks_that_are_left_loses_none_of_them() {
    let mut stage = stage();
    stage.level = Level::PackedByFour;
    stage.run(8);
    let before = bodies(&stage);
    // Only every fourth tick is run: to the others no player's number fits.
    stage.skips = 3;
    stage.run(20);
    for (before, after) in before.iter().zip(bodies(&stage)) {
        assert!((after - before).abs_diff(20) < 4, "{} bodies of 20 ticks", after - before);
    }
    stage.skips = 0;
    stage.run(30);
    check_sound(&stage);
}

#[test]
fn who_joins_or_comes_back_while_frames_are_packed_is_in_the_game_at_once() {
    let mut stage = stage();
    let token = stage.players[0].welcome.as_ref().expect("a welcome").token;
    stage.players.remove(0).peer.cut();
    stage.run(5);
    stage.level = Level::PackedByFour;
    let back = stage.join(Hello { token: Some(token), ..Hello::player("back again") }, 1 << 20);
    let newcomer = stage.join(Hello::player("newcomer"), 1 << 20);
    stage.run(4);
    assert!(stage.players[back].client.replica().is_live(), "its ship was there all the time");
    stage.players[newcomer].peer.hear();
    assert_eq!(stage.players[newcomer].peer.code(), Some(4001), "nobody new is let in");
    assert_eq!(stage.room().headcount().people as usize, PLAYERS);
    stage.level = Level::Normal;
    let newcomer = stage.join(Hello::player("newcomer"), 1 << 20);
    stage.run(4);
    assert!(stage.players[newcomer].client.replica().is_live());
}
