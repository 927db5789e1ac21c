//! A client against a server of a few bytes: what it says, and when.

use super::{Client, Options};
use crate::arena::{Arena, Map, OpenTiles};
use crate::bits::BitWriter;
use crate::codec;
use crate::frame::FrameHeader;
use crate::ids::Token;
use crate::limits::CLIENT_MESSAGE_BYTES_MAX;
use crate::message::{ClientMessage, Hello, Limits, ServerClock, ServerMessage, Welcome};
use crate::rules::{ClientMessageOf, MessageOf, Rules};
use crate::tick::{Tick, TickRate};

/// A spectator that was let in on tick 100: it has no inputs, so all it says are acks and pings.
fn joined() -> Client<Arena> {
    let map = Map::new(&vec![vec![false; 8]; 8]).expect("a map");
    let rules = Arena::new(TickRate::HZ_30, map);
    let welcome: MessageOf<Arena> = ServerMessage::Welcome(Welcome {
        tick_rate: TickRate::HZ_30,
        clock: ServerClock { tick: Tick(100), ..ServerClock::default() },
        own: None,
        token: Token([0; 16]),
        resumed: false,
        map: rules.map_id(),
        world: OpenTiles(1),
        limits: Limits::default(),
    });
    let mut bytes = Vec::new();
    codec::encode(&welcome, &mut bytes);
    let mut client = Client::new(rules, Hello::player("Ada"), Options::default());
    client.receive(0, &bytes).expect("a welcome");
    client
}

/// The header of a frame of one body, and no body: its tick counts all the same.
fn frame_of(tick: u32) -> Vec<u8> {
    let mut bits = BitWriter::new();
    let mut header = FrameHeader { first: Some(Tick(tick)), ..FrameHeader::default() };
    header.code(&mut bits).expect("a header");
    bits.finish()
}

/// The ticks of the acks that go out.
fn acks(client: &mut Client<Arena>) -> Vec<u32> {
    let messages = std::iter::from_fn(|| client.take_outgoing());
    let acks = messages.filter_map(|bytes| {
        match codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(&bytes).expect("our own") {
            ClientMessage::Ack(tick) => Some(tick.0),
            _ => None,
        }
    });
    acks.collect()
}

#[test]
fn the_newest_of_a_burst_is_acknowledged_though_no_message_and_no_timer_follows_it() {
    let mut client = joined();
    client.advance(0);
    acks(&mut client);
    // After a stall of two seconds all that waited comes at once, and then nothing more: the server waits for the ack.
    for tick in 101..=160 {
        client.receive(2_000_000, &frame_of(tick)).expect("a frame");
        client.advance(2_000_000);
    }
    assert_eq!(acks(&mut client), [0; 0], "a ping has just gone out, so it is not silent");
    client.acknowledge(2_000_000);
    assert_eq!(acks(&mut client), [160]);
    client.acknowledge(2_000_000);
    assert_eq!(acks(&mut client), [0; 0], "once is enough");
}
