//! A client that has been let in, fed with whatever a server could send, at whatever times: it speaks only such messages as a
//! server can read, and no more of them than a server takes.
#![no_main]

use fracas_arena::rules::{Arena, Input};
use fracas_fuzz::{Steps, number, recorded, welcome};
use fracas_protocol::client::{Client, ClientOptions};
use fracas_protocol::game::rules::ClientMessageOf;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::Hello;
use libfuzzer_sys::fuzz_target;

/// What a client may have to say at one time.
const SAID_MAX: usize = 64;

fuzz_target!(|data: &[u8]| {
    let (rules, session) = recorded();
    let mut client =
        Client::new(rules.clone(), Hello::player("fuzz"), ClientOptions { display_ticks: 2, input_hz: None });
    let mut now_us = 1_000_000;
    client.advance(now_us);
    let mut hello = Vec::new();
    codec::encode(&welcome(rules), &mut hello);
    now_us += 20_000;
    client.receive(now_us, &hello).expect("a good welcome");
    for (what, bytes) in Steps(data).take(256) {
        let received = match what % 5 {
            0 => client.receive(now_us, bytes),
            1 => client.receive(now_us, &session[number(bytes) as usize % session.len()]),
            2 => {
                now_us += 100 * number(bytes);
                client.advance(now_us);
                Ok(())
            }
            3 => {
                if let Ok(input) = codec::decode::<Input, 16>(bytes) {
                    client.set_input(input);
                }
                Ok(())
            }
            _ => {
                if client.is_hidden() {
                    client.show(now_us)
                } else {
                    client.hide(now_us)
                };
                Ok(())
            }
        };
        while client.take_event().is_some() {}
        let said: Vec<_> = std::iter::from_fn(|| client.take_outgoing()).collect();
        assert!(said.len() <= SAID_MAX, "{} messages at once", said.len());
        for message in said {
            codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(&message).expect("a message");
        }
        // The host closes then.
        if received.is_err() {
            return;
        }
    }
});
