//! The idle limit: when a player or spectator was last active, and how long it may be idle.

use fracas_protocol::tick::{Tick, TickRate};
use std::time::Duration;

/// In a full room a player may be idle for this long at most, and a spectator may have to give up its seat.
const FULL: Duration = Duration::from_secs(60);
/// A player that resumes after a lost connection has so long to become active, once.
const RETURN_GRACE_MS: u32 = 10_000;

/// How long players may be idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleLimit(Option<Duration>);

impl IdleLimit {
    /// For so long. In a full room for a minute at most.
    pub const fn after(limit: Duration) -> Self {
        Self(Some(limit))
    }

    /// Without a limit.
    pub const NEVER: Self = Self(None);

    /// The limit in ticks, if there is one.
    pub(super) fn ticks(self, is_full: bool, rate: TickRate) -> Option<u32> {
        let limit = self.0.map(|limit| if is_full { limit.min(FULL) } else { limit })?;
        Some(u32::try_from(limit.as_millis() * u128::from(rate.hz()) / 1000).unwrap_or(u32::MAX))
    }
}

/// The activity of one member of a room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Activity<I> {
    /// It is exempt from the limit.
    is_exempt: bool,
    joined_at: Tick,
    /// Its last input, and since when it is unchanged. Sending it again is no activity.
    wants: Option<I>,
    said_at: Tick,
    /// It resumed after a lost connection, and has time until then.
    grace: Option<Tick>,
}

impl<I: PartialEq> Activity<I> {
    /// A connection has the session from now on: the first one, or another one after a loss. That is no activity.
    pub(super) fn connect(&mut self, now: Tick, rate: TickRate, is_exempt: bool, is_back: bool) {
        self.is_exempt = is_exempt;
        if is_back {
            self.grace.get_or_insert(now.plus(rate.ticks_in_ms(RETURN_GRACE_MS)));
        } else {
            (self.joined_at, self.said_at) = (now, now);
        }
    }

    /// Ticks begin anew at 0.
    pub(super) fn begin_anew(&mut self) {
        (self.joined_at, self.said_at, self.grace) = (Tick(0), Tick(0), None);
    }

    /// It sends an input.
    pub(super) fn say(&mut self, now: Tick, input: I) {
        if self.wants.as_ref() != Some(&input) {
            (self.wants, self.said_at) = (Some(input), now);
        }
    }

    /// Whether it has been idle for so many ticks. `did_at` is when its entity last did anything, by the game. Both
    /// count: a held key is no new input, and turning on the spot is no action.
    pub(super) fn is_idle(&mut self, now: Tick, limit: u32, did_at: Option<Tick>) -> bool {
        let did_at = did_at.map_or(self.said_at, |did_at| did_at.max(self.joined_at));
        if self.is_exempt {
            return false;
        }
        let is_idle = now.since(self.said_at.min(did_at)) >= i64::from(limit);
        if !is_idle {
            // After an action it has that time again at the next loss.
            self.grace = self.grace.filter(|until| now < *until);
        }
        is_idle && self.grace.is_none_or(|until| now >= until)
    }

    /// For how many ticks it has watched, if it may have to give up its seat.
    pub(super) fn watched(&self, now: Tick, rate: TickRate) -> Option<i64> {
        let watched = now.since(self.joined_at);
        let least = FULL.as_secs() as i64 * i64::from(rate.hz());
        (!self.is_exempt && watched >= least).then_some(watched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: TickRate = TickRate::HZ_20;

    fn present() -> Activity<u8> {
        let mut activity = Activity::default();
        activity.connect(Tick(1000), RATE, false, false);
        activity
    }

    #[test]
    fn saying_the_same_again_or_doing_nothing_with_it_is_idle() {
        let mut held = present();
        (1000..1200).for_each(|tick| held.say(Tick(tick), 1));
        assert!(held.is_idle(Tick(1200), 200, Some(Tick(1199))), "it holds one key");
        let mut turning = present();
        (1000..1200).for_each(|tick| turning.say(Tick(tick), tick as u8));
        assert!(turning.is_idle(Tick(1200), 200, Some(Tick(1000))), "its entity does nothing");
        assert!(!turning.is_idle(Tick(1200), 200, Some(Tick(1001))));
        assert!(!turning.is_idle(Tick(1200), 200, None), "a game that cannot tell");
    }

    #[test]
    fn coming_back_is_no_activity_but_gives_ten_seconds_once() {
        let mut activity = present();
        activity.connect(Tick(2000), RATE, false, true);
        assert!(!activity.is_idle(Tick(2199), 100, None));
        activity.connect(Tick(2199), RATE, false, true);
        assert!(activity.is_idle(Tick(2200), 100, None), "again is no longer");
        activity.say(Tick(2200), 7);
        assert!(!activity.is_idle(Tick(2210), 100, None));
        activity.connect(Tick(2400), RATE, false, true);
        assert!(!activity.is_idle(Tick(2599), 100, None), "it has played since");
    }

    #[test]
    fn a_full_room_has_less_patience_and_none_lets_everybody_be() {
        let limit = IdleLimit::after(Duration::from_secs(300));
        assert_eq!((limit.ticks(false, RATE), limit.ticks(true, RATE)), (Some(6000), Some(1200)));
        assert_eq!(IdleLimit::after(Duration::from_secs(30)).ticks(true, RATE), Some(600));
        assert_eq!(IdleLimit::NEVER.ticks(true, RATE), None);
    }
}
