//! What spectators are shown late is, record by record and bit by bit, what players were told on that tick.

use crate::stage::ReplicationStage;
use fracas_arena::authority::World;
use fracas_arena::rules::{Arena, slot_of};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::message::{Aspect, Role};
use fracas_server::replication::{Composer, TickOutput, Viewer};
use std::collections::VecDeque;
use std::sync::Arc;

const DELAY: u32 = 24;
const ROUNDS: u32 = 400;

/// Lets one player leave, and another come.
fn relieve(stage: &mut ReplicationStage) {
    let players: Vec<_> = (0..stage.players.len()).filter(|&i| stage.players[i].session.player.0 < 450).collect();
    let leaving = players[stage.rng.below(players.len() as u32) as usize];
    stage.request_leave(leaving);
    stage.request_join(Role::Player);
}

/// Compares all that frames are made of, but for what only single players are told.
fn assert_equal(shown: &TickOutput<Arena>, told: &TickOutput<Arena>) {
    let tick = told.tick;
    assert_eq!((shown.tick, shown.rules.world()), (tick, told.rules.world()));
    let (late, live) = (&shown.records, &told.records);
    assert_eq!(late.entities(), live.entities(), "tick {tick}");
    assert_eq!(late.encoded_bytes(), live.encoded_bytes(), "tick {tick}");
    for id in (0..late.ids_end().max(live.ids_end()) as u16).map(EntityId) {
        assert_eq!(late.presence(id), live.presence(id), "tick {tick}, {id:?}");
        if let (Some(late_slot), Some(live_slot)) = (late.slot(id), live.slot(id)) {
            assert_eq!(late.delta(late_slot), live.delta(live_slot), "tick {tick}, {id:?}");
            assert_eq!(
                (late_slot.position, late_slot.child),
                (live_slot.position, live_slot.child),
                "tick {tick}, {id:?}"
            );
        }
    }
    for owner in live.entities().iter().filter_map(|(id, _)| Arena::IDS.owner(*id)) {
        let name = |output: &TickOutput<Arena>| output.names.get(owner.index()).cloned().flatten();
        assert!(name(told).is_some());
        assert_eq!(name(shown), name(told), "tick {tick}, {owner:?}");
    }
}

#[test]
fn what_spectators_are_shown_is_what_players_were_told_bit_for_bit() {
    let mut stage = ReplicationStage::new(17).late(DELAY);
    (0..40).for_each(|_| stage.request_join(Role::Player));
    stage.request_join(Role::Spectator);
    let (mut told, mut compared, mut deltas) = (VecDeque::new(), 0, 0);
    for round in 0..ROUNDS {
        if round % 20 == 7 {
            relieve(&mut stage);
        }
        stage.step();
        told.push_back(Arc::clone(&stage.output));
        let shown = stage.spectator_output.as_ref().expect("somebody watches");
        assert_eq!(shown.delay, DELAY);
        match told.len() > DELAY as usize {
            true => {
                let then = told.pop_front().expect("it holds some");
                assert_equal(&shown.output, &then);
                (compared, deltas) = (compared + 1, deltas + then.records.encoded_bytes());
            }
            false => assert!(shown.output.tick == Tick(0) && shown.output.records.entities().is_empty()),
        }
    }
    assert!(compared == ROUNDS - DELAY && deltas > 10_000, "{compared} ticks, {deltas} bytes");
}

#[test]
fn frames_of_what_is_late_make_a_replica_and_follow_somebody_who_was_there_then() {
    let mut stage = ReplicationStage::new(23).late(DELAY);
    (0..30).for_each(|_| stage.request_join(Role::Player));
    stage.request_join(Role::Spectator);
    stage.step();
    let spectator = stage.players.iter().find(|player| player.session.player.0 > 450).expect("it came in").session;
    let mut viewer = Viewer::<Arena>::new(Aspect::default(), 0);
    let (mut replica, mut composer) = (Replica::new(stage.output.rules.clone()), Composer::<World>::default());
    let (mut followed, mut checks) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        if round % 10 == 3 {
            relieve(&mut stage);
        }
        let watched = replica.follow().filter(|_| round == ROUNDS / 2).and_then(slot_of);
        if let Some(index) = stage.players.iter().position(|player| Some(player.session.player.0) == watched) {
            stage.request_leave(index);
        }
        stage.step();
        let output = [Arc::clone(&stage.spectator_output.as_ref().expect("somebody watches").output)];
        let mut frame = Vec::new();
        composer.frame(&mut viewer, spectator.player, &output, &mut frame);
        if frame.is_empty() {
            assert!(round < DELAY);
            continue;
        }
        let body = replica.apply_frame(&frame).expect("a frame");
        assert_ne!(body.hash_agrees, Some(false), "round {round}");
        checks += u32::from(body.hash_agrees.is_some());
        if let Some(id) = replica.follow() {
            assert!(output[0].records.get(id).is_some(), "round {round}: it watches nobody who is there");
            followed.push(id);
            followed.dedup();
        }
    }
    assert!(checks > 10 && followed.len() > 1, "{checks} checks, {followed:?}");
}

#[test]
fn who_comes_to_watch_is_soon_shown_what_was_however_often_somebody_comes_and_goes() {
    let mut stage = ReplicationStage::new(29).late(DELAY);
    (0..20).for_each(|_| stage.request_join(Role::Player));
    let (mut told, mut compared, mut waited) = (Vec::new(), 0, 0);
    for _ in 0..2 * ROUNDS {
        let spectator = stage.players.iter().position(|player| player.session.player.0 > 450);
        match spectator {
            Some(index) if stage.rng.chance(1, 20) => stage.request_leave(index),
            None if stage.rng.chance(1, 30) => stage.request_join(Role::Spectator),
            _ => {}
        }
        if stage.rng.chance(1, 15) {
            relieve(&mut stage);
        }
        stage.step();
        let (tick, world) = (stage.output.tick, stage.output.rules.world());
        told.push((tick, world, stage.output.records.entities().to_vec()));
        let Some(shown) = &stage.spectator_output else {
            waited = 0;
            continue;
        };
        let (output, due) = (&shown.output, told.len().checked_sub(1 + DELAY as usize));
        let then = due.map(|due| &told[due]).filter(|_| output.tick != Tick(0));
        waited = if then.is_none() && due.is_some() { waited + 1 } else { 0 };
        assert!(waited < 4, "tick {tick}: it is not shown anything");
        let Some((then, world, entities)) = then else { continue };
        assert_eq!((output.tick, output.rules.world()), (*then, *world));
        assert_eq!(output.records.entities(), entities, "tick {then}");
        assert!(output.players.iter().flatten().all(|told| told.follow.is_some()), "it watches somebody");
        compared += 1;
    }
    assert!(compared > ROUNDS / 4, "{compared}");
    let kept = stage.room.spectator_delay_bytes() / (2 * DELAY as usize);
    assert!(kept < 300, "{kept} bytes for each tick of twice the delay");
}
