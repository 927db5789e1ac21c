//! How the process is told to stop, and how it passes that on.

use fracas_protocol::wire::close::CloseReason;
use procfs::process::Process;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Tells the tick thread to close the rooms, and lets an operator ask for that.
#[derive(Debug, Default)]
pub struct Shutdown {
    begun: AtomicBool,
    asked: Notify,
}

impl Shutdown {
    /// An operator asks the server to stop in good order.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until an operator asks.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// From the next tick on the rooms close.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// The close reason for all connections, if the rooms are to close.
    pub fn farewell(&self) -> Option<CloseReason> {
        self.begun.load(Ordering::Relaxed).then_some(CloseReason::GoingAway)
    }
}

/// The handled signals: Ctrl-C, SIGTERM and SIGHUP stop the server. SIGUSR1 and SIGUSR2 do nothing. SIGPIPE is ignored
/// in every Rust program.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// None if the process was started to survive a hangup, as by `nohup`.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Takes the signals over. From now on they do not end the process by themselves.
    pub fn new() -> io::Result<Self> {
        for idle in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
            // A signal stays taken over, and no code waits for these.
            drop(signal(idle)?);
        }
        let status = Process::myself().and_then(|process| process.status());
        let ignored = status.map_or(0, |status| status.sigign);
        let is_ignored = ignored >> (SignalKind::hangup().as_raw_value() - 1) & 1 == 1;
        let hangup = (!is_ignored).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Waits for any of them, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hangup => "SIGHUP",
        }
    }

    /// Waits for one that means "stop at once". A hangup does not mean that, since a closing terminal sends several.
    pub async fn urgent(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
