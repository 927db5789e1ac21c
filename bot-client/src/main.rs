//! The swarm's program: reads the command line, runs, prints, and turns the result into an exit code.

use clap::{Args, Parser, Subcommand};
use fracas_bots::brain::BrainKind;
use fracas_bots::conditioner::LinkConditions;
use fracas_bots::link::Target;
use fracas_bots::report::{Summary, text};
use fracas_bots::swarm::{self, Ramp, SwarmPlan, parse_duration};
use fracas_protocol::wire::limits::DEFAULT_ROOM;
use fracas_stdio as stdio;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The run could not be made, or proves nothing.
const BROKEN: u8 = 1;
/// A mistake on the command line.
const USAGE: u8 = 2;

/// Descriptors beside the bots' sockets.
const SPARE_DESCRIPTORS: u64 = 64;

/// Headless players for Fracas.
#[derive(Parser, Debug)]
#[command(name = "fracas-bots", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Put a server under load with many bots, and measure what comes back.
    Swarm(SwarmArgs),
}

#[derive(Args, Debug)]
struct SwarmArgs {
    /// The server's WebSocket.
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// The room to play in.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ROOM)]
    room: String,
    /// How many bots.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    bots: u32,
    /// How long, the ramp included.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_duration)]
    duration: Duration,
    /// How fast they come.
    #[arg(long, value_name = "N/s", default_value = "200/s")]
    ramp: Ramp,
    /// What decides for them.
    #[arg(long, value_enum, default_value = "hunter")]
    brain: BrainKind,
    /// Decides their whims.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Inputs a second and bot. [default: the server's tick rate]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=60))]
    input_hz: Option<u32>,
    /// How bad every bot's line is made, each way, like delay=50ms,jitter=20ms,loss=1% [default: as it is]
    #[arg(long, value_name = "LINE", value_parser = str::parse::<LinkConditions>)]
    line: Option<LinkConditions>,
    /// Cut all connections off at this time, without a word; the bots come back. [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    cut_at: Option<Duration>,
    /// Write the result to this file as JSON; "-" is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    stdio::report_panics(|panic| {
        let (message, thread, location) = (panic.message, panic.thread, panic.location);
        let way = panic.backtrace.map(|way| format!(": {way}")).unwrap_or_default();
        stdio::say(&format!("fracas-bots: a panic in {thread} at {location}: {message}{way}"));
    });
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            // One line, without usage and pointers.
            let text = error.render().to_string();
            let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            let words: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
            return complain(&format!("{} (see --help)", words.join(" ")), USAGE);
        }
        Err(help) => {
            return match stdio::print(&help.to_string()) {
                Ok(()) => finish(None, 0),
                Err(error) => complain(&cannot_print(&error), BROKEN),
            };
        }
    };
    let Command::Swarm(args) = cli.command;
    match plan(&args) {
        Ok(plan) => run(plan, args.json.as_deref()),
        Err(mistake) => complain(&mistake, USAGE),
    }
}

fn plan(args: &SwarmArgs) -> Result<SwarmPlan, String> {
    let bots = args.bots as usize;
    let ramp_time = args.ramp.time_for(bots);
    if ramp_time >= args.duration {
        return Err(format!(
            "the ramp takes {:.1} s of {:.1} s: make --duration longer or --ramp steeper",
            ramp_time.as_secs_f64(),
            args.duration.as_secs_f64()
        ));
    }
    if let Some(cut_at) = args.cut_at.filter(|cut_at| !(ramp_time..args.duration).contains(cut_at)) {
        return Err(format!(
            "--cut-at {:.1} s is not in the steady part, which is from {:.1} s to {:.1} s",
            cut_at.as_secs_f64(),
            ramp_time.as_secs_f64(),
            args.duration.as_secs_f64()
        ));
    }
    Ok(SwarmPlan {
        target: Target::parse(&args.url).map_err(|error| error.to_string())?,
        room: args.room.clone(),
        bots,
        duration: args.duration,
        ramp: args.ramp,
        brain: args.brain,
        seed: args.seed,
        input_hz: args.input_hz,
        line: args.line.unwrap_or_default(),
        cut_at: args.cut_at,
    })
}

fn run(plan: SwarmPlan, json: Option<&Path>) -> ExitCode {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Err(error) => return complain(&format!("cannot raise the limit of open descriptors: {error}"), BROKEN),
        Ok(limit) if limit < plan.bots as u64 + SPARE_DESCRIPTORS => {
            return complain(&format!("{} bots need more descriptors than {limit}", plan.bots), BROKEN);
        }
        Ok(rlimit::INFINITY) => stdio::say("open descriptors: unlimited"),
        Ok(limit) => stdio::say(&format!("open descriptors: {limit}")),
    }
    let summary = match swarm::run(plan) {
        Ok(summary) => summary,
        Err(error) => return complain(&error.to_string(), BROKEN),
    };
    let mut faults = Vec::new();
    faults.extend(report(&summary, json).err());
    if !summary.is_sound() {
        faults.push("the run is broken: not all bots joined, or a view was wrong".into());
    }
    if faults.is_empty() { finish(None, 0) } else { complain(&faults.join("; "), BROKEN) }
}

/// Writes the result where it is wanted: the file first, which must not be lost if nobody takes standard output.
fn report(summary: &Summary, json: Option<&Path>) -> Result<(), String> {
    let file = json.filter(|path| path.as_os_str() != "-");
    let text = if json.is_some() && file.is_none() { summary.to_json() } else { text::render(summary) };
    let write = |path: &Path| std::fs::write(path, summary.to_json());
    let written = file.map_or(Ok(()), |path| {
        write(path).map_err(|error| format!("cannot write {}: {error}; name another file with --json", path.display()))
    });
    let printed = stdio::print(&text).map_err(|error| cannot_print(&error));
    written.and(printed)
}

fn cannot_print(error: &std::io::Error) -> String {
    format!("cannot write to standard output: {error}")
}

fn complain(what: &str, code: u8) -> ExitCode {
    finish(Some(&format!("fracas-bots: {what}")), code)
}

/// Ends the process, whoever reads its last line or does not.
fn finish(last: Option<&str>, code: u8) -> ExitCode {
    stdio::finish(last);
    ExitCode::from(code)
}
