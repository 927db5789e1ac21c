//! Somebody who joins and cuts the line, over and over: newcomers still get in, and the server's own bots stay.

use crate::Size;
use crate::stand::{Cohort, seconds};
use anyhow::Result;
use fracas_server::sim::join_refusal::JoinRefusal;
use fracas_tests::Server;
use fracas_tests::raw::{Raw, RawAnswer, hello};
use fracas_tests::verdict::VerdictRow;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// People the room takes, ships it is filled up to, and ordinary players in it.
const ROOM: [&str; 4] = ["--max-players", "100", "--fill", "64"];
const FILL: usize = 64;
const INSIDE: usize = 40;
/// Threads that attack, and the pause of each between two connections: some 400 a second together.
const THREADS: usize = 4;
const PAUSE: Duration = Duration::from_millis(9);
/// Ordinary players are all there, and the built-in bots have made room for them, by then.
const SETTLES: Duration = Duration::from_secs(13);
/// The attack's address, and the newcomers': one for each.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 9, 9);
const NEWCOMERS: u8 = 8;
/// As much as `--joins-per-address` allows without being set, and as long as a refused join is asked to wait at most.
const JOINS_PER_S: f64 = 2.0;
const JOINS_AT_ONCE: f64 = 64.0;
const WAIT_MS_MAX: u32 = 1000;
/// Among all that it asks the attacker hears of the budget by then.
const PROBE_MAX: Duration = Duration::from_secs(5);
/// A machine that is busy with something else has time for a newcomer by then.
const OVERLOAD_MAX: Duration = Duration::from_secs(10);

/// The attack from an address that limits hold for, and from one that none holds for.
pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let limited = attack(&["--limit-loopback"], size)?;
    let exempt = attack(&[], size)?;
    let mut rows = limited.rows("limited");
    rows.extend(limited.budget_rows());
    rows.extend(exempt.rows("exempt"));
    Ok(rows)
}

/// What came of an attack.
struct Churned {
    tries: u64,
    let_in: usize,
    barred: u64,
    refused_full: f64,
    refused_for_budget: f64,
    joined: f64,
    took_s: f64,
    pushed_out: f64,
    wait_ms: Option<u32>,
    beside: Vec<VerdictRow>,
}

fn attack(settings: &[&str], size: Size) -> Result<Churned> {
    let server = Server::start(&[&ROOM[..], settings].concat());
    let lasts = Duration::from_secs(size.pick(16, 8) as u64);
    let cohort = Cohort::start(&server, INSIDE, SETTLES + lasts, &["--brain", "wander"]);
    cohort.wait(&server);
    // Each built-in bot makes room for somebody who stays, and only then the attack begins.
    server.wait_for("the bots have made room", |server| left(server) >= INSIDE as f64);
    let left_before = left(&server);
    let (over, tries, barred, began) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    let churn = || {
        while !over.load(Ordering::Relaxed) {
            let is_barred = join_and_cut(server.game).is_err_and(|error| error.to_string().starts_with("HTTP/1.1 429"));
            tries.fetch_add(1, Ordering::Relaxed);
            barred.fetch_add(u64::from(is_barred), Ordering::Relaxed);
            std::thread::sleep(PAUSE);
        }
    };
    let (let_in, wait_ms, pushed_out) = std::thread::scope(|scope| {
        (0..THREADS).for_each(|_| drop(scope.spawn(churn)));
        std::thread::sleep(lasts / 2);
        let asked = (1..=NEWCOMERS).map(|number| {
            let joined = join_once(server.game, Ipv4Addr::new(127, 0, 8, number));
            std::thread::sleep(lasts / 4 / u32::from(NEWCOMERS));
            joined
        });
        // They stay until the end.
        let inside: Vec<_> = asked.flatten().collect();
        let pushed_out = left(&server) - left_before;
        let wait_ms = if settings.is_empty() { None } else { told_to_wait(server.game) };
        over.store(true, Ordering::Relaxed);
        (inside.len(), wait_ms, pushed_out)
    });
    let counted = |name: &str| counted(&server, name);
    Ok(Churned {
        tries: tries.into_inner(),
        let_in,
        barred: barred.into_inner(),
        refused_full: counted("fracas_joins_refused_total{reason=\"full\"}"),
        refused_for_budget: counted("fracas_joins_refused_total{reason=\"join_budget\"}"),
        joined: counted("fracas_joins_total"),
        took_s: seconds(began),
        pushed_out,
        wait_ms,
        beside: cohort.finish()?.unharmed(),
    })
}

impl Churned {
    fn rows(&self, from: &str) -> Vec<VerdictRow> {
        let rate = self.tries as f64 / self.took_s;
        let mut rows = vec![
            VerdictRow::at_least(format!("joined and cut from one {from} address"), rate, 50.0, "/s").speed(),
            VerdictRow::exactly(
                "... newcomers from other addresses who got in",
                self.let_in as u64,
                u64::from(NEWCOMERS),
            ),
            VerdictRow::at_most("... refused as full", self.refused_full, 0.0, ""),
            VerdictRow::at_most("... built-in bots pushed out, of 24", self.pushed_out, f64::from(NEWCOMERS), ""),
        ];
        rows.extend(self.beside.clone());
        rows
    }

    fn budget_rows(&self) -> Vec<VerdictRow> {
        let room = (INSIDE + FILL) as f64 + f64::from(NEWCOMERS);
        // On a busy machine some of the room are out in between, and come again.
        let most = JOINS_AT_ONCE + JOINS_PER_S * (self.took_s + 1.0) + room * 1.2;
        vec![
            VerdictRow::at_most("joins in all, the room's and the attack's budget", self.joined, most, ""),
            VerdictRow::at_least("joins refused for the network's budget (4001)", self.refused_for_budget, 1.0, ""),
            VerdictRow::at_least("connections refused for it (429)", self.barred as f64, 1.0, ""),
            VerdictRow::at_most(
                "the attacker is told to wait",
                self.wait_ms.map_or(f64::NAN, f64::from),
                f64::from(WAIT_MS_MAX),
                "ms",
            ),
        ]
    }
}

/// Connections that ended by their own word: those of built-in bots that have made room, since nobody else leaves meanwhile.
fn left(server: &Server) -> f64 {
    server.metric("fracas_connections_closed_total{reason=\"leave\"}")
}

/// A metric that a server before this attack was known may not have.
fn counted(server: &Server, name: &str) -> f64 {
    let text = server.get_ops("/metrics").body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(f64::NAN)
}

/// Says hello and is gone before the answer.
fn join_and_cut(address: SocketAddr) -> io::Result<()> {
    Raw::open(address, ATTACKER)?.say(&hello("churner", None))
}

/// Somebody who wants in, once; and again only if the server, on a busy machine, has no time for anybody. Who is let in stays
/// while what is returned is held.
fn join_once(address: SocketAddr, from: Ipv4Addr) -> Option<Raw> {
    let until = Instant::now() + OVERLOAD_MAX;
    loop {
        let mut raw = Raw::open(address, from).ok()?;
        match raw.ask(&hello("newcomer", None)).ok()? {
            RawAnswer::Welcome(_) => return Some(raw),
            RawAnswer::Closed(_, Some(wait_ms))
                if raw.words == JoinRefusal::Overload.message() && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(wait_ms.into()));
            }
            RawAnswer::Closed(..) => return None,
        }
    }
}

/// What the attacker is told, between its connections: how long to wait for the next join. None if it never hears of that.
fn told_to_wait(address: SocketAddr) -> Option<u32> {
    let until = Instant::now() + PROBE_MAX;
    while Instant::now() < until {
        let asked = Raw::open(address, ATTACKER).and_then(|mut raw| Ok((raw.ask(&hello("churner", None))?, raw.words)));
        match asked {
            Ok((RawAnswer::Closed(Some(4001), wait_ms), words)) if words == JoinRefusal::JoinBudget.message() => {
                return wait_ms;
            }
            // It was let in, being the one of many who asked in time; or it asks too often.
            Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    None
}
