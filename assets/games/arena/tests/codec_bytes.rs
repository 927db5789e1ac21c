//! wincode writes and reads the same bytes as bincode, so that the frozen crate can be replaced in one file without a
//! change of the wire. wincode knows no serde, so mirrors of the message types have its derives; a mirror gets its value
//! through JSON, which fails if it does not look like the real one.

use fracas_arena::rules::Arena;
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wincode::config::Configuration;
use wincode::{SchemaRead, SchemaWrite};

#[path = "common/samples.rs"]
mod samples;

/// The mirrors. Newtypes of a number are the number.
mod mirror {
    use super::{Deserialize, SchemaRead, SchemaWrite, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) enum ClientMessage {
        Hello(Hello),
        Inputs(Inputs),
        Ack(u32),
        Ping(Ping),
        FreshStart,
        Goodbye,
        Hide,
        Show,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Hello {
        version: u16,
        name: String,
        token: Option<[u8; 16]>,
        room: String,
        role: Role,
        aspect: Aspect,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) enum Role {
        Player,
        Spectator,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) enum Aspect {
        Tall,
        Square,
        Wide,
        Ultrawide,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Inputs {
        ack: u32,
        tick: u32,
        input: Input,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Input {
        thrust: u8,
        aim: u16,
        fire: bool,
        dash: bool,
        rail: Option<RailShot>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct RailShot {
        aim: u16,
        view: (u32, u8),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Ping {
        stamp: u64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) enum ServerMessage {
        Welcome(Welcome),
        Pong(Pong),
        News(News),
        Goodbye(Goodbye),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Welcome {
        tick_rate: u8,
        clock: ServerClock,
        own: Option<u16>,
        token: [u8; 16],
        resumed: bool,
        data: u32,
        world: u16,
        limits: Limits,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Limits {
        message_bytes_max: u16,
        frame_bytes_max: u32,
        visible_max: u16,
        inputs_ahead_max: u8,
        silence_max_ms: u16,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Pong {
        stamp: u64,
        clock: ServerClock,
        work_us: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct ServerClock {
        hold_us: u32,
        tick: u32,
        phase_us: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Goodbye {
        code: u16,
        retry_after_ms: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) enum News {
        Leaderboard { players: u16, rows: Vec<Row> },
        KillFeed { kills: Vec<Kill>, more: u16 },
        Density(Vec<u8>),
        Destroyed { by: String },
        Rail { tick: u32, hit: Option<u16> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Row {
        name: String,
        score: u16,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, SchemaWrite, SchemaRead)]
    pub(crate) struct Kill {
        killer: String,
        victim: String,
    }
}

fn mirrored<T: DeserializeOwned>(message: &impl Serialize) -> T {
    let json = serde_json::to_value(message).expect("messages are plain data");
    serde_json::from_value(json).expect("the mirror looks like the message")
}

#[test]
fn a_clients_messages_have_the_same_bytes_in_wincode() {
    let config = Configuration::default().with_varint_encoding();
    for message in samples::client_messages() {
        let mut bytes = Vec::new();
        codec::encode(&message, &mut bytes);
        let mirror: mirror::ClientMessage = mirrored(&message);
        assert_eq!(wincode::config::serialize(&mirror, config).expect("encodes"), bytes, "{message:?}");
        let read: mirror::ClientMessage = wincode::config::deserialize_exact(&bytes, config).expect("decodes");
        assert_eq!(read, mirror);
        let own = codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(&bytes);
        assert_eq!(own, Ok(message));
    }
}

#[test]
fn the_servers_messages_have_the_same_bytes_in_wincode() {
    let config = Configuration::default().with_varint_encoding();
    for message in samples::server_messages() {
        let mut bytes = Vec::new();
        codec::encode(&message, &mut bytes);
        let mirror: mirror::ServerMessage = mirrored(&message);
        assert_eq!(wincode::config::serialize(&mirror, config).expect("encodes"), bytes, "{message:?}");
        let read: mirror::ServerMessage = wincode::config::deserialize_exact(&bytes, config).expect("decodes");
        assert_eq!(read, mirror);
        let own = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&bytes);
        assert_eq!(own, Ok(message));
    }
}
