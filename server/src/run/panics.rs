//! What the log has of a panic: one line, with where it was.

use std::backtrace::{Backtrace, BacktraceStatus};

/// Has panics logged. The way there follows only with `RUST_BACKTRACE=1`: to find it out takes up to a second, in which the
/// thread does nothing else.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let (thread, message) = (thread.name().unwrap_or("?"), panic.payload_as_str().unwrap_or("no words"));
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(thread, location, message, "panic");
        let way = Backtrace::capture();
        if way.status() == BacktraceStatus::Captured {
            eprintln!("{way}");
        }
    }));
}
