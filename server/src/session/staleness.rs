//! Whether a player keeps up, by its acknowledgements. Kernels buffer minutes of small frames before a send would
//! block.

use fracas_protocol::tick::{Tick, TickRate};

/// How long a frame may stay unacknowledged beyond the connection's usual delay, in milliseconds.
const LAG_MS: u32 = 1000;

/// What was sent to one player and what of it was acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Staleness {
    /// The ticks of the oldest and the newest frame that were sent and are not acknowledged.
    pending: Option<(Tick, Tick)>,
    /// The newest tick acknowledged, of those sent since it last started afresh.
    acknowledged: Option<Tick>,
    /// How long acknowledgements usually take, in 1/64 ticks: the connection's own delay. None before the first.
    usual_lag: Option<u32>,
    stale: bool,
}

impl Staleness {
    /// A frame up to this tick was sent, whole or begun. News alone does not count as a frame.
    pub(crate) fn sent(&mut self, tick: Tick) {
        let newest = self.pending.map(|(_, newest)| newest).max(self.acknowledged);
        if newest.is_some_and(|newest| newest >= tick) {
            return;
        }
        self.pending = Some((self.pending.map_or(tick, |(oldest, _)| oldest), tick));
    }

    /// The client acknowledges a tick. Acknowledgements never go back, nor past what was sent. Returns whether it was a
    /// new one.
    pub(crate) fn acknowledge(&mut self, tick: Tick, now: Tick) -> bool {
        let Some((oldest, newest)) = self.pending.filter(|(oldest, newest)| (*oldest..=*newest).contains(&tick)) else {
            return false;
        };
        debug_assert!(oldest <= newest);
        self.acknowledged = Some(tick);
        self.pending = (tick < newest).then_some((tick.next(), newest));
        let lag = now.since(tick).clamp(0, 1 << 16) as u32 * 64;
        // It falls at once and rises by a sixty-fourth at a time, since a stall is not usual.
        self.usual_lag = Some(match self.usual_lag {
            Some(usual) if lag > usual => usual + (lag - usual) / 64,
            _ => lag,
        });
        true
    }

    /// The newest tick acknowledged of what was sent. None if it says nothing about the line: while nothing is sent,
    /// and until the first frame of a fresh start is acknowledged.
    pub(crate) fn acknowledged(&self) -> Option<Tick> {
        self.acknowledged.filter(|_| !self.stale)
    }

    /// Whether a frame has been on its way for too long.
    pub(crate) fn lags(&self, now: Tick, rate: TickRate) -> bool {
        let lag = rate.ticks_in_ms(LAG_MS);
        let allowed = i64::from(lag + self.usual_lag.map_or(lag, |usual| usual / 64));
        self.pending.is_some_and(|(oldest, _)| now.since(oldest) > allowed)
    }

    /// Nothing more is sent until it has caught up. Returns whether it was not stale before.
    pub(crate) fn set_stale(&mut self) -> bool {
        !std::mem::replace(&mut self.stale, true)
    }

    /// Whether nothing is sent to it.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether it has received all that was sent, so that it can start afresh.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.pending.is_none()
    }

    /// It starts afresh: not stale any more.
    pub(crate) fn start_afresh(&mut self) {
        (self.stale, self.acknowledged) = (false, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: TickRate = TickRate::HZ_20;

    #[test]
    fn a_frame_unacknowledged_for_a_second_longer_than_usual_makes_it_lag() {
        let mut state = Staleness::default();
        state.sent(Tick(1000));
        state.sent(Tick(1002));
        assert!(state.acknowledge(Tick(1000), Tick(1002)), "two ticks are usual here");
        assert!(!state.lags(Tick(1001 + 22), HZ));
        assert!(state.lags(Tick(1001 + 23), HZ));
        assert!(state.acknowledge(Tick(1001), Tick(1024)));
        assert!(!state.lags(Tick(1024), HZ), "the next in line is what counts");
    }

    #[test]
    fn a_long_line_is_not_taken_for_a_slow_reader() {
        let mut state = Staleness::default();
        // 800 ms each way, acknowledged as steadily as can be.
        for tick in 0..400 {
            state.sent(Tick(tick));
            if tick >= 32 {
                state.acknowledge(Tick(tick - 32), Tick(tick));
            }
            assert!(!state.lags(Tick(tick), HZ), "tick {tick}");
        }
    }

    #[test]
    fn acknowledgements_of_what_was_never_sent_or_long_ago_change_nothing() {
        let mut state = Staleness::default();
        assert!(!state.acknowledge(Tick(5), Tick(5)));
        state.sent(Tick(10));
        assert!(!state.acknowledge(Tick(11), Tick(11)) && !state.acknowledge(Tick(9), Tick(11)));
        assert!(!state.has_caught_up());
        assert!(state.acknowledge(Tick(10), Tick(11)) && state.has_caught_up());
        assert!(!state.acknowledge(Tick(10), Tick(12)));
    }

    #[test]
    fn an_input_counts_with_the_highest_acknowledgement_of_what_was_sent() {
        let mut state = Staleness::default();
        assert_eq!(state.acknowledged(), None, "nothing was sent");
        (10..20).for_each(|tick| state.sent(Tick(tick)));
        for (said, counts) in [(u32::MAX, None), (20, None), (9, None), (15, Some(15)), (0, Some(15)), (12, Some(15))] {
            state.acknowledge(Tick(said), Tick(20));
            assert_eq!(state.acknowledged(), counts.map(Tick), "after {said}");
        }
        state.set_stale();
        assert_eq!(state.acknowledged(), None, "nothing is sent to it: its lag would only grow");
        state.acknowledge(Tick(19), Tick(60));
        state.start_afresh();
        assert_eq!(state.acknowledged(), None, "what it had before says nothing of the line now");
        state.sent(Tick(61));
        state.acknowledge(Tick(19), Tick(62));
        assert_eq!(state.acknowledged(), None);
        state.acknowledge(Tick(61), Tick(63));
        assert_eq!(state.acknowledged(), Some(Tick(61)));
    }

    #[test]
    fn news_without_a_frame_is_nothing_to_acknowledge() {
        let mut state = Staleness::default();
        state.sent(Tick(10));
        state.acknowledge(Tick(10), Tick(11));
        state.sent(Tick(10));
        assert!(state.has_caught_up());
    }

    #[test]
    fn after_a_pause_the_age_counts_from_the_new_frame() {
        let mut state = Staleness::default();
        state.sent(Tick(10));
        state.acknowledge(Tick(10), Tick(11));
        state.set_stale();
        state.start_afresh();
        state.sent(Tick(500));
        assert!(!state.lags(Tick(510), HZ));
    }
}
