//! What the operator sets. Each setting is one field of [`Config`], read in the same way from a flag, the environment or a
//! TOML file; all of it is checked before anything starts.

mod bounded_file;
mod check;
mod cli;
mod early_format;
mod game;
mod layers;
mod logging;
mod settings;
mod sources;
mod template;
mod time;
mod usage_error;

use crate::ids::ROOMS_MAX;
use clap::{ArgMatches, FromArgMatches};
use cli::{Cli, Subcommands};
use sources::Sources;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use check::why_not_writable;
pub use cli::SWARM;
pub use early_format::expected_format;
pub use game::{GameConfig, GameInfo};
pub use layers::unknown_variables;
pub use logging::{LogFormat, LogLevel};
pub use settings::{Config, Secret};
pub use usage_error::UsageError;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// Run the server.
    Serve(Box<Config>),
    /// Check whether the server could run with these settings. If it could, print this.
    Check(Box<Config>, String),
    /// Print this and exit with 0.
    Print(String),
    /// Repeat what a crash file holds.
    Replay(PathBuf),
    /// Write a game to begin with.
    NewGame {
        /// Its name.
        name: String,
        /// Where to.
        folder: PathBuf,
        /// The engine's folder, if it was named.
        engine: Option<PathBuf>,
    },
    /// Ask a server for its health.
    Healthcheck(String),
}

/// The name of a program by its command line: the executable's own.
pub fn program_name(arguments: &[OsString]) -> String {
    let file = arguments.first().and_then(|path| Path::new(path).file_name());
    file.map_or_else(|| "fracas-server".into(), |name| name.to_string_lossy().into_owned())
}

/// Reads the command line (the program's name included) and everything that it refers to.
///
/// # Errors
/// The first mistake, and what to do about it.
pub fn read(game: &GameInfo, arguments: impl IntoIterator<Item = OsString>) -> Result<Action, UsageError> {
    game.check()?;
    let arguments: Vec<_> = arguments.into_iter().collect();
    let program = program_name(&arguments);
    let (matches, sources) = match layers::read(&layers::command(game, &program), arguments) {
        Err(error) if error.use_stderr() => return Err(UsageError(layers::one_line(&error))),
        Err(help) => return Ok(Action::Print(help.to_string())),
        Ok(read) => read?,
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| UsageError(layers::one_line(&error)))?;
    let checked = |settings: Config| settings.checked(game, &matches, &sources);
    match cli.command {
        Some(Subcommands::ConfigTemplate) => {
            Ok(Action::Print(template::render(&layers::plain_command(game, &program))))
        }
        Some(Subcommands::Replay { file }) => Ok(Action::Replay(file)),
        Some(Subcommands::NewGame { name, folder, engine }) => Ok(Action::NewGame { name, folder, engine }),
        Some(Subcommands::Healthcheck { url }) => Ok(Action::Healthcheck(url)),
        Some(Subcommands::Swarm { .. }) => {
            Err(UsageError(format!("{SWARM} takes no settings of the server; write it in the first place")))
        }
        Some(Subcommands::CheckConfig) => {
            let config = checked(cli.settings)?;
            let unknown: String = unknown_variables(game).iter().map(|warning| format!("{warning}\n")).collect();
            let text = format!("{config:#?}\n{unknown}The configuration is good.\n");
            Ok(Action::Check(Box::new(config), text))
        }
        None => Ok(Action::Serve(Box::new(checked(cli.settings)?))),
    }
}

impl Config {
    /// Checks what single values do not show, and reads what belongs to the game.
    fn checked(mut self, game: &GameInfo, matches: &ArgMatches, sources: &Sources) -> Result<Self, UsageError> {
        let wrong = |name: &str, why: &str| Err(UsageError(format!("{}{why}", sources.of(name))));
        check::seats(&self, game, sources)?;
        check::ports(self.listen, self.ops_listen, sources)?;
        match &self.ops_token {
            Some(token) if !token.is_good() => {
                let least = Secret::LEN_MIN;
                return wrong(
                    "ops-token",
                    &format!(" must have at least {least} characters, all of them visible ASCII"),
                );
            }
            None if !self.ops_listen.ip().is_loopback() => {
                let listen = self.ops_listen;
                let why = format!(" {listen}: others can reach that; set FRACAS_OPS_TOKEN, or listen on 127.0.0.1");
                return wrong("ops-listen", &why);
            }
            _ => {}
        }
        if let Some(twice) = self.rooms.iter().enumerate().find(|(index, name)| self.rooms[..*index].contains(name)) {
            return wrong("room", &format!(" {}: there is one of that name already", twice.1));
        }
        if self.rooms.len() > ROOMS_MAX {
            return wrong("room", &format!(": {} rooms; there must be 1 to {ROOMS_MAX}", self.rooms.len()));
        }
        // The system's own folder may be missing: nothing depends on it until a room crashes.
        if let Some(why) = why_not_writable(&self.crash_dir).filter(|_| sources.is_given("crash-dir")) {
            return wrong("crash-dir", &format!(" {}: {why}", self.crash_dir.display()));
        }
        if let Some((folder, why)) = self.web.as_ref().and_then(|web| Some((web, check::why_no_page_folder(web)?))) {
            return wrong("web", &format!(" {}: {why}", folder.display()));
        }
        self.game = GameConfig::read(game, matches, sources, self.tick_rate)?;
        self.event_loops = Some(self.event_loops());
        Ok(self)
    }
}

/// Checks the definition of the command line itself.
#[cfg(test)]
fn debug_assert(game: &GameInfo) {
    layers::command(game, "fracas-server").debug_assert();
}

#[cfg(test)]
mod tests;
