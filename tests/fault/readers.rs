//! Players who stop to read: what they cost, what they are told, and whether the others notice.

use crate::stand::{Cohort, Peak, median};
use crate::{Size, kernel};
use anyhow::{Result, anyhow};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, RawPlayer, loopback};
use fracas_tests::verdict::VerdictRow;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long all play, and from when on some of them do not read.
const TIME: Duration = Duration::from_secs(16);
const STOPS_AFTER: Duration = Duration::from_secs(2);
/// A player says so often that it is there.
const SPEAK_EVERY: Duration = Duration::from_millis(150);
const KIB: f64 = 1024.0;

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let (all, stalled) = (size.pick(300, 60), size.pick(30, 6));
    if size.short {
        return Ok(play(all, stalled, true)?.rows);
    }
    let (mut ratios, mut rows) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        // Which comes first changes, lest one has the warmer machine.
        let stop_first = round % 2 == 0;
        let (first, second) = (play(all, stalled, stop_first)?, play(all, stalled, !stop_first)?);
        let (with, without) = if stop_first { (first, second) } else { (second, first) };
        ratios.push(with.late_ms / without.late_ms);
        rows = with.rows;
    }
    let what = format!("lateness of {} others' updates, p99: with / without, median", all - stalled);
    rows.push(VerdictRow::ratio(what, median(ratios), 1.05).speed());
    Ok(rows)
}

/// What came of one run.
struct Run {
    late_ms: f64,
    rows: Vec<VerdictRow>,
}

/// So many play, some of them peers of this process, who stop to read if they are to.
fn play(all: usize, peers: usize, stop: bool) -> Result<Run> {
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, all - peers, TIME, &[]);
    cohort.wait(&server);
    let join = |number| Raw::join(server.game, loopback(number), &format!("reader {number}"));
    let players: io::Result<Vec<_>> = (0..peers).map(|number| Ok(RawPlayer::new(join(number)?.0))).collect();
    let (mut players, began) = (players?, Instant::now());
    let addresses: Vec<SocketAddr> = players.iter().map(|player| player.raw.local()).collect::<io::Result<_>>()?;
    let stops = stop.then_some(began + STOPS_AFTER);
    std::thread::scope(|scope| -> Result<Run> {
        let playing: Vec<_> = players
            .iter_mut()
            .map(|player| scope.spawn(move || play_until(player, began + TIME - SPEAK_EVERY, stops)))
            .collect();
        std::thread::sleep(STOPS_AFTER);
        let before = server.anonymous_bytes() as f64;
        let process = Peak::follow(scope, || server.anonymous_bytes() as f64);
        let most = Peak::follow(scope, || {
            let memory = kernel::memory(server.game).unwrap_or_default();
            addresses.iter().filter_map(|peer| memory.get(peer)).max().map_or(0.0, |bytes| *bytes as f64)
        });
        let mut codes = Vec::new();
        for player in playing {
            codes.push(player.join().map_err(|_| anyhow!("a player failed"))?);
        }
        let (grown, kernel) = ((process.end()? - before) / peers as f64 / KIB, most.end()? / KIB);
        let (slow, played) = (codes.iter().filter(|code| **code == Some(4002)).count() as u64, cohort.finish()?);
        let mut rows = vec![
            VerdictRow::exactly(format!("of {peers} who stopped to read, told so (4002)"), slow, peers as u64),
            VerdictRow::exactly("... and counted so", server.metric(SLOW_METRIC) as u64, peers as u64),
            VerdictRow::at_most("what the process grew for each of them", grown.max(0.0), 512.0 - kernel, "KiB"),
            VerdictRow::at_most("what the kernel held for each of them at most", kernel, 512.0, "KiB"),
        ];
        rows.extend(played.unharmed());
        Ok(Run { late_ms: played.ms("update_late_ms", "p99"), rows })
    })
}

const SLOW_METRIC: &str = "fracas_connections_closed_total{reason=\"slow\"}";

/// Plays until a time, but does not read after another. Then reads the rest: the code that it was closed with, if it was.
fn play_until(player: &mut RawPlayer, until: Instant, stops: Option<Instant>) -> Option<u16> {
    let mut spoken = Instant::now();
    while Instant::now() < until {
        if stops.is_some_and(|stops| Instant::now() >= stops) {
            std::thread::sleep(SPEAK_EVERY);
        } else if let Some(code) = player.hear().unwrap_or(Some(None)) {
            return code;
        }
        if spoken.elapsed() >= SPEAK_EVERY {
            spoken = Instant::now();
            // A server that has closed does not take it.
            let _ = player.acknowledge();
        }
    }
    if stops.is_some() { player.raw.close_code() } else { None }
}
