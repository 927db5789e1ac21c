//! What replication costs: records per world entity and tick, frames per visible entity and player, and whole ticks; and
//! what it costs to copy a game.
//!
//! `cargo bench -p fracas-server --bench encode`; Criterion's `time` divided by its elements is the figure.

#![allow(missing_docs, reason = "Criterion's macros make public functions")]

#[path = "../tests/replication/stage.rs"]
#[allow(dead_code, reason = "a bench needs less of the stage than the tests")]
mod stage;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fracas_protocol::game::authority::Game;
use fracas_protocol::wire::bits::{BitReader, BitWriter};
use fracas_protocol::wire::message::Role;
use fracas_server::replication::{Records, changes};
use stage::ReplicationStage;
use std::hint::black_box;
use std::sync::Arc;

/// Rooms that are measured: how many ships, and how many of them to a view.
const ROOMS: [(&str, u16, u32); 2] = [("1000 spread", 1000, 12), ("250 in one view", 250, 1000)];

/// A room that has been fighting for five seconds.
fn room(people: u16, density: u32) -> ReplicationStage {
    let mut stage = ReplicationStage::with_density(1, people, density);
    (0..people).for_each(|_| stage.request_join(Role::Player));
    stage.gathers = density >= u32::from(people);
    stage.run(300);
    stage
}

fn records(c: &mut Criterion) {
    for (name, people, density) in ROOMS {
        let mut stage = room(people, density);
        let before = Arc::clone(&stage.output);
        stage.step();
        let mut truth = Vec::new();
        stage.room.game().truth(&mut truth);
        let (tick, rules) = (stage.output.tick, stage.output.rules.clone());
        let mut group = c.benchmark_group("records");
        group.throughput(Throughput::Elements(truth.len() as u64));
        let mut records = Records::default();
        group.bench_function(name, |b| b.iter(|| records.update(&before.records, &rules, tick, black_box(&truth))));
        group.finish();
    }
}

/// A tick's changes as they go into the ring of what spectators are not shown yet, and come out of it.
fn changes(c: &mut Criterion) {
    let mut stage = room(1000, 12);
    let before = Arc::clone(&stage.output);
    stage.step();
    let (before, after) = (before.records.entities(), &stage.output);
    let mut group = c.benchmark_group("changes");
    group.throughput(Throughput::Elements(before.len() as u64));
    let write = |bytes: Vec<u8>| {
        let mut bits = BitWriter::continuing(bytes);
        changes::write(&after.rules, before, &after.records, &mut bits);
        bits.finish()
    };
    let mut bytes = write(Vec::new());
    let (len, mut entities) = (bytes.len(), Vec::new());
    group.bench_function("read", |b| {
        b.iter(|| changes::read(&after.rules, before, &mut entities, &mut BitReader::new(black_box(&bytes))));
    });
    group.bench_function(format!("write, {len} bytes"), |b| {
        b.iter(|| {
            bytes.clear();
            bytes = write(std::mem::take(&mut bytes));
        });
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    for (name, people, density) in ROOMS {
        let mut stage = room(people, density);
        // Ticks one after the other, and everybody's viewer before the first.
        let before: Vec<_> = stage.players.iter().map(|player| player.viewer.clone()).collect();
        let outputs: Vec<_> = (0..10)
            .map(|_| {
                stage.step();
                [Arc::clone(&stage.output)]
            })
            .collect();
        let visible: usize = before.iter().map(|viewer| viewer.known().len()).sum();
        let mut group = c.benchmark_group(format!("frames, {} visible", visible / before.len()));
        group.throughput(Throughput::Elements((visible * outputs.len()) as u64));
        group.sample_size(20);
        let mut frame = Vec::new();
        let (composer, players) = (&mut stage.composer, &stage.players);
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || before.clone(),
                |viewers| {
                    for output in &outputs {
                        for (viewer, player) in viewers.iter_mut().zip(players) {
                            frame.clear();
                            composer.frame(viewer, player.session.player, output, &mut frame);
                            black_box(&frame);
                        }
                    }
                },
                BatchSize::LargeInput,
            );
        });
        group.finish();
    }
}

/// A room whose people have all been in it for some seconds.
fn crowded(people: u16) -> ReplicationStage {
    aged(ReplicationStage::with_density(1, people, 12), people)
}

fn aged(mut stage: ReplicationStage, people: u16) -> ReplicationStage {
    (0..people).for_each(|_| stage.request_join(Role::Player));
    (0..150).for_each(|_| stage.step());
    stage
}

/// A whole tick of the tick thread, inputs for everybody included.
fn ticks(c: &mut Criterion) {
    for people in [1000, 5000] {
        let mut stage = crowded(people);
        let mut group = c.benchmark_group("tick");
        group.throughput(Throughput::Elements(u64::from(people)));
        group.bench_function(format!("{people} players"), |b| b.iter(|| stage.step()));
        let mut late = aged(ReplicationStage::with_density(1, people, 12).late(150), people);
        group.bench_function(format!("{people} players, spectators late"), |b| b.iter(|| late.step()));
        late.request_join(Role::Spectator);
        late.step();
        group.bench_function(format!("{people} players, spectators late, and one there"), |b| b.iter(|| late.step()));
        group.finish();
    }
}

/// What a room does once a second to be able to repeat what it did: it copies its game over an older copy.
fn copies(c: &mut Criterion) {
    for people in [1000, 5000] {
        let stage = crowded(people);
        let mut group = c.benchmark_group("copy of a game");
        group.throughput(Throughput::Elements(u64::from(people)));
        let mut copy = stage.room.game().clone();
        let game = stage.room.game();
        group.bench_function(format!("{people} players"), |b| b.iter(|| black_box(&mut copy).clone_from(game)));
        group.finish();
    }
}

criterion_group!(benches, records, changes, frames, ticks, copies);
criterion_main!(benches);
