//! Tabs that nobody looks at: they cost next to nothing, and are whole again at once.

use crate::stage::{LoopStage, RATE};
use fracas_arena::rules::{Heading, Input, Thrust};
use fracas_protocol::wire::message::Hello;

/// A room of four, the first of which has hidden its tab.
fn stage_with_hidden_tab() -> LoopStage {
    let mut stage = LoopStage::new();
    stage.join(Hello::player("hidden"), 1 << 20);
    stage.join_many(3);
    stage.run(40);
    let now_us = stage.now_us();
    stage.players[0].client.hide(now_us);
    stage.run(2);
    assert_eq!(stage.metric("fracas_hidden_players"), 1.0);
    stage
}

#[test]
fn a_tab_hidden_for_a_minute_is_whole_again_within_three_ticks_with_one_fresh_start() {
    let mut stage = stage_with_hidden_tab();
    let (bodies, sends) = (stage.players[0].client.counters().bodies, stage.players[0].peer.sends());
    stage.run(60 * RATE.hz());
    assert_eq!(stage.players[0].client.counters().bodies, bodies, "no frames");
    let probes = stage.players[0].peer.sends() - sends;
    assert!((12..=16).contains(&probes), "it is only asked whether it is there: {probes}");
    assert_eq!((stage.metric("fracas_connections"), stage.metric("fracas_stale_players")), (4.0, 0.0));
    let now_us = stage.now_us();
    stage.players[0].client.show(now_us);
    // One to say so, one to be read and written, one to come.
    stage.run(3);
    let client = &stage.players[0].client;
    assert!(client.replica().is_live());
    assert!(client.replica().tick().next() >= stage.room().last_tick(), "it is in the present");
    assert_eq!(client.counters().resyncs, 1);
    assert_eq!(stage.metric("fracas_hidden_players"), 0.0);
    stage.run(40);
    let counters = *stage.players[0].client.counters();
    assert_eq!((counters.resyncs, counters.view_mismatches, counters.desyncs), (1, 0, 0), "{counters:?}");
    assert!(counters.view_checks > 0);
}

#[test]
fn what_a_hidden_tab_held_is_let_go() {
    let mut stage = LoopStage::new();
    stage.join(Hello::player("hidden"), 1 << 20);
    stage.run(10);
    stage.players[0].client.set_input(Input { thrust: Thrust::towards(Heading::new(0)), ..Input::default() });
    stage.run(30);
    let now_us = stage.now_us();
    stage.players[0].client.hide(now_us);
    stage.run(40);
    let ship = stage.room().game().ship(fracas_server::ids::PlayerId(0)).expect("its ship is there");
    assert_eq!((ship.controls.thrust, ship.velocity.length()), (Thrust::NONE, 0));
}

#[test]
fn a_hidden_tab_that_says_nothing_is_asked_whether_it_is_there_and_only_then_given_up() {
    let mut stage = stage_with_hidden_tab();
    // Its timers are stopped, but its browser answers pings.
    stage.players[0].is_frozen = true;
    stage.run(60 * RATE.hz());
    assert_eq!(stage.metric("fracas_connections"), 4.0);
    // Its computer sleeps.
    stage.players[0].reads = false;
    stage.run(13 * RATE.hz());
    assert_eq!(stage.metric("fracas_connections_closed_total{reason=\"timed_out\"}"), 1.0);
}

#[test]
fn hiding_and_showing_all_the_time_gets_one_fresh_start_a_second() {
    let mut stage = stage_with_hidden_tab();
    for round in 0..10 * RATE.hz() {
        let now_us = stage.now_us();
        let client = &mut stage.players[0].client;
        if round % 2 == 0 {
            client.show(now_us);
        } else {
            client.hide(now_us);
        }
        stage.run(1);
    }
    let resyncs = stage.metric("fracas_resyncs_total");
    assert!((1.0..=11.0).contains(&resyncs), "{resyncs}");
}
