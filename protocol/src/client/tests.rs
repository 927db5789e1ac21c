//! A client against a server of a few bytes: what it says, and when.

use super::{Client, ClientOptions};
use crate::game::rules::{ClientMessageOf, MessageOf, Rules};
use crate::game::toy::{Wall, Yard};
use crate::ids::{EntityId, PlayerId, Token};
use crate::tick::{Tick, TickRate};
use crate::wire::bits::{BitWriter, Coder};
use crate::wire::codec;
use crate::wire::frame::{self, FrameHeader};
use crate::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, VISIBLE_MAX};
use crate::wire::message::{ClientMessage, Hello, Limits, Pong, ServerClock, ServerMessage, Welcome};

/// A spectator that was let in on tick 100: it has no inputs, so all it says are acks and pings.
fn joined() -> Client<Yard> {
    let_in(100, None)
}

/// A client that was let in on a tick.
fn let_in(tick: u32, own: Option<EntityId>) -> Client<Yard> {
    let rules = Yard::ruleset(TickRate::HZ_30);
    let welcome: MessageOf<Yard> = ServerMessage::Welcome(Welcome {
        tick_rate: TickRate::HZ_30,
        clock: ServerClock { tick: Tick(tick), ..ServerClock::default() },
        own,
        token: Token([0; 16]),
        resumed: false,
        data: rules.data().id(),
        world: Wall(1),
        limits: Limits::default(),
    });
    let mut bytes = Vec::new();
    codec::encode(&welcome, &mut bytes);
    let mut client = Client::new(rules, Hello::player("Ada"), ClientOptions::default());
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
fn acks(client: &mut Client<Yard>) -> Vec<u32> {
    let messages = std::iter::from_fn(|| client.take_outgoing());
    let acks = messages.filter_map(|bytes| {
        match codec::decode::<ClientMessageOf<Yard>, CLIENT_MESSAGE_BYTES_MAX>(&bytes).expect("our own") {
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

/// A whole frame that starts afresh and knows nothing.
fn fresh_frame(tick: u32) -> Vec<u8> {
    let mut bits = BitWriter::new();
    FrameHeader { bodies: 1, fresh: true, first: Some(Tick(tick)) }.code(&mut bits).expect("a header");
    bits.flag(false).expect("nothing private");
    frame::code_leaves(&mut Vec::new(), 0, &mut bits).expect("no leaves");
    bits.count(0, VISIBLE_MAX as u32).expect("no entries");
    frame::code_hash(&mut None, &mut bits).expect("no hash");
    bits.finish()
}

/// Plays for two seconds at a server whose tick is `first` in the welcome and `later` in each pong. Returns the
/// messages said, and how often the client wanted to be called again.
fn play_at(first: u32, later: u32) -> (usize, u32) {
    let mut client = let_in(first, Some(Yard::IDS.of_player(PlayerId(0))));
    client.receive(0, &fresh_frame(first.saturating_add(1))).expect("a frame");
    let (mut now_us, mut said, mut calls) = (0, 0, 0);
    while now_us < 2_000_000 {
        calls += 1;
        client.advance(now_us);
        while let Some(message) = client.take_outgoing() {
            said += 1;
            let decoded = codec::decode::<ClientMessageOf<Yard>, CLIENT_MESSAGE_BYTES_MAX>(&message).expect("our own");
            if let ClientMessage::Ping(ping) = decoded {
                let clock = ServerClock { tick: Tick(later), hold_us: 0, phase_us: u32::MAX };
                let pong: MessageOf<Yard> = ServerMessage::Pong(Pong { stamp: ping.stamp, clock, work_us: u32::MAX });
                let mut bytes = Vec::new();
                codec::encode(&pong, &mut bytes);
                client.receive(now_us, &bytes).expect("a pong");
            }
        }
        let wake_us = client.wake_us(now_us);
        assert!(!(client.is_tick_due(now_us) && wake_us > now_us));
        // A host whose timers are no finer than 100 us.
        now_us = wake_us.max(now_us + 100);
        assert!(calls < 1000, "it wants to be called all the time, at {now_us} us");
    }
    (said, calls)
}

#[test]
fn a_server_that_jumps_through_time_does_not_keep_a_client_busy() {
    let ticks = [0, 5, 1 << 31, u32::MAX - 60, u32::MAX - 1, u32::MAX];
    for first in ticks {
        for later in ticks {
            let (said, calls) = play_at(first, later);
            assert!(said < 150 && calls < 300, "{first} then {later}: {said} messages, {calls} calls in two seconds");
        }
    }
}
