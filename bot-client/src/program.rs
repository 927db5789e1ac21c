//! The swarm's program, for any game: reads the command line, runs, prints, and turns the result into an exit code.

use crate::conditioner::LinkConditions;
use crate::link::Target;
use crate::report::{Summary, text};
use crate::swarm::{self, Ramp, SwarmPlan, parse_duration};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use fracas_protocol::game::brain::{Brain, BrainKind};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::wire::limits::DEFAULT_ROOM;
use fracas_stdio as stdio;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The name of the program that has nothing but a swarm.
const NAME: &str = "fracas-bots";
/// The sub-command.
const SWARM: &str = "swarm";

/// The run could not be made, or proves nothing.
const BROKEN: u8 = 1;
/// A mistake on the command line.
const USAGE: u8 = 2;

/// Descriptors beside the bots' sockets.
const SPARE_DESCRIPTORS: u64 = 64;

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
    /// What decides for them. Its values are the game's: see [`swarm_command`].
    #[arg(long, value_name = "KIND", help = "What decides for them")]
    brain: String,
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

/// The program `fracas-bots` for a game with rules `R` and brains `B`.
pub fn main<R: Rules, B: Brain<R>>() -> ExitCode {
    let program = Program::begin(NAME.into());
    let command =
        Command::new(NAME).bin_name(NAME).version(env!("CARGO_PKG_VERSION")).about("Headless players for Fracas");
    let command = command.subcommand(swarm_command(kinds::<R, B>()));
    match program.parse(command, std::env::args_os().skip(1)) {
        Ok(matches) => match matches.subcommand_matches(SWARM) {
            Some(matches) => program.run_swarm::<R, B>(matches),
            None => program.complain("nothing to do: say swarm (see --help)", USAGE),
        },
        Err(code) => code,
    }
}

/// The sub-command `swarm` of a game's own program. It is the whole process. `arguments` are those behind its name.
pub fn run_swarm<R: Rules, B: Brain<R>>(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let own = std::env::args_os().next().map(PathBuf::from);
    let own = own.as_deref().and_then(Path::file_stem).map_or(NAME.into(), |name| name.to_string_lossy().into_owned());
    let command = swarm_command(kinds::<R, B>()).bin_name(format!("{own} {SWARM}"));
    let program = Program::begin(own);
    match program.parse(command, arguments) {
        Ok(matches) => program.run_swarm::<R, B>(&matches),
        Err(code) => code,
    }
}

/// What `fracas-bots` does in a build without a game: says so.
pub fn without_game() -> ExitCode {
    Program::begin(NAME.into()).complain("this build has no game: a game's own program has a swarm", USAGE)
}

/// A game's kinds of brains. One that has none is not compiled.
fn kinds<R: Rules, B: Brain<R>>() -> &'static [BrainKind] {
    const { assert!(!B::KINDS.is_empty(), "a game has at least one kind of brain") };
    B::KINDS
}

/// The sub-command, with the names of a game's brains.
fn swarm_command(kinds: &'static [BrainKind]) -> Command {
    let about = "Put a server under load with many bots, and measure what comes back";
    let command = SwarmArgs::augment_args(Command::new(SWARM).about(about).max_term_width(100));
    let names = kinds.iter().map(|kind| PossibleValue::new(kind.name).help(kind.help.trim_end_matches('.')));
    let names = PossibleValuesParser::new(names);
    command.mut_arg("brain", |arg| arg.required(false).value_parser(names).default_value(kinds[0].name))
}

/// The process, by the name under which it complains.
struct Program {
    name: String,
}

impl Program {
    /// From here on panics are told in one line.
    fn begin(name: String) -> Self {
        let told_as = name.clone();
        stdio::report_panics(move |panic| {
            let (message, thread, location) = (panic.message, panic.thread, panic.location);
            let way = panic.backtrace.map(|way| format!(": {way}")).unwrap_or_default();
            stdio::say(&format!("{told_as}: a panic in {thread} at {location}: {message}{way}"));
        });
        Self { name }
    }

    /// Reads a command line. If there is nothing more to do then, the exit code.
    fn parse(&self, command: Command, arguments: impl Iterator<Item = OsString>) -> Result<ArgMatches, ExitCode> {
        let command = command.no_binary_name(true).max_term_width(100);
        command.try_get_matches_from(arguments).map_err(|error| {
            let text = error.render().to_string();
            if error.use_stderr() {
                return self.complain(&format!("{} (see --help)", in_one_line(&text)), USAGE);
            }
            match stdio::print(&text) {
                Ok(()) => finish(None, 0),
                Err(error) => self.complain(&cannot_print(&error), BROKEN),
            }
        })
    }

    fn run_swarm<R: Rules, B: Brain<R>>(&self, matches: &ArgMatches) -> ExitCode {
        let args = match SwarmArgs::from_arg_matches(matches) {
            Ok(args) => args,
            Err(error) => return self.complain(&in_one_line(&error.to_string()), USAGE),
        };
        let plan = match plan(&args, B::KINDS) {
            Ok(plan) => plan,
            Err(mistake) => return self.complain(&mistake, USAGE),
        };
        match rlimit::increase_nofile_limit(u64::MAX) {
            Err(error) => {
                return self.complain(&format!("cannot raise the limit of open descriptors: {error}"), BROKEN);
            }
            Ok(limit) if limit < plan.bots as u64 + SPARE_DESCRIPTORS => {
                return self.complain(&format!("{} bots need more descriptors than {limit}", plan.bots), BROKEN);
            }
            Ok(rlimit::INFINITY) => stdio::say("open descriptors: unlimited"),
            Ok(limit) => stdio::say(&format!("open descriptors: {limit}")),
        }
        let summary = match swarm::run::<R, B>(plan) {
            Ok(summary) => summary,
            Err(error) => return self.complain(&error.to_string(), BROKEN),
        };
        let mut faults = Vec::new();
        faults.extend(report(&summary, args.json.as_deref()).err());
        if !summary.is_sound() {
            faults.push("the run is broken: not all bots joined, or a view was wrong".into());
        }
        if faults.is_empty() { finish(None, 0) } else { self.complain(&faults.join("; "), BROKEN) }
    }

    fn complain(&self, what: &str, code: u8) -> ExitCode {
        finish(Some(&format!("{}: {what}", self.name)), code)
    }
}

/// What clap says of a mistake, without usage and pointers.
fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let words: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    words.join(" ")
}

fn plan(args: &SwarmArgs, kinds: &[BrainKind]) -> Result<SwarmPlan, String> {
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
    let brain = kinds.iter().position(|kind| kind.name == args.brain);
    Ok(SwarmPlan {
        target: Target::parse(&args.url).map_err(|error| error.to_string())?,
        room: args.room.clone(),
        bots,
        duration: args.duration,
        ramp: args.ramp,
        brain: brain.ok_or_else(|| format!("the game has no brain {:?}", args.brain))?,
        seed: args.seed,
        input_hz: args.input_hz,
        line: args.line.unwrap_or_default(),
        cut_at: args.cut_at,
    })
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

/// Ends the process, whoever reads its last line or does not.
fn finish(last: Option<&str>, code: u8) -> ExitCode {
    stdio::finish(last);
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[BrainKind] =
        &[BrainKind::new("chaser", "Runs after others."), BrainKind::new("dreamer", "Stands still.")];

    /// The plan that a command line makes, or what is wrong with it.
    fn read(line: &str) -> Result<SwarmPlan, String> {
        let command = swarm_command(KINDS).no_binary_name(true);
        let matches = command.try_get_matches_from(line.split_whitespace()).map_err(|error| error.to_string())?;
        let args = SwarmArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        plan(&args, KINDS)
    }

    #[test]
    fn a_brain_is_one_of_the_games_and_the_first_if_nobody_says() {
        let brain = |line| read(line).map(|plan| plan.brain);
        assert_eq!(brain(""), Ok(0));
        assert_eq!(brain("--brain chaser"), Ok(0));
        assert_eq!(brain("--brain dreamer"), Ok(1));
        let mistake = brain("--brain clever").expect_err("there is none");
        let mistake = in_one_line(&mistake);
        assert!(["clever", "chaser", "dreamer"].iter().all(|name| mistake.contains(name)), "{mistake}");
    }

    #[test]
    fn the_help_lists_the_games_brains_and_what_they_do() {
        let help = swarm_command(KINDS).render_long_help().to_string();
        for kind in KINDS {
            assert!(help.contains(&format!("{}: ", kind.name)), "{help}");
            assert!(help.contains(kind.help.trim_end_matches('.')), "{help}");
        }
        assert!(help.contains("[default: chaser]"), "{help}");
    }

    #[test]
    fn times_that_do_not_fit_together_are_refused_with_words() {
        assert!(read("--bots 10 --ramp 1/s --duration 5s").expect_err("too short").contains("--ramp steeper"));
        assert!(read("--cut-at 1ms").expect_err("in the ramp").contains("steady part"));
        assert_eq!(read("--cut-at 10s").map(|plan| plan.cut_at), Ok(Some(Duration::from_secs(10))));
    }
}
