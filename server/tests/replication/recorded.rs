//! The recorded session among the protocol's vectors is what a room with that seed says today.
//!
//! A change of the wire, the shared rules or the arena changes it: then write it anew with `FRACAS_WRITE_VECTORS=1`, and
//! look at PROTOCOL.md and the version.

use crate::stage::ReplicationStage;
use fracas_protocol::arena::map::MapDocument;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::wire::message::Role;
use fracas_server::arena::default_map;

#[path = "../../../protocol/tests/common/session.rs"]
mod session;

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
    let map = MapDocument::from(&default_map());
    let played = session::Session { map, tick_hz: stage.output.rules.tick_rate(), frames };
    if std::env::var_os("FRACAS_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&played).expect("plain data") + "\n";
        std::fs::write(session::vector_path(session::SESSION), text).expect("writes");
    }
    let recorded = session::load();
    assert_eq!(played.map, recorded.map);
    assert_eq!(played.frames.len(), recorded.frames.len());
    for (played, recorded) in played.frames.iter().zip(&recorded.frames) {
        assert_eq!(played, recorded, "the first frame that differs");
    }
}
