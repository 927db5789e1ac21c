//! The server's program: reads the command line, and turns what goes wrong into one line and an exit code.

use fracas_server::config::{self, Action, LogFormat};
use fracas_server::run;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Something kept the server from running.
const FATAL: u8 = 1;
/// A mistake in flags, environment or config file.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match config::read(std::env::args_os()) {
        Ok(Action::Print(text)) => print(&text),
        Ok(Action::Healthcheck(url)) => finish(run::healthcheck(&url)),
        Ok(Action::Serve(config)) => {
            log_to_stderr(config.log_format);
            finish(run::serve(&config))
        }
        Err(mistake) => complain(&mistake.to_string(), USAGE),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot write: {error}"), FATAL),
    }
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The alternate form puts the causes behind it, in the same line.
        Err(error) => complain(&format!("{error:#}"), FATAL),
    }
}

fn complain(what: &str, code: u8) -> ExitCode {
    eprintln!("fracas-server: {what}");
    ExitCode::from(code)
}

fn log_to_stderr(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}
