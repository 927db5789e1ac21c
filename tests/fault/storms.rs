//! All at once: everybody cut off, everybody sent away by a restart, everybody asking a full server.

use crate::Size;
use crate::stand::{Cohort, SwarmPlayed, TickSamples, in_parallel, percentile, seconds};
use anyhow::Result;
use fracas_tests::Server;
use fracas_tests::raw::{Raw, RawAnswer, hello, loopback};
use fracas_tests::verdict::VerdictRow;
use rustix::process::Signal;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A tick's, in milliseconds.
const BUDGET_MS: f64 = 1000.0 / 30.0;
/// All must be back by then, in milliseconds.
const BACK_MS: f64 = 10_000.0;
/// Who wants to join at the same time, on so many threads.
const AT_ONCE: usize = 250;
/// Who is in when the crowd comes.
const INSIDE: usize = 50;
/// The server asks them to come back one after another, at so many a second.
const ASKED_PER_S: f64 = 500.0;

/// A thousand bots are cut off at the same moment.
pub(crate) fn storm(size: Size) -> Result<Vec<VerdictRow>> {
    let bots = size.pick(1000, 100);
    let server = Server::start(&["--fill", "0"]);
    let cut = format!("{}ms", bots * 5 + 3000);
    let cohort = Cohort::start(
        &server,
        bots,
        Duration::from_secs(13),
        &["--brain", "wander", "--input-hz", "10", "--cut-at", &cut],
    );
    cohort.wait(&server);
    let before = TickSamples::of(&server)?;
    let played = cohort.finish()?;
    let mut rows = back(&played, bots, "cut");
    rows.extend([
        VerdictRow::exactly("... with their ships", played.number("resumed") as u64, bots as u64),
        VerdictRow::at_most("a tick's work meanwhile, p99", TickSamples::of(&server)?.p99_ms(&before), BUDGET_MS, "ms")
            .speed(),
        VerdictRow::exactly("ticks that were lost", server.metric("fracas_ticks_skipped_total") as u64, 0).speed(),
    ]);
    Ok(rows)
}

/// The server is told to stop under load, and another process follows it.
pub(crate) fn drain(size: Size) -> Result<Vec<VerdictRow>> {
    let bots = size.pick(500, 60);
    let server = Server::start(&["--fill", "8"]);
    let game = server.game;
    let cohort = Cohort::start(&server, bots, Duration::from_secs(25), &["--brain", "wander"]);
    cohort.wait(&server);
    std::thread::sleep(Duration::from_secs(3));
    let told = Instant::now();
    server.signal(Signal::TERM);
    let (code, _) = server.wait();
    let took_s = seconds(told);
    let _next = Server::start_at(game, &["--fill", "8"]);
    let played = cohort.finish()?;
    let mut rows = vec![
        VerdictRow::exactly("exit code after SIGTERM", code.map_or(u64::MAX, |code| code as u64), 0),
        VerdictRow::at_most("exit after", took_s, 10.0, "s").speed(),
        VerdictRow::exactly("bots told that it goes (1001)", played.disconnects("going_away"), bots as u64),
    ];
    rows.extend(back(&played, bots, "going_away"));
    Ok(rows)
}

/// What must be so for bots that were all out once, for one reason.
fn back(played: &SwarmPlayed, bots: usize, reason: &str) -> Vec<VerdictRow> {
    let bots = bots as u64;
    vec![
        VerdictRow::exactly(format!("bots that were out ({reason})"), played.disconnects(reason), bots),
        VerdictRow::exactly("bots that came back by themselves", played.number("returns") as u64, bots),
        VerdictRow::exactly("bots there at the end", played.number("bots_at_end") as u64, bots),
        VerdictRow::at_most("away, the longest", played.ms("away_ms", "max"), BACK_MS, "ms").speed(),
        VerdictRow::exactly("wrong views and desyncs", played.wrong(), 0),
    ]
}

/// A crowd at a full server, and at one that has room.
pub(crate) fn stampede(size: Size) -> Result<Vec<VerdictRow>> {
    let count = size.pick(1000, 250);
    let server = Server::start(&["--fill", "0", "--max-players", &INSIDE.to_string()]);
    let cohort = Cohort::start(&server, INSIDE, Duration::from_secs(6), &[]);
    cohort.wait(&server);
    let told = in_parallel(count, AT_ONCE, |number| try_to_join(server.game, number).refusal());
    let refusals: Vec<Refusal> = told.into_iter().flatten().collect();
    let waits: Vec<f64> = refusals.iter().filter_map(|refusal| refusal.wait_s).collect();
    let told = waits.len() as u64;
    // Whole seconds are all that an HTTP answer can say, and each asks for one at least.
    let spread_s = percentile(waits.clone(), 100) - waits.iter().copied().fold(f64::INFINITY, f64::min);
    let answers = refusals.iter().map(|refusal| refusal.took_ms).collect();
    let mut rows = vec![
        VerdictRow::exactly("who wanted to join a full server and was told when to come back", told, count as u64),
        VerdictRow::at_least(
            "... in turn: from the first to the last",
            spread_s,
            (count as f64 / ASKED_PER_S - 1.0).max(0.1),
            "s",
        ),
        VerdictRow::at_most("... and told after, p99", percentile(answers, 99), 1000.0, "ms").speed(),
    ];
    rows.extend(cohort.finish()?.unharmed());

    let server = Server::start(&["--fill", "0"]);
    let began = Instant::now();
    let joined = in_parallel(count, AT_ONCE, |number| Raw::join(server.game, loopback(number), "one of many"));
    rows.extend([
        VerdictRow::at_most("who wanted to join one with room: all in after", seconds(began), 3.0, "s").speed(),
        VerdictRow::exactly("... and in", joined.iter().filter(|joined| joined.is_ok()).count() as u64, count as u64),
    ]);
    Ok(rows)
}

/// How somebody was refused.
pub(crate) struct Refusal {
    pub(crate) took_ms: f64,
    /// For how long it is to stay away, if that was said.
    pub(crate) wait_s: Option<f64>,
}

/// What became of somebody who wanted to join.
pub(crate) enum JoinOutcome {
    LetIn,
    Refused(Refusal),
    /// Cut off, or closed for another reason.
    Otherwise,
}

impl JoinOutcome {
    pub(crate) fn refusal(self) -> Option<Refusal> {
        if let Self::Refused(refusal) = self { Some(refusal) } else { None }
    }
}

/// Wants to join, where there may be no room.
pub(crate) fn try_to_join(address: SocketAddr, number: usize) -> JoinOutcome {
    let began = Instant::now();
    let attempt = || -> io::Result<RawAnswer> { Raw::open(address, loopback(number))?.ask(&hello("one more", None)) };
    let wait_s = match attempt() {
        Ok(RawAnswer::Welcome(_)) => return JoinOutcome::LetIn,
        Ok(RawAnswer::Closed(Some(4001), wait_ms)) => wait_ms.map(|ms| f64::from(ms) / 1000.0),
        Err(error) => retry_after_s(&error.to_string()),
        Ok(RawAnswer::Closed(..)) => return JoinOutcome::Otherwise,
    };
    JoinOutcome::Refused(Refusal { took_ms: seconds(began) * 1000.0, wait_s })
}

/// What a 503 asks for.
fn retry_after_s(header: &str) -> Option<f64> {
    let line =
        header.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("retry-after:").map(str::to_owned))?;
    if header.starts_with("HTTP/1.1 503") { line.trim().parse().ok() } else { None }
}
