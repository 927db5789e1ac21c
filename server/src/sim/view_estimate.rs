//! What a player's screen can have shown when it did something: judged by what it had acknowledged, not by what it says,
//! so that nobody chooses their past.

use crate::game::ViewWindow;
use fracas_protocol::limits::{
    DISPLAY_DELAY_TICKS, DISPLAY_DELAY_TICKS_MAX, REWIND_MS_MAX, REWIND_NETWORK_MS, REWIND_SLACK_TICKS,
    VIEW_TOLERANCE_TICKS,
};
use fracas_protocol::tick::{Tick, TickRate, ViewTime};

/// The weight of one input in the running estimate: one in so many. At 30 inputs a second half a second counts.
const INERTIA: i64 = 16;
/// The estimate is kept in this many parts of a sixteenth, so that dividing by the inertia does not stop short of it.
const PARTS: i64 = 64;

/// How far one player's screen is behind the ticks that its inputs are for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ViewEstimate {
    /// From the newest body received to the tick that an input is for, in [`PARTS`] of a sixteenth of a tick; none before
    /// the first input.
    lag: Option<i64>,
    acked: Tick,
}

impl ViewEstimate {
    /// Takes an input for `stamp` from a player who had received the body of `ack`, when `last` is the newest there is.
    pub(super) fn take(&mut self, stamp: Tick, ack: Tick, last: Tick) {
        let ack = ack.min(last);
        self.acked = self.acked.max(ack);
        let lag = stamp.since(ack) * ViewTime::PARTS * PARTS;
        self.lag = Some(self.lag.map_or(lag, |usual| usual + (lag - usual) / INERTIA));
    }

    /// The moments that the screen of a player, whose input for `stamp` is applied on `tick`, can have shown.
    pub(super) fn window(&self, stamp: Tick, tick: Tick, rate: TickRate) -> ViewWindow {
        let ticks = |ticks: u32| i64::from(ticks) * ViewTime::PARTS;
        let at = |tick: Tick| i64::from(tick.0) * ViewTime::PARTS;
        let expected = at(stamp) - self.lag.unwrap_or(0) / PARTS - ticks(DISPLAY_DELAY_TICKS);
        let most = rate.sixteenths_in_ms(REWIND_NETWORK_MS) + ticks(DISPLAY_DELAY_TICKS_MAX + REWIND_SLACK_TICKS);
        let most = most.min(rate.sixteenths_in_ms(REWIND_MS_MAX));
        let earliest = (expected - ticks(VIEW_TOLERANCE_TICKS)).max(at(tick) - most);
        // Nobody has seen what they have not received. Whoever is so far behind that even this is too long ago, is judged
        // by the longest time there is.
        let latest = (expected + ticks(VIEW_TOLERANCE_TICKS)).min(at(self.acked)).max(earliest);
        ViewWindow { earliest: ViewTime::from_sixteenths(earliest), latest: ViewTime::from_sixteenths(latest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: TickRate = TickRate::HZ_30;

    /// A player whose inputs are for the tick `ahead` after the newest body it has, for some seconds.
    fn steady(ahead: u32) -> ViewEstimate {
        let mut estimate = ViewEstimate::default();
        (100..300).for_each(|tick| estimate.take(Tick(tick + ahead), Tick(tick), Tick(tick + ahead - 1)));
        estimate
    }

    fn window(estimate: &ViewEstimate, stamp: u32) -> (f64, f64) {
        let ViewWindow { earliest, latest } = estimate.window(Tick(stamp), Tick(stamp), HZ);
        let ago = |view: ViewTime| f64::from(stamp) - view.in_sixteenths() as f64 / 16.0;
        (ago(earliest), ago(latest))
    }

    #[test]
    fn a_view_is_two_ticks_behind_what_was_acknowledged_give_or_take_two() {
        let estimate = steady(5);
        assert_eq!(window(&estimate, 304), (9.0, 5.0));
    }

    #[test]
    fn one_who_suddenly_acknowledges_less_does_not_move_the_window() {
        let mut estimate = steady(5);
        let before = window(&estimate, 305);
        // It keeps quiet of the last eight bodies, to shoot at where others were then.
        estimate.take(Tick(305), Tick(292), Tick(304));
        let after = window(&estimate, 305);
        assert!((before.0 - after.0).abs() <= 0.6, "{before:?} {after:?}");
    }

    #[test]
    fn nobody_is_judged_by_what_they_have_not_received_or_by_what_is_too_long_ago() {
        let mut estimate = steady(5);
        estimate.take(Tick(400), Tick(300), Tick(399));
        let (_, latest) = window(&estimate, 400);
        assert!(latest >= 8.0, "a jump of the clock moves the estimate little");
        let far = steady(60);
        let (earliest, latest) = window(&far, 400);
        assert_eq!((earliest, latest), (12.5, 12.5), "250 ms and five ticks");
        let ViewWindow { earliest, .. } = far.window(Tick(400), Tick(400), TickRate::HZ_20);
        assert_eq!(earliest, ViewTime::from(Tick(391)), "450 ms");
    }

    #[test]
    fn ticks_that_never_were_are_not_acknowledged() {
        let mut estimate = ViewEstimate::default();
        estimate.take(Tick(10), Tick(u32::MAX), Tick(9));
        let ViewWindow { latest, .. } = estimate.window(Tick(10), Tick(10), HZ);
        assert!(latest <= ViewTime::from(Tick(9)));
    }
}
