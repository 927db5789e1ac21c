//! One network that leaves and joins to shed what a session owes: its wounds, its pauses, the wait after its ship was destroyed.

use crate::Size;
use crate::flyer::Flyer;
use crate::stand::{Cohort, seconds};
use anyhow::{Result, anyhow};
use fracas_arena::rules::tuning::{ENERGY_MAX, ENERGY_PER_S, RAIL_ENERGY, RAIL_RANGE, RESPAWN_MS};
use fracas_arena::rules::{FineHeading, Input, News, RailShot, Ship, rail_targets};
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT};
use fracas_protocol::wire::message::{Aspect, Role};
use fracas_tests::Server;
use fracas_tests::raw::loopback;
use fracas_tests::verdict::VerdictRow;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Built-in bots to fight with, less one for each who joins; and ordinary bots beside, who must not notice.
const FILL: usize = 32;
const BESIDE: usize = 8;
/// A ship with so few hit points is about to be destroyed.
const DYING: u8 = 64;
/// A rail is fired at whoever is nearer than this, in units.
const NEAR: i64 = RAIL_RANGE as i64 - 300;
/// What a client cannot know of when something happened, in seconds: two ticks, and the way.
const SLACK_S: f64 = 0.15;
/// What spectators are told may be so late.
const TOLD_LATE: Duration = Duration::from_secs(7);
/// Who attacks, and who watches.
const HOPPER: &str = "hopper";
const ATTACKER: usize = 20;
const WATCHER: usize = 10;

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let server = Server::start(&["--fill", &FILL.to_string()]);
    let hunts = |server: &Server| server.metric("fracas_players{kind=\"bot\"}") as usize >= FILL;
    server.wait_for("the built-in bots fight", hunts);
    let mut rows = shed(&server)?;
    rows.extend(rails(&server, size.pick(20, 6) as u64)?);
    Ok(rows)
}

/// How somebody came back.
struct Return {
    after_s: f64,
    ship: Ship,
}

/// What leaving sheds, each from a network of its own.
fn shed(server: &Server) -> Result<Vec<VerdictRow>> {
    let (stays, dying, destroyed) = std::thread::scope(|scope| {
        let stays = scope.spawn(|| stay_destroyed(server, loopback(1)));
        let dying = scope.spawn(|| leave_when(server, loopback(2), |ship| ship.is_alive() && ship.hull <= DYING));
        let destroyed = scope.spawn(|| leave_when(server, loopback(3), |ship| !ship.is_alive()));
        (stays.join(), dying.join(), destroyed.join())
    });
    let failed = |_| anyhow!("a player failed");
    let stays = stays.map_err(failed)??;
    let mut rows = vec![wait("destroyed, and stays: flies again after", &stays)];
    for (what, came) in [("dying, says goodbye and joins", dying), ("destroyed, says goodbye and joins", destroyed)] {
        let (came, neighbour_s) = came.map_err(failed)??;
        rows.extend([
            wait(&format!("{what}: flies again after"), &came),
            VerdictRow::exactly("... protected", u64::from(came.ship.is_protected()), 0),
            VerdictRow::at_most("... its neighbour, who has left nothing, flies after", neighbour_s, 1.0, "s").speed(),
        ]);
    }
    Ok(rows)
}

fn wait(what: &str, came: &Return) -> VerdictRow {
    let words = format!("{what} (hull {})", came.ship.hull);
    VerdictRow::at_least(words, came.after_s, f64::from(RESPAWN_MS) / 1000.0 - SLACK_S, "s")
}

/// Fires, so that nothing protects it.
fn provoke(flyer: &mut Flyer) {
    flyer.client.set_input(Input { fire: true, ..Input::default() });
}

fn stay_destroyed(server: &Server, from: Ipv4Addr) -> Result<Return> {
    let mut flyer = Flyer::join(server, from, "stays", Role::Player)?;
    flyer.until("it is hit", |flyer| flyer.ship().is_some_and(|ship| ship.is_alive()), |_| ())?;
    flyer.until("it is destroyed", |flyer| flyer.ship().is_some_and(|ship| !ship.is_alive()), provoke)?;
    flies_again(&mut flyer, Instant::now())
}

/// Until it flies, since then.
fn flies_again(flyer: &mut Flyer, since: Instant) -> Result<Return> {
    flyer.until("it flies", |flyer| flyer.ship().is_some_and(|ship| ship.is_alive()), |_| ())?;
    let ship = flyer.ship().ok_or_else(|| anyhow!("it has no ship"))?;
    Ok(Return { after_s: seconds(since), ship })
}

/// Leaves when its ship is so, and joins again; a neighbour joins beside it. Until each flies.
fn leave_when(server: &Server, from: Ipv4Addr, is_so: impl Fn(&Ship) -> bool) -> Result<(Return, f64)> {
    let mut flyer = Flyer::join(server, from, "leaves", Role::Player)?;
    flyer.until("it flies", |flyer| flyer.ship().is_some_and(|ship| ship.is_alive()), |_| ())?;
    flyer.until("it is as bad as it shall be", |flyer| flyer.ship().is_some_and(|ship| is_so(&ship)), provoke)?;
    let since = Instant::now();
    flyer.leave()?;
    let mut again = Flyer::join(server, from, "leaves", Role::Player)?;
    let came = flies_again(&mut again, since)?;
    // Its debt is paid: the next one owes nothing.
    let began = Instant::now();
    let mut neighbour = Flyer::join(server, from, "neighbour", Role::Player)?;
    let neighbour_s = flies_again(&mut neighbour, began)?.after_s;
    Ok((came, neighbour_s))
}

/// What was told of who was destroyed.
#[derive(Default)]
struct Kills {
    all: u64,
    by_hopper: u64,
    of_hopper: u64,
}

/// Joins, fires one rail, leaves, over and over, for so many seconds.
fn rails(server: &Server, attack_s: u64) -> Result<Vec<VerdictRow>> {
    let cohort = Cohort::start(server, BESIDE, Duration::from_secs(attack_s + 2), &["--brain", "wander"]);
    cohort.wait(server);
    let is_over = AtomicBool::new(false);
    let mut watcher = Flyer::join(server, loopback(WATCHER), "watcher", Role::Spectator)?;
    let (fired, kills) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&mut watcher, &is_over));
        let fired = hop(server, Instant::now() + Duration::from_secs(attack_s));
        is_over.store(true, Ordering::Relaxed);
        (fired, watching.join().map_err(|_| anyhow!("the watcher failed")))
    });
    let ((fired, sessions), kills) = (fired?, kills??);
    let most = f64::from(ENERGY_MAX + ENERGY_PER_S * attack_s as u16) / f64::from(RAIL_ENERGY);
    let Kills { all, by_hopper, of_hopper } = kills;
    let words = format!("joins, fires a rail, leaves, for {attack_s} s ({sessions} sessions): rails");
    let told = format!("... destroyed by it, of {all} in all (it was {of_hopper} times)");
    let mut rows = vec![
        VerdictRow::at_most(words, fired as f64, most.floor(), ""),
        VerdictRow::at_most(told, by_hopper as f64, most.floor(), ""),
    ];
    rows.extend(cohort.finish()?.unharmed());
    Ok(rows)
}

/// How many rails were fired, in how many sessions.
fn hop(server: &Server, until: Instant) -> Result<(u64, u64)> {
    let (mut fired, mut sessions) = (0, 0);
    while Instant::now() < until {
        let mut flyer = Flyer::join(server, loopback(ATTACKER), HOPPER, Role::Player)?;
        sessions += 1;
        let mut is_done = false;
        while !is_done && Instant::now() < until {
            aim(&mut flyer);
            flyer.step()?;
            let rails = flyer.take_news().filter(|news| matches!(news, News::Rail { .. })).count() as u64;
            fired += rails;
            is_done = rails > 0;
        }
        flyer.leave()?;
    }
    Ok((fired, sessions))
}

/// A rail at the weakest that it can meet, as the screen shows it.
fn aim(flyer: &mut Flyer) {
    let now_us = flyer.now_us();
    let Some(own) = flyer.ship().filter(Ship::is_alive) else { return };
    let (own_id, from) = (flyer.client.own_id(), own.position);
    let Some(moment) = flyer.client.moment(now_us) else { return };
    let (view, targets) = (moment.view, rail_targets(&moment, own_id, Aspect::default()).collect::<Vec<_>>());
    let replica = flyer.client.replica();
    let near = (NEAR * i64::from(QUANTA_PER_UNIT)).pow(2);
    let heading = |to: Point| FineHeading::towards(to.x - from.x, to.y - from.y);
    let is_open = |place: Point| replica.rules().beam(from, heading(place)).way_to(place).is_some();
    let weakest = targets.into_iter().filter_map(|(id, place)| {
        let ship = *replica.get(id)?.now.flying()?;
        let is_target = !ship.is_protected() && from.distance_squared(place) < near && is_open(place);
        is_target.then_some((ship.hull, id, place))
    });
    let Some((_, _, place)) = weakest.min_by_key(|(hull, id, _)| (*hull, *id)) else { return };
    flyer.client.set_input(Input { rail: Some(RailShot { aim: heading(place), view }), ..Input::default() });
}

/// Counts until it is over and everything is told.
fn watch(watcher: &mut Flyer, is_over: &AtomicBool) -> Result<Kills> {
    let (mut kills, mut ends_at) = (Kills::default(), None);
    while ends_at.is_none_or(|at| Instant::now() < at) {
        if ends_at.is_none() && is_over.load(Ordering::Relaxed) {
            ends_at = Some(Instant::now() + TOLD_LATE);
        }
        watcher.step()?;
        for news in watcher.take_news() {
            let News::KillFeed { kills: told, more } = news else { continue };
            kills.all += told.len() as u64 + u64::from(more);
            kills.by_hopper += told.iter().filter(|kill| kill.killer.as_str() == HOPPER).count() as u64;
            kills.of_hopper += told.iter().filter(|kill| kill.victim.as_str() == HOPPER).count() as u64;
        }
    }
    Ok(kills)
}
