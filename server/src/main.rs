//! The server's program. It reads the command line, and turns an error into one line and an exit code.

use fracas_server::config::{self, Action, LogFormat};
use fracas_server::run::{self, log};
use std::ffi::OsString;
use std::process::ExitCode;

/// It ran, and stopped in good order.
const FINE: u8 = 0;
/// The server could not run, or a replay did not end with the same panic.
const FATAL: u8 = 1;
/// A mistake in flags, environment or config file, or a file that cannot be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let format = config::expected_format(&arguments);
    let end = |format: LogFormat, result: anyhow::Result<()>| match result {
        Ok(()) => log::finish(FINE),
        // The alternate form appends the causes, in the same line.
        Err(error) => log::complain(format, &format!("{error:#}"), FATAL),
    };
    match config::read(arguments) {
        Ok(Action::Print(text)) => log::print(format, &text, FINE),
        Ok(Action::Check(config, text)) => match run::check(&config) {
            Ok(()) => log::print(config.log_format, &text, FINE),
            refused => end(config.log_format, refused),
        },
        Ok(Action::Replay(file)) => match run::replay(&file) {
            Ok((is_same, text)) => log::print(format, &text, if is_same { FINE } else { FATAL }),
            Err(error) => log::complain(format, &format!("{error:#}"), USAGE),
        },
        Ok(Action::Healthcheck(url)) => end(format, run::healthcheck(&url)),
        Ok(Action::Serve(config)) => {
            log::start(config.log_format, config.log_level);
            log::warn_of(&config::unknown_variables());
            end(config.log_format, run::serve(&config))
        }
        Err(mistake) => log::complain(format, &mistake.to_string(), USAGE),
    }
}
