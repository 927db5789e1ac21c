//! The server's program for a game. It reads the command line, and turns an error into one line and an exit code.

use crate::config::{self, Action, GameInfo, LogFormat};
use crate::new_game::new_game;
use crate::run;
use crate::run::log::{self, Console};
use fracas_protocol::game::authority::Game;
use std::ffi::OsString;
use std::process::ExitCode;

/// It ran, and stopped in good order.
const FINE: u8 = 0;
/// The server could not run, or a replay did not end with the same panic.
const FATAL: u8 = 1;
/// A mistake in flags, environment or config file, or a file that cannot be read.
const USAGE: u8 = 2;

/// The whole program for a game. It serves the game, checks and prints settings, replays crashes, asks a server for its
/// health, and plays as a swarm of bots, as its arguments say.
pub fn main<G: Game>() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The swarm has settings of its own, some by the same names. So nothing else reads its arguments.
    if arguments.get(1).is_some_and(|first| first == config::SWARM) {
        return run::swarm::<G>(arguments.into_iter().skip(2));
    }
    let game = GameInfo::of::<G>();
    let mut console =
        Console { program: config::program_name(&arguments), format: config::expected_format(&arguments) };
    let end = |console: &Console, result: anyhow::Result<()>| match result {
        Ok(()) => console.finish(FINE),
        // The alternate form appends the causes, in the same line.
        Err(error) => console.complain(&format!("{error:#}"), FATAL),
    };
    match config::read(&game, arguments) {
        Ok(Action::Print(text)) => console.print(&text, FINE),
        Ok(Action::Check(config, text)) => {
            console.format = config.log_format;
            match run::check(&config) {
                Ok(()) => console.print(&text, FINE),
                refused => end(&console, refused),
            }
        }
        Ok(Action::Replay(file)) => match run::replay::<G>(&file) {
            Ok((is_same, text)) => console.print(&text, if is_same { FINE } else { FATAL }),
            Err(error) => console.complain(&format!("{error:#}"), USAGE),
        },
        Ok(Action::NewGame { name, folder, engine }) => match new_game(&name, &folder, engine.as_deref()) {
            Ok(text) => console.print(&text, FINE),
            Err(error) => console.complain(&format!("{error:#}"), USAGE),
        },
        Ok(Action::Healthcheck(url)) => end(&console, run::healthcheck(&url)),
        Ok(Action::Serve(config)) => {
            console.format = config.log_format;
            log::start(config.log_format, config.log_level);
            log::warn_of(&config::unknown_variables(&game));
            end(&console, run::serve::<G>(&config))
        }
        Err(mistake) => console.complain(&mistake.to_string(), USAGE),
    }
}

/// The program of a build without a game. It says so.
pub fn without_game() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().take(1).collect();
    let console = Console { program: config::program_name(&arguments), format: LogFormat::Text };
    console.complain(
        "this build has no game; build it with its default features, or build a game's own program (protocol/README.md)",
        USAGE,
    )
}
