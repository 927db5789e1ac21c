//! Replicas agree with the records, whatever happens in the room.

use crate::stage::{RATE, ReplicationStage, ViewTally};
use fracas_arena::rules::Entity;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::limits::{BODIES_MAX, ENTRY_BUDGET_BYTES};
use fracas_protocol::wire::message::Role;
use fracas_server::replication::Viewer;
use fracas_server::sim::tick_params::TickParams;
use std::sync::Arc;

#[test]
fn a_minute_of_fighting_leaves_every_replica_equal_to_the_records() {
    let mut stage = ReplicationStage::new(42);
    (0..60).for_each(|_| stage.request_join(Role::Player));
    let tally = stage.run(30 * 60);
    let per_update = tally.bytes as f64 / tally.frames as f64;
    let visible = tally.visible as f64 / tally.frames as f64;
    println!("{per_update:.1} bytes and {visible:.1} visible per update, largest frame {}", tally.largest);
    assert!(tally.checks >= 60 * 58, "{tally:?}");
    assert!(visible > 20.0, "{tally:?}");
    let entities = stage.output.records.entities();
    let score: u32 =
        entities.iter().map(|(_, e)| if let Entity::Ship(ship) = e { u32::from(ship.score) } else { 0 }).sum();
    assert!(score > 500, "nobody was ever destroyed: {score}");
}

#[test]
fn a_crowd_shares_what_is_equal_and_everybody_still_knows_everybody() {
    const CROWD: usize = 160;
    let mut stage = ReplicationStage::with_density(5, CROWD as u16, 1000);
    stage.gathers = true;
    (0..CROWD).for_each(|_| stage.request_join(Role::Player));
    stage.run(30 * 8);
    let before = stage.composer.bodies_shared();
    let tally = stage.run(30 * 8);
    assert!(tally.checks > CROWD * 6, "{tally:?}");
    let (bodies, shared) = (tally.frames as u64, stage.composer.bodies_shared() - before);
    println!("{shared} of {bodies} bodies were shared, {} visible", tally.visible / tally.frames);
    assert!(shared > bodies / 2, "{shared} of {bodies} bodies were shared");
}

#[test]
fn players_who_come_and_go_all_the_time_are_told_right() {
    let mut stage = ReplicationStage::new(7);
    (0..40).for_each(|_| stage.request_join(Role::Player));
    stage.request_join(Role::Spectator);
    let mut tally = ViewTally::default();
    for _ in 0..400 {
        let run = stage.run(3);
        tally.checks += run.checks;
        let leaving = stage.rng.below(stage.players.len() as u32) as usize;
        stage.request_leave(leaving);
        stage.request_join(Role::Player);
    }
    assert!(tally.checks > 1000, "{tally:?}");
}

#[test]
fn a_spectator_follows_somebody_and_moves_on_when_that_one_leaves() {
    let mut stage = ReplicationStage::new(3);
    (0..5).for_each(|_| stage.request_join(Role::Player));
    stage.request_join(Role::Spectator);
    stage.run(60);
    let watched = stage.players[5].replica.follow().expect("it watches somebody");
    assert!(stage.players[5].replica.get(watched).is_some());
    let index = (0..5).find(|&i| stage.players[i].replica.follow() == Some(watched)).expect("a player");
    let left = stage.players[index].session.player;
    stage.request_leave(index);
    stage.run(1);
    // A ship that fights stays for a while, and so does a wreck.
    let stays = (0..RATE.ticks_in_ms(60_000)).find(|_| {
        stage.run(1);
        stage.room.game().ship(left).is_none()
    });
    assert!(stays.is_some(), "it is never gone");
    stage.run(1);
    let spectator = stage.players.iter().find(|p| p.session.player.0 > 400).expect("the spectator");
    let next = spectator.replica.follow().expect("it watches somebody else");
    assert_ne!(next, watched);
    assert!(spectator.replica.get(next).is_some());
}

#[test]
fn several_ticks_in_one_frame_are_the_same_as_one_by_one() {
    let mut stage = ReplicationStage::new(5);
    (0..40).for_each(|_| stage.request_join(Role::Player));
    stage.run(100);
    let mut outputs = Vec::new();
    for _ in 0..BODIES_MAX {
        stage.step();
        outputs.push(Arc::clone(&stage.output));
    }
    for index in 0..stage.players.len() {
        let player = &mut stage.players[index];
        let mut frame = Vec::new();
        let used = stage.composer.frame(&mut player.viewer, player.session.player, &outputs, &mut frame);
        assert_eq!(used, BODIES_MAX, "all in one frame");
        stage.deliver(index, &frame, &mut ViewTally::default());
        assert_eq!(stage.players[index].replica.tick(), stage.output.tick);
    }
}

#[test]
fn a_player_who_missed_ticks_starts_afresh_and_is_whole_within_five_ticks() {
    let mut stage = ReplicationStage::new(9);
    (0..80).for_each(|_| stage.request_join(Role::Player));
    stage.run(200);
    for _ in 0..50 {
        stage.step();
        for index in 1..stage.players.len() {
            let frame = stage.frame(index);
            stage.deliver(index, &frame, &mut ViewTally::default());
        }
    }
    stage.players[0].viewer.start_afresh();
    let mut first = ViewTally::default();
    for _ in 0..5 {
        first = stage.run(1);
    }
    assert!(first.largest < ENTRY_BUDGET_BYTES + 1024, "{first:?}");
    let missing = crate::brute_force::missing(&stage, 0);
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn ticks_that_were_never_run_are_jumped_over() {
    let mut stage = ReplicationStage::new(13);
    (0..10).for_each(|_| stage.request_join(Role::Player));
    stage.run(20);
    let far = stage.room.last_tick().plus(100);
    stage.output = stage.room.tick(TickParams::unrestrained(far), std::iter::empty(), |_| ()).output;
    for index in 0..stage.players.len() {
        let frame = stage.frame(index);
        stage.deliver(index, &frame, &mut ViewTally::default());
        assert_eq!(stage.players[index].replica.tick(), far);
    }
    stage.run(20);
}

#[test]
fn a_viewer_in_the_thickest_crowd_gets_it_all_in_bounded_frames() {
    let mut stage = ReplicationStage::new(21);
    (0..300).for_each(|_| stage.request_join(Role::Player));
    stage.run(60);
    let index = (0..300).max_by_key(|&i| stage.players[i].replica.known().len()).expect("players");
    stage.players[index].viewer = Viewer::new(stage.players[index].viewer.aspect(), 0);
    let tally = stage.run(15);
    assert!(tally.largest < ENTRY_BUDGET_BYTES + 2048, "{tally:?}");
    assert!(crate::brute_force::missing(&stage, index).is_empty());
}

#[test]
fn the_same_seed_plays_the_same_room() {
    let play = || {
        let mut stage = ReplicationStage::new(11);
        (0..30).for_each(|_| stage.request_join(Role::Player));
        stage.run(200);
        stage.output.records.entities().to_vec()
    };
    assert_eq!(play(), play());
}

/// The tick numbers of a stage start behind 0, so that no tick is taken for one before the first.
#[test]
fn a_room_starts_with_tick_one() {
    let mut stage = ReplicationStage::new(1);
    stage.step();
    assert_eq!(stage.output.tick, Tick(1));
}
