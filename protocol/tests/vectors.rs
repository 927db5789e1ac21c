//! The golden vectors: bytes that were written once and must be read, and written, the same way for as long as the
//! protocol's version stays. `FRACAS_WRITE_VECTORS=1` writes those of control messages anew; the recorded session comes
//! from the server's replication tests, in the same way.

use fracas_protocol::arena::Arena;
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf};
use fracas_protocol::replica::Replica;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

#[path = "common/samples.rs"]
mod samples;
#[path = "common/session.rs"]
mod session;

#[derive(Serialize, Deserialize)]
struct Vector<T> {
    hex: String,
    message: T,
}

fn check<T, const LIMIT: usize>(file: &str, samples: Vec<T>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let path = session::vector_path(file);
    if std::env::var_os("FRACAS_WRITE_VECTORS").is_some() {
        let vector = |message| {
            let mut bytes = Vec::new();
            codec::encode(&message, &mut bytes);
            Vector { hex: session::to_hex(&bytes), message }
        };
        let vectors: Vec<_> = samples.into_iter().map(vector).collect();
        let text = serde_json::to_string_pretty(&vectors).expect("plain data") + "\n";
        std::fs::write(&path, text).expect("writes");
    }
    let text = std::fs::read_to_string(&path).expect("the file is there");
    let vectors: Vec<Vector<T>> = serde_json::from_str(&text).expect("the file is a list of vectors");
    assert!(vectors.len() >= 10);
    for Vector { hex, message } in vectors {
        let bytes = session::from_hex(&hex);
        assert_eq!(codec::decode::<T, LIMIT>(&bytes).as_ref(), Ok(&message), "{hex}");
        let mut written = Vec::new();
        codec::encode(&message, &mut written);
        assert_eq!(session::to_hex(&written), hex, "{message:?}");
    }
}

#[test]
fn a_clients_messages_read_and_write_as_ever() {
    check::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>("client_messages.json", samples::client_messages());
}

#[test]
fn the_servers_messages_read_and_write_as_ever() {
    check::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>("server_messages.json", samples::server_messages());
}

#[test]
fn a_recorded_session_leaves_the_recorded_views() {
    let session = session::load();
    let mut replica = Replica::new(session.rules());
    let mut checks = 0;
    for frame in &session.frames {
        let body = replica.apply_frame(&session::from_hex(&frame.hex)).expect("a good frame");
        assert_eq!(replica.tick().0, frame.tick);
        assert_eq!(replica.known().len(), frame.known, "tick {}", frame.tick);
        assert_eq!(replica.hash(), frame.hash, "tick {}", frame.tick);
        checks += u32::from(body.hash_agrees == Some(true));
    }
    assert!(session.frames.len() >= 100 && checks >= 3);
}
