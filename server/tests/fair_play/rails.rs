//! Rails hit what their shooters can have seen: not what they claim, not what is too long ago, not through walls of time.

use crate::stage::{ASPECT, DuelStage, RATE};
use fracas_arena::rules::{Beam, FineHeading, Heading, Input, RailShot, Thrust, ship_id};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::rules::Point;
use fracas_protocol::tick::{Tick, ViewTime};

/// The shooter, and the one that flies across its view.
const SHOOTER: usize = 0;
const TARGET: usize = 1;
/// Ticks from the newest body that the shooter has to the tick that its inputs are for.
const LAG: u32 = 5;

/// Thrust across the line from `from` to `to`, so that where the target was and where it is are far apart for a rail.
fn across(from: Point, to: Point) -> Thrust {
    Thrust::towards(Heading::towards(to.x - from.x, to.y - from.y).turned(256))
}

fn is_on_screen(centre: Point, place: Point) -> bool {
    let (half_width, half_height) = ASPECT.half_screen();
    (place.x - centre.x).abs() < half_width && (place.y - centre.y).abs() < half_height
}

/// The beam of a rail, as far as it goes.
fn beam(stage: &DuelStage, from: Point, aim: FineHeading) -> Beam {
    stage.room.game().rules().beam(from, aim).on_screen(ASPECT)
}

/// A target at top speed, and a shooter that rests, has it in range, and acknowledged each body `lag` ticks late so far. There
/// are as many of them as there are numbers.
fn duel_with(number: u64, lag: u32) -> DuelStage {
    duel_of(seed_of_duel(number, lag), lag).expect("it is good")
}

fn seed_of_duel(number: u64, lag: u32) -> u64 {
    (number * 100..).find(|seed| duel_of(*seed, lag).is_some()).expect("there is no end of seeds")
}

/// The one of a seed, if it is good.
fn duel_of(seed: u64, lag: u32) -> Option<DuelStage> {
    let mut stage = DuelStage::new(seed, 2);
    if is_on_screen(stage.place(SHOOTER), stage.place(TARGET)) {
        let thrust = across(stage.place(SHOOTER), stage.place(TARGET));
        for tick in 0..40 {
            let thrust = if tick < 10 { Thrust::NONE } else { thrust };
            stage.play(TARGET, LAG, Input { thrust, ..Input::default() });
            stage.play(SHOOTER, lag, Input::default());
            stage.tick();
        }
    }
    is_good(&stage).then_some(stage)
}

fn is_good(stage: &DuelStage) -> bool {
    let units = |a: Point, b: Point| (a.distance_squared(b) as f64).sqrt() / f64::from(QUANTA_PER_UNIT);
    let (from, now) = (stage.place(SHOOTER), stage.place(TARGET));
    let before = stage.ship_on(TARGET, Tick(stage.room.last_tick().0 - 20)).position;
    let flown = Heading::towards(now.x - before.x, now.y - before.y);
    let off = flown.turn_from(Heading::towards(now.x - from.x, now.y - from.y)).abs();
    let crosses = (256 - 80..=256 + 80).contains(&off);
    [now, before].iter().all(|place| is_on_screen(from, *place)) && units(before, now) > 180.0 && crosses
}

fn duel(number: u64) -> DuelStage {
    duel_with(number, LAG)
}

/// Fires at where the target was on a tick, and claims to have seen it at `view`. Whether it hit.
fn fire(stage: &mut DuelStage, at: Tick, view: ViewTime) -> bool {
    let (from, place) = (stage.place(SHOOTER), stage.ship_on(TARGET, at).position);
    let aim = FineHeading::towards(place.x - from.x, place.y - from.y);
    let thrust = stage.ship(TARGET).controls.thrust;
    stage.play(TARGET, LAG, Input { thrust, ..Input::default() });
    stage.play(SHOOTER, LAG, Input { rail: Some(RailShot { aim, view }), ..Input::default() });
    stage.tick();
    let [(shooter, hit)] = stage.rails[..] else { panic!("one rail was fired: {:?}", stage.rails) };
    assert_eq!(shooter, stage.sessions[SHOOTER]);
    assert!(hit.is_none_or(|id| id == ship_id(stage.sessions[TARGET].player.0)));
    hit.is_some()
}

#[test]
fn a_rail_hits_where_the_target_was_seen_and_misses_where_it_is_by_now() {
    for seed in 0..10 {
        let mut stage = duel(seed);
        let seen = Tick(stage.next().0 - LAG - 2);
        assert!(fire(&mut stage, seen, seen.into()), "seed {seed}");
        assert!(stage.ship(TARGET).hull < 100, "and it hurts");
        let mut stage = duel(seed);
        let now = stage.room.last_tick();
        assert!(!fire(&mut stage, now, seen.into()), "seed {seed}");
    }
}

#[test]
fn a_rail_is_judged_between_two_ticks_by_the_sixteenth() {
    for part in 0..16 {
        let stage = duel(part as u64);
        let view = ViewTime::from_sixteenths(i64::from(stage.next().0 - LAG - 2) * 16 + part);
        let on = |tick: Tick| stage.ship_on(TARGET, tick).position;
        let seen = on(view.tick()).towards(on(view.tick().next()), view.sixteenth());
        // At the edge of the ship as it was then: half a tick earlier or later it would be missed.
        let from = stage.place(SHOOTER);
        let heading = FineHeading::towards(seen.x - from.x, seen.y - from.y).steps();
        let beam = |aim: u16| beam(&stage, from, FineHeading::new(aim));
        let hits = |aim: &u16| beam(*aim).way_to(seen).is_some();
        let edge = (heading..heading + 2000).rev().find(hits).expect("straight at it");
        let input = |aim| Input { rail: Some(RailShot { aim: FineHeading::new(aim), view }), ..Input::default() };
        for (aim, expected) in [(edge, true), (edge + 2, false)] {
            let mut stage = duel(part as u64);
            stage.play(SHOOTER, LAG, input(aim));
            stage.tick();
            assert_eq!(stage.rails[0].1.is_some(), expected, "{part} sixteenths, {aim}");
        }
    }
}

/// What a shooter says it saw when it fires on a tick.
type Claim = fn(Tick) -> ViewTime;

/// For each tick before the shot on which the target could be aimed at: whether that hits, and whether it should if the server
/// judges by some moment from `latest` to `earliest` sixteenths of a tick before the shot.
fn hits_by_age(
    number: u64,
    lag: u32,
    (latest, earliest): (i64, i64),
    claim: impl Fn(Tick) -> ViewTime,
) -> Vec<(u32, bool, bool)> {
    let seed = seed_of_duel(number, lag);
    let by_age = |age: u32| {
        let mut stage = duel_of(seed, lag).expect("it is good");
        let (next, from) = (stage.next(), stage.place(SHOOTER));
        let at = stage.ship_on(TARGET, Tick(next.0 - age)).position;
        let aim = FineHeading::towards(at.x - from.x, at.y - from.y);
        let beam = beam(&stage, from, aim);
        let place = |ago: i64| {
            let view = ViewTime::from_sixteenths(i64::from(next.0) * 16 - ago);
            let on = |tick: Tick| stage.ship_on(TARGET, tick).position;
            if view.sixteenth() == 0 {
                on(view.tick())
            } else {
                on(view.tick()).towards(on(view.tick().next()), view.sixteenth())
            }
        };
        let should = (latest..=earliest).any(|ago| beam.way_to(place(ago)).is_some());
        stage.play(SHOOTER, lag, Input { rail: Some(RailShot { aim, view: claim(next) }), ..Input::default() });
        stage.tick();
        (age, stage.rails[0].1.is_some(), should)
    };
    (1..=20).map(by_age).collect()
}

#[test]
fn nobody_chooses_their_past() {
    let claims: [(&str, Claim); 6] = [
        ("what it saw", |next| Tick(next.0 - LAG - 2).into()),
        ("an hour ago", |next| Tick(next.0.saturating_sub(30 * 3600)).into()),
        ("a little too long ago", |next| Tick(next.0 - 13).into()),
        ("on the tick of the shot", |next| next.into()),
        ("in an hour", |next| Tick(next.0 + 30 * 3600).into()),
        ("at the end of time", |_| Tick(u32::MAX).into()),
    ];
    for (words, claim) in claims {
        // Two ticks more or less than what the server expects, and not what was not acknowledged.
        let window = (i64::from(LAG) * 16, i64::from(LAG + 4) * 16);
        let by_age = hits_by_age(7, LAG, window, claim);
        assert!(by_age.iter().any(|(_, hit, _)| *hit), "{words}: {by_age:?}");
        assert!(by_age.iter().all(|(_, hit, should)| !hit || *should), "{words}: {by_age:?}");
    }
}

#[test]
fn one_who_claims_a_slow_line_is_judged_by_the_cap() {
    // It acknowledges only what is two seconds old, and claims to have seen that. 250 ms and five ticks are the most.
    let cap = RATE.sixteenths_in_ms(250) + 5 * 16;
    let by_age = hits_by_age(3, 60, (cap, cap), |next| Tick(next.0 - 60).into());
    assert!(by_age.iter().any(|(_, hit, _)| *hit), "{by_age:?}");
    assert!(by_age.iter().all(|(_, hit, should)| hit == should), "{by_age:?}");
}

#[test]
fn a_ship_that_came_back_is_not_hit_where_its_wreck_was() {
    let mut stage = duel(5);
    for _ in 0..30 {
        stage.play(TARGET, LAG, Input::default());
        stage.play(SHOOTER, LAG, Input::default());
        stage.tick();
    }
    let wreck = stage.place(TARGET);
    let from = stage.place(SHOOTER);
    let aim = FineHeading::towards(wreck.x - from.x, wreck.y - from.y);
    let mut hits = 0;
    for _ in 0..400 {
        let view = ViewTime::from(Tick(stage.next().0 - LAG - 2));
        // Whenever energy allows; the target rests until it is destroyed and respawns.
        stage.play(SHOOTER, LAG, Input { rail: Some(RailShot { aim, view }), ..Input::default() });
        let seen = *stage.ship_on(TARGET, view.tick());
        stage.tick();
        for (_, hit) in &stage.rails {
            assert_eq!(hit.is_some(), seen.is_alive() && seen.position == wreck, "else it was elsewhere, or nowhere");
            hits += u32::from(hit.is_some());
        }
    }
    assert!(hits >= 3, "it takes three to destroy a ship: {hits}");
    assert_ne!(stage.place(TARGET), wreck, "and it came back elsewhere");
}

#[test]
fn the_first_input_of_a_newcomer_does_not_hit_what_was_there_before_it_joined() {
    const NEWCOMER: usize = 2;
    // It has acknowledged nothing, and is judged as on the quickest line: by what was four ticks before its first input.
    let newcomers = (0..).map(|number| {
        let mut stage = duel(number);
        stage.join(2);
        // Until its rail is loaded.
        for _ in 0..RATE.hz() + 6 {
            let thrust = stage.ship(TARGET).controls.thrust;
            stage.play(TARGET, LAG, Input { thrust, ..Input::default() });
            stage.tick();
        }
        stage
    });
    let beam_at = |stage: &DuelStage, at: Tick| {
        let (from, seen) = (stage.place(NEWCOMER), stage.ship_on(TARGET, at).position);
        let aim = FineHeading::towards(seen.x - from.x, seen.y - from.y);
        (aim, beam(stage, from, aim))
    };
    let first = |stage: &DuelStage| Tick(stage.room.last_tick().0 - 3);
    let old = |stage: &DuelStage| Tick(stage.room.last_tick().0 - 11);
    let tells_apart = |stage: &DuelStage| {
        let hits = |aimed: Tick, judged: Tick| {
            beam_at(stage, aimed).1.way_to(stage.ship_on(TARGET, judged).position).is_some()
        };
        let (first, old) = (first(stage), old(stage));
        hits(first, first) && hits(old, old) && !hits(old, first) && !hits(first, old)
    };
    let stage = || newcomers.clone().find(tells_apart).expect("there is no end of seeds");
    for (at, hits) in [(first as fn(&DuelStage) -> Tick, true), (old, false)] {
        let mut stage = stage();
        let (at, next) = (at(&stage), stage.next());
        let rail = Some(RailShot { aim: beam_at(&stage, at).0, view: at.into() });
        stage.say(NEWCOMER, next, Tick(0), Input { rail, ..Input::default() });
        stage.tick();
        assert_eq!(stage.rails[0].1.is_some(), hits, "at where the target was on {at:?}");
    }
}

#[test]
fn when_a_newcomers_rail_is_loaded_what_was_before_it_came_is_too_long_ago() {
    const NEWCOMER: usize = 2;
    let mut stage = duel(0);
    let before = stage.room.last_tick();
    stage.join(2);
    stage.tick();
    // It acknowledges nothing, so that it is judged by what was as long ago as can be: until its rail is loaded, that is after
    // it came.
    let cap = RATE.sixteenths_in_ms(250) / 16 + 5;
    while stage.rails.is_empty() {
        let (from, seen) = (stage.place(NEWCOMER), stage.ship_on(TARGET, before).position);
        let aim = FineHeading::towards(seen.x - from.x, seen.y - from.y);
        let rail = Some(RailShot { aim, view: before.into() });
        let next = stage.next();
        stage.say(NEWCOMER, next, Tick(0), Input { rail, ..Input::default() });
        stage.tick();
    }
    let ago = stage.room.last_tick().since(before);
    assert!(ago > cap + 1, "{ago} ticks");
}

#[test]
fn a_rail_meets_who_was_destroyed_since_it_was_seen_and_not_who_was_behind() {
    // The other two are on one line from the second shooter, the target before the one behind it.
    const SECOND: usize = 2;
    const BEHIND: usize = 3;
    let aims = |stage: &DuelStage, shooter: usize| {
        let (from, to) = (stage.place(shooter), stage.place(TARGET));
        let aim = FineHeading::towards(to.x - from.x, to.y - from.y);
        (aim, beam(stage, from, aim))
    };
    let is_in_line = |stage: &DuelStage| {
        let way = |shooter, player| aims(stage, shooter).1.way_to(stage.place(player));
        let before = |a: Option<i64>, b: Option<i64>| a.is_some_and(|a| b.is_some_and(|b| a < b));
        let free = [SECOND, BEHIND].iter().all(|other| !before(way(SHOOTER, *other), way(SHOOTER, TARGET)));
        way(SHOOTER, TARGET).is_some() && free && before(way(SECOND, TARGET), way(SECOND, BEHIND))
    };
    let mut stage = (0..).map(|seed| DuelStage::new(seed, 4)).find(is_in_line).expect("there is no end of seeds");
    let rail = |stage: &DuelStage, shooter: usize| {
        let (aim, view) = (aims(stage, shooter).0, Tick(stage.next().0 - LAG - 2).into());
        Input { rail: Some(RailShot { aim, view }), ..Input::default() }
    };
    while stage.ship(TARGET).is_alive() {
        for player in [TARGET, SECOND, BEHIND] {
            stage.play(player, LAG, Input::default());
        }
        let input = rail(&stage, SHOOTER);
        stage.play(SHOOTER, LAG, input);
        stage.tick();
    }
    let (behind, score) = (*stage.ship(BEHIND), stage.ship(SECOND).score);
    let input = rail(&stage, SECOND);
    stage.play(SECOND, LAG, input);
    stage.tick();
    let target = ship_id(stage.sessions[TARGET].player.0);
    assert_eq!(stage.rails, [(stage.sessions[SECOND], Some(target))], "it saw it fly");
    assert_eq!((stage.ship(BEHIND).hull, stage.ship(SECOND).score), (behind.hull, score), "and did nothing more to it");
}

#[test]
fn a_beam_is_what_the_client_can_compute() {
    let stage = DuelStage::new(6, 2);
    let arena = stage.room.game().rules();
    let from = stage.place(SHOOTER);
    let Beam { to, .. } = arena.beam(from, FineHeading::new(4096));
    assert!(to.y > from.y && to.x == from.x && arena.tick_rate() == RATE);
}
