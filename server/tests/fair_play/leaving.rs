//! Who leaves a fight gains nothing by it: the ship stays and can be destroyed, and the next session of its network pays.

use crate::stage::{DuelStage, RATE};
use fracas_arena::rules::own::ENERGY_FULL;
use fracas_arena::rules::tuning::{ENERGY_PARTS, ENERGY_PER_S, KILL_SCORE, RAIL_ENERGY, RAIL_PAUSE_MS, RESPAWN_MS};
use fracas_arena::rules::{FineHeading, Heading, Input, Own, RailShot};
use fracas_protocol::fixed::QUANTA_PER_UNIT;
use fracas_protocol::game::authority::Game;
use std::net::IpAddr;

/// The one who shoots, and the one who leaves.
const SHOOTER: usize = 0;
const LEAVER: usize = 1;
/// Ticks from the newest body that a player has to the tick that its inputs are for.
const LAG: u32 = 5;
/// A ship that has fought within this time stays.
const FIGHT_MS: u32 = 4000;
/// A debt is kept for so long.
const DEBT_MS: u32 = 10_000;

fn ticks(ms: u32) -> u32 {
    RATE.ticks_in_ms(ms)
}

fn home() -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, 1]))
}

/// Two who can hit each other; the second from `home`.
fn duel() -> DuelStage {
    let duels = (500..).map(|seed| {
        let mut stage = DuelStage::new(seed, 1);
        stage.join_from(LEAVER as u32, home());
        stage.run(ticks(3100));
        stage
    });
    // In each other's view, and in a rail's reach.
    let is_near = |stage: &DuelStage| {
        let (a, b) = (stage.place(SHOOTER), stage.place(LEAVER));
        (a.x - b.x).abs() < 500 * QUANTA_PER_UNIT && (a.y - b.y).abs() < 300 * QUANTA_PER_UNIT
    };
    duels.into_iter().find(is_near).expect("there is no end of seeds")
}

/// A rail from one at where the other is.
fn rail(stage: &DuelStage, from: usize, to: usize) -> Input {
    let place = |player| stage.own_ship(player).expect("it is in the world").position;
    let (from, to) = (place(from), place(to));
    let (aim, view) = (FineHeading::towards(to.x - from.x, to.y - from.y), stage.room.last_tick().into());
    Input { rail: Some(RailShot { aim, view }), ..Input::default() }
}

/// The shooter's rail hits the leaver as soon as it can be fired.
fn hit(stage: &mut DuelStage) {
    let hull = stage.own_ship(LEAVER).expect("it is in the world").hull;
    for _ in 0..ticks(6000) {
        let input = rail(stage, SHOOTER, LEAVER);
        stage.play(SHOOTER, LAG, input);
        stage.tick();
        if stage.own_ship(LEAVER).is_none_or(|ship| ship.hull < hull) {
            return;
        }
    }
    panic!("it was not hit");
}

fn destroy(stage: &mut DuelStage) {
    while is_alive(stage, LEAVER) {
        hit(stage);
    }
}

fn is_alive(stage: &DuelStage, player: usize) -> bool {
    stage.own_ship(player).is_some_and(|ship| ship.is_alive())
}

fn own(stage: &DuelStage, player: usize) -> Own {
    stage.room.game().own(stage.sessions[player].player)
}

/// A new session from a network; its number.
fn join(stage: &mut DuelStage, network: Option<IpAddr>) -> usize {
    let player = stage.sessions.len();
    stage.join_from(player as u32, network);
    stage.tick();
    assert_eq!(stage.sessions.len(), player + 1, "it was let in");
    player
}

/// Ticks until a player's ship flies.
fn wait(stage: &mut DuelStage, player: usize) -> u32 {
    let mut waited = 0;
    while !is_alive(stage, player) {
        stage.tick();
        waited += 1;
        assert!(waited < ticks(20_000), "it never flies");
    }
    waited
}

fn owes_nothing(stage: &DuelStage, player: usize) -> bool {
    let ship = stage.own_ship(player).expect("it is in the world");
    ship.is_protected() && own(stage, player).energy == ENERGY_FULL && own(stage, player).dash_pause == 0
}

#[test]
fn a_dying_ship_that_says_goodbye_can_still_be_destroyed_and_its_killer_has_the_credit() {
    let mut stage = duel();
    hit(&mut stage);
    stage.leave(LEAVER);
    stage.tick();
    let score = stage.own_ship(SHOOTER).expect("it plays").score;
    destroy(&mut stage);
    assert_eq!(stage.own_ship(SHOOTER).expect("it plays").score, score + KILL_SCORE);
    stage.run(ticks(RESPAWN_MS));
    assert!(stage.own_ship(LEAVER).is_none(), "and it does not come back");
    assert_eq!(stage.room.headcount().people, 1);
}

#[test]
fn a_ship_that_was_left_stays_until_its_fight_is_over_and_does_nothing() {
    for fights in [true, false] {
        let mut stage = duel();
        if fights {
            hit(&mut stage);
        }
        let fire = Input { fire: true, ..Input::default() };
        stage.play(LEAVER, LAG, if fights { fire } else { Input::default() });
        stage.tick();
        stage.leave(LEAVER);
        stage.tick();
        assert_eq!(stage.own_ship(LEAVER).is_some(), fights);
        let shots = stage.own_ship(LEAVER).map(|ship| ship.shots);
        let stays = (0..ticks(2 * FIGHT_MS)).take_while(|_| {
            stage.play(LEAVER, LAG, fire);
            stage.tick();
            assert!(stage.own_ship(LEAVER).is_none_or(|ship| Some(ship.shots) == shots), "nobody fires it");
            stage.own_ship(LEAVER).is_some()
        });
        let stays = stays.count() as u32;
        let expected = if fights { ticks(FIGHT_MS) } else { 0 };
        assert!(stays.abs_diff(expected) <= 2, "{stays} ticks");
    }
}

#[test]
fn leaving_a_fight_is_no_faster_than_to_be_destroyed_and_one_session_pays_for_it() {
    let mut stage = duel();
    hit(&mut stage);
    let fire = Input {
        fire: true,
        dash: true,
        thrust: fracas_arena::rules::Thrust::towards(Heading::new(0)),
        ..Input::default()
    };
    stage.play(LEAVER, LAG, fire);
    stage.tick();
    let spent = own(&stage, LEAVER);
    stage.leave(LEAVER);
    let payer = join(&mut stage, home());
    let other = join(&mut stage, home());
    let stranger = join(&mut stage, Some(IpAddr::from([192, 0, 2, 2])));
    assert!(owes_nothing(&stage, other) && owes_nothing(&stage, stranger), "one debt is paid once, where it was left");
    let waited = wait(&mut stage, payer) + 2;
    assert!(waited.abs_diff(ticks(FIGHT_MS)) <= 3, "{waited} ticks");
    assert!(!stage.own_ship(payer).expect("it flies").is_protected());
    let energy = (u32::from(spent.energy) + waited * u32::from(ENERGY_PARTS * ENERGY_PER_S) / RATE.hz())
        .min(u32::from(ENERGY_FULL));
    assert!(u32::from(own(&stage, payer).energy).abs_diff(energy) <= 200, "{} and {energy}", own(&stage, payer).energy);
    assert!(stage.own_ship(LEAVER).is_none() || !is_alive(&stage, LEAVER) || waited >= ticks(FIGHT_MS) - 3);
}

#[test]
fn a_ship_that_is_destroyed_after_it_was_left_keeps_its_payer_waiting() {
    let mut stage = duel();
    hit(&mut stage);
    stage.leave(LEAVER);
    let payer = join(&mut stage, home());
    destroy(&mut stage);
    let destroyed = stage.room.last_tick();
    wait(&mut stage, payer);
    let waited = stage.room.last_tick().since(destroyed);
    assert!(waited >= i64::from(ticks(RESPAWN_MS)) - 1, "{waited} ticks");
}

#[test]
fn who_leaves_while_destroyed_waits_for_the_rest() {
    let mut stage = duel();
    destroy(&mut stage);
    let destroyed = stage.room.last_tick();
    stage.run(10);
    stage.leave(LEAVER);
    let payer = join(&mut stage, home());
    assert!(!is_alive(&stage, payer), "alive after 0.04 s");
    // Again and again: the debt is handed on.
    stage.leave(payer);
    let heir = join(&mut stage, home());
    wait(&mut stage, heir);
    let waited = stage.room.last_tick().since(destroyed);
    assert!(waited.abs_diff(i64::from(ticks(RESPAWN_MS))) <= 1, "{waited} ticks");
    assert!(!stage.own_ship(heir).expect("it flies").is_protected());
}

#[test]
fn two_leavings_are_two_debts_and_the_oldest_is_paid_first() {
    let mut stage = duel();
    let second = join(&mut stage, home());
    stage.run(ticks(2100));
    destroy(&mut stage);
    stage.leave(LEAVER);
    stage.tick();
    let fire = Input { fire: true, ..Input::default() };
    stage.play(second, LAG, fire);
    stage.tick();
    stage.leave(second);
    let payers = [join(&mut stage, home()), join(&mut stage, home())];
    let free = join(&mut stage, home());
    assert!(owes_nothing(&stage, free));
    let first = wait(&mut stage, payers[0]);
    assert!(first <= ticks(RESPAWN_MS) && !is_alive(&stage, payers[1]));
    wait(&mut stage, payers[1]);
}

#[test]
fn a_debt_is_forgotten_after_ten_seconds() {
    for (ms, owes) in [(DEBT_MS - 200, true), (DEBT_MS + 200, false)] {
        let mut stage = duel();
        hit(&mut stage);
        stage.leave(LEAVER);
        stage.run(ticks(ms));
        let next = join(&mut stage, home());
        assert!(is_alive(&stage, next));
        assert_eq!(!owes_nothing(&stage, next), owes, "after {ms} ms");
    }
}

#[test]
fn a_lost_line_is_judged_alike_and_who_comes_back_by_the_token_owes_nothing_more() {
    for comes_back in [false, true] {
        let mut stage = duel();
        hit(&mut stage);
        stage.lose(LEAVER);
        stage.tick();
        assert!(is_alive(&stage, LEAVER), "it fights its fate");
        if comes_back {
            stage.take_over(LEAVER);
            stage.tick();
        }
        let next = join(&mut stage, home());
        assert_eq!(owes_nothing_yet(&stage, next), comes_back);
        wait(&mut stage, next);
        stage.run(ticks(RESPAWN_MS + FIGHT_MS));
        assert!(is_alive(&stage, LEAVER), "it is kept for its player");
    }
}

fn owes_nothing_yet(stage: &DuelStage, player: usize) -> bool {
    is_alive(stage, player) && owes_nothing(stage, player)
}

#[test]
fn nobody_takes_back_a_ship_that_was_left() {
    let mut stage = duel();
    hit(&mut stage);
    stage.leave(LEAVER);
    stage.tick();
    let before = stage.sessions.len();
    stage.take_over(LEAVER);
    stage.tick();
    assert_ne!(stage.sessions[before], stage.sessions[LEAVER], "it is a new session");
}

#[test]
fn spectators_neither_leave_debts_nor_pay_them() {
    let mut stage = duel();
    hit(&mut stage);
    stage.leave(LEAVER);
    stage.tick();
    let spectator = stage.sessions.len();
    stage.watch_from(spectator as u32, home());
    stage.tick();
    stage.leave(spectator);
    let payer = join(&mut stage, home());
    assert!(!is_alive(&stage, payer), "the debt was left for it");
}

#[test]
fn a_new_session_has_to_load_its_rail() {
    let mut stage = duel();
    let newcomer = join(&mut stage, None);
    let mut waited = 1;
    loop {
        let input = rail(&stage, newcomer, SHOOTER);
        stage.play(newcomer, LAG, input);
        stage.tick();
        if !stage.rails.is_empty() {
            break;
        }
        waited += 1;
    }
    assert_eq!(waited, ticks(RAIL_PAUSE_MS));
}

/// How many rails somebody fires in half a minute who leaves whenever `leaves` says so after a shot, and joins again.
fn rails_in_half_a_minute(leaves: bool, rests_ms: u32) -> u32 {
    let mut stage = duel();
    let (mut player, mut rails, mut rests) = (LEAVER, 0, 0);
    for _ in 0..ticks(30_000) {
        if rests > 0 {
            rests -= 1;
            stage.tick();
            if rests == 0 {
                stage.leave(player);
                player = join(&mut stage, home());
            }
            continue;
        }
        // Straight up: nobody shall be hit.
        let shot = RailShot { aim: FineHeading::default(), view: stage.room.last_tick().into() };
        stage.play(player, LAG, Input { rail: Some(shot), ..Input::default() });
        stage.tick();
        let fired = stage.own_ship(player).is_some_and(|ship| ship.rail.is_some());
        rails += u32::from(fired);
        let is_spent = own(&stage, player).energy < RAIL_ENERGY * ENERGY_PARTS;
        if fired && leaves && (is_spent || rests_ms == 0) {
            rests = ticks(rests_ms).max(1);
        }
    }
    rails
}

#[test]
fn joining_and_leaving_over_and_over_fires_no_more_rails_than_staying() {
    let honest = rails_in_half_a_minute(false, 0);
    assert!((7..=9).contains(&honest), "{honest}");
    for rests_ms in [0, 500, FIGHT_MS - 500, FIGHT_MS + 100, FIGHT_MS + 1000] {
        let rails = rails_in_half_a_minute(true, rests_ms);
        assert!(rails <= honest, "{rails} rails with {rests_ms} ms before it leaves, {honest} without leaving");
    }
}
