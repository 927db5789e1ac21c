//! How the listener continues while the kernel has no descriptor. With one spare descriptor it accepts the waiting
//! clients, one after the other. Each replaces another connection or is refused. So accept hardly ever fails.

use std::fs::File;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long it continues before it checks for other descriptors. In that time accept fails at most twice: when the
/// shortage is noticed, and if another part of the process takes the spare one.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What this module needs of the listener.
pub(crate) trait DescriptorShortage {
    /// Waits for a new connection, and refuses it or closes another for it. That needs one descriptor, which is free
    /// again afterwards.
    fn receive_one(&mut self) -> impl Future<Output = io::Result<()>> + Send;
    /// Gives back the spare descriptor.
    fn give_back(&mut self);
    /// Takes a spare descriptor again, if there is one. Returns whether there is another one beside it.
    fn keep(&mut self) -> bool;
}

/// Accepts clients with the spare descriptor until there are others again. `failed` is called each time accept fails.
pub(crate) async fn outlast(kernel: &mut impl DescriptorShortage, failed: impl Fn()) {
    loop {
        kernel.give_back();
        let until = Instant::now() + LOOK_EVERY;
        // The clock is read each time, since the timeout never comes while clients always wait.
        while Instant::now() < until {
            if let Ok(Err(_)) = timeout_at(until, kernel.receive_one()).await {
                failed();
                sleep_until(until).await;
            }
        }
        if kernel.keep() {
            return;
        }
    }
}

/// The spare descriptor for a shortage.
#[derive(Debug)]
pub(crate) struct Spare(Option<File>);

impl Spare {
    pub(crate) fn new() -> Self {
        Self(open())
    }

    pub(crate) fn give_back(&mut self) {
        self.0 = None;
    }

    /// Whether there is another one beside it.
    pub(crate) fn keep(&mut self) -> bool {
        self.0 = open();
        self.0.is_some() && open().is_some()
    }
}

fn open() -> Option<File> {
    File::open("/dev/null").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A kernel with a queue of connections, each a tenth of a millisecond after the one before.
    struct Kernel {
        free: usize,
        kept: bool,
        /// Somebody else takes every descriptor that is given back.
        is_greedy: bool,
        began: Instant,
        /// When there are others again.
        relief: Duration,
        turned_away: usize,
    }

    impl Kernel {
        fn new(is_greedy: bool, relief: Duration) -> Self {
            Self { free: 0, kept: true, is_greedy, began: Instant::now(), relief, turned_away: 0 }
        }
    }

    impl DescriptorShortage for Kernel {
        async fn receive_one(&mut self) -> io::Result<()> {
            if self.free == 0 {
                return Err(rustix::io::Errno::MFILE.into());
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
            self.turned_away += 1;
            Ok(())
        }

        fn give_back(&mut self) {
            if std::mem::take(&mut self.kept) && !self.is_greedy {
                self.free += 1;
            }
        }

        fn keep(&mut self) -> bool {
            if self.began.elapsed() >= self.relief {
                self.free += 10;
            }
            if self.free > 0 {
                (self.free, self.kept) = (self.free - 1, true);
            }
            self.kept && self.free > 0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_knocks_meanwhile_is_sent_away_and_accept_never_fails_for_it() {
        let (mut kernel, failures) = (Kernel::new(false, Duration::from_secs(5)), Cell::new(0));
        outlast(&mut kernel, || failures.set(failures.get() + 1)).await;
        assert_eq!(failures.get(), 0);
        assert!(kernel.turned_away > 4000, "{}", kernel.turned_away);
        assert!(kernel.began.elapsed() < Duration::from_secs(5) + 2 * LOOK_EVERY, "{:?}", kernel.began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn when_somebody_takes_the_spare_one_too_accept_fails_four_times_a_second_and_not_more() {
        let (mut kernel, failures) = (Kernel::new(true, Duration::from_secs(5)), Cell::new(0));
        outlast(&mut kernel, || failures.set(failures.get() + 1)).await;
        assert_eq!((failures.get(), kernel.turned_away), (20, 0));
    }
}
