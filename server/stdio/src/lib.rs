//! The only code that writes to standard error and standard output. Lines for standard error go through a bounded queue to a
//! thread that writes them, so that no other thread ever waits for whoever reads them; nothing here panics.
//!
//! Standard error may be a pipe that nobody reads, a closed one, a full disk or a dead terminal. A line that does not fit in the
//! queue, or that cannot be written, is dropped and counted.

use flume::{Receiver, Sender};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Lines that may wait to be written; beyond, new ones are dropped and counted.
const QUEUE_LINES_MAX: usize = 1024;
/// Bytes of all lines that wait; beyond, new ones are dropped and counted.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// How long the end of the process may wait until the last lines are written: a fault has to end it within a second.
const FLUSH_DEADLINE: Duration = Duration::from_millis(500);
/// How long whoever reads standard output may take for all of it.
const STDOUT_DEADLINE: Duration = Duration::from_secs(5);

/// What the writer thread is handed.
enum WriteJob {
    Line(Vec<u8>),
    /// Everything before this is written when the other end is dropped.
    Flush(Sender<()>),
}

/// What both ends of the queue share.
#[derive(Debug, Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// The sending end of a bounded queue of lines; a thread writes them.
#[derive(Debug)]
pub struct LineWriter {
    jobs: Sender<WriteJob>,
    counts: Arc<Counts>,
}

impl LineWriter {
    /// Starts the thread. Where none can be started every line is dropped, and counted.
    pub fn start(write: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        let (jobs, waiting) = flume::bounded(QUEUE_LINES_MAX);
        let counts = Arc::<Counts>::default();
        let shared = Arc::clone(&counts);
        // Without the thread the receiver is gone, which is what the senders notice.
        let _ = std::thread::Builder::new().name("log".into()).spawn(move || write_all(&waiting, write, &shared));
        Self { jobs, counts }
    }

    /// Hands a line over, with its line break. It is dropped and counted if the queue is full.
    pub fn line(&self, line: &[u8]) {
        let counts = &self.counts;
        let fits = counts.waiting_bytes.fetch_add(line.len(), Ordering::Relaxed) + line.len() <= QUEUE_BYTES_MAX;
        if !fits || self.jobs.try_send(WriteJob::Line(line.to_vec())).is_err() {
            counts.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines are written, and the last one behind them if there is one; but no longer than `within`.
    /// Returns whether they are.
    pub fn finish(&self, last: Option<&[u8]>, within: Duration) -> bool {
        let until = Instant::now() + within;
        if let Some(last) = last {
            self.counts.waiting_bytes.fetch_add(last.len(), Ordering::Relaxed);
            if self.jobs.send_deadline(WriteJob::Line(last.to_vec()), until).is_err() {
                self.counts.waiting_bytes.fetch_sub(last.len(), Ordering::Relaxed);
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        }
        let (done, written) = flume::bounded(0);
        let asked = self.jobs.send_deadline(WriteJob::Flush(done), until);
        asked.is_ok() && written.recv_deadline(until) == Err(flume::RecvTimeoutError::Disconnected)
    }

    /// Lines that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

/// A line for each write, as a log's subscriber makes them.
impl Write for &LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(waiting: &Receiver<WriteJob>, mut write: impl FnMut(&[u8]) -> io::Result<()>, counts: &Counts) {
    for job in waiting {
        match job {
            WriteJob::Line(line) => {
                let written = write(&line);
                counts.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                counts.dropped.fetch_add(u64::from(written.is_err()), Ordering::Relaxed);
            }
            WriteJob::Flush(done) => drop(done),
        }
    }
}

/// Standard error of this process.
pub fn stderr() -> &'static LineWriter {
    static STDERR: OnceLock<LineWriter> = OnceLock::new();
    STDERR.get_or_init(|| LineWriter::start(|line| write_to(io::stderr().as_fd(), line)))
}

/// Whether people look at standard error.
pub fn is_stderr_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Lines for standard error that were dropped so far.
pub fn dropped_lines() -> u64 {
    stderr().dropped()
}

/// Says one line on standard error, as soon as whoever reads it lets us.
pub fn say(line: &str) {
    stderr().line(&one_line(line));
}

/// Gives what was said on standard error a moment to be written, and one last line behind it. For the end of the process.
pub fn finish(last: Option<&str>) {
    let last = last.map(one_line);
    let is_written = stderr().finish(last.as_deref(), FLUSH_DEADLINE);
    if !is_written && stderr().jobs.is_disconnected() {
        // No thread could be started, and that is probably what the line tells.
        let _ = write_to(io::stderr().as_fd(), &last.unwrap_or_default());
    }
}

/// Writes to standard output, and waits until that is done; but not for ever.
///
/// # Errors
/// If it could not be written, or nobody took it in time.
pub fn print(text: &str) -> io::Result<()> {
    let (done, written) = flume::bounded(1);
    let text = text.as_bytes().to_vec();
    std::thread::Builder::new().name("stdout".into()).spawn(move || {
        // The other end has gone when it took too long.
        let _ = done.send(write_to(io::stdout().as_fd(), &text));
    })?;
    let nobody = || Err(io::Error::new(ErrorKind::TimedOut, format!("nobody took it in {STDOUT_DEADLINE:?}")));
    written.recv_timeout(STDOUT_DEADLINE).unwrap_or_else(|_| nobody())
}

/// A text as one line: a path or a message may have line breaks of its own.
fn one_line(text: &str) -> Vec<u8> {
    let text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    (text + "\n").into_bytes()
}

/// Writes to a descriptor, past the standard library's buffers and locks: a thread that is stuck here holds nothing that
/// another one could wait for. Whoever shares the descriptor may have made it non-blocking.
fn write_to(file: BorrowedFd<'_>, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match rustix::io::write(file, text) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => text = &text[length..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(&file, PollFlags::OUT)], None)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What there is to say of a panic.
#[derive(Debug)]
pub struct PanicReport<'a> {
    /// Where.
    pub thread: &'a str,
    /// File and line.
    pub location: &'a str,
    /// Its words.
    pub message: &'a str,
    /// The way there; only with `RUST_BACKTRACE=1`: to find it out takes up to a second, in which the thread does nothing else.
    pub backtrace: Option<&'a str>,
}

/// Has panics told by `report`, which must neither wait nor panic.
pub fn report_panics(report: impl Fn(&PanicReport<'_>) + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        report(&PanicReport {
            thread: thread.name().unwrap_or("?"),
            location: &location,
            message: panic.payload_as_str().unwrap_or("no words"),
            backtrace: backtrace.as_deref(),
        });
    }));
}

#[cfg(test)]
mod tests;
