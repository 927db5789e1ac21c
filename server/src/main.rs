//! The server's program: reads the command line, and turns what goes wrong into one line and an exit code.

use fracas_server::config::{self, Action, LogFormat};
use fracas_server::run;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Something kept the server from running, or a replay ended in another way than it should.
const FATAL: u8 = 1;
/// A mistake in flags, environment or config file, or a file that cannot be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    match config::read(std::env::args_os()) {
        Ok(Action::Print(text)) => print(&text, ExitCode::SUCCESS),
        Ok(Action::Check(config, text)) => match run::check(&config) {
            Ok(()) => print(&text, ExitCode::SUCCESS),
            refused => finish(refused),
        },
        Ok(Action::Replay(file)) => match run::replay(&file) {
            Ok((is_same, text)) => print(&text, if is_same { ExitCode::SUCCESS } else { ExitCode::from(FATAL) }),
            Err(error) => complain(&format!("{error:#}"), USAGE),
        },
        Ok(Action::Healthcheck(url)) => finish(run::healthcheck(&url)),
        Ok(Action::Serve(config)) => {
            log_to_stderr(config.log_format);
            run::log_panics();
            finish(run::serve(&config))
        }
        Err(mistake) => complain(&mistake.to_string(), USAGE),
    }
}

fn print(text: &str, code: ExitCode) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
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
    // The page's files are listed one by one otherwise.
    let levels = Targets::new().with_default(LevelFilter::INFO).with_target("memory_serve", LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(levels);
    match format {
        LogFormat::Text => log.with(lines.with_ansi(std::io::stderr().is_terminal())).init(),
        LogFormat::Json => log.with(lines.json()).init(),
    }
}
