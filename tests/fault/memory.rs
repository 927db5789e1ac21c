//! Twice as many players as there is memory for, in a cgroup that the kernel would end: some are refused, and nobody who is in
//! notices.

use crate::Size;
use crate::cgroup::Group;
use crate::stand::{Cohort, Peak, in_parallel, seconds};
use anyhow::{Context, Result};
use fracas_protocol::ids::Token;
use fracas_tests::Server;
use fracas_tests::http::handshake;
use fracas_tests::program::sibling;
use fracas_tests::raw::{Raw, RawAnswer, RawPlayer, hello, loopback};
use fracas_tests::verdict::VerdictRow;
use std::time::{Duration, Instant};

/// From here on the server refuses, in percent of the limit.
const REFUSES_AT: u64 = 85;
/// How long it takes to see what players cost, and to come in.
const WEIGH: Duration = Duration::from_secs(4);
/// How long those who come when the crowd has gone may need, and how often each tries.
const BACK: Duration = Duration::from_secs(8);
const TRY_EVERY: Duration = Duration::from_millis(250);
/// How often somebody asks who is reckoned with if it is let in, and so takes another's place.
const ASK_EVERY: Duration = Duration::from_secs(1);
const KIB: f64 = 1024.0;

const QUIET: [&str; 4] = ["--brain", "wander", "--input-hz", "10"];
const REJECTED: &str = "fracas_connections_rejected_total{reason=\"memory\"}";

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let (fit, time) = (size.pick(600, 300), Duration::from_secs(size.pick(60, 10) as u64));
    let (base, each) = weigh(fit)?;
    let limit = (base + each * fit as u64) * 100 / REFUSES_AT;
    // In this order, so that the server is gone before its group goes.
    let group = Group::new(Some(limit))?;
    let server = Server::start_after(&group.enter(), &["--fill", "0"]);
    let token = lose_ship(&server)?;
    let inside = Cohort::start(&server, fit / 3, time + WEIGH + BACK, &QUIET);
    inside.wait(&server);
    let crowd = Cohort::start(&server, 2 * fit - fit / 3, time, &QUIET);
    let (began, mut watched) = (Instant::now(), Watched::default());
    watched.look_on(&server, &group, began + time * 3 / 4);
    let has_returned = take_back(&server, token);
    watched.look_on(&server, &group, began + time);
    let crowded = crowd.finish()?;
    let back_s = come_back(&server, fit / 10);
    let played = inside.finish()?;
    let log = server.log();
    let is_told = |words: &str| u64::from(log.iter().any(|line| line.contains(words)));
    let (asked, refused) = (2 * fit, server.metric(REJECTED));
    let mut rows = vec![
        VerdictRow::at_least(format!("of {asked} players in {limit} bytes, refused how often"), refused, 1.0, ""),
        VerdictRow::at_least("... in turn with 503, its words and Retry-After", watched.well_refused as f64, 1.0, ""),
        VerdictRow::at_least(
            format!("... in at most, where {fit} fill {REFUSES_AT} %"),
            watched.players,
            fit as f64 / 2.0,
            "",
        ),
        VerdictRow::exactly("processes killed for memory", group.kills()?, 0),
        VerdictRow::exactly("looks at which no less than the limit was used", watched.over, 0),
        VerdictRow::at_most("used of the limit at most, as the server sees it", watched.most_percent, 99.0, "%"),
        VerdictRow::at_most("... as the kernel does", watched.group_percent, 99.9, "%"),
        VerdictRow::exactly("a ship that was lost before, taken back meanwhile", u64::from(has_returned), 1),
        VerdictRow::exactly("of the crowd, let in and out again", crowded.out_in_between(), 0),
        VerdictRow::exactly(
            "told at the start for how many there is memory",
            is_told("less memory than for --max-players"),
            1,
        ),
        VerdictRow::at_most(
            format!("after the crowd {} newcomers are in after", fit / 10),
            back_s.unwrap_or(f64::INFINITY),
            BACK.as_secs_f64(),
            "s",
        ),
        VerdictRow::at_most("a player's memory, measured before", each as f64 / KIB, 16.0, "KiB"),
    ];
    rows.extend(played.unharmed());
    Ok(rows)
}

/// What a server takes without players, and each of `players` beside, in bytes. The first players make it read its program
/// and grow its buffers once: so each is what one more takes, beyond the first tenth.
fn weigh(players: usize) -> Result<(u64, u64)> {
    // So that the program's pages are there, and count for us: the first who reads them has them on its account.
    std::fs::read(sibling("fracas-server")?)?;
    let group = Group::new(None)?;
    let server = Server::start_after(&group.enter(), &["--fill", "0"]);
    server.wait_for("it has looked", |server| server.metric("fracas_memory_limit_bytes") > 0.0);
    let few = players / 10;
    let with_few = peak_with(&group, &server, few)?;
    let with_all = peak_with(&group, &server, players)?;
    let each = with_all.checked_sub(with_few).context("players take nothing")? / (players - few) as u64;
    drop(server);
    Ok((with_few.saturating_sub(each * few as u64), each.max(1)))
}

/// The most that the group takes while so many play for a while, in bytes.
fn peak_with(group: &Group, server: &Server, players: usize) -> Result<u64> {
    std::thread::scope(|scope| {
        let peak = Peak::follow(scope, || group.used().unwrap_or(0) as f64);
        let cohort = Cohort::start(server, players, WEIGH, &QUIET);
        cohort.wait(server);
        cohort.finish()?;
        Ok(peak.end()? as u64)
    })
}

/// What was seen while the crowd was there.
#[derive(Debug, Default)]
struct Watched {
    players: f64,
    /// Looks at which the limit was reached, and the most, in percent of it: by the server's count, and by the kernel's.
    over: u64,
    most_percent: f64,
    group_percent: f64,
    /// Who asked and was refused as one should be.
    well_refused: u64,
}

impl Watched {
    /// Looks on until a time. Panics if the server is not there any more.
    fn look_on(&mut self, server: &Server, group: &Group, until: Instant) {
        let mut asked = Instant::now();
        while Instant::now() < until {
            let (used, limit) = (server.metric("fracas_memory_used_bytes"), server.metric("fracas_memory_limit_bytes"));
            self.over += u64::from(used >= limit);
            self.most_percent = self.most_percent.max(used * 100.0 / limit);
            // Files that the kernel can drop are among it.
            let all = group.used().map_or(f64::INFINITY, |used| used as f64);
            self.group_percent = self.group_percent.max(all * 100.0 / limit);
            self.players = self.players.max(server.metric("fracas_players{kind=\"person\"}"));
            if asked.elapsed() >= ASK_EVERY {
                asked = Instant::now();
                self.well_refused += u64::from(is_well_refused(server));
            }
            std::thread::sleep(TRY_EVERY);
        }
    }
}

/// Whether one who asks is refused, and told what an operator can do and when to come back.
fn is_well_refused(server: &Server) -> bool {
    let answer = handshake(server.game, &[("Sec-WebSocket-Protocol", "fracas.1")]);
    let names_all = answer.body.contains("memory") && answer.body.contains("--max-players");
    answer.status == 503 && names_all && answer.header("retry-after").is_some()
}

/// Plays for a moment and is cut off, so that a ship waits.
fn lose_ship(server: &Server) -> Result<Token> {
    let (raw, welcome) = Raw::join(server.game, loopback(2), "lost")?;
    let mut player = RawPlayer::new(raw);
    player.hear()?;
    player.acknowledge()?;
    Ok(welcome.token)
}

/// Comes back for it, although others are refused.
fn take_back(server: &Server, token: Token) -> bool {
    let began = Instant::now();
    let attempt = || Raw::open(server.game, loopback(2))?.ask(&hello("lost", Some(token)));
    loop {
        match attempt() {
            Ok(RawAnswer::Welcome(welcome)) => return welcome.resumed,
            _ if began.elapsed() > BACK => return false,
            _ => std::thread::sleep(TRY_EVERY),
        }
    }
}

/// How long it takes until so many newcomers are in at the same time; none if they never are.
fn come_back(server: &Server, newcomers: usize) -> Option<f64> {
    let began = Instant::now();
    let players: Vec<Option<Raw>> = in_parallel(newcomers, newcomers, |number| {
        loop {
            match Raw::join(server.game, loopback(number), "newcomer") {
                Ok((player, _)) => return Some(player),
                Err(_) if began.elapsed() < BACK => std::thread::sleep(TRY_EVERY),
                Err(_) => return None,
            }
        }
    });
    let took_s = seconds(began);
    players.iter().all(Option::is_some).then_some(took_s)
}
