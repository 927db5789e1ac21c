//! The recorded sessions among the protocol's vectors are what rooms with those seeds say today.
//!
//! A change of the wire, the shared rules or the arena changes it: then write it anew with `FRACAS_WRITE_VECTORS=1`, and
//! look at PROTOCOL.md and the version.

use crate::stage::ReplicationStage;
use fracas_arena::authority::default_map;
use fracas_arena::rules::{Arena, Entity};
use fracas_protocol::game::data::StartData;
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::bits::BitReader;
use fracas_protocol::wire::frame::FrameHeader;
use fracas_protocol::wire::message::Role;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[path = "../../../assets/games/arena/tests/common/session.rs"]
mod session;
#[path = "../../../assets/games/arena/tests/common/state.rs"]
mod state;
#[path = "../../../assets/games/arena/tests/common/vector_file.rs"]
mod vector_file;

use state::{PlayedFrame, SaidInput};

#[test]
fn a_room_says_what_the_vectors_recorded() {
    let mut stage = ReplicationStage::new(2026);
    (0..30).for_each(|_| stage.request_join(Role::Player));
    let mut frames = Vec::new();
    for _ in 0..150 {
        stage.step();
        for index in 0..stage.players.len() {
            let frame = stage.frame(index);
            let replica = &mut stage.players[index].replica;
            replica.apply_frame(&frame).expect("a good frame");
            if index == 0 {
                let (tick, known, hash) = (replica.tick().0, replica.known().len(), replica.hash());
                frames.push(session::Frame { tick, known, hash, hex: session::to_hex(&frame) });
            }
        }
    }
    let data = default_map().to_text();
    let data_id = StartData::new(data.as_bytes()).id();
    let played = session::Session { data, data_id, tick_hz: stage.output.rate, frames };
    if std::env::var_os("FRACAS_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&played).expect("plain data") + "\n";
        std::fs::write(session::vector_path(session::SESSION), text).expect("writes");
    }
    let recorded = session::load();
    assert_eq!((played.data, played.data_id), (recorded.data, recorded.data_id));
    assert_eq!(played.frames.len(), recorded.frames.len());
    for (played, recorded) in played.frames.iter().zip(&recorded.frames) {
        assert_eq!(played, recorded, "the first frame that differs");
    }
}

/// A session with gaps: ticks are skipped, frames have several bodies, inputs come late, and the client starts afresh.
#[derive(Serialize, Deserialize)]
struct Gaps {
    data: String,
    tick_hz: TickRate,
    inputs: Vec<SaidInput>,
    frames: Vec<PlayedFrame>,
}

fn played_frame(frame: &[u8], replica: &Replica<Arena>) -> PlayedFrame {
    let mut header = FrameHeader::default();
    header.code(&mut BitReader::new(frame)).expect("a header");
    let ship = replica.follow().and_then(|id| replica.get(id)).map(|known| known.now);
    PlayedFrame {
        hex: session::to_hex(frame),
        first: replica.tick().0 - (header.bodies - 1),
        bodies: header.bodies,
        fresh: header.fresh,
        explicit: header.first.is_some(),
        age: replica.report().age,
        lead: replica.report().lead,
        ship: ship.as_ref().and_then(|ship| match ship {
            Entity::Ship(ship) => Some(ship.into()),
            _ => None,
        }),
        own: replica.own().into(),
        known: replica.known().len(),
        hash: replica.hash(),
    }
}

#[test]
fn a_room_with_gaps_says_what_the_vectors_recorded() {
    let mut stage = ReplicationStage::new(2027);
    (0..20).for_each(|_| stage.request_join(Role::Player));
    let (mut frames, mut waiting) = (Vec::new(), Vec::new());
    for round in 0..140 {
        match round {
            30 => stage.skips = 1,
            60 => stage.skips = 6,
            // As when its client asks for it.
            75 | 110 => stage.players[0].viewer.start_afresh(),
            _ => {}
        }
        stage.is_late = matches!(round, 15..=48 | 80..=139) && round % 7 >= 5;
        stage.step();
        waiting.push(Arc::clone(&stage.output));
        let pack = match round {
            12..=14 => 3,
            50..=57 => 4,
            90..=105 => 16,
            _ => 1,
        };
        if waiting.len() < pack {
            continue;
        }
        let (composer, player) = (&mut stage.composer, &mut stage.players[0]);
        let mut frame = Vec::new();
        let used = composer.frame(&mut player.viewer, player.session.player, &waiting, &mut frame);
        assert_eq!(used, waiting.len(), "all of them fit");
        waiting.clear();
        player.replica.apply_frame(&frame).expect("a good frame");
        frames.push(played_frame(&frame, &player.replica));
    }
    let of_kind = |is: fn(&PlayedFrame) -> bool| frames.iter().filter(|frame| is(frame)).count();
    assert_eq!(of_kind(|frame| frame.fresh), 3);
    assert_eq!(of_kind(|frame| frame.explicit && !frame.fresh), 2);
    assert_eq!(of_kind(|frame| matches!(frame.bodies, 3 | 4 | 16)), 4);
    let inputs: Vec<_> = stage
        .said
        .iter()
        .map(|(read_before, stamp, input)| SaidInput { read_before: *read_before, stamp: *stamp, input: *input })
        .collect();
    let late: Vec<_> = inputs.iter().filter(|said| said.stamp < said.read_before).collect();
    assert!(late.len() >= 20 && late.iter().any(|said| said.input.dash || said.input.rail.is_some()), "{late:?}");
    let (data, tick_hz) = (default_map().to_text(), stage.output.rate);
    if vector_file::is_written() {
        let text = serde_json::to_string(&data).expect("plain data");
        let inputs = vector_file::lines("[", &inputs, "]");
        let begin = format!("{{\"data\": {text},\n\"tick_hz\": {tick_hz},\n\"inputs\": {inputs},\n\"frames\": [");
        std::fs::write(vector_file::path("gaps.json"), vector_file::lines(&begin, &frames, "]}\n")).expect("writes");
    }
    let text = std::fs::read_to_string(vector_file::path("gaps.json")).expect("the file is there");
    let recorded: Gaps = serde_json::from_str(&text).expect("the file is such a session");
    assert_eq!((data, tick_hz, inputs), (recorded.data, recorded.tick_hz, recorded.inputs));
    assert_eq!(frames.len(), recorded.frames.len());
    for (played, recorded) in frames.iter().zip(&recorded.frames) {
        assert_eq!(played, recorded, "the first frame that differs");
    }
}
