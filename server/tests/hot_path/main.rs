//! What a steady tick costs in things that can be counted on any machine: allocations and calls, not time.

#![cfg(feature = "arena")]

#[path = "../event_loop/stage.rs"]
#[allow(dead_code, reason = "these tests need less of the stage than those of the event loop")]
mod stage;

#[path = "../replication/stage.rs"]
#[allow(dead_code, reason = "this needs less of it than the tests of replication")]
mod room;

use allocation_counter::AllocationInfo;
use fracas_arena::rules::{Heading, Input, Thrust};
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::message::Role;
use stage::LoopStage;

const PLAYERS: usize = 400;
const TICKS: u32 = 100;

/// Lets everybody play for a tick, and counts what the server allocates in it: reading, stepping, composing, writing.
fn busy_tick(stage: &mut LoopStage, rng: &mut Rng) -> AllocationInfo {
    let now_us = stage.now_us();
    for player in &mut stage.players {
        let thrust = Thrust::towards(Heading::new(rng.below(1024) as u16));
        player.client.set_input(Input { thrust, fire: rng.chance(1, 2), ..Input::default() });
        player.step(now_us);
    }
    allocation_counter::measure(|| stage.tick())
}

#[test]
fn a_steady_tick_allocates_next_to_nothing_and_writes_each_player_once() {
    let (mut stage, mut rng) = (LoopStage::with_people(PLAYERS as u16), Rng::new(7, 1));
    stage.rooms = stage.rooms.without_law_watch();
    stage.join_many(PLAYERS);
    // Until every buffer has the size it needs.
    for _ in 0..400 {
        busy_tick(&mut stage, &mut rng);
    }
    let sends: usize = stage.players.iter().map(|player| player.peer.sends()).sum();
    let allocations: u64 = (0..TICKS).map(|_| busy_tick(&mut stage, &mut rng).count_total).sum();
    let sent = stage.players.iter().map(|player| player.peer.sends()).sum::<usize>() - sends;
    let per_player = allocations as f64 / f64::from(TICKS) / PLAYERS as f64;
    println!("{per_player:.3} allocations per player and tick, {:.1} per tick", allocations as f64 / f64::from(TICKS));
    assert_eq!(sent, TICKS as usize * PLAYERS);
    assert!(per_player <= 0.1, "{per_player} allocations per player and tick");
}

/// Bytes that a room of a thousand takes when it has run for ten seconds, with spectators so many ticks late, of whom one comes
/// on a tick.
fn room_bytes(delay: u32, comes: Option<u32>) -> i64 {
    let mut kept = None;
    let allocated = allocation_counter::measure(|| {
        let mut stage = room::ReplicationStage::with_density(1, 1000, 20).late(delay);
        (0..1000).for_each(|_| stage.request_join(Role::Player));
        for tick in 0..300 {
            if comes == Some(tick) {
                stage.request_join(Role::Spectator);
            }
            stage.step();
        }
        kept = Some(stage);
    });
    drop(kept);
    allocated.bytes_current
}

#[test]
fn the_spectators_delay_takes_at_most_a_kibibyte_for_each_player() {
    let without = room_bytes(0, None);
    let [unwatched, watched, catching_up] =
        [None, Some(0), Some(280)].map(|comes| (room_bytes(150, comes) - without) / 1000);
    println!(
        "bytes a player, 150 ticks: {unwatched}, {watched} while somebody watches, {catching_up} when that begins"
    );
    assert!(unwatched > 0 && watched.max(catching_up) <= 1024, "{unwatched}, {watched}, {catching_up}");
}
