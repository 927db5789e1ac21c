//! The command line: sub-commands, and every setting as a flag.

use super::settings::Config;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// The sub-command that is a program of its own.
pub const SWARM: &str = "swarm";

/// Fracas: a real-time multiplayer game server. Started without any argument it serves the game on
/// http://127.0.0.1:8080.
#[derive(Parser, Debug)]
#[command(version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Subcommands>,
    /// Read settings from this TOML file; its keys are the flags' names.
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) settings: Config,
}

#[derive(Subcommand, Debug, Clone)]
pub(super) enum Subcommands {
    /// Check flags, environment and file, print the settings in effect, and end.
    CheckConfig,
    /// Print a config file with every setting, its default and what it does.
    ConfigTemplate,
    /// Repeat what a crash file holds; exit 0 if the same panic comes again.
    Replay {
        /// As the log named it, for example /tmp/fracas-crash-main-1234-56.replay
        file: PathBuf,
    },
    /// Put a server under load with many bots, and measure what comes back.
    #[command(name = SWARM, disable_help_flag = true)]
    Swarm {
        /// See `swarm --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Write a game to begin with into a folder that does not exist yet.
    NewGame {
        /// The name of its crate, for example push-puck
        name: String,
        /// Where to
        folder: PathBuf,
        /// The folder of this repository; if it is not found around the game or the program
        #[arg(long, value_name = "FOLDER")]
        engine: Option<PathBuf>,
    },
    /// Ask a server whether it is ready; exit 0 if it is.
    Healthcheck {
        /// For example http://127.0.0.1:8080/readyz
        url: String,
    },
}
