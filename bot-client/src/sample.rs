//! The toy game as this crate's own tests play it, and what its server says.

use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::game::toy::{Breath, MIDDLE, Thing, Wall, Yard};
use fracas_protocol::ids::{EntityId, PlayerId, Token};
use fracas_protocol::name::{Name, NameTable};
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::bits::{BitWriter, Coder};
use fracas_protocol::wire::body::{Anchor, PrivateBlock, code_entry};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{self, FrameHeader};
use fracas_protocol::wire::limits::VISIBLE_MAX;
use fracas_protocol::wire::message::{Limits, ServerClock, ServerMessage, Welcome};

const WALL: Wall = Wall(1000);

/// The entity of the first player, who is the only one.
pub(crate) fn own_id() -> EntityId {
    Yard::IDS.of_player(PlayerId(0))
}

/// A message of the server.
pub(crate) fn message(message: &MessageOf<Yard>) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes);
    bytes
}

/// A welcome as the first player, at 30 Hz on a tick.
pub(crate) fn welcome(tick: u32) -> Vec<u8> {
    message(&ServerMessage::Welcome(Welcome {
        tick_rate: TickRate::HZ_30,
        clock: ServerClock { tick: Tick(tick), ..ServerClock::default() },
        own: Some(own_id()),
        token: Token([0; 16]),
        resumed: false,
        data: Yard::ruleset(TickRate::HZ_30).data().id(),
        world: WALL,
        limits: Limits::default(),
    }))
}

/// A frame that starts afresh, with the first player's runner in the middle of the yard.
pub(crate) fn first_frame(tick: u32) -> Vec<u8> {
    let mut bits = BitWriter::new();
    FrameHeader { bodies: 1, fresh: true, first: Some(Tick(tick)) }.code(&mut bits).expect("a header");
    let follow = Some(Some(own_id()));
    let mut private = PrivateBlock::<Yard> { follow, own: Some(Breath(500)), ..PrivateBlock::default() };
    private.code(WALL, &mut bits).expect("a private block");
    frame::code_leaves(&mut Vec::new(), 0, &mut bits).expect("no leaves");
    bits.count(1, VISIBLE_MAX as u32).expect("an entry");
    let mut anchor = Anchor { follow: Some(own_id()), centre: None };
    let name = Name::parse("bot").expect("a name");
    let code_name = |id, bits: &mut BitWriter| NameTable::default().write(id, &name, bits);
    let runner = Thing { position: MIDDLE, health: 100, ..Thing::default() };
    let yard = Yard::ruleset(TickRate::HZ_30);
    code_entry(yard.rules(), own_id(), &mut anchor, &mut bits, code_name, |_| runner).expect("an entry");
    frame::code_hash(&mut None, &mut bits).expect("no hash");
    bits.finish()
}

/// The frame of the tick after that of the last one, on which all goes on as predicted.
pub(crate) fn next_frame() -> Vec<u8> {
    let mut bits = BitWriter::new();
    FrameHeader::default().code(&mut bits).expect("a header");
    bits.flag(false).expect("nothing private");
    frame::code_leaves(&mut Vec::new(), 1, &mut bits).expect("no leaves");
    bits.flag(false).expect("no delta");
    bits.count(0, VISIBLE_MAX as u32).expect("no entries");
    frame::code_hash(&mut None, &mut bits).expect("no hash");
    bits.finish()
}
