//! The client as a host drives it: what it measures and when it wants to be called, against frames written by hand.

use fracas_arena::rules::{Arena, Input, Map, OpenTiles, ship_id};
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::ids::Token;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::bits::BitWriter;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{FrameHeader, InputReport};
use fracas_protocol::wire::message::{ClientMessage, Hello, Limits, ServerClock, ServerMessage, Welcome};

const RATE: TickRate = TickRate::HZ_30;

fn client() -> Client<Arena> {
    let map = Map::new(&vec![vec![false; 8]; 8]).expect("a map");
    let mut client = Client::new(Arena::ruleset(RATE, &map), Hello::player("client"), ClientOptions::default());
    client.advance(0);
    assert!(client.take_outgoing().is_some(), "the hello");
    client
}

fn let_in(client: &mut Client<Arena>) {
    let welcome: MessageOf<Arena> = ServerMessage::Welcome(Welcome {
        tick_rate: RATE,
        clock: ServerClock { tick: Tick(0), ..ServerClock::default() },
        own: Some(ship_id(0)),
        token: Token([0; 16]),
        resumed: false,
        data: Arena::ruleset(RATE, client.replica().rules().map()).data().id(),
        world: OpenTiles(1),
        limits: Limits::default(),
    });
    let mut bytes = Vec::new();
    codec::encode(&welcome, &mut bytes);
    client.receive(0, &bytes).expect("a welcome");
}

/// A frame of one body without entities. The first one starts afresh.
fn frame(tick: Tick, report: InputReport) -> Vec<u8> {
    let mut bits = BitWriter::new();
    let fresh = tick == Tick(1);
    FrameHeader { bodies: 1, fresh, first: Some(tick) }.code(&mut bits).expect("a header");
    // Private, with a report and nothing else.
    [true, false, false, true].iter().for_each(|&flag| bits.write(u32::from(flag), 1));
    { report }.code(&mut bits).expect("a report");
    // No own state, no leaves, no entries, no hash.
    bits.write(0, 4);
    bits.finish()
}

/// The ticks for which inputs were sent.
fn inputs(client: &mut Client<Arena>) -> Vec<Tick> {
    let messages = std::iter::from_fn(|| client.take_outgoing());
    let inputs = messages.filter_map(|bytes| match codec::decode::<ClientMessage<Input>, 1024>(&bytes) {
        Ok(ClientMessage::Inputs(inputs)) => Some(inputs.tick),
        _ => None,
    });
    inputs.collect()
}

/// Times from sending an input to the body that showed it applied, in microseconds.
fn applied(client: &mut Client<Arena>) -> Vec<u64> {
    let events = std::iter::from_fn(|| client.take_event());
    events.filter_map(|event| if let Event::InputApplied { us } = event { Some(us) } else { None }).collect()
}

#[test]
fn inputs_that_come_late_or_are_overtaken_are_measured_with_all_their_delay() {
    let mut client = client();
    let_in(&mut client);
    let none = InputReport { age: InputReport::AGE_MAX, lead: 0 };
    client.receive(33_000, &frame(Tick(1), none)).expect("a frame");
    // Three ticks' inputs, each sent at a time of its own.
    let (mut sent, mut now_us) = (Vec::new(), 40_000);
    while sent.len() < 3 {
        client.advance(now_us);
        sent.extend(inputs(&mut client).into_iter().map(|tick| (tick, now_us)));
        now_us += 1_000;
    }
    let [(first, first_us), (second, second_us), (third, third_us)] = sent[..] else { unreachable!("three") };
    client.receive(500_000, &frame(first, none)).expect("a frame");
    assert_eq!(applied(&mut client), [0; 0], "not there yet");
    client.receive(600_000, &frame(first.next(), InputReport { age: 1, lead: -1 })).expect("a frame");
    assert_eq!(applied(&mut client), [600_000 - first_us], "late by a tick");
    // The server lost time: the tick of the second input was never run.
    assert_eq!(third, second.next());
    client.receive(900_000, &frame(third, InputReport::default())).expect("a frame");
    assert_eq!(applied(&mut client), [900_000 - second_us, 900_000 - third_us]);
}

#[test]
fn a_client_that_waits_for_the_welcome_does_not_want_to_be_called_all_the_time() {
    let mut client = client();
    for now_us in [0, 1_000_000, 5_000_000] {
        client.advance(now_us);
        assert_eq!(client.wake_us(now_us), now_us + 100_000);
    }
    let_in(&mut client);
    assert!(client.wake_us(5_000_000) <= 5_100_000);
}
