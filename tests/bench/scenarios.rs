//! What is run, and the tables it gives.

use crate::models::Model;
use crate::report::{MarkdownTable, Spread, growth_exponent};
use crate::stand::{Stand, TICK_HZ};
use crate::swarm::Measured;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a scenario is run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BenchOptions {
    /// How many players; several are run one after the other [default: the scenario's own]
    #[arg(long, value_delimiter = ',')]
    players: Vec<usize>,
    /// Seconds that are measured in each run.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Seconds between the last player's coming and the measured time.
    #[arg(long, default_value_t = 4.0)]
    settle: f64,
    /// Rounds; the scenarios with a floor run A B B A in each.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Ships to a view; 9 give about 40 visible with bolts and pick-ups.
    #[arg(long, default_value_t = 9)]
    density: u32,
    /// The server's core.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The swarm's core.
    #[arg(long, default_value_t = 1)]
    swarm_core: usize,
    /// Where the results go as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

impl BenchOptions {
    fn players_or<'a>(&'a self, own: &'a [usize]) -> &'a [usize] {
        if self.players.is_empty() { own } else { &self.players }
    }
}

type Scenario = fn(&BenchOptions, &Stand) -> Result<Value>;

/// All of them, in the order in which they are told.
pub(crate) const ALL: [Scenario; 8] = [spread, capacity, bytes, crowd, spectators, stall, idle, models];

/// Runs scenarios one after the other, and writes their results.
pub(crate) fn run(options: &BenchOptions, scenarios: &[Scenario]) -> Result<()> {
    ensure!(options.rounds > 0, "--rounds must be at least 1");
    let folder = tempfile::tempdir()?;
    let stand = Stand {
        server_core: options.server_core,
        swarm_core: options.swarm_core,
        seconds: options.seconds,
        settle: options.settle,
        density: options.density,
        folder: folder.path().to_owned(),
    };
    let mut results = Vec::new();
    for scenario in scenarios {
        results.push(scenario(options, &stand)?);
    }
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&results)? + "\n")?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is what the bench is for")]
fn print_table(title: &str, table: &MarkdownTable, runs: &[&Measured]) {
    println!("\n## {title}\n\n{}", table.text());
    for run in runs {
        if run.joined < run.players || run.closed > 0 {
            println!("{} of {} joined, {} were closed", run.joined, run.players, run.closed);
        }
        if run.swarm_limits {
            let busy = run.swarm_busy * 100.0;
            println!(
                "With {} players the swarm was the limit ({busy:.0} % of its core): no word on the server.",
                run.players
            );
        }
        if run.view_mismatches + run.desyncs > 0 {
            println!("{} views differed, {} were lost", run.view_mismatches, run.desyncs);
        }
    }
}

fn spread_of(runs: &[Measured], what: fn(&Measured) -> f64) -> Spread {
    Spread::of(runs.iter().map(what))
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// Players of [`spread`].
const SIZES: &[usize] = &[256, 512, 1024, 2048, 4096];

/// Fracas and the floor at constant density.
pub(crate) fn spread(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let mut table = MarkdownTable::new(&[
        "players",
        "visible",
        "Fracas us/update",
        "floor us/update",
        "ratio",
        "on time",
        "bytes/update",
        "KiB",
        "switches/tick",
    ]);
    let (mut growth, mut all, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for &players in options.players_or(SIZES) {
        let (fracas, floor) = beside_the_floor(options, stand, players)?;
        let (ours, theirs) =
            (spread_of(&fracas, |run| run.cpu_us_per_update), spread_of(&floor, |run| run.cpu_us_per_update));
        // Each run against the one beside it.
        let ratio = Spread::of(
            fracas.iter().zip(&floor).map(|(ours, theirs)| ours.cpu_us_per_update / theirs.cpu_us_per_update),
        );
        table.row(vec![
            players.to_string(),
            format!("{:.0}", spread_of(&fracas, |run| run.visible).median),
            ours.text(2),
            theirs.text(2),
            ratio.text(2),
            percent(spread_of(&fracas, |run| run.on_time).median),
            format!("{:.1}", spread_of(&fracas, |run| run.bytes_per_update).median),
            format!("{:.0}", spread_of(&fracas, |run| run.resident_kib as f64).median),
            format!("{:.1}", spread_of(&fracas, |run| run.switches_per_tick).median),
        ]);
        growth.extend(fracas.iter().map(|run| (players as f64, run.cores)));
        rows.push(json!({ "players": players, "fracas": fracas, "floor": floor, "ratio": ratio }));
        all.extend(fracas);
    }
    print_table("Spread: constant density", &table, &all.iter().collect::<Vec<_>>());
    let mut result = json!({ "scenario": "spread", "rows": rows });
    if options.players_or(SIZES).len() > 1 {
        let (exponent, interval) = growth_exponent(&growth);
        let memory: Vec<_> = all.iter().map(|run| (run.players as f64, run.resident_kib as f64)).collect();
        let per_player = slope(&memory);
        note(&format!(
            "CPU grows with players to the power {exponent:.3} +- {interval:.3} (95 %); a player more takes {per_player:.1} KiB."
        ));
        result["exponent"] = json!([exponent, interval]);
        result["kib_per_player"] = json!(per_player);
    }
    Ok(result)
}

#[expect(clippy::print_stdout, reason = "it is what the bench is for")]
fn note(words: &str) {
    println!("{words}");
}

/// Runs A B B A: the first run of Fracas records the lengths that the floor sends.
fn beside_the_floor(options: &BenchOptions, stand: &Stand, players: usize) -> Result<(Vec<Measured>, Vec<Measured>)> {
    let trace = stand.trace_file(&players.to_string());
    let trace_text = trace.to_string_lossy().into_owned();
    let cohort = 50.min(players / 4).to_string();
    let fracas = || {
        let server = stand.fracas(players, &[])?;
        stand.swarm(&server, players, &["--cohort", &cohort, "--trace", &trace_text])
    };
    let floor = || {
        let server = stand.floor(players, &trace)?;
        stand.swarm(&server, players, &["--kind", "plain"])
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        ours.push(fracas()?);
        theirs.push(floor()?);
        theirs.push(floor()?);
        ours.push(fracas()?);
    }
    Ok((ours, theirs))
}

/// The slope of a straight line through points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mean_x, mean_y) =
        (points.iter().map(|(x, _)| x).sum::<f64>() / n, points.iter().map(|(_, y)| y).sum::<f64>() / n);
    let along: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    along / points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}

/// More and more players on one core, and how far the floor gets on it.
pub(crate) fn capacity(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let mut table = MarkdownTable::new(&[
        "players",
        "on time",
        "the floor's",
        "late p50 / p99 ms",
        "input to update p50 / p99 ms",
        "cores",
        "the floor's",
        "swarm",
    ]);
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    for &players in options.players_or(&[2000, 2500, 3000, 3400, 3800]) {
        let (fracas, floor) = beside_the_floor(options, stand, players)?;
        let median = |runs: &[Measured], what: fn(&Measured) -> f64| spread_of(runs, what).median;
        let on_time = |runs: &[Measured]| {
            let Spread { median, min, max } = spread_of(runs, |run| run.on_time);
            format!("{} ({}-{})", percent(median), percent(min), percent(max))
        };
        table.row(vec![
            players.to_string(),
            on_time(&fracas),
            on_time(&floor),
            format!("{:.1} / {:.1}", median(&fracas, |run| run.late_p50), median(&fracas, |run| run.late_p99)),
            format!(
                "{:.0} / {:.0}",
                median(&fracas, |run| run.input_to_update_p50),
                median(&fracas, |run| run.input_to_update_p99)
            ),
            format!("{:.2}", median(&fracas, |run| run.cores)),
            format!("{:.2}", median(&floor, |run| run.cores)),
            format!("{:.2}", median(&fracas, |run| run.swarm_busy)),
        ]);
        rows.push(json!({ "players": players, "fracas": fracas, "floor": floor }));
        all.extend(fracas);
    }
    print_table("Capacity: players on one core", &table, &all.iter().collect::<Vec<_>>());
    Ok(json!({ "scenario": "capacity", "rows": rows }))
}

/// Hunters' views in other formats.
pub(crate) fn bytes(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let mut table = MarkdownTable::new(&["format", "bytes/update", "of bincode full"]);
    let players = options.players_or(&[200])[0];
    let server = stand.fracas(players, &[])?;
    let all = players.to_string();
    let run = stand.swarm(&server, players, &["--cohort", &all, "--brain", "hunter", "--formats"])?;
    let full = run.formats.first().map_or(f64::NAN, |(_, bytes)| *bytes);
    for (name, bytes) in
        run.formats.iter().map(|(name, bytes)| (name.as_str(), *bytes)).chain([("Fracas", run.bytes_per_update)])
    {
        table.row(vec![name.to_owned(), format!("{bytes:.1}"), format!("{:.3}", bytes / full)]);
    }
    print_table(&format!("Bytes: {players} hunters, {:.1} visible", run.visible), &table, &[&run]);
    Ok(json!({ "scenario": "bytes", "run": run }))
}

/// Everybody in one place.
pub(crate) fn crowd(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let mut table = MarkdownTable::new(&[
        "players",
        "visible",
        "ships seen, least",
        "us/update",
        "of the first",
        "bytes/update",
        "on time",
        "views checked",
    ]);
    let map = stand.one_screen_map()?.to_string_lossy().into_owned();
    let (mut all, mut first) = (Vec::new(), None);
    for &players in options.players_or(&[125, 300, 1000]) {
        let cohort = if players <= 300 { players } else { 50 }.to_string();
        let mut runs = Vec::new();
        for _ in 0..options.rounds {
            let server = stand.fracas(players, &["--map", &map, "--density", "1000", "--arena-for", "1"])?;
            runs.push(stand.swarm(&server, players, &["--cohort", &cohort, "--one-screen", "--brain", "crowd"])?);
        }
        let cpu = spread_of(&runs, |run| run.cpu_us_per_update);
        let first = *first.get_or_insert(cpu.median);
        table.row(vec![
            players.to_string(),
            format!("{:.0}", runs[0].visible),
            runs.iter().map(|run| run.ships_seen_min).min().unwrap_or(0).to_string(),
            cpu.text(2),
            format!("{:.2}", cpu.median / first),
            format!("{:.0}", runs[0].bytes_per_update),
            percent(runs[0].on_time),
            runs.iter().map(|run| run.view_checks).sum::<u64>().to_string(),
        ]);
        all.extend(runs);
    }
    print_table("Crowd: everybody in one view", &table, &all.iter().collect::<Vec<_>>());
    Ok(json!({ "scenario": "crowd", "runs": all }))
}

/// Many viewers of few ships.
pub(crate) fn spectators(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    const SHIPS: usize = 100;
    let mut table = MarkdownTable::new(&["spectators", "us/update", "bytes/update", "on time"]);
    let mut all = Vec::new();
    for &spectators in options.players_or(&[100, 500, 2000]) {
        // As many may watch as may play. Without delay, as it is a frame's cost that is measured, and the run is short.
        let server = stand.fracas(spectators.max(SHIPS), &["--spectator-delay", "0"])?;
        let run = stand.swarm(&server, SHIPS, &["--spectators", &spectators.to_string(), "--cohort", "20"])?;
        table.row(vec![
            spectators.to_string(),
            format!("{:.2}", run.cpu_us_per_update),
            format!("{:.1}", run.bytes_per_update),
            percent(run.on_time),
        ]);
        all.push(run);
    }
    print_table(&format!("Spectators of {SHIPS} ships"), &table, &all.iter().collect::<Vec<_>>());
    Ok(json!({ "scenario": "spectators", "runs": all }))
}

/// One in twenty stops reading.
pub(crate) fn stall(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let mut table = MarkdownTable::new(&["players", "late p99 ms without", "with", "ratio", "on time without", "with"]);
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for &players in options.players_or(&[1000]) {
        let run = |arguments: &[&str]| {
            let server = stand.fracas(players, &[])?;
            stand.swarm(&server, players, &[&["--cohort", "40"], arguments].concat())
        };
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            without.push(run(&[])?);
            with.push(run(&["--stall-one-in", "20"])?);
            with.push(run(&["--stall-one-in", "20"])?);
            without.push(run(&[])?);
        }
        let late = |runs: &[Measured]| spread_of(runs, |run| run.late_p99);
        table.row(vec![
            players.to_string(),
            late(&without).text(1),
            late(&with).text(1),
            format!("{:.2}", late(&with).median / late(&without).median),
            percent(spread_of(&without, |run| run.on_time).median),
            percent(spread_of(&with, |run| run.on_time).median),
        ]);
        rows.push(json!({ "players": players, "without": without, "with": with }));
        all.extend([without, with].concat());
    }
    print_table("Stall: one in twenty stops reading", &table, &all.iter().collect::<Vec<_>>());
    Ok(json!({ "scenario": "stall", "rows": rows }))
}

/// Players who are only there.
pub(crate) fn idle(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let mut table = MarkdownTable::new(&["players", "what they do", "us/update", "cores", "bytes/update"]);
    let mut all = Vec::new();
    for &players in options.players_or(&[1000]) {
        for (kind, words) in [("quiet", "acknowledge five times a second"), ("light", "send 20 inputs a second")] {
            let server = stand.fracas(players, &[])?;
            let run = stand.swarm(&server, players, &["--kind", kind, "--cohort", "20"])?;
            table.row(vec![
                players.to_string(),
                words.to_owned(),
                format!("{:.2}", run.cpu_us_per_update),
                format!("{:.3}", run.cores),
                format!("{:.1}", run.bytes_per_update),
            ]);
            all.push(run);
        }
    }
    print_table("Idle players", &table, &all.iter().collect::<Vec<_>>());
    Ok(json!({ "scenario": "idle", "runs": all }))
}

/// The same room, served in four ways.
pub(crate) fn models(options: &BenchOptions, stand: &Stand) -> Result<Value> {
    let players = options.players_or(&[500])[0];
    let mut table = MarkdownTable::new(&[
        "how it is served",
        "us/update",
        "on time",
        "late p99 ms",
        "threads",
        "switches/tick",
        "KiB",
    ]);
    let mut runs: BTreeMap<&str, Vec<Measured>> = BTreeMap::new();
    let served = [Model::OneThread, Model::ThreadPerPlayer, Model::TaskPerPlayer];
    for _ in 0..options.rounds {
        for model in served {
            let server = stand.model(model, players)?;
            runs.entry(model.label()).or_default().push(stand.swarm(&server, players, &["--cohort", "20"])?);
        }
        let server = stand.fracas(players, &[])?;
        runs.entry("Fracas: event loop and tick thread").or_default().push(stand.swarm(
            &server,
            players,
            &["--cohort", "20"],
        )?);
    }
    for (words, runs) in &runs {
        table.row(vec![
            (*words).to_owned(),
            spread_of(runs, |run| run.cpu_us_per_update).text(2),
            percent(spread_of(runs, |run| run.on_time).median),
            format!("{:.1}", spread_of(runs, |run| run.late_p99).median),
            runs[0].threads.to_string(),
            format!("{:.0}", spread_of(runs, |run| run.switches_per_tick).median),
            runs[0].resident_kib.to_string(),
        ]);
    }
    let all: Vec<_> = runs.values().flatten().collect();
    print_table(&format!("Models: {players} players at {TICK_HZ} Hz on one core"), &table, &all);
    Ok(json!({ "scenario": "models", "runs": runs }))
}
