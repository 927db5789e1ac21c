//! What happens does not depend on the places of those whom it happens to: a scene is played twice, with everybody in another
//! place the second time, and each must have the same ship, the same energy and the same news.
//!
//! Scenes are short and crowded: some ships stand close together, hurt, and fire rails on the same tick, or bolts, or lie in
//! wait around something to take. A scene ends with the tick on which two are destroyed: where their wrecks' shards lie and
//! where they come back is drawn, and each is as good as the other.

use super::Checks;
use crate::server::witness::{GameBug, Witness, Witnessed};
use crate::strategies::trigger::aim;
use fracas_arena::authority::{ArenaConfig, World};
use fracas_arena::rules::tuning::PICKUP_REACH;
use fracas_arena::rules::{Arena, Entity, Heading, Input, Map, News, Own, RailShot, Ship, Thrust, ship_id, slot_of};
use fracas_protocol::game::attended::Attended;
use fracas_protocol::game::authority::Joiner;
use fracas_protocol::game::authority::{Game, PlayerInput, ViewWindow};
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::name::Name;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::message::Aspect;
use fracas_server::ids::PlayerId;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Scenes of one seed.
const SCENES: usize = 3;
/// Ships of a scene, at least and at most.
const SHIPS: (i32, i32) = (2, 5);
/// They stand so far from the middle of it at most, in units.
const SPREAD: i32 = 110;
/// So many ticks pass before anybody fires, for there to be a past.
const QUIET_TICKS: u32 = 12;
/// And so many after.
const LOUD_TICKS: u32 = 24;

/// Where scenes are played: the largest tile there is, which is the quickest to read, with a wall here and there.
static GROUND: LazyLock<Map> = LazyLock::new(|| {
    let row = |y: usize| (0..32).map(|x| x % 5 == 2 && y % 5 == 2).collect();
    Map::new(&(0..32).map(row).collect::<Vec<_>>()).expect("its cells are connected")
});

/// Everything about one player that must not depend on its place.
type Lot = (Ship, Own, Vec<News>);

/// One ship's part in a scene.
#[derive(Clone, Copy, Debug)]
struct Part {
    position: Point,
    hull: u8,
    score: u16,
    /// Whom it fires at, and on which tick with its rail.
    target: usize,
    rail_on: u32,
    fires_bolts: bool,
    thrust: Thrust,
    behind: u32,
}

/// Plays the scenes of a seed.
pub(crate) fn check(seed: u64, rate: TickRate, bug: Option<GameBug>, checks: &mut Checks) {
    let mut rng = Rng::new(seed, 19);
    for _ in 0..SCENES {
        let judged = play(rate, bug, &mut rng);
        match judged {
            Ok(hits) => {
                checks.tally.scenes += 1;
                checks.tally.scenes_with_hits += u64::from(hits > 0);
                checks.note(&[5 << 32, hits]);
            }
            Err((tick, what)) => return checks.find("slots", None, tick, what),
        }
    }
}

/// Plays one scene twice. Returns how often somebody was hurt.
fn play(rate: TickRate, bug: Option<GameBug>, rng: &mut Rng) -> Result<u64, (Tick, String)> {
    let count = rng.between(SHIPS.0, SHIPS.1) as usize;
    let bare = open(rate, count, rng.word(), bug);
    let parts = cast(&bare, count, rng);
    let order = shuffled(count, rng);
    let places: Vec<usize> = (0..count).collect();
    let state = serde_json::to_value(&bare).map_err(|error| (Tick(0), error.to_string()))?;
    let mut one = stage(&state, &parts, &places).map_err(|error| (Tick(0), error))?;
    let mut other = stage(&state, &parts, &order).map_err(|error| (Tick(0), error))?;
    let (mut hits, mut hulls) = (0, parts.iter().map(|part| part.hull).collect::<Vec<_>>());
    for number in 0..QUIET_TICKS + LOUD_TICKS {
        let tick = Tick(2 + number);
        let is_loud = number >= QUIET_TICKS;
        let before: Vec<_> = (0..count).map(|place| one.game.ship(PlayerId(place as u16)).copied()).collect();
        step(&mut one, tick, &parts, &places, is_loud);
        step(&mut other, tick, &parts, &order, is_loud);
        let (lots, others) = (lots(&mut one, tick, &places), lots(&mut other, tick, &order));
        for (index, (lot, other)) in lots.iter().zip(&others).enumerate() {
            if lot != other {
                let words = |(ship, own, news): &Lot| {
                    format!("hull {}, score {}, energy {}, {news:?}", ship.hull, ship.score, own.energy)
                };
                let (here, there) = (words(lot), words(other));
                return Err((tick, format!("in place {index}: {here}; in place {}: {there}", order[index])));
            }
        }
        let fell = |(was, (is, ..)): &(&Option<Ship>, &Lot)| was.is_some_and(|was| was.is_alive()) && !is.is_alive();
        for (hull, (ship, ..)) in hulls.iter_mut().zip(&lots) {
            hits += u64::from(ship.hull < *hull);
            *hull = ship.hull;
        }
        if before.iter().zip(&lots).filter(fell).count() > 1 {
            break;
        }
    }
    Ok(hits)
}

/// A game into which so many have come.
fn open(rate: TickRate, count: usize, seed: u64, bug: Option<GameBug>) -> Witnessed {
    let world = World::with(ArenaConfig { rate, map: GROUND.clone(), density: 20, arena_for: None, seed });
    let mut game = Attended { game: world, attendant: Witness::new(bug) };
    for place in 0..count {
        let name = Name::parse(&format!("ship {place}")).expect("it is a name");
        game.join(PlayerId(place as u16), &Joiner::person(name));
    }
    game.step(Tick(1), &[]);
    game.news(Tick(1), &mut Vec::new());
    game
}

/// Who stands where, in which state, and does what.
fn cast(game: &Witnessed, count: usize, rng: &mut Rng) -> Vec<Part> {
    let mut entities = Vec::new();
    game.truth(&mut entities);
    let loot: Vec<_> = entities.iter().filter(|(_, entity)| matches!(entity, Entity::Pickup(_))).collect();
    let around = (rng.chance(1, 3) && !loot.is_empty()).then(|| loot[rng.below(loot.len() as u32) as usize].1);
    let middle = around
        .as_ref()
        .map_or_else(|| game.game.ship(PlayerId(0)).map(|ship| ship.position).unwrap_or_default(), Arena::position);
    let spread = if around.is_some() { PICKUP_REACH } else { SPREAD };
    let volley = QUIET_TICKS + rng.below(4);
    let mut parts: Vec<Part> = Vec::new();
    while parts.len() < count {
        let position = place(game, middle, spread, &parts, rng);
        let (index, is_rail) = (parts.len(), rng.chance(3, 4));
        parts.push(Part {
            position,
            hull: [12, 18, 36, 40, 58, 76, 80, 100][rng.below(8) as usize],
            score: rng.below(300) as u16,
            target: (index + 1 + rng.below(count as u32 - 1) as usize) % count,
            rail_on: if rng.chance(3, 4) { volley } else { volley + rng.below(LOUD_TICKS) },
            fires_bolts: !is_rail || rng.chance(1, 3),
            thrust: if rng.chance(1, 4) { Thrust::towards(Heading::new(rng.below(1024) as u16)) } else { Thrust::NONE },
            behind: rng.below(5),
        });
    }
    parts
}

/// Somewhere near the middle where a ship fits, as far from it as nobody else.
fn place(game: &Witnessed, middle: Point, spread: i32, parts: &[Part], rng: &mut Rng) -> Point {
    let reach = spread * QUANTA_PER_UNIT;
    let side = fracas_arena::rules::ship::HALF_SIDE;
    loop {
        let at = Point { x: middle.x + rng.between(-reach, reach), y: middle.y + rng.between(-reach, reach) };
        let corners = [(-side, -side), (side, -side), (-side, side), (side, side)];
        let fits = corners.iter().all(|(x, y)| !game.rules().is_wall(Point { x: at.x + x, y: at.y + y }));
        let distance = at.distance_squared(middle);
        if fits && parts.iter().all(|part| part.position.distance_squared(middle) != distance) {
            return at;
        }
    }
}

fn shuffled(count: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    for index in (1..count).rev() {
        order.swap(index, rng.below(index as u32 + 1) as usize);
    }
    if order.iter().enumerate().all(|(index, place)| index == *place) {
        order.rotate_left(1);
    }
    order
}

/// The game with everybody where the scene wants them: the `index`-th in the place `places[index]`.
fn stage(state: &Value, parts: &[Part], places: &[usize]) -> Result<Witnessed, String> {
    let mut state = state.clone();
    let pilots = state["game"]["pilots"].as_array_mut().ok_or("the game has no pilots")?;
    let cast = pilots.clone();
    for ((part, place), pilot) in parts.iter().zip(places).zip(&cast) {
        let mut pilot = pilot.clone();
        let ship = &mut pilot["ship"];
        ship["position"] = json!({ "x": part.position.x, "y": part.position.y });
        (ship["hull"], ship["score"], ship["timer"]) = (json!(part.hull), json!(part.score), json!(0));
        pilots[*place] = pilot;
    }
    serde_json::from_value(state).map_err(|error| error.to_string())
}

/// One tick, on which everybody does its part.
fn step(game: &mut Witnessed, tick: Tick, parts: &[Part], places: &[usize], is_loud: bool) {
    let at = |index: usize| game.game.ship(PlayerId(places[index] as u16)).map(|ship| ship.position);
    let mut inputs: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let (from, to) = (at(index).unwrap_or_default(), at(part.target).unwrap_or_default());
            let (held, rail) = aim(from, to);
            let shot = RailShot { aim: rail, view: Tick(tick.0.saturating_sub(1 + part.behind)).into() };
            let fires_rail = is_loud && tick.0 == 2 + part.rail_on;
            let input = Input {
                thrust: if is_loud { part.thrust } else { Thrust::NONE },
                aim: held,
                fire: is_loud && part.fires_bolts,
                dash: false,
                rail: fires_rail.then_some(shot),
            };
            let view = ViewWindow { earliest: Tick(tick.0.saturating_sub(8)).into(), latest: Tick(tick.0 - 1).into() };
            PlayerInput { player: PlayerId(places[index] as u16), input, view, aspect: Aspect::default() }
        })
        .collect();
    inputs.sort_by_key(|input| input.player);
    game.step(tick, &inputs);
}

/// What became of everybody, by part. Ranks are left out: of equals the one who was there first is before the other.
fn lots(game: &mut Witnessed, tick: Tick, places: &[usize]) -> Vec<Lot> {
    let mut game_events = Vec::new();
    game.news(tick, &mut game_events);
    let part_of = |slot: u16| places.iter().position(|place| *place == usize::from(slot)).unwrap_or_default() as u16;
    places
        .iter()
        .map(|place| {
            let player = PlayerId(*place as u16);
            let its = game_events.iter().filter(|game_event| game_event.to == Some(player));
            let news = its.map(|game_event| match &game_event.news {
                News::Rail { tick, hit } => {
                    News::Rail { tick: *tick, hit: hit.and_then(slot_of).map(|slot| ship_id(part_of(slot))) }
                }
                news => news.clone(),
            });
            let news = news.collect();
            let ship = game.game.ship(player).copied().unwrap_or_default();
            (ship, Own { rank: 0, ..game.own(player) }, news)
        })
        .collect()
}
