//! A million random, truncated and bit-flipped inputs for every decoder: each gives a value or a named error, never a
//! panic, and never an allocation beyond what the limits allow.
#![expect(unsafe_code, reason = "a global allocator that counts can only be written with it")]

use fracas_arena::rules::{Arena, News};
use fracas_protocol::WireError;
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf};
use fracas_protocol::name::Name;
use fracas_protocol::replica::{Known, Replica};
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::TickFollower;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, FRAME_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX, VISIBLE_MAX};
use fracas_protocol::wire::message::Hello;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[path = "common/samples.rs"]
mod samples;
#[path = "common/session.rs"]
mod session;

const CASES: u32 = 1_000_000;

/// Counts what each thread holds, and remembers the most.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // A thread that ends frees after its counters are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        MOST.with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call goes on to the system's allocator with the same arguments; counting allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps `dealloc`'s contract, and `pointer` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was held at once while `run` ran, beyond what was held before, in bytes.
fn most_held(run: impl FnOnce()) -> usize {
    let before = HELD.get();
    MOST.set(before);
    run();
    (MOST.get() - before) as usize
}

#[expect(clippy::print_stdout, reason = "the figure is what the test is for")]
fn report(name: &str, accepted: u32) {
    println!("{name}: {CASES} inputs, {accepted} accepted");
}

/// Feeds `decode` with random bytes, and with good messages that were cut, flipped, joined or made longer.
fn attack(name: &str, good: &[Vec<u8>], held_max: usize, mut decode: impl FnMut(&[u8]) -> bool) {
    let (seed, mut bytes, mut accepted) = (0xF0A2_CA5E, Vec::new(), 0);
    let mut rng = Rng::new(seed, 6);
    for case in 0..CASES {
        bytes.clear();
        let model = &good[rng.below(good.len() as u32) as usize];
        match rng.below(6) {
            0 => bytes.extend((0..rng.below(64)).map(|_| rng.below(256) as u8).collect::<Vec<_>>()),
            1 => bytes.extend_from_slice(&model[..rng.below(model.len() as u32 + 1) as usize]),
            2 => {
                let other = &good[rng.below(good.len() as u32) as usize];
                bytes.extend_from_slice(&model[..rng.below(model.len() as u32 + 1) as usize]);
                bytes.extend_from_slice(&other[rng.below(other.len() as u32 + 1) as usize..]);
            }
            3 => {
                bytes.extend_from_slice(model);
                bytes.extend((0..=rng.below(8)).map(|_| rng.below(256) as u8).collect::<Vec<_>>());
            }
            _ => {
                bytes.extend_from_slice(model);
                for _ in 0..=rng.below(4) {
                    let at = rng.below(bytes.len() as u32) as usize;
                    bytes[at] ^= 1 << rng.below(8);
                }
            }
        }
        let held = most_held(|| accepted += u32::from(decode(&bytes)));
        assert!(held <= held_max, "{name}: seed {seed:#x}, case {case} held {held} bytes: {bytes:02x?}");
    }
    report(name, accepted);
    assert!(accepted > 0 && accepted < CASES, "{name}: {accepted} accepted of {CASES}");
}

fn encoded<T: serde::Serialize>(messages: &[T]) -> Vec<Vec<u8>> {
    let encode = |message| {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        bytes
    };
    messages.iter().map(encode).collect()
}

#[test]
fn a_clients_message() {
    let good = encoded(&samples::client_messages());
    attack("client message", &good, 2 * CLIENT_MESSAGE_BYTES_MAX, |bytes| {
        codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(bytes).is_ok()
    });
}

#[test]
fn a_servers_message() {
    let good = encoded(&samples::server_messages());
    attack("server message", &good, 4 * SERVER_MESSAGE_BYTES_MAX, |bytes| {
        codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(bytes).is_ok()
    });
}

#[test]
fn the_beginning_of_a_message_of_another_version() {
    let good = encoded(&samples::client_messages());
    attack("peek", &good, 256, |bytes| codec::peek::<(u32, u16)>(bytes).is_ok());
}

/// What a replica may hold: a full known list twice over (it grows by doubling) and its names.
const REPLICA_MAX: usize = 4 * VISIBLE_MAX * size_of::<Known<Arena>>() + FRAME_BYTES_MAX;

#[test]
fn a_first_frame() {
    let session = session::load();
    let good = [session::from_hex(&session.frames[0].hex)];
    let empty = Replica::new(session.rules());
    attack("first frame", &good, REPLICA_MAX, |bytes| empty.clone().apply_frame(bytes).is_ok());
}

#[test]
fn a_frame_in_the_middle_of_a_session() {
    let session = session::load();
    let frames: Vec<_> = session.frames.iter().map(|frame| session::from_hex(&frame.hex)).collect();
    let mut replica = Replica::new(session.rules());
    for frame in &frames[..80] {
        replica.apply_frame(frame).expect("a good frame");
    }
    // One damaged frame after the other on the same replica, which only now and then is set right: its own state is
    // then as strange as a server could make it.
    let (mut victim, mut since) = (replica.clone(), 0);
    attack("later frame", &frames[80..], REPLICA_MAX, |bytes| {
        since += 1;
        if !victim.is_live() || since > 20 {
            (victim, since) = (replica.clone(), 0);
        }
        victim.apply_frame(bytes).is_ok()
    });
}

#[test]
fn a_frames_header() {
    let session = session::load();
    let good: Vec<_> = session.frames.iter().map(|frame| session::from_hex(&frame.hex)).collect();
    let mut follower = TickFollower::default();
    attack("header", &good, 256, |bytes| follower.follow(bytes).is_ok());
}

#[test]
fn a_name() {
    let good = ["Ada", "Łukasz 🚀", "x", "a b c"].map(|name| name.as_bytes().to_vec());
    attack("name", &good, 1024, |bytes| std::str::from_utf8(bytes).is_ok_and(|text| Name::parse(text).is_ok()));
}

#[test]
fn a_maps_text() {
    let good = session::load().data.into_bytes();
    attack("map", &[good], 2 * 1024 * 1024, |bytes| fracas_arena::rules::Map::from_data(bytes).is_ok());
}

#[test]
fn ten_bytes_that_claim_a_terabyte_are_refused_before_anything_is_allocated() {
    // A hello whose name claims 10^12 bytes: tag, version, then the length as a 64-bit number.
    let bomb = [0, 1, 253, 0, 16, 165, 212, 232, 0, 0, 0];
    let held = most_held(|| {
        let read = codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(&bomb);
        assert_eq!(read, Err(WireError::Malformed));
    });
    assert!(held <= CLIENT_MESSAGE_BYTES_MAX, "{held} bytes");
}

#[test]
fn a_number_that_is_longer_than_it_need_be_is_refused() {
    let read = |bytes: &[u8]| codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(bytes);
    // An acknowledgement of tick 5, then of tick 251, each in its one form and in all longer ones.
    assert!(read(&[2, 5]).is_ok() && read(&[2, 251, 251, 0]).is_ok());
    for longer in [&[2, 251, 5, 0][..], &[2, 252, 5, 0, 0, 0], &[2, 252, 251, 0, 0, 0], &[251, 2, 0, 5]] {
        assert_eq!(read(longer), Err(WireError::Malformed), "{longer:?}");
    }
    // A ping's stamp has 64 bits; a name has a length, and a longer one may not make up for it.
    assert_eq!(read(&[3, 253, 255, 255, 255, 255, 0, 0, 0, 0]), Err(WireError::Malformed));
    let mut hello = Vec::new();
    codec::encode(&ClientMessageOf::<Arena>::Hello(Hello::player("Ada")), &mut hello);
    assert!(read(&hello).is_ok());
    let length_at = hello.iter().position(|byte| *byte == 3).expect("the length of the name");
    hello.splice(length_at..=length_at, [251, 3, 0]);
    assert_eq!(read(&hello), Err(WireError::Malformed));
}

#[test]
fn a_name_with_white_space_around_it_is_refused_in_a_message() {
    let read = |bytes: &[u8]| codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(bytes);
    let news = News::Destroyed { by: Name::parse("Ada").expect("a name") };
    let mut bytes = Vec::new();
    codec::encode(&MessageOf::<Arena>::News(news), &mut bytes);
    assert!(read(&bytes).is_ok());
    // The name stands at the end, after its length.
    bytes[2] += 1;
    bytes.push(b' ');
    assert_eq!(read(&bytes), Err(WireError::Malformed));
}
