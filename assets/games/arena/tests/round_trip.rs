//! Every message, record and frame part survives being written and read, whatever its values.

use fracas_arena::rules::bolt::Bolt;
use fracas_arena::rules::news::LeaderboardRow;
use fracas_arena::rules::news::{DENSITY_TILES_MAX, LEADERBOARD_LEN};
use fracas_arena::rules::own::{ENERGY_FULL, Own};
use fracas_arena::rules::pickup::{Pickup, PickupKind};
use fracas_arena::rules::ship::Ship;
use fracas_arena::rules::{
    Acts, Arena, Entity, FineHeading, Heading, Input, Map, News, OpenTiles, RailShot, ShipControls, Thrust, Vector,
    ship_id,
};
use fracas_protocol::game::rules::Coded;
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf, Point, Rules};
use fracas_protocol::ids::{DataId, EntityId, Token};
use fracas_protocol::name::Name;
use fracas_protocol::record;
use fracas_protocol::tick::{Tick, TickRate, ViewTime};
use fracas_protocol::wire::bits::{BitReader, BitWriter, Coder};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::digest::Digest;
use fracas_protocol::wire::frame::{self, FrameHeader, InputReport};
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX, VISIBLE_MAX};
use fracas_protocol::wire::message::{
    Aspect, ClientMessage, Goodbye, Hello, Inputs, Limits, Ping, Pong, Role, ServerClock, ServerMessage, Welcome,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn arena() -> Arena {
    let mut arena = Arena::on(TickRate::HZ_30, Map::new(&vec![vec![false; 16]; 16]).expect("a map"));
    arena.set_world(OpenTiles(100)).expect("open");
    arena
}

fn thrusts() -> impl Strategy<Value = Thrust> {
    (0..=16_u8).prop_map(|number| Thrust::try_from(number).expect("0 to 16"))
}

fn headings() -> impl Strategy<Value = Heading> {
    (0..1024_u16).prop_map(Heading::new)
}

fn fine_headings() -> impl Strategy<Value = FineHeading> {
    (0..FineHeading::TURN).prop_map(FineHeading::new)
}

fn inputs() -> impl Strategy<Value = Input> {
    let views =
        (any::<u32>(), 0..16_u8).prop_map(|(tick, part)| ViewTime::try_from((Tick(tick), part)).expect("a part"));
    let rails = prop::option::of((fine_headings(), views).prop_map(|(aim, view)| RailShot { aim, view }));
    (thrusts(), headings(), any::<bool>(), any::<bool>(), rails).prop_map(|(thrust, aim, fire, dash, rail)| Input {
        thrust,
        aim,
        fire,
        dash,
        rail,
    })
}

fn names() -> impl Strategy<Value = Name> {
    "[a-zA-Z0-9äß🚀 ]{1,16}".prop_filter_map("not only spaces", |text| Name::parse(&text).ok())
}

fn client_messages() -> impl Strategy<Value = ClientMessageOf<Arena>> {
    let roles = prop_oneof![Just(Role::Player), Just(Role::Spectator)];
    let aspects = prop::sample::select(Aspect::ALL.to_vec());
    let tokens = prop::option::of(any::<[u8; 16]>().prop_map(Token));
    let hellos = (any::<u16>(), ".{0,60}", tokens, ".{0,20}", roles, aspects);
    prop_oneof![
        hellos.prop_map(|(version, name, token, room, role, aspect)| {
            ClientMessage::Hello(Hello { version, name, token, room, role, aspect })
        }),
        (any::<u32>(), any::<u32>(), inputs()).prop_map(|(ack, tick, input)| ClientMessage::Inputs(Inputs {
            ack: Tick(ack),
            tick: Tick(tick),
            input
        })),
        any::<u32>().prop_map(|tick| ClientMessage::Ack(Tick(tick))),
        any::<u64>().prop_map(|stamp| ClientMessage::Ping(Ping { stamp })),
        Just(ClientMessage::FreshStart),
        Just(ClientMessage::Goodbye),
        Just(ClientMessage::Hide),
        Just(ClientMessage::Show),
    ]
}

fn clocks() -> impl Strategy<Value = ServerClock> {
    (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(hold_us, tick, phase_us)| ServerClock {
        hold_us,
        tick: Tick(tick),
        phase_us,
    })
}

fn server_messages() -> impl Strategy<Value = MessageOf<Arena>> {
    let rates = prop::sample::select(vec![TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60]);
    let own = prop::option::of(any::<u16>().prop_map(EntityId));
    let rows =
        vec((names(), any::<u16>()).prop_map(|(name, score)| LeaderboardRow { name, score }), 0..=LEADERBOARD_LEN);
    prop_oneof![
        (rates, clocks(), own, any::<[u8; 16]>(), any::<bool>(), any::<u32>(), any::<u16>()).prop_map(
            |(tick_rate, clock, own, token, resumed, data, open)| ServerMessage::Welcome(Welcome {
                tick_rate,
                clock,
                own,
                token: Token(token),
                resumed,
                data: DataId(data),
                world: OpenTiles(open),
                limits: Limits::default(),
            })
        ),
        (any::<u64>(), clocks(), any::<u32>()).prop_map(|(stamp, clock, work_us)| ServerMessage::Pong(Pong {
            stamp,
            clock,
            work_us
        })),
        (any::<u16>(), rows).prop_map(|(players, rows)| {
            ServerMessage::News(News::Leaderboard { players, rows: rows.into_iter().collect() })
        }),
        vec(any::<u8>(), 0..=DENSITY_TILES_MAX)
            .prop_map(|tiles| ServerMessage::News(News::Density(tiles.into_iter().collect()))),
        names().prop_map(|by| ServerMessage::News(News::Destroyed { by })),
        (any::<u32>(), prop::option::of(any::<u16>().prop_map(EntityId)))
            .prop_map(|(tick, hit)| ServerMessage::News(News::Rail { tick: Tick(tick), hit })),
        (any::<u16>(), any::<u32>())
            .prop_map(|(code, retry_after_ms)| ServerMessage::Goodbye(Goodbye { code, retry_after_ms })),
    ]
}

fn points() -> impl Strategy<Value = Point> {
    (0..=Point::MAX, 0..=Point::MAX).prop_map(|(x, y)| Point { x, y })
}

fn velocities() -> impl Strategy<Value = Vector> {
    let part = || prop_oneof![Just(0), -65_536..65_536];
    (part(), part()).prop_map(|(x, y)| Vector { x, y })
}

/// Ships of any kind, with the values that matter more often than chance would give them.
fn ships() -> impl Strategy<Value = Ship> {
    let hull = prop_oneof![Just(0_u8), Just(100), 0..=100_u8];
    let timer = prop_oneof![Just(0_u8), 0..128_u8];
    let score = prop_oneof![0..70_u16, any::<u16>()];
    let rail = prop::option::weighted(0.2, fine_headings());
    let weapon =
        (prop_oneof![Just(0_u8), Just(9), 0..32_u8], 0..7_u8, prop_oneof![Just(0_u8), Just(6), 0..32_u8], rail);
    (points(), velocities(), thrusts(), any::<bool>(), headings(), hull, timer, score, weapon).prop_map(
        |(position, velocity, thrust, fire, aim, hull, timer, score, (reload, shots, dash, rail))| Ship {
            position,
            velocity,
            controls: ShipControls { thrust, fire },
            aim,
            reload,
            shots,
            hull,
            timer,
            score,
            dash,
            rail,
        },
    )
}

fn entities() -> impl Strategy<Value = (EntityId, Entity)> {
    let kinds = prop::sample::select(vec![PickupKind::Repair, PickupKind::Cell, PickupKind::Shard]);
    prop_oneof![
        ships().prop_map(|ship| (EntityId(4096), Entity::Ship(ship))),
        (points(), headings(), 0..=30_u8)
            .prop_map(|(position, heading, life)| (EntityId(4097), Entity::Bolt(Bolt { position, heading, life }))),
        (points(), kinds).prop_map(|(Point { x, y }, kind)| {
            let position = Point { x: x & !(Pickup::LATTICE - 1), y: y & !(Pickup::LATTICE - 1) };
            (EntityId(7), Entity::Pickup(Pickup { position, kind }))
        }),
    ]
}

/// Writes with `write`, reads the same bits with `read`, and wants nothing to be left.
fn through_bits<T>(
    write: impl FnOnce(&mut BitWriter),
    read: impl FnOnce(&mut BitReader<'_>) -> T,
) -> Result<T, TestCaseError> {
    let mut writer = BitWriter::new();
    write(&mut writer);
    let bytes = writer.finish();
    let mut reader = BitReader::new(&bytes);
    let value = read(&mut reader);
    prop_assert_eq!(reader.finish(), Ok(()));
    Ok(value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_clients_message(message in client_messages()) {
        let mut bytes = Vec::new();
        codec::encode(&message, &mut bytes);
        prop_assert_eq!(codec::decode::<ClientMessageOf<Arena>, CLIENT_MESSAGE_BYTES_MAX>(&bytes), Ok(message));
    }

    #[test]
    fn a_servers_message(message in server_messages()) {
        let mut bytes = Vec::new();
        codec::encode(&message, &mut bytes);
        prop_assert!(bytes[0] < 128, "a frame begins otherwise");
        prop_assert_eq!(codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&bytes), Ok(message));
    }

    #[test]
    fn an_entry_in_full((id, entity) in entities()) {
        let rules = arena();
        let mut read = rules.blank(id);
        through_bits(
            |bits| rules.code(&mut entity.clone(), None, bits).expect("writes"),
            |bits| rules.code(&mut read, None, bits),
        )?.expect("reads");
        prop_assert_eq!(read, entity);
    }

    #[test]
    fn an_entry_near_the_views_centre((id, entity) in entities(), dx in -60_000..60_000_i32, dy in -60_000..60_000_i32) {
        let (rules, place) = (arena(), Arena::position(&entity));
        let anchor = Point { x: (place.x + dx).clamp(0, Point::MAX), y: (place.y + dy).clamp(0, Point::MAX) };
        let mut read = rules.blank(id);
        through_bits(
            |bits| rules.code(&mut entity.clone(), Some(anchor), bits).expect("writes"),
            |bits| rules.code(&mut read, Some(anchor), bits),
        )?.expect("reads");
        prop_assert_eq!(read, entity);
    }

    #[test]
    fn a_ship_that_differs_in_one_field_has_another_hash(one in ships(), other in ships(), field in 0..11_u8) {
        let changed = match field {
            0 => Ship { position: other.position, ..one },
            1 => Ship { velocity: other.velocity, ..one },
            2 => Ship { controls: other.controls, ..one },
            3 => Ship { aim: other.aim, ..one },
            4 => Ship { reload: other.reload, ..one },
            5 => Ship { shots: other.shots, ..one },
            6 => Ship { hull: other.hull, ..one },
            7 => Ship { timer: other.timer, ..one },
            8 => Ship { score: other.score, ..one },
            9 => Ship { dash: other.dash, ..one },
            _ => Ship { rail: other.rail, ..one },
        };
        let rules = arena();
        let hash = |ship| record::hash(&rules, std::iter::once((ship_id(0), &Entity::Ship(ship))));
        prop_assert_eq!(hash(one) == hash(changed), one == changed);
        // So would the hash that a game has that does not make its own.
        let of_entry = |ship| {
            let mut digest = Digest::default();
            rules.code(&mut Entity::Ship(ship), None, &mut digest).expect("an entry");
            digest.finish()
        };
        prop_assert_eq!(of_entry(one) == of_entry(changed), one == changed);
    }

    #[test]
    fn a_delta_between_any_two_ships(before in ships(), truth in ships(), keep in 0..10_u8) {
        let rules = arena();
        let mut predicted = Entity::Ship(before);
        rules.predict(&mut predicted);
        let Entity::Ship(coasted) = predicted else { unreachable!("predict keeps the kind") };
        // Deltas are mostly small: some parts stay as predicted.
        let truth = match keep {
            0 => Ship { aim: truth.aim, ..coasted },
            1 => Ship { hull: truth.hull, timer: truth.timer, ..coasted },
            2 => {
                let mut ship = Ship { controls: truth.controls, ..before };
                ship.advance(rules.tuning(), rules.map(), rules.open());
                ship
            }
            3 => {
                let mut ship = coasted;
                ship.destroy(60);
                ship
            }
            4 | 5 => {
                let mut ship = Ship { controls: truth.controls, ..before };
                ship.act(Acts { dash: keep == 4, rail: truth.rail }, rules.tuning(), rules.map(), rules.open());
                ship
            }
            6 => Ship { score: truth.score, aim: truth.aim, ..coasted },
            _ => truth,
        };
        let (before, target) = (Entity::Ship(before), Entity::Ship(truth));
        let mut read = predicted;
        through_bits(
            |bits| record::write_delta(&rules, &before, &predicted, &target, bits),
            |bits| record::read_delta(&rules, &before, &mut read, bits),
        )?.expect("reads");
        prop_assert_eq!(read, target);
    }

    #[test]
    fn the_own_state(
        energy in 0..=ENERGY_FULL, drained: bool, dash_pause: u8, rail_pause: u8, rank in 0..8192_u16,
    ) {
        let own = Own { energy, drained, dash_pause, rail_pause, rank };
        let mut read = Own::default();
        through_bits(
            |bits| own.clone().code(bits).expect("writes"),
            |bits| read.code(bits),
        )?.expect("reads");
        prop_assert_eq!(read, own);
    }

    #[test]
    fn a_frames_header_and_parts(
        bodies in 1..=16_u32, fresh: bool, tick: u32, age in 0..64_u8, lead in -8..8_i8, follow: Option<u16>,
        hash: Option<u32>, leaving in prop::collection::btree_set(0..300_u16, 0..50), more in 1..200_usize,
    ) {
        let first = (fresh || tick % 2 == 0).then_some(Tick(tick));
        let header = FrameHeader { bodies, fresh, first };
        let report = InputReport { age, lead };
        let follow = follow.map(EntityId);
        let leaves: Vec<u16> = leaving.into_iter().collect();
        let len = 300 + more;
        let (mut header2, mut report2, mut follow2, mut hash2, mut leaves2) =
            (FrameHeader::default(), InputReport::default(), None, None, Vec::new());
        through_bits(
            |bits| {
                header.clone().code(bits).expect("writes");
                report.clone().code(bits).expect("writes");
                frame::code_follow(&mut follow.clone(), bits).expect("writes");
                frame::code_leaves(&mut leaves.clone(), len, bits).expect("writes");
                frame::code_hash(&mut hash.clone(), bits).expect("writes");
            },
            |bits| {
                header2.code(bits)?;
                report2.code(bits)?;
                frame::code_follow(&mut follow2, bits)?;
                frame::code_leaves(&mut leaves2, len, bits)?;
                frame::code_hash(&mut hash2, bits)
            },
        )?.expect("reads");
        prop_assert_eq!((header2, report2, follow2, hash2, leaves2), (header, report, follow, hash, leaves));
    }

    #[test]
    fn numbers_of_any_width(numbers in vec((any::<u32>(), 0..=32_u32), 0..100)) {
        let cut = |number: u32, width: u32| if width == 32 { number } else { number & ((1 << width) - 1) };
        let read = through_bits(
            |bits| numbers.iter().for_each(|&(number, width)| bits.write(cut(number, width), width)),
            |bits| numbers.iter().map(|&(_, width)| bits.read(width)).collect::<Result<Vec<_>, _>>(),
        )?.expect("reads");
        let written: Vec<_> = numbers.iter().map(|&(number, width)| cut(number, width)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn signed_numbers_and_counts(number in -65_536..65_536_i32, count in 0..=VISIBLE_MAX as u32) {
        let read = through_bits(
            |bits| {
                bits.int(number, 17).expect("writes");
                bits.count(count, VISIBLE_MAX as u32).expect("writes");
            },
            |bits| (bits.int(0, 17), bits.count(0, VISIBLE_MAX as u32)),
        )?;
        prop_assert_eq!(read, (Ok(number), Ok(count)));
    }

    #[test]
    fn a_map_through_its_text(walls in vec(0..8_u32, 0..12)) {
        let mut rows = vec![vec![false; 8]; 8];
        for (i, x) in walls.into_iter().enumerate() {
            // Not on the edge, and never two side by side: such a map is always connected.
            rows[1 + 2 * (i % 3)][(x as usize / 2) * 2] = true;
        }
        let map = Map::new(&rows).expect("a map");
        let text = map.to_text();
        let read = Map::from_data(text.as_bytes()).expect("a map");
        prop_assert_eq!(read.to_text(), text);
    }
}
