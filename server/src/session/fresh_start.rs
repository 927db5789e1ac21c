//! Fresh starts: whether one is wanted, allowed and ready, who waits for one, when it begins, and what is counted when it is
//! done.

use crate::ids::ConnectionKey;
use crate::ops::LoopMetrics;
use crate::session::staleness::Staleness;
use fracas_protocol::wire::limits::FRESH_START_INTERVAL_MS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Fresh starts per tick: at least this many, and one in so many players.
const PER_TICK_MIN: usize = 8;
const PER_TICK_SHARE: usize = 64;

/// How far one client's next fresh start is.
#[derive(Debug, Default)]
pub(crate) struct FreshStart {
    /// The client asked for one.
    is_wanted: bool,
    /// When the client last got one that it asked for.
    granted_at: Option<Instant>,
    /// Whether the client waits in the [`FreshStartQueue`].
    is_queued: bool,
    /// One whose first frame has not gone yet: whether the client asked for it.
    begun: Option<bool>,
}

impl FreshStart {
    /// The client asks for one. It gets one a second at most.
    pub(crate) fn request(&mut self) {
        self.is_wanted = true;
    }

    /// The client's turn in the queue has come.
    pub(crate) fn leave_queue(&mut self) {
        self.is_queued = false;
    }

    /// Whether one may begin for a client to which all was sent: it was stale and has caught up, or it asked for one.
    pub(crate) fn is_ready(&self, staleness: &Staleness, now: Instant) -> bool {
        let interval = Duration::from_millis(u64::from(FRESH_START_INTERVAL_MS));
        let is_granted = self.granted_at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        let has_reason = if staleness.is_stale() { staleness.has_caught_up() } else { self.is_wanted };
        has_reason && (is_granted || !self.is_wanted)
    }

    /// One begins: the client's next frame is its first.
    pub(crate) fn begin(&mut self, staleness: &mut Staleness, now: Instant) {
        let was_wanted = std::mem::take(&mut self.is_wanted);
        if was_wanted {
            self.granted_at = Some(now);
        }
        self.begun = Some(was_wanted);
        staleness.start_afresh();
    }

    /// A frame went: it counts if it was the first of a fresh start.
    pub(crate) fn record_sent(&mut self, metrics: &LoopMetrics) {
        if let Some(was_wanted) = self.begun.take() {
            metrics.resyncs.increment(1);
            metrics.desyncs_reported.increment(u64::from(was_wanted));
        }
    }
}

/// The clients of one event loop that are ready, in the order in which they became so. Each is in it once, so that it is no
/// longer than the loop has connections, and those that have gone since they came.
#[derive(Debug, Default)]
pub(crate) struct FreshStartQueue {
    keys: VecDeque<ConnectionKey>,
    /// How many may still begin on this tick.
    left: usize,
}

impl FreshStartQueue {
    /// Puts a client at the end, unless it waits already.
    pub(crate) fn push(&mut self, key: ConnectionKey, client: &mut FreshStart) {
        if !std::mem::replace(&mut client.is_queued, true) {
            self.keys.push_back(key);
        }
    }

    /// A tick of a loop with so many clients begins: when a whole loop was late, its clients' fresh starts must not make it late
    /// again.
    pub(crate) fn begin_tick(&mut self, clients: usize) {
        self.left = PER_TICK_MIN.max(clients / PER_TICK_SHARE);
    }

    /// The next client whose turn it is on this tick. It may be gone, or not be ready any more.
    pub(crate) fn pop(&mut self) -> Option<ConnectionKey> {
        self.left = self.left.checked_sub(1)?;
        self.keys.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::tick::Tick;

    fn key(slot: u32) -> ConnectionKey {
        ConnectionKey { slot, ..ConnectionKey::default() }
    }

    #[test]
    fn a_client_that_asks_all_the_time_gets_one_a_second() {
        let (mut start, mut staleness, began) = (FreshStart::default(), Staleness::default(), Instant::now());
        let mut begun = 0;
        for tick in 0..100 {
            let now = began + Duration::from_millis(50) * tick;
            start.request();
            if start.is_ready(&staleness, now) {
                start.begin(&mut staleness, now);
                begun += 1;
            }
        }
        assert_eq!(begun, 5);
    }

    #[test]
    fn a_stale_client_is_ready_when_it_has_caught_up() {
        let (start, mut staleness, now) = (FreshStart::default(), Staleness::default(), Instant::now());
        assert!(!start.is_ready(&staleness, now), "there is no reason");
        staleness.sent(Tick(1));
        staleness.set_stale();
        assert!(!start.is_ready(&staleness, now));
        staleness.acknowledge(Tick(1), Tick(2));
        assert!(start.is_ready(&staleness, now));
    }

    #[test]
    fn so_many_begin_on_a_tick_and_each_waits_once() {
        let (mut queue, mut clients) = (FreshStartQueue::default(), Vec::new());
        clients.resize_with(20, FreshStart::default);
        for _ in 0..2 {
            clients.iter_mut().zip(0..).for_each(|(client, place)| queue.push(key(place), client));
        }
        let mut begin = |clients| {
            queue.begin_tick(clients);
            std::iter::from_fn(|| queue.pop()).map(|key| key.slot).collect::<Vec<_>>()
        };
        assert_eq!(begin(20), (0..8).collect::<Vec<_>>(), "in the order in which they came");
        assert_eq!(begin(640), (8..18).collect::<Vec<_>>(), "one in 64");
        assert_eq!(begin(20), [18, 19]);
    }
}
