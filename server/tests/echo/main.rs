//! RFC 6455 as conformance suites test it, group by group, against the echo example: what the game's sockets do with any peer.

// The example itself, so that what is tested is what suites are run against.
#[path = "../../examples/echo.rs"]
#[expect(dead_code, reason = "its main function is called when it is run as an example")]
mod echo;

mod client;

use client::{BINARY, CLOSE, CONTINUATION, EchoClient, FIN, PING, PONG, TEXT, close_payload, frame};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;

/// Where an echo with this limit listens, as long as the test runs.
struct Echo {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Echo {
    fn start(max_message: usize) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (say, hear) = mpsc::channel();
        let options = echo::EchoOptions { listen: ([127, 0, 0, 1], 0).into(), max_message };
        let thread = std::thread::spawn(move || {
            let listening = |address| say.send(address).expect("the test waits");
            let until = async { drop(stopped.await) };
            echo::serve(&options, listening, until).expect("it serves");
        });
        Self { address: hear.recv().expect("it listens"), stop: Some(stop), thread: Some(thread) }
    }

    fn large() -> Self {
        Self::start(32 << 20)
    }

    fn client(&self) -> EchoClient {
        EchoClient::connect(self.address)
    }

    /// The code with which a new client is closed that says this.
    fn close_after(&self, bytes: &[u8]) -> u16 {
        let mut client = self.client();
        client.say(bytes);
        client.close_code()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the echo failed");
        }
    }
}

#[test]
fn messages_of_every_length_come_back_whole_however_they_are_cut() {
    let echo = Echo::large();
    let mut client = echo.client();
    for opcode in [TEXT, BINARY] {
        for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1 << 20] {
            let payload = vec![b'*'; len];
            client.say(&frame(FIN | opcode, &payload));
            assert_eq!(client.hear(), Some((FIN | opcode, payload)), "{len} bytes");
        }
        let bytes = frame(FIN | opcode, b"cut into single bytes");
        bytes.iter().for_each(|byte| client.say(&[*byte]));
        assert_eq!(client.hear(), Some((FIN | opcode, b"cut into single bytes".to_vec())));
    }
}

#[test]
fn pings_are_answered_with_what_they_hold_and_pongs_are_not() {
    let echo = Echo::large();
    let mut client = echo.client();
    for payload in [&b""[..], b"hello", &[0, 0xff, 0xfe], &[0xfe; 125]] {
        client.say(&frame(FIN | PING, payload));
        assert_eq!(client.hear(), Some((FIN | PONG, payload.to_vec())));
    }
    let many: Vec<u8> = (0..10).flat_map(|number| frame(FIN | PING, &[number])).collect();
    client.say(&frame(FIN | PONG, b"nobody asked"));
    client.say(&many);
    for number in 0..10 {
        assert_eq!(client.hear(), Some((FIN | PONG, vec![number])), "in their order");
    }
    assert_eq!(echo.close_after(&frame(FIN | PING, &[0; 126])), 1002, "too long for a control frame");
}

#[test]
fn reserved_bits_and_opcodes_break_the_protocol_after_what_was_good_is_answered() {
    let echo = Echo::large();
    for reserved in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            assert_eq!(echo.close_after(&frame(FIN | reserved | opcode, b"")), 1002, "{reserved:#x} {opcode}");
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let mut client = echo.client();
        client.say(&[frame(FIN | TEXT, b"good"), frame(FIN | opcode, b"bad"), frame(FIN | PING, b"")].concat());
        let (before, payload) = client.hear_close();
        assert_eq!(before, [(FIN | TEXT, b"good".to_vec())], "opcode {opcode}");
        assert_eq!(payload[..2], 1002_u16.to_be_bytes(), "opcode {opcode}");
    }
    let unmasked = [FIN | TEXT, 2, b'h', b'i'];
    assert_eq!(echo.close_after(&unmasked), 1002);
}

#[test]
fn fragments_become_one_message_and_control_frames_may_come_between() {
    let echo = Echo::large();
    let mut client = echo.client();
    client.say(&frame(TEXT, b"one "));
    client.say(&frame(FIN | PING, b"between"));
    client.say(&frame(CONTINUATION, b""));
    client.say(&frame(CONTINUATION, b"message"));
    client.say(&frame(FIN | PONG, b"between"));
    client.say(&frame(FIN | CONTINUATION, b" of four"));
    assert_eq!(client.hear(), Some((FIN | PONG, b"between".to_vec())));
    assert_eq!(client.hear(), Some((FIN | TEXT, b"one message of four".to_vec())));

    let after = |frames: &[Vec<u8>]| echo.close_after(&frames.concat());
    assert_eq!(after(&[frame(PING, b"in two"), frame(FIN | CONTINUATION, b"")]), 1002, "a control frame in fragments");
    assert_eq!(after(&[frame(FIN | CONTINUATION, b"of nothing")]), 1002);
    assert_eq!(after(&[frame(CONTINUATION, b"of nothing")]), 1002);
    assert_eq!(after(&[frame(TEXT, b"never"), frame(FIN | TEXT, b"ended")]), 1002);
}

#[test]
fn text_must_be_utf_8_whole_or_in_fragments_that_cut_a_character() {
    let echo = Echo::large();
    let words = "κόσμε \u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff} 𝄞 ¡";
    let mut client = echo.client();
    client.say(&frame(FIN | TEXT, words.as_bytes()));
    assert_eq!(client.hear(), Some((FIN | TEXT, words.into())));
    for cut in 0..=words.len() {
        let (start, end) = words.as_bytes().split_at(cut);
        client.say(&[frame(TEXT, start), frame(FIN | CONTINUATION, end)].concat());
        assert_eq!(client.hear(), Some((FIN | TEXT, words.into())), "cut at {cut}");
    }
    let wrong: [&[u8]; 9] = [
        b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited", // a surrogate
        b"\xf4\x90\x80\x80",                       // beyond U+10FFFF
        b"\xc0\xaf",                               // longer than it need be
        b"\xe0\x80\xaf",
        b"\x80",
        b"\xff",
        b"good\xfe",
        b"\xf0\x9d\x84", // ends too soon
        b"\xce",
    ];
    for wrong in wrong {
        assert_eq!(echo.close_after(&frame(FIN | TEXT, wrong)), 1007, "{wrong:x?}");
        let (start, end) = wrong.split_at(wrong.len() / 2);
        let fragments = [frame(TEXT, start), frame(FIN | CONTINUATION, end)].concat();
        assert_eq!(echo.close_after(&fragments), 1007, "{wrong:x?} in two");
        let mut client = echo.client();
        client.say(&frame(FIN | BINARY, wrong));
        assert_eq!(client.hear(), Some((FIN | BINARY, wrong.into())), "anything goes in a binary message");
    }
}

#[test]
fn a_close_is_answered_with_its_own_code_and_a_wrong_one_with_1002() {
    let echo = Echo::large();
    let answer = |payload: &[u8]| {
        let mut client = echo.client();
        client.say(&[frame(FIN | CLOSE, payload), frame(FIN | TEXT, b"too late"), frame(FIN | PING, b"")].concat());
        let (before, answer) = client.hear_close();
        assert!(before.is_empty(), "nothing is answered after a close: {before:?}");
        answer
    };
    assert_eq!(answer(b""), b"");
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        assert_eq!(answer(&close_payload(code, b"bye"))[..2], u16::to_be_bytes(code), "{code}");
    }
    assert_eq!(answer(&close_payload(1000, &[b'x'; 123]))[..2], u16::to_be_bytes(1000), "the longest words");
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(answer(&close_payload(code, b""))[..2], u16::to_be_bytes(1002), "{code}");
    }
    assert_eq!(answer(b"\x03")[..2], u16::to_be_bytes(1002), "half a code");
    assert_eq!(
        answer(&close_payload(1000, b"\xce\xba\xed\xa0\x80"))[..2],
        u16::to_be_bytes(1007),
        "words that are none"
    );
    assert_eq!(answer(&close_payload(1000, &[b'x'; 124]))[..2], u16::to_be_bytes(1002), "126 bytes");
}

#[test]
fn with_the_games_own_limit_just_the_larger_messages_are_too_large() {
    let echo = Echo::start(1024);
    let mut client = echo.client();
    client.say(&frame(FIN | BINARY, &[7; 1024]));
    assert_eq!(client.hear(), Some((FIN | BINARY, vec![7; 1024])));
    let fragments = [frame(BINARY, &[7; 512]), frame(FIN | CONTINUATION, &[7; 512])].concat();
    client.say(&fragments);
    assert_eq!(client.hear(), Some((FIN | BINARY, vec![7; 1024])));
    assert_eq!(echo.close_after(&frame(FIN | BINARY, &[7; 1025])), 1009);
    assert_eq!(echo.close_after(&frame(FIN | BINARY, &[7; 200_000])), 1009, "with much unread behind it");
    let fragments = [frame(BINARY, &[7; 513]), frame(FIN | CONTINUATION, &[7; 512])].concat();
    assert_eq!(echo.close_after(&fragments), 1009, "together");
}

#[test]
fn who_does_not_take_the_answers_is_not_heard_and_gets_them_all_in_the_end() {
    let echo = Echo::start(64 * 1024);
    let mut client = echo.client();
    let mut speaker = client.speaker();
    // Far more than the sockets' buffers and what may wait: it gets stuck until the answers are taken.
    const MESSAGES: u32 = 400;
    let speaking = std::thread::spawn(move || {
        for number in 0..MESSAGES {
            let payload = number.to_le_bytes().repeat(16 * 1024);
            speaker.write_all(&frame(FIN | BINARY, &payload)).expect("it is taken in the end");
        }
    });
    for number in 0..MESSAGES {
        let (_, payload) = client.hear().expect("an answer");
        assert!(payload == number.to_le_bytes().repeat(16 * 1024), "answer {number}");
    }
    speaking.join().expect("all was said");
}
