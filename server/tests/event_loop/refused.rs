//! What a client says that the server refuses, and how it closes: as the protocol's vectors have it, for who writes a client.

use crate::stage::LoopStage;
use fracas_protocol::game::rules::ClientMessageOf;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::PROTOCOL_VERSION;
use fracas_protocol::wire::message::{ClientMessage, Hello};
use serde::{Deserialize, Serialize};

#[path = "../../../assets/games/arena/tests/common/session.rs"]
mod session;
#[path = "../../../assets/games/arena/tests/common/vector_file.rs"]
mod vector_file;

/// When a client says it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum After {
    /// As its first message.
    Handshake,
    /// Right behind its hello.
    Hello,
    Welcome,
}

/// What a client says, and the code that it is closed with.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Refused {
    after: After,
    /// Whether the bytes are whole WebSocket frames; if not, a binary message.
    raw: bool,
    hex: String,
    close: u16,
    why: String,
}

type Said = ClientMessageOf<fracas_arena::rules::Arena>;

fn encoded(message: &Said) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes);
    bytes
}

fn hello(change: impl FnOnce(&mut Hello)) -> Vec<u8> {
    let mut hello = Hello::player("Ada");
    change(&mut hello);
    encoded(&Said::Hello(hello))
}

/// Says it to a server, and hears how that closes.
fn close_of(after: After, raw: bool, bytes: &[u8]) -> Option<u16> {
    let mut stage = LoopStage::new();
    let mut peer = stage.connect();
    if after != After::Handshake {
        peer.say(&ClientMessage::Hello(Hello::player("Ada")));
    }
    if after == After::Welcome {
        stage.tick();
        peer.hear();
    }
    if raw {
        peer.say_raw(bytes);
    } else {
        peer.say_bytes(bytes.to_vec());
    }
    for _ in 0..3 {
        stage.tick();
        peer.hear();
    }
    peer.code()
}

fn cases() -> Vec<Refused> {
    let mut cases = Vec::new();
    let mut add = |after: After, raw: bool, bytes: &[u8], why: &str| {
        let close = close_of(after, raw, bytes).unwrap_or_else(|| panic!("nothing is wrong with {why}"));
        cases.push(Refused { after, raw, hex: session::to_hex(bytes), close, why: why.into() });
    };
    let plain = hello(|_| ());
    let mut first = |bytes: &[u8], why: &str| add(After::Handshake, false, bytes, why);
    first(&[], "an empty message");
    first(&[2, 5], "the first message is no hello");
    first(&hello(|hello| hello.version = PROTOCOL_VERSION + 1), "another version");
    first(&[0, 9, 1, 2, 3], "another version, whose hello goes on differently");
    first(&hello(|hello| hello.name.clear()), "an empty name");
    first(&hello(|hello| hello.name = "x".repeat(21)), "a name of 21 characters");
    first(&hello(|hello| hello.name = "a\u{202e}b".into()), "a name with a character that turns the direction");
    first(&hello(|hello| hello.room = "attic".into()), "a room that is not there");
    first(&[&plain[..], &[0]].concat(), "a byte is left over");
    first(&plain[..plain.len() - 1], "the last byte is missing");
    first(&[&plain[..plain.len() - 1], &[4]].concat(), "aspect 4");
    first(&[&plain[..plain.len() - 2], &[2, 2]].concat(), "role 2");
    first(&[&plain[..2], &[251, 3, 0], &plain[3..]].concat(), "a length that is longer than it need be");
    first(&[0, PROTOCOL_VERSION as u8, 2, 0xff, 0xfe], "a name that is not UTF-8");
    add(After::Hello, false, &[2, 5], "a message before the welcome");
    let mut then = |bytes: &[u8], why: &str| add(After::Welcome, false, bytes, why);
    then(&plain, "a second hello");
    then(&[8], "there is no message 8");
    then(&[251, 2, 0, 5], "the message's number is longer than it need be");
    then(&[2, 251, 5, 0], "an acknowledgement in three bytes for one");
    then(&[2, 252, 251, 0, 0, 0], "an acknowledgement in five bytes for three");
    then(&[2, 253, 0, 0, 0, 0, 1, 0, 0, 0], "a tick of more than 32 bits");
    then(&[2, 254, 5, 0], "254 begins no number");
    then(&[3], "a ping without a stamp");
    then(&[4, 0], "a byte is left over");
    then(&[1, 0, 5, 17, 0, 0, 0, 0], "thrust 17");
    then(&[1, 0, 5, 0, 251, 0, 4, 0, 0, 0], "aim 1,024");
    then(&[1, 0, 5, 0, 251, 250, 0, 0, 0, 0], "an aim of 250 in three bytes");
    then(&[1, 0, 5, 0, 0, 2, 0, 0], "a bool that is 2");
    then(&[1, 0, 5, 0, 0, 0, 0, 2], "an option that begins with 2");
    then(&[1, 0, 5, 0, 0, 0, 0, 1, 251, 0, 64, 3, 0], "a rail's aim of 16,384");
    then(&[1, 0, 5, 0, 0, 0, 0, 1, 0, 3, 16], "a view's part 16");
    let mut raw = |bytes: &[u8], why: &str| add(After::Welcome, true, bytes, why);
    raw(&[0x82, 0x01, 0x00], "a frame without a mask");
    raw(&[0x83, 0x80, 0, 0, 0, 0], "an opcode that does not exist");
    raw(&[0xc2, 0x80, 0, 0, 0, 0], "a reserved bit");
    raw(&[0x80, 0x80, 0, 0, 0, 0], "a continuation of nothing");
    raw(&[0x82, 0xfe, 0x04, 0x01, 0, 0, 0, 0], "1,025 bytes are announced");
    raw(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'], "a text");
    raw(&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], "a text that is not UTF-8");
    cases
}

#[test]
fn what_a_client_must_not_say_is_closed_with_the_code_of_the_vectors() {
    vector_file::check_list("refused_clients.json", &cases());
}
