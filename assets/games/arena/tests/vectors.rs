//! The golden vectors: bytes that were written once and must be read, and written, the same way for as long as the
//! protocol's version stays. `FRACAS_WRITE_VECTORS=1` writes anew those that are made here; sessions, and what a server refuses,
//! come from the server's tests, in the same way.

use fracas_arena::rules::{Arena, Entity, FineHeading, Heading, Input, OpenTiles, Own, RailShot, Ship, Thrust};
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf, Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::bits::{BitWriter, Coder, index_bits};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::FrameHeader;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

#[path = "common/samples.rs"]
mod samples;
#[path = "common/session.rs"]
mod session;
#[path = "common/state.rs"]
mod state;
#[path = "common/vector_file.rs"]
mod vector_file;

use state::{OwnState, ShipState, State};

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
    if vector_file::is_written() {
        let vector = |message| Vector { hex: session::to_hex(&encoded(&message)), message };
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

#[test]
fn the_first_five_ticks_of_the_session_are_told_in_full() {
    let session = session::load();
    let mut replica = Replica::new(session.rules());
    let after = session.frames[..5].iter().map(|frame| {
        replica.apply_frame(&session::from_hex(&frame.hex)).expect("a good frame");
        State::from(&replica)
    });
    vector_file::check_list("states.json", &after.collect::<Vec<_>>());
}

/// One tick of an own ship: what its player wants, and what becomes of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Played {
    tick_hz: TickRate,
    tick: u32,
    input: Input,
    ship: ShipState,
    own: OwnState,
}

/// What the player wants on a tick: it flies to all sides and into walls, dashes, and fires until it is drained.
fn wanted(tick: u32) -> Input {
    Input {
        thrust: Thrust::try_from((tick / 9 * 5 % 17) as u8).expect("0 to 16"),
        aim: Heading::new((tick * 37) as u16),
        fire: tick % 50 >= 10,
        dash: tick % 4 == 3,
        rail: (tick % 25 == 5).then(|| RailShot {
            aim: FineHeading::new((tick * 501) as u16),
            view: Tick(tick.saturating_sub(4)).into(),
        }),
    }
}

#[test]
fn an_own_ship_is_played_from_its_inputs_as_ever() {
    let map = session::load().rules().map().clone();
    let mut played = Vec::new();
    for tick_hz in [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60] {
        let mut rules = Arena::on(tick_hz, map.clone());
        rules.set_world(OpenTiles(1)).expect("one tile");
        let (column, row) = map.tile_of_rank(0).expect("a tile");
        let place = |tile: u32, cell: i32| tile as i32 * map.tile_quanta() + (cell << 12) + 2_048;
        // In an open cell with walls beside it.
        let position = Point { x: place(column, 5), y: place(row, 2) };
        let mut entity = Entity::Ship(Ship { position, hull: 100, timer: 60, ..Ship::default() });
        let mut own = Own { energy: 6_000, rail_pause: 20, ..Own::default() };
        for tick in 0..120 {
            let input = if tick == 0 { Input::default() } else { wanted(tick) };
            rules.play(&mut entity, &mut own, &input);
            let Entity::Ship(ship) = &entity else { unreachable!("it stays a ship") };
            played.push(Played { tick_hz, tick, input, ship: ship.into(), own: (&own).into() });
        }
    }
    let count = |is: fn(&Played) -> bool| played.iter().filter(|tick| is(tick)).count();
    assert!(count(|tick| is_set(&tick.ship, "rail")) >= 3, "rails");
    assert!(count(|tick| is_set(&tick.ship, "dash")) >= 9, "dashes");
    assert!(count(|tick| is_set(&tick.own, "drained")) >= 9, "drained");
    vector_file::check_list("own_ship.json", &played);
}

/// Whether a field is neither zero, false nor none.
fn is_set(state: &impl Serialize, field: &str) -> bool {
    let value = &serde_json::to_value(state).expect("plain data")[field];
    value.as_bool().unwrap_or(value.as_i64().is_some_and(|number| number != 0))
}

/// What a client must refuse; a frame, after so many of the recorded session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Refused {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<usize>,
    hex: String,
    why: String,
}

fn refused(after: usize, bytes: &[u8], why: &str) -> Refused {
    Refused { after: Some(after), ..refused_message(bytes, why) }
}

fn refused_message(bytes: &[u8], why: &str) -> Refused {
    Refused { after: None, hex: session::to_hex(bytes), why: why.into() }
}

/// A frame of one body, without private block, that goes on as `write` has it.
fn frame_with(write: impl FnOnce(&mut BitWriter)) -> Vec<u8> {
    let mut bits = BitWriter::new();
    FrameHeader::default().code(&mut bits).expect("writes");
    bits.write(0, 1);
    write(&mut bits);
    bits.finish()
}

/// The session's first frames, broken by a few bits.
fn changed_frames() -> Vec<Refused> {
    let session = session::load();
    let [first, second] = [0, 1].map(|index| session::from_hex(&session.frames[index].hex));
    let change = |change: fn(&mut Vec<u8>)| {
        let mut changed = second.clone();
        change(&mut changed);
        changed
    };
    vec![
        refused(1, &change(|bytes| bytes[0] |= 0x40), "the bit before the mark is not 0"),
        refused(1, &change(|bytes| bytes[0] |= 0x10), "fresh without a tick"),
        refused(1, &change(|bytes| bytes.truncate(bytes.len() - 1)), "the last byte is missing"),
        refused(1, &change(|bytes| bytes.push(0)), "a byte is left over"),
        refused(1, &change(|bytes| *bytes.last_mut().expect("a byte") |= 0x80), "the padding is not 0"),
        refused(1, &change(|bytes| bytes[0] |= 0x0f), "16 bodies are announced and one is there"),
        refused(0, &second, "the first frame does not start afresh"),
        refused(0, &first[..first.len() / 2], "half of a fresh start"),
    ]
}

/// Frames that do not fit what the session's first frame has made known.
fn unfit_frames() -> Vec<Refused> {
    let session = session::load();
    let mut replica = Replica::new(session.rules());
    replica.apply_frame(&session::from_hex(&session.frames[0].hex)).expect("a good frame");
    let is_ship = |id: &EntityId| Arena::is_corrected(*id);
    let known: Vec<_> = replica.known().iter().map(|known| known.id).collect();
    let (ships, ship) = (known.iter().filter(|id| is_ship(id)).count(), known.iter().find(|id| is_ship(id)));
    let two_leaves = |leaves: [u32; 2]| {
        frame_with(|bits| {
            bits.count(2, 8_192).expect("writes");
            leaves.iter().for_each(|place| bits.write(*place, index_bits(known.len())));
            bits.zeros(64);
        })
    };
    // Nothing leaves and no ship has a delta.
    let entry = |id: u32, begin: (u32, u32)| {
        frame_with(|bits| {
            bits.zeros(1 + ships as u32);
            bits.count(1, 8_192).expect("writes");
            bits.write(id, 16);
            bits.write(begin.0, begin.1);
            bits.zeros(160);
        })
    };
    // Nothing leaves, and the first ship's delta is nothing but its hull and a timer.
    let hull = frame_with(|bits| {
        bits.zeros(1);
        bits.write(0b1001, 4);
        bits.write(101, 7);
        bits.zeros(64);
    });
    // It follows nobody, and a pick-up enters.
    let mut afresh = BitWriter::new();
    FrameHeader { bodies: 1, fresh: true, first: Some(Tick(1)) }.code(&mut afresh).expect("writes");
    afresh.zeros(2);
    afresh.count(1, 8_192).expect("writes");
    afresh.zeros(80);
    vec![
        refused(1, &two_leaves([1, 1]), "an entity leaves twice"),
        refused(1, &two_leaves([2, 1]), "the leaves are not in order"),
        refused(1, &frame_with(|bits| bits.write(0x1f_ffff, 21)), "a count of more than four groups"),
        refused(1, &entry(u32::from(ship.expect("a ship").0), (0, 0)), "what enters is known already"),
        // A ship that nobody knows, a flag, and the index.
        refused(1, &entry(36_096, (1 | 127 << 1, 8)), "a name's index that was never filled"),
        refused(1, &hull, "a hull of 101"),
        refused(0, &afresh.finish(), "an entry, and nothing is followed"),
    ]
}

#[test]
fn a_broken_frame_is_refused_and_nothing_counts_until_the_next_fresh_start() {
    let (session, cases) = (session::load(), [changed_frames(), unfit_frames()].concat());
    for Refused { after, hex, why } in &cases {
        let after = after.expect("a place in the session");
        let mut replica = Replica::new(session.rules());
        for frame in &session.frames[..after] {
            replica.apply_frame(&session::from_hex(&frame.hex)).expect("a good frame");
        }
        assert!(replica.apply_frame(&session::from_hex(hex)).is_err(), "{why}: {hex}");
        assert!(!replica.is_live(), "{why}");
        assert!(replica.apply_frame(&session::from_hex(&session.frames[after.max(1)].hex)).is_err(), "{why}");
        replica.apply_frame(&session::from_hex(&session.frames[0].hex)).expect("a fresh start");
    }
    vector_file::check_list("refused_frames.json", &cases);
}

#[test]
fn a_broken_message_of_the_server_is_refused() {
    let good: Vec<_> = samples::server_messages().iter().map(encoded).collect();
    let (welcome, pong, density) = (&good[0], &good[2], &good[6]);
    let but = |bytes: &[u8], at: usize, byte: u8| {
        let mut changed = bytes.to_vec();
        changed[at] = byte;
        changed
    };
    let longer = |bytes: &[u8]| [bytes, &[0]].concat();
    let cases = [
        refused_message(&[4], "there is no message 4"),
        refused_message(&[], "there is nothing"),
        refused_message(&welcome[..welcome.len() - 1], "the last byte is missing"),
        refused_message(&longer(welcome), "a byte is left over"),
        refused_message(&longer(pong), "a byte is left over"),
        refused_message(&but(welcome, 11, 2), "an option that is neither 0 nor 1"),
        refused_message(&[2, 5], "there is no news 5"),
        refused_message(&[2, 2, 1], "a list that ends before its last item"),
        refused_message(
            &[&density[..2], &[251, 6, 0], &density[3..]].concat(),
            "a length that is longer than it need be",
        ),
        refused_message(&[3, 251, 233, 3, 251, 232, 0], "a number below 251 in three bytes"),
        refused_message(&[2, 3, 2, 0xff, 0xfe], "a text that is not UTF-8"),
        refused_message(&[3, 254, 1, 0], "254 begins no number"),
    ];
    for Refused { hex, why, .. } in &cases {
        let read = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&session::from_hex(hex));
        assert!(read.is_err(), "{why}: {hex} is {read:?}");
    }
    vector_file::check_list("refused_messages.json", &cases);
}

fn encoded<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes);
    bytes
}
