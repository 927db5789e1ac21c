//! The world does the same to everybody, whichever slot they have, and to who is not there.

use super::*;
use crate::rules::slot_of;
use crate::rules::tuning::KILL_SCORE;
use crate::rules::{FineHeading, Heading, Pickup, RailShot, Thrust};
use fracas_protocol::game::authority::ViewWindow;
use fracas_protocol::ids::PlayerId;
use fracas_protocol::name::Name;
use std::collections::BTreeMap;

const UNIT: i32 = QUANTA_PER_UNIT;
const ASPECT: Aspect = Aspect::Wide;
/// The tick on which scenes begin: those before it are remembered.
const BEGIN: u32 = 10;

/// Ships of these names on open ground, the first in the first of `slots`, and so on. They joined in the order of their slots.
fn world(seed: u64, names: &[String], slots: &[u16]) -> World {
    let map = Map::new(&vec![vec![false; 16]; 16]).expect("a map");
    let mut world = World::with(ArenaConfig { rate: TickRate::HZ_30, map, density: 20, arena_for: None, seed });
    let mut order: Vec<_> = slots.iter().zip(names).collect();
    order.sort();
    for (slot, name) in order {
        world.join(PlayerId(*slot), &Joiner::person(Name::parse(name).expect("a name")));
    }
    world
}

/// The middle of the first tile.
fn middle(world: &World) -> Point {
    let map = world.arena.map();
    let middle = |tile: u32| tile as i32 * map.tile_quanta() + map.tile_quanta() / 2;
    let (column, row) = map.tile_of_rank(0).expect("a tile");
    Point { x: middle(column), y: middle(row) }
}

/// Puts a ship somewhere, which is `x` and `y` units from the middle, with so much hull.
fn put(world: &mut World, slot: u16, (x, y): (i32, i32), hull: u8) {
    let centre = middle(world);
    let pilot = world.pilot_mut(slot).expect("a pilot");
    let position = Point { x: centre.x + x * UNIT, y: centre.y + y * UNIT };
    pilot.ship = Ship { position, hull, score: pilot.ship.score, ..Ship::default() };
    pilot.own.energy = ENERGY_FULL;
}

/// Takes note of where everybody is, for all ticks before the scene.
fn settle(world: &mut World) {
    (0..BEGIN).for_each(|tick| world.remember(Tick(tick)));
}

fn step(world: &mut World, tick: u32, inputs: &BTreeMap<u16, Input>) -> Vec<GameEvent<News>> {
    let view = ViewWindow { earliest: Tick(tick - 1).into(), latest: Tick(tick - 1).into() };
    let input =
        |(slot, input): (&u16, &Input)| PlayerInput { player: PlayerId(*slot), input: *input, view, aspect: ASPECT };
    world.step(Tick(tick), &inputs.iter().map(input).collect::<Vec<_>>());
    let mut news = Vec::new();
    world.news(Tick(tick), &mut news);
    news
}

/// A rail from one ship at where another is.
fn rail(world: &World, from: u16, at: u16) -> Input {
    let place = |slot| world.ship(PlayerId(slot)).expect("a ship").position;
    let (from, to) = (place(from), place(at));
    let aim = FineHeading::towards(to.x - from.x, to.y - from.y);
    Input { rail: Some(RailShot { aim, view: ViewTime::default() }), ..Input::default() }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("pilot {number}")).collect()
}

fn ship(world: &World, slot: u16) -> &Ship {
    world.ship(PlayerId(slot)).expect("a ship")
}

#[test]
fn two_who_shoot_each_other_on_one_tick_both_hit_and_both_hear_of_it() {
    for seed in 0..6 {
        let mut world = world(seed, &names(2), &[0, 1]);
        put(&mut world, 0, (-100, 0), 30);
        put(&mut world, 1, (100, 0), 30);
        world.pilots[0].as_mut().expect("a pilot").ship.score = 100;
        settle(&mut world);
        let inputs = BTreeMap::from([(0, rail(&world, 0, 1)), (1, rail(&world, 1, 0))]);
        let news = step(&mut world, BEGIN, &inputs);
        assert!(!ship(&world, 0).is_alive() && !ship(&world, 1).is_alive(), "seed {seed}");
        assert!(ship(&world, 0).rail.is_some() && ship(&world, 1).rail.is_some(), "both beams are seen");
        // A tenth of what each had before; what one gets for the other is not lost again.
        assert_eq!((ship(&world, 0).score, ship(&world, 1).score), (90 + KILL_SCORE, KILL_SCORE + 10));
        for (to, other) in [(0, 1), (1, 0)] {
            let told = |news: News| GameEvent { to: Some(PlayerId(to)), news };
            let by = Name::parse(&format!("pilot {other}")).expect("a name");
            assert!(news.contains(&told(News::Destroyed { by })), "{news:?}");
            assert!(news.contains(&told(News::Rail { tick: Tick(BEGIN), hit: Some(ship_id(other)) })), "{news:?}");
        }
    }
}

#[test]
fn a_ship_that_more_hit_than_needed_dies_once_and_the_draw_knows_no_slots() {
    let mut first = 0;
    for seed in 0..100 {
        let scores = [[0, 1], [1, 0]].map(|slots| {
            let mut world = world(seed, &names(3), &[slots[0], slots[1], 2]);
            put(&mut world, slots[0], (-100, 0), 100);
            put(&mut world, slots[1], (100, 0), 100);
            put(&mut world, 2, (0, 0), 30);
            settle(&mut world);
            let inputs = BTreeMap::from([(0, rail(&world, 0, 2)), (1, rail(&world, 1, 2))]);
            let news = step(&mut world, BEGIN, &inputs);
            assert_eq!(news.iter().filter(|told| matches!(told.news, News::Rail { .. })).count(), 2);
            assert_eq!(news.iter().filter(|told| matches!(told.news, News::Destroyed { .. })).count(), 1);
            slots.map(|slot| ship(&world, slot).score)
        });
        assert_eq!(scores[0], scores[1], "seed {seed}: the same player, whichever slot it has");
        assert_eq!(scores[0][0] + scores[0][1], KILL_SCORE);
        first += u32::from(scores[0][0] > 0);
    }
    assert!((30..70).contains(&first), "{first} of 100");
}

#[test]
fn a_pickup_goes_to_the_nearer_and_of_two_equally_near_to_either() {
    let winner = |seed: u64, slots: [u16; 2], far: i32| {
        let mut world = world(seed, &names(2), &slots);
        put(&mut world, slots[0], (-20, 0), 100);
        put(&mut world, slots[1], (far, 0), 100);
        let centre = middle(&world);
        let shards = [Some(Pickup { position: centre, kind: PickupKind::Shard })];
        world.pickups = serde_json::from_value(serde_json::json!({ "slots": shards, "free": [], "lying": 1 }))
            .expect("one pick-up");
        step(&mut world, BEGIN, &BTreeMap::new());
        let scores = slots.map(|slot| ship(&world, slot).score);
        assert_eq!(scores[0] + scores[1], SHARD_SCORE);
        usize::from(scores[1] > 0)
    };
    let mut second = 0;
    for seed in 0..100 {
        assert_eq!((winner(seed, [0, 1], 19), winner(seed, [1, 0], 19)), (1, 1), "the nearer");
        let drawn = winner(seed, [0, 1], 20);
        assert_eq!(winner(seed, [1, 0], 20), drawn, "seed {seed}");
        second += drawn;
    }
    assert!((30..70).contains(&second), "{second} of 100");
}

/// What a world is to those who play in it, without their slots: each by its name.
#[derive(Debug, PartialEq)]
struct FightScene {
    pilots: BTreeMap<String, (Ship, Own)>,
    bolts: Vec<(String, Bolt)>,
    pickups: Vec<(i32, i32, PickupKind)>,
    news: Vec<String>,
}

fn scene(world: &World, news: &[GameEvent<News>]) -> FightScene {
    let name = |slot: u16| world.pilots[usize::from(slot)].as_ref().map(|pilot| pilot.name.as_str().to_string());
    let name = |slot| name(slot).expect("a pilot");
    let pilot = |pilot: &Pilot| (pilot.ship, Own { rank: 0, ..pilot.own });
    let told = news.iter().filter_map(|told| match &told.news {
        News::Rail { hit, .. } => {
            let hit = hit.and_then(slot_of).map(name);
            Some(format!("{} hit {hit:?}", name(told.to?.0)))
        }
        News::Destroyed { by } => Some(format!("{} was destroyed by {}", name(told.to?.0), by.as_str())),
        News::KillFeed { .. } => Some(format!("{:?}", told.news)),
        _ => None,
    });
    let bolts = world.bolts.flying().iter();
    let mut scene = FightScene {
        pilots: world.pilots().map(|(slot, of)| (name(slot), pilot(of))).collect(),
        bolts: bolts.map(|(id, bolt)| (name(slot_of(*id).expect("a ship's")), *bolt)).collect(),
        pickups: world.pickups.lying().map(|(_, it)| (it.position.x, it.position.y, it.kind)).collect(),
        news: told.collect(),
    };
    scene.bolts.sort_by_key(|(name, bolt)| (name.clone(), bolt.life));
    scene.pickups.sort_by_key(|(x, y, kind)| (*x, *y, *kind as u8));
    scene.news.sort();
    scene
}

/// What each of so many does on a tick: they swarm about a lot, and mostly shoot.
fn whims(world: &World, slots: &[u16], rng: &mut Rng) -> BTreeMap<u16, Input> {
    let mut whim = |slot: &u16| {
        let at = slots[rng.below(slots.len() as u32) as usize];
        let thrust = Thrust::try_from(rng.below(17) as u8).expect("a heading");
        let aim = Heading::new(rng.below(1024) as u16);
        let rail = rail(world, *slot, at).rail.filter(|_| rng.chance(1, 4) && at != *slot);
        (*slot, Input { thrust, aim, fire: rng.chance(3, 4), dash: rng.chance(1, 20), rail })
    };
    slots.iter().map(&mut whim).collect()
}

#[test]
fn with_the_slots_turned_round_everybody_hits_dies_and_gets_the_same() {
    const PILOTS: u16 = 12;
    let (mut deaths, mut doubles) = (0, 0);
    for seed in 0..4 {
        let upwards: Vec<_> = (0..PILOTS).collect();
        let downwards: Vec<_> = (0..PILOTS).rev().collect();
        let shifted: Vec<_> = (0..PILOTS).map(|slot| (slot * 5 + 3) % PILOTS + 40).collect();
        let mut runs = [upwards, downwards, shifted].map(|slots| {
            let mut world = world(seed, &names(slots.len()), &slots);
            step(&mut world, 1, &BTreeMap::new());
            (world, slots, Rng::new(seed, 9))
        });
        for tick in 2..400 {
            let scenes = runs.each_mut().map(|(world, slots, rng)| {
                if tick % 60 == 2 {
                    // Into a heap, some of them onto each other.
                    for (index, slot) in slots.iter().enumerate() {
                        put(world, *slot, (index as i32 / 2 * 30 - 90, 0), 60);
                    }
                    world.remember(Tick(tick - 1));
                }
                let inputs = whims(world, slots, rng);
                let news = step(world, tick, &inputs);
                scene(world, &news)
            });
            assert_eq!(scenes[0], scenes[1], "seed {seed}, tick {tick}");
            assert_eq!(scenes[0], scenes[2], "seed {seed}, tick {tick}");
            let died = scenes[0].news.iter().filter(|news| news.contains("was destroyed")).count();
            (deaths, doubles) = (deaths + died, doubles + u32::from(died > 1));
        }
    }
    assert!(deaths > 100 && doubles > 10, "{deaths} deaths, {doubles} times two on one tick");
}

/// Whether a rail hits a ship so far away, and the shooter is told. It is fired `lag` ticks after the view, while the
/// shooter flies towards the ship at `speed` units a tick.
fn hits_at(aspect: Aspect, (x, y): (i32, i32), speed: i32, lag: u32) -> bool {
    let mut world = world(1, &names(2), &[0, 1]);
    let way = x.abs().max(y.abs());
    put(&mut world, 1, (x, y), 100);
    for tick in 0..BEGIN {
        let behind = speed * (BEGIN - tick) as i32;
        put(&mut world, 0, (-x * behind / way, -y * behind / way), 100);
        world.remember(Tick(tick));
    }
    put(&mut world, 0, (0, 0), 100);
    let view = ViewWindow { earliest: Tick(BEGIN - lag).into(), latest: Tick(BEGIN - lag).into() };
    let input = |slot, input| PlayerInput { player: PlayerId(slot), input, view, aspect };
    world.step(Tick(BEGIN), &[input(0, rail(&world, 0, 1)), input(1, Input::default())]);
    let mut news = Vec::new();
    world.news(Tick(BEGIN), &mut news);
    let told = news.iter().find_map(|told| match &told.news {
        News::Rail { hit, .. } => Some(*hit),
        _ => None,
    });
    let hurt = ship(&world, 1).hull < 100;
    assert_eq!(told.expect("it was fired").is_some(), hurt, "what is told is what happens");
    hurt
}

#[test]
fn a_rail_ends_where_its_shooters_screen_ends_and_tells_nothing_of_what_is_beyond() {
    for aspect in Aspect::ALL {
        let (half_width, half_height) = aspect.half_screen();
        let reach = |half: i32| (half / UNIT - 1).min(480);
        assert!(hits_at(aspect, (reach(half_width), 0), 0, 1) && hits_at(aspect, (0, reach(half_height)), 0, 1));
        for beyond in [1, 30, 60, 120].map(|beyond| (half_width.min(half_height)) / UNIT + beyond) {
            let place = if half_width < half_height { (beyond, 0) } else { (0, beyond) };
            assert!(!hits_at(aspect, place, 0, 1), "{aspect:?}, {place:?}");
        }
    }
}

#[test]
fn a_rail_does_not_name_who_was_not_in_the_view_yet_when_the_screen_was_shown() {
    let (_, half_height) = ASPECT.half_screen();
    let near_edge = (0, half_height / UNIT - 10);
    // 20 units a tick is a dash. The view goes 48 units beyond the screen.
    assert!(hits_at(ASPECT, near_edge, 20, 2), "the view was 40 units behind, and reached it");
    assert!(!hits_at(ASPECT, near_edge, 20, 4), "it was 80 units behind");
}

#[test]
fn a_parked_ship_keeps_no_tiles_open_and_is_moved_as_it_was() {
    const PARKED: u16 = 7;
    let map = Map::new(&vec![vec![false; 16]; 16]).expect("a map");
    let mut world = World::with(ArenaConfig { rate: TickRate::HZ_20, map, density: 2, arena_for: None, seed: 3 });
    let name = Name::parse("somebody").expect("a name");
    for slot in 0..30 {
        world.join(PlayerId(slot), &Joiner::person(name.clone()));
    }
    step(&mut world, 1, &BTreeMap::new());
    let wide = world.arena.open();
    assert!(wide >= 10, "{wide} tiles");
    (0..30).filter(|slot| *slot != PARKED).for_each(|slot| world.leave(PlayerId(slot)));
    // In the last tile, and hurt.
    let side = world.arena.map().tile_quanta();
    let (column, row) = world.arena.map().tile_of_rank(wide - 1).expect("a tile");
    let pilot = world.pilot_mut(PARKED).expect("it is here");
    pilot.ship.position = Point { x: column as i32 * side + side / 2, y: row as i32 * side + side / 2 };
    (pilot.ship.hull, pilot.own.energy, pilot.ship.timer) = (31, 17, 0);
    let (mut opens, mut places) = (Vec::new(), vec![ship(&world, PARKED).position]);
    for tick in 2..20 * 90 {
        // It turns on the spot.
        let input = Input { aim: Heading::new((tick % 1024) as u16), ..Input::default() };
        let before = *ship(&world, PARKED);
        step(&mut world, tick, &BTreeMap::from([(PARKED, input)]));
        let now = *ship(&world, PARKED);
        if now.is_alive() {
            assert!(!world.arena.is_wall(now.position), "tick {tick}");
            assert_eq!((now.hull, now.timer), (31, 0), "no new hull, and no protection");
        }
        if now.position != before.position {
            assert!(!before.is_alive() && now.is_alive(), "what clients take for an act of the server's");
            places.push(now.position);
        }
        opens.push(world.arena.open());
    }
    let at = |second: usize| opens[second * 20];
    assert_eq!((at(55), world.arena.open()), (wide, 1), "for a minute it may rest");
    assert!(places.len() > 1, "it was moved");
    // Whoever goes on flying is not parked any more, and a respawn alone is no move.
    assert_eq!(world.parked, 1);
    for tick in 20 * 90..20 * 92 {
        let thrust = Thrust::try_from(1 + (tick / 4 % 16) as u8).expect("a heading");
        step(&mut world, tick, &BTreeMap::from([(PARKED, Input { thrust, ..Input::default() })]));
    }
    assert_eq!(world.parked, 0);
}

#[test]
fn the_arena_keeps_the_laws_of_the_seam() {
    fracas_protocol::game::check::check::<World>().unwrap_or_else(|fault| panic!("{fault}"));
}
