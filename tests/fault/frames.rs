//! Frames that break the protocol, with more behind them that is never read: the code that is meant is the code received.

use crate::Size;
use crate::stand::{Cohort, in_parallel};
use anyhow::Result;
use fracas_arena::rules::Input;
use fracas_protocol::wire::message::{ClientMessage, Hello};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, frame, loopback, message};
use fracas_tests::verdict::VerdictRow;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// At the same time; each waits for two ticks.
const THREADS: usize = 64;
/// What follows the bad frame and is never read, in bytes.
const BEHIND_BYTES: usize = 24 * 1024;
/// The largest message, and one byte more.
const TOO_LONG: usize = 1025;

/// A way to break the protocol.
struct Fault {
    what: &'static str,
    /// The code that it must be told.
    code: u16,
    bytes: fn() -> Vec<u8>,
}

const fn fault(what: &'static str, code: u16, bytes: fn() -> Vec<u8>) -> Fault {
    Fault { what, code, bytes }
}

/// All of them.
const FAULTS: [Fault; 17] = [
    fault("not masked", 1002, || vec![0x82, 1, 0]),
    fault("a reserved bit", 1002, || frame(0xc2, &[1, 2, 3])),
    fault("a reserved opcode", 1002, || frame(0x83, &[1])),
    fault("a reserved control opcode", 1002, || frame(0x8b, &[])),
    fault("a ping of 126 bytes", 1002, || frame(0x89, &[0; 126])),
    fault("a ping in parts", 1002, || frame(0x09, &[1])),
    fault("a continuation of nothing", 1002, || frame(0x80, &[1])),
    fault("a message inside another", 1002, || [frame(0x02, &[1]), frame(0x82, &[1])].concat()),
    fault("a close with a code that is none", 1002, || frame(0x88, &999_u16.to_be_bytes())),
    fault("a close of one byte", 1002, || frame(0x88, &[3])),
    fault("a text that is not UTF-8", 1007, || frame(0x81, &[0xff, 0xfe])),
    fault("a message that is too long", 1009, || frame(0x82, &[7; TOO_LONG])),
    fault("a message too long in parts", 1009, || {
        [frame(0x02, &[7; TOO_LONG / 2]), frame(0x00, &[7; TOO_LONG / 2]), frame(0x80, &[7; 2])].concat()
    }),
    fault("a claim of 16 MiB", 1009, || vec![0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
    fault("a claim of 2^62 bytes", 1009, || vec![0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    fault("a text", 4501, || frame(0x81, b"hello")),
    fault("a message that is none", 4501, || frame(0x82, &[42, 42])),
];

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let count = size.pick(10_000, 340);
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, 30, Duration::from_secs(size.pick(30, 5) as u64), &[]);
    cohort.wait(&server);
    let told = in_parallel(count, THREADS, |number| break_protocol(server.game, number));
    let mut wrong: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, _) in told.iter().filter(|(_, is_right)| !is_right) {
        *wrong.entry(what).or_default() += 1;
    }
    let right = told.iter().filter(|(_, is_right)| *is_right).count() as u64;
    let others: String = wrong.iter().map(|(what, times)| format!(" (not so: {what}, {times} times)")).collect();
    let what = format!("bad frames that were told the code meant{others}");
    let mut rows = vec![VerdictRow::percent(what, right, count as u64, 99.9, true)];
    rows.extend(cohort.finish()?.unharmed());
    Ok(rows)
}

/// Breaks it in one of the ways, every third time as a player. Which way, and whether the code was the one meant.
fn break_protocol(address: SocketAddr, number: usize) -> (&'static str, bool) {
    let fault = &FAULTS[number % FAULTS.len()];
    let attempt = || -> io::Result<Option<u16>> {
        let mut raw = if number.is_multiple_of(3) {
            Raw::join(address, loopback(number), "breaker")?.0
        } else {
            Raw::open(address, loopback(number))?
        };
        let mut bytes = (fault.bytes)();
        let hello = message(&ClientMessage::<Input>::Hello(Hello::player("behind")));
        while bytes.len() < BEHIND_BYTES {
            bytes.extend_from_slice(&hello);
        }
        raw.say(&bytes)?;
        Ok(raw.close_code())
    };
    (fault.what, attempt().ok().flatten() == Some(fault.code))
}
