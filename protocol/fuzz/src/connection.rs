//! A connection of the server, from the first byte after the upgrade: whatever comes, in whatever pieces, the event loop goes on,
//! the room has at most one ship for it, and soon after its end nothing is left of it.
#![no_main]

#[path = "../../../server/tests/event_loop/stage.rs"]
#[allow(dead_code, reason = "the server's tests use the rest")]
mod stage;

use fracas_fuzz::{Steps, number};
use libfuzzer_sys::fuzz_target;
use stage::LoopStage;
use std::cell::RefCell;
use std::io::Write;

/// Connections in one room, before it is looked at and made anew: a lost ship waits for a minute.
const CONNECTIONS_PER_ROOM: u32 = 64;
/// A close is waited for no longer.
const LINGER_TICKS: u32 = 20 * 3;
/// What its pipe holds.
const PIPE_BYTES: usize = 64 * 1024;

thread_local! {
    static ROOM: RefCell<(LoopStage, u32)> = RefCell::new((LoopStage::new(), 0));
}

fuzz_target!(|data: &[u8]| {
    ROOM.with_borrow_mut(|(stage, connections)| {
        connect(stage, data);
        *connections += 1;
        if *connections == CONNECTIONS_PER_ROOM {
            stage.run(LINGER_TICKS);
            assert_eq!(stage.metric("fracas_connections"), 0.0);
            (*stage, *connections) = (LoopStage::new(), 0);
        }
    });
});

fn connect(stage: &mut LoopStage, data: &[u8]) {
    let before = stage.room().headcount().people;
    let mut steps = Steps(data);
    // The first comes with the handshake.
    let leftover = steps.next().map_or(&[][..], |(_, bytes)| bytes);
    let mut peer = stage.connect_through(PIPE_BYTES, leftover);
    for (what, bytes) in steps.take(32) {
        match what % 4 {
            // Full or closed by the server: then it is not taken.
            0 | 1 => drop(peer.socket.get_mut().write_all(bytes)),
            2 => stage.run(number(bytes) as u32 % 32),
            _ => drop(peer.hear()),
        }
        assert!(stage.room().headcount().people <= before + 1, "one connection, one ship");
    }
    stage.tick();
    peer.cut();
    stage.tick();
}
