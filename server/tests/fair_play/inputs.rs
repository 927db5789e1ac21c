//! Floods, replays and stamps from anywhere move a ship no faster and fire no more than honest play.

use crate::stage::{DuelStage, RATE};
use fracas_arena::rules::tuning::{
    BOLT_ENERGY, DASH_MS, DASH_PAUSE_MS, DASH_SPEED, ENERGY_MAX, ENERGY_PER_S, RAIL_ENERGY, RAIL_PAUSE_MS, RELOAD_MS,
    TOP_SPEED,
};
use fracas_arena::rules::{FineHeading, Heading, Input, RailShot, Thrust};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::authority::Game;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::Tick;

const SECONDS: u32 = 30;

/// Everything at once: full thrust, fire, a dash, a rail.
fn greedy(stage: &DuelStage, heading: u16) -> Input {
    let view = stage.room.last_tick().into();
    Input {
        thrust: Thrust::towards(Heading::new(heading)),
        aim: Heading::new(heading),
        fire: true,
        dash: true,
        rail: Some(RailShot { aim: FineHeading::new(heading * 16), view }),
    }
}

/// What a ship did in [`SECONDS`].
#[derive(Debug, Default)]
struct Deeds {
    units: f64,
    fastest_tick: f64,
    bolts: u32,
    dashes: u32,
    rails: u32,
}

/// Plays with what `cheat` says before every tick.
fn deeds(mut cheat: impl FnMut(&mut DuelStage, &mut Rng)) -> Deeds {
    let (mut stage, mut rng) = (DuelStage::new(11, 1), Rng::new(11, 1));
    let tuning = *stage.room.game().rules().tuning();
    let mut deeds = Deeds::default();
    for _ in 0..SECONDS * RATE.hz() {
        let before = stage.place(0);
        cheat(&mut stage, &mut rng);
        stage.tick();
        let ship = stage.ship(0);
        let units = (before.distance_squared(ship.position) as f64).sqrt() / f64::from(QUANTA_PER_UNIT);
        deeds.units += units;
        deeds.fastest_tick = deeds.fastest_tick.max(units);
        deeds.bolts += u32::from(ship.has_fired(&tuning));
        deeds.dashes += u32::from(ship.has_dashed(&tuning));
        deeds.rails += u32::from(ship.rail.is_some());
    }
    deeds
}

/// No more than the rules give, whatever was said.
fn check(words: &str, deeds: &Deeds) {
    let ms = SECONDS * 1000;
    let dashes = ms.div_ceil(DASH_PAUSE_MS);
    assert!(deeds.dashes <= dashes, "{words}: {deeds:?}");
    assert!(deeds.bolts <= ms.div_ceil(RELOAD_MS), "{words}: {deeds:?}");
    assert!(deeds.rails <= ms.div_ceil(RAIL_PAUSE_MS), "{words}: {deeds:?}");
    let energy = u32::from(BOLT_ENERGY) * deeds.bolts + u32::from(RAIL_ENERGY) * deeds.rails;
    assert!(energy <= u32::from(ENERGY_MAX) + u32::from(ENERGY_PER_S) * SECONDS, "{words}: {deeds:?}");
    assert!(deeds.fastest_tick <= f64::from(DASH_SPEED) / f64::from(RATE.hz()) * 1.01, "{words}: {deeds:?}");
    let most = f64::from(TOP_SPEED) * f64::from(SECONDS)
        + f64::from(DASH_SPEED - TOP_SPEED) * f64::from(dashes * DASH_MS) / 1000.0;
    assert!(deeds.units <= most * 1.01, "{words}: {deeds:?}");
    assert!(deeds.units > 1000.0 && deeds.dashes > 5 && deeds.bolts > 10, "{words}: it did play: {deeds:?}");
}

#[test]
fn a_thousand_inputs_in_one_tick_are_one() {
    check(
        "a flood",
        &deeds(|stage, rng| {
            let next = stage.next();
            let heading = (next.0 / 20 % 4 * 256) as u16;
            for _ in 0..1000 {
                let stamp = Tick((next.0 + rng.below(70)).saturating_sub(5));
                let input = greedy(stage, heading);
                stage.say(0, stamp, stage.room.last_tick(), input);
            }
        }),
    );
}

#[test]
fn stamps_from_the_far_future_and_the_past_and_round_the_end_of_numbers_gain_nothing() {
    let stamps: [fn(Tick, u32) -> u32; 5] = [
        |next, _| next.0 + 1_000_000,
        |next, chance| next.0.saturating_sub(chance),
        |_, chance| u32::MAX - chance,
        |next, _| next.0.wrapping_sub(100_000),
        |next, chance| next.0.wrapping_add(chance << 20),
    ];
    for (index, stamp) in stamps.into_iter().enumerate() {
        let words = format!("stamps of kind {index}");
        check(
            &words,
            &deeds(|stage, rng| {
                let next = stage.next();
                let input = greedy(stage, (next.0 / 20 % 4 * 256) as u16);
                // Honest inputs in between, or nothing would happen at all.
                stage.say(0, next, stage.room.last_tick(), input);
                for _ in 0..50 {
                    stage.say(0, Tick(stamp(next, rng.below(300))), Tick(rng.below(u32::MAX)), input);
                }
            }),
        );
    }
}

#[test]
fn replays_of_old_inputs_do_nothing_again() {
    let mut said = Vec::new();
    check(
        "replays",
        &deeds(|stage, _| {
            let next = stage.next();
            let input = greedy(stage, (next.0 / 20 % 4 * 256) as u16);
            stage.say(0, next, stage.room.last_tick(), input);
            said.push((next, input));
            for &(stamp, input) in said.iter().rev().take(200) {
                stage.say(0, stamp, stage.room.last_tick(), input);
            }
        }),
    );
}

#[test]
fn one_dash_that_comes_late_is_one_dash() {
    let mut stage = DuelStage::new(12, 1);
    let tuning = *stage.room.game().rules().tuning();
    stage.play(0, 3, Input::default());
    stage.tick();
    let thrust = Thrust::towards(Heading::new(0));
    stage.run(3);
    let late = Tick(stage.next().0 - 2);
    stage.say(0, late, late, Input { thrust, dash: true, ..Input::default() });
    let dashes: u32 = (0..200)
        .map(|_| {
            stage.tick();
            u32::from(stage.ship(0).has_dashed(&tuning))
        })
        .sum();
    assert_eq!(dashes, 1, "what is held is held on, but a dash is not");
}

#[test]
fn what_a_connection_says_after_another_has_its_ship_does_not_fly_it() {
    let mut stage = DuelStage::new(13, 1);
    let thrust = Thrust::towards(Heading::new(0));
    stage.run(30);
    let before = stage.place(0);
    stage.take_over(0);
    // It does not know yet, and its event loop neither.
    for ahead in 0..20 {
        let stamp = stage.next().plus(ahead);
        stage.say(0, stamp, stage.room.last_tick(), Input { thrust, fire: true, dash: true, ..Input::default() });
    }
    stage.run(30);
    assert_eq!(stage.place(0), before, "its new connection has said nothing");
}
