//! Peers that do not read: bounded memory, whole frames only, a fresh start when they are back, and nobody else game_events.

use crate::stage::{LoopPlayer, LoopStage};
use fracas_protocol::wire::limits::BODIES_MAX;
use fracas_protocol::wire::message::Hello;

/// A room of ten, the first of which has a pipe of so many bytes.
fn stage_with_narrow_pipe(capacity: usize) -> LoopStage {
    let mut stage = LoopStage::new();
    stage.join(Hello::player("narrow"), capacity);
    stage.join_many(9);
    stage.run(40);
    assert!(stage.players.iter().all(|player| player.client.replica().is_live()));
    stage
}

fn check_sound(player: &LoopPlayer) {
    let counters = player.client.counters();
    assert_eq!((counters.view_mismatches, counters.desyncs), (0, 0), "{counters:?}");
    assert!(counters.view_checks > 0);
}

#[test]
fn a_peer_that_stops_reading_gets_whole_frames_then_nothing_then_a_fresh_start() {
    let mut stage = stage_with_narrow_pipe(4096);
    stage.players[0].reads = false;
    stage.run(60);
    assert_eq!(stage.metric("fracas_stale_players"), 1.0);
    let full = stage.players[0].peer.waiting();
    stage.run(60);
    assert_eq!(stage.players[0].peer.waiting(), full, "nothing more is queued, not even in the kernel");
    let others: Vec<_> = stage.players[1..].iter().map(|player| player.client.counters().bodies).collect();
    assert!(others.iter().all(|bodies| *bodies >= 155), "the others got every tick: {others:?}");
    stage.players[0].reads = true;
    stage.run(40);
    let counters = *stage.players[0].client.counters();
    assert_eq!(counters.resyncs, 1, "{counters:?}");
    assert_eq!(stage.players[0].client.replica().tick().next(), stage.room().last_tick(), "it is in the present again");
    assert_eq!(stage.metric("fracas_stale_players"), 0.0);
    assert_eq!(stage.metric("fracas_resyncs_total"), 1.0);
    stage.run(40);
    stage.players.iter().for_each(check_sound);
}

#[test]
fn a_frame_that_was_begun_is_finished_before_anything_else() {
    // So narrow that frames are cut in the middle, again and again.
    let mut stage = stage_with_narrow_pipe(200);
    for round in 0..40 {
        stage.players[0].reads = round % 3 == 0;
        stage.run(7);
    }
    stage.players[0].reads = true;
    stage.run(60);
    let counters = *stage.players[0].client.counters();
    assert!(counters.resyncs > 3, "{counters:?}");
    stage.players.iter().for_each(check_sound);
}

#[test]
fn a_peer_that_reads_but_never_acknowledges_is_stale_too() {
    let mut stage = stage_with_narrow_pipe(1 << 20);
    // Its kernel takes everything; only the acknowledgements are missing.
    stage.players[0].reads = false;
    stage.run(10);
    assert_eq!(stage.metric("fracas_stale_players"), 0.0);
    stage.run(30);
    assert_eq!(stage.metric("fracas_stale_players"), 1.0);
}

#[test]
fn a_peer_without_progress_for_ten_seconds_is_closed_as_slow() {
    let mut stage = stage_with_narrow_pipe(4096);
    stage.players[0].reads = false;
    stage.run(20 * 11 + 20);
    assert_eq!(stage.metric("fracas_connections_closed_total{reason=\"slow\"}"), 0.0, "it may still hear the close");
    stage.run(20 * 3);
    assert_eq!(stage.metric("fracas_connections_closed_total{reason=\"slow\"}"), 1.0);
    assert_eq!(stage.metric("fracas_connections"), 9.0);
}

#[test]
fn a_loop_that_comes_late_sends_every_missed_tick_in_one_frame() {
    let mut stage = stage_with_narrow_pipe(1 << 20);
    let before: Vec<_> = stage.players.iter().map(|player| player.client.counters().bodies).collect();
    for _ in 0..BODIES_MAX {
        stage.tick_room();
    }
    let published = stage.publish_to_loop();
    assert_eq!(published.len(), BODIES_MAX);
    stage.write(published);
    stage.run(1);
    for (player, before) in stage.players.iter().zip(before) {
        assert_eq!(player.client.counters().bodies, before + BODIES_MAX as u64 + 1);
    }
    assert_eq!(stage.metric("fracas_resyncs_total"), 0.0);
    stage.run(40);
    stage.players.iter().for_each(check_sound);
}

#[test]
fn a_loop_that_missed_more_than_that_starts_its_players_afresh_a_few_at_a_time() {
    let mut stage = LoopStage::new();
    stage.join_many(40);
    stage.run(40);
    for _ in 0..BODIES_MAX + 5 {
        stage.tick_room();
    }
    // The channel was full: what came after the sixteenth is lost.
    let published = stage.publish_to_loop();
    assert_eq!(published.len(), BODIES_MAX);
    stage.write(published);
    assert_eq!(stage.metric("fracas_resyncs_total"), 0.0);
    stage.run(2);
    assert_eq!(
        stage.metric("fracas_resyncs_total"),
        8.0,
        "the gap shows with the next tick, and all are ready for the one after"
    );
    stage.run(40);
    assert_eq!(stage.metric("fracas_resyncs_total"), 40.0);
    assert_eq!(stage.metric("fracas_stale_players"), 0.0);
    stage.players.iter().for_each(check_sound);
}

#[test]
fn a_gap_among_the_ticks_that_a_late_loop_takes_at_once_is_noticed() {
    let mut stage = LoopStage::new();
    stage.join_many(4);
    stage.run(40);
    for _ in 0..BODIES_MAX + 1 {
        stage.tick_room();
    }
    // The channel was full for one tick; while the loop takes what it held, the next one finds room.
    let mut published = stage.publish_to_loop();
    stage.tick_room();
    published.extend(stage.publish_to_loop());
    assert_eq!(published.len(), BODIES_MAX + 1);
    stage.write(published);
    stage.run(40);
    assert_eq!(stage.metric("fracas_resyncs_total"), 4.0, "all start afresh");
    stage.players.iter().for_each(check_sound);
}

#[test]
fn a_client_that_asks_for_a_fresh_start_gets_one_a_second_at_most() {
    use fracas_protocol::wire::message::ClientMessage;
    let mut stage = stage_with_narrow_pipe(1 << 20);
    for _ in 0..40 {
        stage.players[0].peer.say(&ClientMessage::FreshStart);
        stage.run(1);
    }
    let resyncs = stage.metric("fracas_resyncs_total");
    assert!((2.0..=3.0).contains(&resyncs), "{resyncs} in two seconds");
    assert_eq!(stage.metric("fracas_desyncs_reported_total"), resyncs);
    assert_eq!(stage.metric("fracas_fresh_starts_requested_total"), 40.0);
}

#[test]
fn a_flood_of_requests_for_fresh_starts_does_not_look_like_a_flood_of_fresh_starts() {
    use fracas_protocol::wire::message::ClientMessage;
    let mut stage = stage_with_narrow_pipe(1 << 20);
    for _ in 0..40 {
        for player in &mut stage.players {
            // As many messages as anybody may send.
            (0..12).for_each(|_| player.peer.say(&ClientMessage::FreshStart));
        }
        stage.run(1);
    }
    let (done, players) = (stage.metric("fracas_resyncs_total"), stage.players.len() as f64);
    assert!((2.0 * players..=3.0 * players).contains(&done), "{done} of {players} players in two seconds");
    assert_eq!(stage.metric("fracas_desyncs_reported_total"), done);
    assert_eq!(stage.metric("fracas_fresh_starts_requested_total"), 40.0 * 12.0 * players);
}

#[test]
fn a_fresh_start_that_finds_no_way_out_is_counted_when_it_goes() {
    use fracas_protocol::wire::message::ClientMessage;
    let mut stage = stage_with_narrow_pipe(4096);
    // Its pipe is full: what is composed for it goes nowhere.
    stage.players[0].reads = false;
    stage.players[0].peer.say(&ClientMessage::FreshStart);
    stage.run(60);
    let before = stage.metric("fracas_resyncs_total");
    (0..10).for_each(|_| stage.players[0].peer.say(&ClientMessage::FreshStart));
    stage.run(20);
    assert_eq!(stage.metric("fracas_resyncs_total"), before, "nothing went to it");
    stage.players[0].reads = true;
    stage.run(20);
    assert_eq!(stage.metric("fracas_resyncs_total"), before + 1.0);
}

#[test]
fn a_client_that_loses_its_view_twice_in_a_second_is_whole_again_and_never_stale() {
    let mut stage = stage_with_narrow_pipe(1 << 20);
    for _ in 0..2 {
        let now_us = stage.now_us();
        // A frame that names a leave beyond the known list.
        let damaged = [0x80, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff];
        stage.players[0].client.receive(now_us, &damaged).expect("a lost view is no reason to leave");
        assert!(!stage.players[0].client.replica().is_live());
        stage.run(4);
    }
    stage.run(40);
    assert!(stage.players[0].client.replica().is_live());
    assert_eq!(stage.players[0].client.counters().desyncs, 2);
    assert_eq!(stage.metric("fracas_stale_players"), 0.0, "what it could not use it has acknowledged all the same");
}
