//! How a ship moves and fires: the same at every rate, in every direction, and against walls.

use super::*;
use crate::rules::input::{Input, RailShot};
use crate::rules::own::{ENERGY_FULL, Own};
use crate::rules::tuning::{
    DASH_MS, DASH_PAUSE_MS, DASH_SPEED, RAIL_ENERGY, RAIL_PAUSE_MS, RELOAD_MS, TIME_TO_REST_MS, TIME_TO_TOP_MS,
    TOP_SPEED,
};
use crate::rules::{Arena, Entity};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::TickRate;

const RATES: [TickRate; 3] = [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60];

/// Four open tiles without a wall, round the world's centre.
fn open_space(rate: TickRate) -> Arena {
    let mut arena = Arena::on(rate, Map::new(&vec![vec![false; 32]; 32]).expect("a map"));
    arena.set_world(crate::rules::OpenTiles(4)).expect("four tiles");
    arena
}

fn ship_at_centre(arena: &Arena) -> Ship {
    Ship { position: arena.map().centre(), hull: HULL_MAX, ..Ship::default() }
}

fn play(arena: &Arena, ship: &mut Ship, input: Input, ticks: u32) {
    let mut own = Own { energy: ENERGY_FULL, ..Own::default() };
    for _ in 0..ticks {
        let mut entity = Entity::Ship(*ship);
        arena.play(&mut entity, &mut own, &input);
        let Entity::Ship(moved) = entity else { unreachable!("play keeps the kind") };
        *ship = moved;
    }
}

fn thrust(heading: u16) -> Input {
    Input { thrust: Thrust::towards(Heading::new(heading)), ..Input::default() }
}

fn within_one_percent(measured: f64, wanted: f64, what: &str) {
    assert!((measured / wanted - 1.0).abs() <= 0.01, "{what}: {measured} for {wanted}");
}

#[test]
fn speed_and_the_times_to_it_and_to_rest_are_the_same_at_every_rate_and_in_eight_directions() {
    for rate in RATES {
        let arena = open_space(rate);
        for heading in (0..1024).step_by(128) {
            let mut ship = ship_at_centre(&arena);
            play(&arena, &mut ship, thrust(heading), rate.ticks_in_ms(TIME_TO_TOP_MS) - 1);
            let almost = ship.velocity.length();
            play(&arena, &mut ship, thrust(heading), 1);
            let top = ship.velocity.length();
            assert!(almost < top, "at {rate} Hz top speed comes too early");
            let start = ship.position;
            play(&arena, &mut ship, thrust(heading), rate.hz());
            assert_eq!(ship.velocity.length(), top, "at {rate} Hz, heading {heading}");
            let flown = (start.distance_squared(ship.position) as f64).sqrt() / f64::from(QUANTA_PER_UNIT);
            within_one_percent(flown, f64::from(TOP_SPEED), "units in a second");
            play(&arena, &mut ship, Input::default(), rate.ticks_in_ms(TIME_TO_REST_MS) - 1);
            assert_ne!(ship.velocity, Vector::default(), "at {rate} Hz, heading {heading}: rest comes too early");
            play(&arena, &mut ship, Input::default(), 1);
            assert_eq!(ship.velocity, Vector::default(), "at {rate} Hz, heading {heading}");
        }
    }
}

#[test]
fn a_minute_of_fire_is_as_many_bolts_at_every_rate() {
    for rate in RATES {
        let arena = open_space(rate);
        let mut ship = ship_at_centre(&arena);
        let mut bolts = 0;
        for _ in 0..rate.hz() * 60 {
            ship.controls.fire = true;
            ship.advance(arena.tuning(), arena.map(), arena.open());
            bolts += u32::from(ship.has_fired(arena.tuning()));
        }
        within_one_percent(f64::from(bolts), f64::from(60_000 / RELOAD_MS), "bolts in a minute");
    }
}

#[test]
fn a_ship_at_rest_does_not_drift() {
    let arena = open_space(TickRate::HZ_30);
    let mut ship = ship_at_centre(&arena);
    ship.velocity = Vector { x: -15, y: 15 };
    let start = ship.position;
    play(&arena, &mut ship, Input::default(), 300);
    assert_eq!(ship.position, start);
}

#[test]
fn a_wall_stops_the_part_of_the_flight_that_meets_it_and_lets_the_other_slide() {
    for rate in RATES {
        let mut arena = open_space(rate);
        arena.set_world(crate::rules::OpenTiles(1)).expect("one tile");
        // The first tile is up and left of the world's centre.
        let edge = arena.map().centre().x;
        let mut ship = ship_at_centre(&arena);
        ship.position = Point { x: edge - 6400, y: edge - 64_000 };
        play(&arena, &mut ship, thrust(128), rate.hz());
        assert_eq!(ship.position.x, edge - HALF_SIDE - 1, "flush with the wall at {rate} Hz");
        assert_eq!(ship.velocity.x, 0);
        assert!(ship.velocity.y > 0 && ship.position.y > edge - 64_000);
    }
}

#[test]
fn a_ship_caught_in_a_wall_stays_put_instead_of_jumping() {
    let arena = Arena::on(TickRate::HZ_20, Map::new(&vec![vec![false; 8]; 8]).expect("a map"));
    let mut ship = ship_at_centre(&arena);
    ship.position = Point { x: 100_000, y: 100_000 };
    play(&arena, &mut ship, thrust(0), 20);
    assert_eq!(ship.position, Point { x: 100_000, y: 100_000 }, "all of it is shut");
}

#[test]
fn firing_drains_energy_and_a_drained_ship_waits_for_a_reserve() {
    let arena = open_space(TickRate::HZ_30);
    let mut entity = Entity::Ship(ship_at_centre(&arena));
    let mut own = Own { energy: ENERGY_FULL, ..Own::default() };
    let mut fired = Vec::new();
    for tick in 0..30 * 20 {
        arena.play(&mut entity, &mut own, &Input { fire: true, ..Input::default() });
        let Entity::Ship(ship) = entity else { unreachable!("play keeps the kind") };
        if ship.has_fired(arena.tuning()) {
            fired.push(tick);
        }
    }
    let pauses = fired.windows(2).filter(|pair| pair[1] - pair[0] > 30).count();
    assert!((1..=5).contains(&pauses), "{pauses} pauses over one second in twenty seconds: {fired:?}");
}

#[test]
fn firing_ends_protection() {
    let arena = open_space(TickRate::HZ_30);
    let mut ship = Ship { timer: 60, ..ship_at_centre(&arena) };
    assert!(ship.is_protected());
    play(&arena, &mut ship, Input { fire: true, ..Input::default() }, 1);
    assert!(!ship.is_protected());
}

#[test]
fn a_bolt_starts_at_the_muzzle_unless_a_wall_is_there() {
    let mut arena = open_space(TickRate::HZ_30);
    let mut ship = Ship { reload: arena.tuning().reload, ..ship_at_centre(&arena) };
    let bolt = ship.fired(arena.tuning(), arena.map(), arena.open()).expect("it has just fired");
    assert_eq!(bolt.position.x, ship.position.x + MUZZLE * QUANTA_PER_UNIT);
    arena.set_world(crate::rules::OpenTiles(1)).expect("one tile");
    ship.position = Point { x: arena.map().centre().x - HALF_SIDE - 1, y: arena.map().centre().y - 6400 };
    let bolt = ship.fired(arena.tuning(), arena.map(), arena.open()).expect("it has just fired");
    assert_eq!(bolt.position, ship.position);
}

#[test]
fn a_dash_is_as_long_at_every_rate_and_in_eight_directions() {
    for rate in RATES {
        let arena = open_space(rate);
        for heading in (0..1024).step_by(128) {
            let mut ship = ship_at_centre(&arena);
            play(&arena, &mut ship, Input { dash: true, ..thrust(heading) }, 1);
            assert!(ship.has_dashed(arena.tuning()));
            // It cannot be steered meanwhile.
            play(&arena, &mut ship, thrust((heading + 512) % 1024), rate.ticks_in_ms(DASH_MS) - 1);
            let start = arena.map().centre();
            let flown = (start.distance_squared(ship.position) as f64).sqrt() / f64::from(QUANTA_PER_UNIT);
            within_one_percent(flown, f64::from(DASH_SPEED) * f64::from(DASH_MS) / 1000.0, "units of a dash");
            let before = ship.position;
            play(&arena, &mut ship, thrust(heading), 1);
            let after = (before.distance_squared(ship.position) as f64).sqrt() / f64::from(QUANTA_PER_UNIT);
            within_one_percent(after, f64::from(TOP_SPEED) / f64::from(rate.hz()), "units in the tick after it");
        }
    }
}

/// The ticks on which something happens in so many seconds of wanting it all the time.
fn ticks_with(rate: TickRate, seconds: u32, input: Input, happens: impl Fn(&Ship, &Arena) -> bool) -> Vec<u32> {
    let arena = open_space(rate);
    let (mut entity, mut own) = (Entity::Ship(ship_at_centre(&arena)), Own { energy: ENERGY_FULL, ..Own::default() });
    let ticks = (0..rate.hz() * seconds).filter(|_| {
        arena.play(&mut entity, &mut own, &input);
        let Entity::Ship(ship) = entity else { unreachable!("play keeps the kind") };
        happens(&ship, &arena)
    });
    ticks.collect()
}

#[test]
fn dashes_and_rails_have_their_pauses_and_rails_their_price() {
    for rate in RATES {
        let dashes =
            ticks_with(rate, 10, Input { dash: true, ..thrust(0) }, |ship, arena| ship.has_dashed(arena.tuning()));
        assert_eq!(dashes.len(), 4);
        assert!(dashes.windows(2).all(|pair| pair[1] - pair[0] == rate.ticks_in_ms(DASH_PAUSE_MS)), "{dashes:?}");
        let rail = Some(RailShot::default());
        let rails = ticks_with(rate, 10, Input { rail, ..Input::default() }, |ship, _| ship.rail.is_some());
        assert_eq!(rails[1] - rails[0], rate.ticks_in_ms(RAIL_PAUSE_MS), "two from a full store");
        let charged = rate.hz() * u32::from(RAIL_ENERGY) / 10;
        assert!(rails[2..].windows(2).all(|pair| pair[1] - pair[0] >= charged - 1), "then as energy comes: {rails:?}");
    }
}

#[test]
fn without_thrust_there_is_no_dash_and_its_pause_does_not_begin() {
    let arena = open_space(TickRate::HZ_30);
    let mut ship = ship_at_centre(&arena);
    play(&arena, &mut ship, Input { dash: true, ..Input::default() }, 1);
    assert_eq!((ship.dash, ship.velocity), (0, Vector::default()));
}
