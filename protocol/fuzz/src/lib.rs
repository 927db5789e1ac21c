//! What the targets share: an input read as steps, and the recorded session that brings a replica or a client to where there
//! is something to get wrong.

#[path = "../../../assets/games/arena/tests/common/session.rs"]
mod session;

use fracas_arena::rules::{Arena, OpenTiles};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::wire::message::{Limits, ServerClock, ServerMessage, Welcome};
use std::sync::OnceLock;

/// An input as steps: a byte that says what to do, and bytes to do it with (two bytes of length, then so many).
pub struct Steps<'a>(pub &'a [u8]);

impl<'a> Iterator for Steps<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[what, low, high], rest) = self.0.split_first_chunk()?;
        let len = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (bytes, rest) = rest.split_at(len);
        self.0 = rest;
        Some((what, bytes))
    }
}

/// A number of up to two bytes.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(2).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The session among the protocol's vectors: the rules, and the frames that one player got.
pub fn recorded() -> &'static (Ruleset<Arena>, Vec<Vec<u8>>) {
    static RECORDED: OnceLock<(Ruleset<Arena>, Vec<Vec<u8>>)> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let text = include_str!("../../vectors/session.json");
        let session: session::Session = serde_json::from_str(text).expect("the file is a session");
        let frames = session.frames.iter().map(|frame| session::from_hex(&frame.hex)).collect();
        (session.ruleset(), frames)
    })
}

/// The welcome that comes before such a session.
pub fn welcome(rules: &Ruleset<Arena>) -> MessageOf<Arena> {
    ServerMessage::Welcome(Welcome {
        tick_rate: rules.rate(),
        clock: ServerClock::default(),
        own: Some(EntityId(0)),
        token: Token([7; 16]),
        resumed: false,
        data: rules.data().id(),
        world: OpenTiles(1),
        limits: Limits::default(),
    })
}
