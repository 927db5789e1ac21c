//! Who takes every descriptor there is and knocks on: whether accept fails over and over, whether those inside notice, whether who
//! asks for something is heard meanwhile, and how soon others are let in again.

use crate::Size;
use crate::stand::{Cohort, SwarmPlayed, median, percentile, seconds};
use anyhow::{Context, Result, anyhow};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, connect, loopback};
use fracas_tests::verdict::VerdictRow;
use rustix::process::{Pid, Resource, getrlimit, prlimit};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long nothing is left.
const TIME: Duration = Duration::from_secs(6);
/// How long those inside play: so long, and until others were let in again.
const PLAY: Duration = Duration::from_secs(11);
/// Between two who connect, and between two looks at those who did.
const KNOCK_EVERY: Duration = Duration::from_millis(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Whoever was there so long was not turned away, but served: its header is due after 5 s.
const SERVED_FROM: Duration = Duration::from_secs(4);
/// In between all is taken, and nothing of it is given back yet.
const FULL_FROM: Duration = Duration::from_secs(1);
const FULL_TO: Duration = Duration::from_secs(4);
/// Between two looks of operators.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// Between two who ask how long it takes to be answered.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// What accept may fail in a second.
const ERRORS_PER_S: f64 = 10.0;
/// So many are left to a server that does not know of it.
const LEFT: u64 = 4;

const ERRORS: &str = "fracas_accept_errors_total";
const REJECTED: &str = "fracas_connections_rejected_total{reason=\"descriptors\"}";
const SHED: &str = "fracas_http_connections_shed_total{reason=\"descriptors\"}";

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    if size.short {
        let mut rows = by_its_share(size, true)?.rows;
        rows.extend(by_surprise(size)?);
        return Ok(rows);
    }
    let (mut ratios, mut rows) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        // Which comes first changes, lest one has the warmer machine.
        let attack_first = round % 2 == 0;
        let (first, second) = (by_its_share(size, attack_first)?, by_its_share(size, !attack_first)?);
        let (with, without) = if attack_first { (first, second) } else { (second, first) };
        ratios.push(with.late_ms / without.late_ms);
        rows = with.rows;
    }
    rows.push(VerdictRow::ratio("lateness of updates, p99: with / without, median", median(ratios), 1.1).speed());
    rows.extend(by_surprise(size)?);
    Ok(rows)
}

/// What came of one run.
struct Run {
    late_ms: f64,
    rows: Vec<VerdictRow>,
}

/// A server that knows its limit, and bots inside; somebody takes the rest, or nobody does.
fn by_its_share(size: Size, is_attacked: bool) -> Result<Run> {
    let server = Server::start_within(size.pick(400, 120) as u32, &["--fill", "0"]);
    let cohort = Cohort::start(&server, size.pick(150, 30), PLAY, &[]);
    cohort.wait(&server);
    let mut rows = Vec::new();
    if is_attacked {
        let until = Instant::now() + TIME;
        let (taken, watched, answered_ms) = std::thread::scope(|scope| -> Result<_> {
            let watcher = scope.spawn(|| watch(&server, until));
            let asker = scope.spawn(|| ask(&server, until - TIME + FULL_FROM, until - TIME + FULL_TO));
            let taken = take_all(&server, until)?;
            let watched = watcher.join().map_err(|_| anyhow!("the operators' port is out of reach"))?;
            Ok((taken, watched, asker.join().map_err(|_| anyhow!("nobody could ask"))??))
        })?;
        rows.extend(taken.rows(&server)?);
        rows.extend([
            VerdictRow::at_most("accept errors a second, the most", watched.errors_per_s, ERRORS_PER_S, "/s"),
            VerdictRow::at_least("times that operators read the metrics meanwhile", watched.looks, 6.0, ""),
            VerdictRow::at_most("... the slowest of them", watched.slowest_ms, 500.0, "ms").speed(),
            VerdictRow::at_most(
                "whoever asked for something was answered after, p99",
                percentile(answered_ms, 99),
                250.0,
                "ms",
            )
            .speed(),
        ]);
    }
    let played = cohort.finish()?;
    rows.extend(played.unharmed());
    Ok(Run { late_ms: late_ms(&played), rows })
}

fn late_ms(played: &SwarmPlayed) -> f64 {
    played.ms("update_late_ms", "p99")
}

/// A server whose limit is lowered under it, so that it is the kernel that has none left.
fn by_surprise(size: Size) -> Result<Vec<VerdictRow>> {
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, size.pick(150, 30), PLAY, &[]);
    cohort.wait(&server);
    let before = server.metric(ERRORS);
    lower_limit(server.pid())?;
    let began = Instant::now();
    let taken = take_all(&server, began + TIME)?;
    let took_s = seconds(began);
    let mut rows = taken.rows(&server)?;
    let errors = server.metric(ERRORS) - before;
    rows.extend([
        VerdictRow::at_least("times that the kernel had none", errors, 1.0, ""),
        VerdictRow::at_most("... a second", errors / took_s, ERRORS_PER_S, "/s"),
    ]);
    rows.extend(cohort.finish()?.unharmed());
    let named = |row: VerdictRow| VerdictRow { what: format!("limit lowered under it: {}", row.what), ..row };
    Ok(rows.into_iter().map(named).collect())
}

/// Leaves a process hardly more descriptors than it has.
fn lower_limit(pid: u32) -> Result<()> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(open + LEFT);
    prlimit(Pid::from_raw(pid as i32), Resource::Nofile, limit).context("its limit cannot be lowered")?;
    Ok(())
}

/// What became of those who knocked.
struct Taken {
    /// Since when.
    held: Vec<(Instant, TcpStream)>,
    knocks: u64,
    /// Who was told why it is not served, and who was only cut off. Not who was served until its header was due.
    told: u64,
    cut_off: u64,
}

impl Taken {
    /// Lets go of everything, and sees how soon somebody is let in.
    fn rows(self, server: &Server) -> Result<Vec<VerdictRow>> {
        let Self { held, knocks, told, cut_off } = self;
        let (let_go, holding) = (Instant::now(), held.len());
        drop(held);
        let patience = Duration::from_secs(10);
        let joined = loop {
            match Raw::join(server.game, loopback(1), "newcomer") {
                Ok((player, _)) => break player,
                Err(error) if let_go.elapsed() > patience => return Err(error).context("nobody is let in again"),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let after_s = seconds(let_go);
        drop(joined);
        Ok(vec![
            VerdictRow::at_least("knocks while there was none left, and some held", knocks as f64, 1000.0, ""),
            VerdictRow::at_least("... held to the end", holding as f64, LEFT as f64 - 1.0, ""),
            VerdictRow::at_least(
                "... of the others, told so or let go of for another",
                (told + cut_off) as f64,
                900.0,
                "",
            ),
            VerdictRow::at_least(
                "... and counted",
                server.metric(REJECTED) + server.metric(SHED),
                (told + cut_off) as f64,
                "",
            ),
            VerdictRow::at_most("after they let go somebody is in after", after_s, 1.0, "s").speed(),
        ])
    }
}

/// Knocks on and on, says nothing, and holds what it gets.
fn take_all(server: &Server, until: Instant) -> Result<Taken> {
    let mut taken = Taken { held: Vec::new(), knocks: 0, told: 0, cut_off: 0 };
    let mut looked = Instant::now();
    while Instant::now() < until {
        let began = Instant::now();
        let stream = connect(server.game, loopback(taken.knocks as usize))?;
        stream.set_nonblocking(true)?;
        taken.held.push((began, stream));
        taken.knocks += 1;
        if looked.elapsed() >= LOOK_EVERY {
            looked = began;
            let Taken { held, told, cut_off, .. } = &mut taken;
            held.retain_mut(|(since, stream)| {
                let end = end_of(stream);
                let was_served = since.elapsed() > SERVED_FROM;
                *told += u64::from(end == Some(End::JoinOutcome));
                *cut_off += u64::from(end == Some(End::CutOff) && !was_served);
                end.is_none()
            });
        }
        std::thread::sleep((began + KNOCK_EVERY).saturating_duration_since(Instant::now()));
    }
    Ok(taken)
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    JoinOutcome,
    CutOff,
}

/// How it ended, if it has.
fn end_of(stream: &mut TcpStream) -> Option<End> {
    let mut answer = [0; 512];
    match stream.read(&mut answer) {
        Ok(len) if answer[..len].starts_with(b"HTTP/1.1 503") => Some(End::JoinOutcome),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Ok(_) | Err(_) => Some(End::CutOff),
    }
}

/// What operators see meanwhile.
struct Watched {
    looks: f64,
    slowest_ms: f64,
    errors_per_s: f64,
}

fn watch(server: &Server, until: Instant) -> Watched {
    let mut watched = Watched { looks: 0.0, slowest_ms: 0.0, errors_per_s: 0.0 };
    let (mut errors, mut at) = (server.metric(ERRORS), Instant::now());
    while Instant::now() < until {
        std::thread::sleep(WATCH_EVERY);
        let began = Instant::now();
        let now = server.metric(ERRORS);
        watched.slowest_ms = watched.slowest_ms.max(seconds(began) * 1000.0);
        watched.looks += 1.0;
        watched.errors_per_s = watched.errors_per_s.max((now - errors) / seconds(at));
        (errors, at) = (now, began);
    }
    watched
}

/// How long it takes to be answered, in milliseconds; for ever, if it is not.
fn ask(server: &Server, from: Instant, to: Instant) -> Result<Vec<f64>> {
    let mut answered_ms = Vec::new();
    std::thread::sleep(from.saturating_duration_since(Instant::now()));
    while Instant::now() < to {
        let began = Instant::now();
        let mut stream = connect(server.game, loopback(7))?;
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let is_answered =
            asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200");
        answered_ms.push(if is_answered { seconds(began) * 1000.0 } else { f64::INFINITY });
        std::thread::sleep(ASK_EVERY);
    }
    Ok(answered_ms)
}
