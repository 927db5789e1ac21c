//! The log: the form of a line, as text or as JSON, and its set-up. Every line goes to the queue of `fracas_stdio`, so
//! no thread waits until it is written.

use crate::config::{LogFormat, LogLevel};
use fracas_stdio as stdio;
use std::net::SocketAddr;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sets up the log and the logging of panics.
pub fn start(format: LogFormat, level: LogLevel) {
    let level = LevelFilter::from(level);
    // On lower levels libraries log every frame, and on INFO each of the page's files.
    let libraries = [("memory_serve", level.min(LevelFilter::WARN))];
    let own = ["fracas_server", "fracas_bots", "fracas_protocol"].map(|name| (name, level));
    let levels = Targets::new().with_default(level.min(LevelFilter::INFO)).with_targets(libraries).with_targets(own);
    let lines = tracing_subscriber::fmt::layer().with_writer(stdio::stderr).log_internal_errors(false);
    let log = tracing_subscriber::registry().with(levels);
    match format {
        LogFormat::Text => log.with(lines.with_ansi(stdio::is_stderr_terminal())).init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).init(),
    }
    stdio::report_panics(|panic| {
        let stdio::PanicReport { thread, location, message, backtrace } = panic;
        tracing::error!(thread, location, panic = message, backtrace, "a thread has panicked");
    });
}

/// Warns of each.
pub fn warn_of(warnings: &[String]) {
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
}

/// Prints that the server is ready, with its addresses.
pub(super) fn listening(format: LogFormat, game: SocketAddr, ops: SocketAddr) {
    stdio::say(&match format {
        LogFormat::Text => format!("listening game={game} ops={ops}"),
        LogFormat::Json => json("INFO", "listening", &[("game", &game.to_string()), ("ops", &ops.to_string())]),
    });
}

/// Where a program's last words go, and how it ends.
#[derive(Clone, Debug)]
pub struct Console {
    /// The program's name, which stands before an error.
    pub program: String,
    /// How its lines look.
    pub format: LogFormat,
}

impl Console {
    /// Prints the requested text, and ends with this exit code. If it cannot be printed, the exit code is 1.
    pub fn print(&self, text: &str, code: u8) -> ExitCode {
        match stdio::print(text) {
            Ok(()) => self.finish(code),
            Err(error) => self.complain(&format!("cannot write to standard output: {error}"), 1),
        }
    }

    /// Prints an error in one line, after everything that was logged, and ends with this exit code.
    pub fn complain(&self, what: &str, code: u8) -> ExitCode {
        stdio::finish(Some(&match self.format {
            LogFormat::Text => format!("{}: {what}", self.program),
            LogFormat::Json => json("ERROR", what, &[]),
        }));
        ExitCode::from(code)
    }

    /// Ends with this exit code, once everything logged is written or cannot be written.
    pub fn finish(&self, code: u8) -> ExitCode {
        stdio::finish(None);
        ExitCode::from(code)
    }
}

/// A line like those of the log. It is printed at every log level.
fn json(level: &str, message: &str, fields: &[(&str, &str)]) -> String {
    let mut timestamp = String::new();
    // Writing a time to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let head = [("timestamp", timestamp.as_str()), ("level", level), ("message", message)];
    let all = head.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).into()));
    serde_json::Value::Object(all.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_whatever_is_in_it() {
        let line = json("ERROR", "no\nsuch \"file\"\u{1b}", &[("game", "127.0.0.1:1")]);
        assert!(!line.contains(char::is_control), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&value["level"], &value["game"]), (&"ERROR".into(), &"127.0.0.1:1".into()));
        assert_eq!(value["message"], "no\nsuch \"file\"\u{1b}");
        assert!(value["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }
}
