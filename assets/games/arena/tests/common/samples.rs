//! One of every control message, with small and large values.

use fracas_arena::rules::news::{KILL_FEED_LEN, LEADERBOARD_LEN};
use fracas_arena::rules::news::{Kill, LeaderboardRow};
use fracas_arena::rules::{Arena, FineHeading, Heading, Input, News, OpenTiles, RailShot, Thrust};
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf};
use fracas_protocol::ids::{DataId, EntityId, Token};
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate, ViewTime};
use fracas_protocol::wire::limits::PROTOCOL_VERSION;
use fracas_protocol::wire::message::{
    Aspect, ClientMessage, Goodbye, Hello, Inputs, Limits, Ping, Pong, Role, ServerClock, ServerMessage, Welcome,
};

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

pub(crate) fn client_messages() -> Vec<ClientMessageOf<Arena>> {
    let full = Hello {
        version: PROTOCOL_VERSION,
        name: "Łukasz 🚀".into(),
        token: Some(Token(std::array::from_fn(|i| i as u8 * 17))),
        room: "main".into(),
        role: Role::Spectator,
        aspect: Aspect::Ultrawide,
    };
    let input = |thrust: u8, aim, fire| Input {
        thrust: Thrust::try_from(thrust).expect("0 to 16"),
        aim: Heading::new(aim),
        fire,
        ..Input::default()
    };
    let rail = |aim, view| Some(RailShot { aim: FineHeading::new(aim), view: ViewTime::from_sixteenths(view) });
    vec![
        ClientMessage::Hello(Hello::player("Ada")),
        ClientMessage::Hello(full),
        ClientMessage::Inputs(Inputs { ack: Tick(0), tick: Tick(2), input: input(0, 0, false) }),
        ClientMessage::Inputs(Inputs { ack: Tick(250), tick: Tick(251), input: input(16, 1023, true) }),
        ClientMessage::Inputs(Inputs { ack: Tick(65_535), tick: Tick(65_536), input: input(1, 251, true) }),
        ClientMessage::Inputs(Inputs { ack: Tick(u32::MAX - 1), tick: Tick(u32::MAX), input: input(9, 512, false) }),
        ClientMessage::Inputs(Inputs {
            ack: Tick(300),
            tick: Tick(306),
            input: Input { dash: true, ..input(5, 100, false) },
        }),
        ClientMessage::Inputs(Inputs {
            ack: Tick(70_000),
            tick: Tick(70_006),
            input: Input { rail: rail(16_383, 16 * 69_998 + 5), ..input(0, 1023, true) },
        }),
        ClientMessage::Ack(Tick(108_000)),
        ClientMessage::Ping(Ping { stamp: 123_456_789_012 }),
        ClientMessage::FreshStart,
        ClientMessage::Goodbye,
        ClientMessage::Hide,
        ClientMessage::Show,
    ]
}

pub(crate) fn server_messages() -> Vec<MessageOf<Arena>> {
    let welcome = Welcome {
        tick_rate: TickRate::HZ_30,
        clock: ServerClock { hold_us: 900, tick: Tick(4711), phase_us: 1_200 },
        own: Some(EntityId(4104)),
        token: Token(*b"0123456789abcdef"),
        resumed: false,
        data: DataId(0x89ab_cdef),
        world: OpenTiles(3),
        limits: Limits::default(),
    };
    let row = |i: usize| LeaderboardRow { name: name(&format!("player {i}")), score: (i * 6000) as u16 };
    let kill = |i: usize| Kill { killer: name(&format!("k{i}")), victim: name("Łukasz 🚀") };
    vec![
        ServerMessage::Welcome(welcome.clone()),
        ServerMessage::Welcome(Welcome { own: None, resumed: true, tick_rate: TickRate::HZ_60, ..welcome }),
        ServerMessage::Pong(Pong {
            stamp: 123_456_789_012,
            clock: ServerClock { hold_us: 4_321, tick: Tick(70_000), phase_us: 250 },
            work_us: 1_800,
        }),
        ServerMessage::News(News::Leaderboard { players: 2, rows: (0..2).map(row).collect() }),
        ServerMessage::News(News::Leaderboard { players: 5000, rows: (0..LEADERBOARD_LEN).map(row).collect() }),
        ServerMessage::News(News::KillFeed { kills: (0..KILL_FEED_LEN).map(kill).collect(), more: 300 }),
        ServerMessage::News(News::Density([0, 1, 25, 250, 251, 255].into_iter().collect())),
        ServerMessage::News(News::Density((0..300).map(|i| i as u8).collect())),
        ServerMessage::News(News::Destroyed { by: name("Iris") }),
        ServerMessage::News(News::Rail { tick: Tick(70_006), hit: Some(EntityId(4112)) }),
        ServerMessage::News(News::Rail { tick: Tick(9), hit: None }),
        ServerMessage::Goodbye(Goodbye { code: 1001, retry_after_ms: 1000 }),
    ]
}
