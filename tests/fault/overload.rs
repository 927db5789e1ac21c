//! More players than it can carry, and a machine that lets it work hardly at all for a while: who is inside is served, who is
//! not is told so at once, and afterwards all is as before.

use crate::Size;
use crate::stand::{Cohort, SwarmPlayed, in_parallel, percentile, seconds};
use crate::storms::{JoinOutcome, try_to_join};
use anyhow::{Result, ensure};
use fracas_server::sim::overload::Level;
use fracas_tests::Server;
use fracas_tests::verdict::VerdictRow;
use rustix::process::{Pid, Signal, kill_process};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A slice of time in which the server may work for a part.
const SLICE: Duration = Duration::from_millis(5);
/// How long it is held up.
const FORCED: Duration = Duration::from_secs(5);
/// How much of each slice it may work then, in percent.
const FORCED_PERCENT: u32 = 2;
/// From here on ticks are packed.
const PACKED: f64 = Level::PackedByTwo as u8 as f64;
/// Between two looks at the level.
const LOOK: Duration = Duration::from_millis(20);
/// Who wants to join beside the crowd, one after the other.
const LATECOMERS: usize = 40;

/// Lets the server work for a part of the time only, from outside: as a machine does that others use.
pub(crate) struct Throttle {
    stop: flume::Sender<()>,
    thread: JoinHandle<()>,
}

impl Throttle {
    /// It may work so many percent of each slice, until this is ended.
    pub(crate) fn start(server: &Server, percent: u32) -> Result<Self> {
        let pid = Pid::from_raw(server.pid() as i32);
        ensure!(pid.is_some(), "the server has no process");
        let (stop, stopped) = flume::bounded::<()>(1);
        let (works, rests) = (SLICE * percent / 100, SLICE * (100 - percent) / 100);
        let signal = move |signal| {
            // A server that has ended needs no more of them.
            pid.map(|pid| kill_process(pid, signal))
        };
        let thread = std::thread::spawn(move || {
            loop {
                signal(Signal::STOP);
                std::thread::sleep(rests);
                signal(Signal::CONT);
                if stopped.recv_timeout(works) != Err(flume::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Ok(Self { stop, thread })
    }

    /// Lets it work again.
    pub(crate) fn end(self) -> Result<()> {
        drop(self.stop);
        self.thread.join().map_err(|_| anyhow::anyhow!("the throttle broke"))
    }
}

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let mut rows = crowd(size)?;
    rows.extend(forced(size)?);
    Ok(rows)
}

fn level(server: &Server) -> f64 {
    server.metric("fracas_overload_level")
}

/// How many overloads have begun by the server's log, and the highest level that it tells of at their ends: its metrics are
/// hardly served while it is held up.
fn episodes(server: &Server) -> (usize, f64) {
    let log = server.log();
    let is_told = |level: &Level| log.iter().any(|line| line.contains(&format!("highest={level:?} ")));
    let highest = Level::ALL.into_iter().filter(is_told).max();
    let begun = log.iter().filter(|line| line.contains(" WARN ") && line.contains("overload: ")).count();
    (begun, highest.map_or(0.0, |level| f64::from(level as u8)))
}

/// The levels of a time, one after the other, each but once in a row.
fn follow_levels(server: &Server, time: Duration) -> Vec<f64> {
    let (mut levels, until) = (vec![level(server)], Instant::now() + time);
    while Instant::now() < until {
        let now = level(server);
        if levels.last() != Some(&now) {
            levels.push(now);
        }
        std::thread::sleep(LOOK);
    }
    levels
}

/// Half as many again as it lets in, at a server that has a part of a core.
fn crowd(size: Size) -> Result<Vec<VerdictRow>> {
    let (crowd, percent, steady) = (size.pick(700, 150), size.pick(20, 4) as u32, size.pick(30, 6) as u64);
    let server = Server::start(&["--fill", "0", "--event-loops", "1"]);
    let throttle = Throttle::start(&server, percent)?;
    // Until as many are in as will be, and then the time that is judged.
    let settles = Duration::from_secs(steady / 2);
    let cohort = Cohort::start(&server, crowd, settles + Duration::from_secs(steady), &["--brain", "wander"]);
    server.wait_for("somebody is sent away", |server| {
        server.metric("fracas_joins_refused_total{reason=\"overload\"}") > 0.0
    });
    std::thread::sleep(settles);
    let levels = follow_levels(&server, Duration::from_secs(steady / 3));
    let told = in_parallel(LATECOMERS, 1, |number| try_to_join(server.game, number));
    let inside = server.metric("fracas_players{kind=\"person\"}") as usize;
    let skipped = server.metric("fracas_ticks_skipped_total");
    let played = cohort.finish()?;
    throttle.end()?;
    // Near the brink one is let in now and then.
    let let_in = told.iter().filter(|told| matches!(told, JoinOutcome::LetIn)).count();
    let refusals = told.into_iter().filter_map(JoinOutcome::refusal).filter(|refusal| refusal.wait_s.is_some());
    let refused: Vec<f64> = refusals.map(|refusal| refusal.took_ms).collect();
    let changes = levels.len() - 1;
    Ok(vec![
        VerdictRow::at_least(
            format!("a crowd of {crowd}, of whom {inside} were let in: so many times what it carries"),
            crowd as f64 / inside.max(1) as f64,
            1.5,
            "",
        )
        .speed(),
        on_time(&played).speed(),
        VerdictRow::exactly("... out in between", played.out_in_between(), 0).speed(),
        VerdictRow::exactly("... wrong views and desyncs", played.wrong(), 0),
        VerdictRow::exactly(
            "latecomers let in or told when to come back",
            (let_in + refused.len()) as u64,
            LATECOMERS as u64,
        )
        .speed(),
        VerdictRow::at_least("... told so", refused.len() as f64, LATECOMERS as f64 * 0.75, "").speed(),
        VerdictRow::at_most("... after, p99", percentile(refused, 99), 100.0, "ms").speed(),
        VerdictRow::at_most(format!("changes of the level in {} s", steady / 3), changes as f64, 4.0, "").speed(),
        VerdictRow::at_most("ticks that were lost", skipped, 0.0, "").speed(),
    ])
}

fn on_time(played: &SwarmPlayed) -> VerdictRow {
    let on_time = played.number("on_time");
    VerdictRow::percent("... their updates on time", (on_time * 1e6) as u64, 1_000_000, 95.0, true)
}

/// A server that carries its players with ease is hardly let work for some seconds.
fn forced(size: Size) -> Result<Vec<VerdictRow>> {
    let bots = size.pick(300, 80);
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, bots, Duration::from_secs(14), &["--brain", "wander"]);
    cohort.wait(&server);
    std::thread::sleep(Duration::from_secs(2));
    let before = level(&server);
    let throttle = Throttle::start(&server, FORCED_PERCENT)?;
    std::thread::sleep(FORCED);
    throttle.end()?;
    let ended = Instant::now();
    let mut normal_s = f64::INFINITY;
    while normal_s == f64::INFINITY && ended.elapsed() < Duration::from_secs(10) {
        if level(&server) == 0.0 {
            normal_s = seconds(ended);
        }
        std::thread::sleep(LOOK);
    }
    let (begun, reached) = episodes(&server);
    let again = follow_levels(&server, Duration::from_secs(3));
    let played = cohort.finish()?;
    Ok(vec![
        VerdictRow::exactly("level before it is held up", before as u64, 0).speed(),
        VerdictRow::at_least("... and in 5 s of that at most", reached, PACKED, "").speed(),
        VerdictRow::exactly("... which the log tells as one overload: WARN lines", begun as u64, 1).speed(),
        VerdictRow::at_most("... and normal again after", normal_s, 1.0, "s").speed(),
        VerdictRow::exactly("... and stays so: changes in 3 s", again.len() as u64 - 1, 0).speed(),
        VerdictRow::exactly("... bots there at the end", played.number("bots_at_end") as u64, bots as u64).speed(),
        VerdictRow::exactly("... wrong views and desyncs", played.wrong(), 0),
    ])
}
