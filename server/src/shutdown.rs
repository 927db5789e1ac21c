//! How the process is told to stop, and who is told that it stops.

use fracas_protocol::close::CloseReason;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// Tells the tick thread to close the room, and lets an operator ask for that.
#[derive(Debug, Default)]
pub struct Shutdown {
    begun: AtomicBool,
    asked: Notify,
}

impl Shutdown {
    /// An operator wants the server to stop in good order.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until one does.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// From the next tick on the room says farewell.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// What the room says to everybody, if it shall close.
    pub fn farewell(&self) -> Option<CloseReason> {
        self.begun.load(Ordering::Relaxed).then_some(CloseReason::GoingAway)
    }
}

/// Ctrl-C and SIGTERM.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Takes the signals over; from now on they do not end the process by themselves.
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for either of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
