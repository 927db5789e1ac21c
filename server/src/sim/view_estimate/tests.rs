//! Acknowledgements that are true, late, withheld and made up, and the window that is judged by them.

use super::*;
use proptest::prelude::*;

const HZ: TickRate = TickRate::HZ_30;
const RATES: [TickRate; 3] = [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60];

/// One input: ticks since the one before, lag of its acknowledgement, and lead of its stamp.
#[derive(Clone, Copy, Debug)]
struct Sample {
    after: u32,
    lag: u32,
    lead: i64,
}

/// A player and the tick that runs next.
#[derive(Clone, Debug)]
struct Player {
    estimate: ViewEstimate,
    next: Tick,
    rate: TickRate,
}

impl Player {
    fn new(rate: TickRate) -> Self {
        Self { estimate: ViewEstimate::default(), next: Tick(10_000), rate }
    }

    fn say(&mut self, Sample { after, lag, lead }: Sample) {
        self.next = self.next.plus(after);
        let stamp = Tick((i64::from(self.next.0) + lead).clamp(0, i64::from(u32::MAX)) as u32);
        self.estimate.record(self.next, stamp, Tick(self.next.0.saturating_sub(lag)), &ViewTiming::new(self.rate));
    }

    /// An input on each of so many ticks, read just in time.
    fn steady(mut self, ticks: u32, lag: u32) -> Self {
        (0..ticks).for_each(|_| self.say(Sample { after: 1, lag, lead: 0 }));
        self
    }

    fn earliest(&self) -> f64 {
        self.window().0
    }

    /// How many ticks ago the window of an input that is applied now begins and ends.
    fn window(&self) -> (f64, f64) {
        let ViewWindow { earliest, latest } = self.estimate.window(self.next, &ViewTiming::new(self.rate));
        let ago = |view: ViewTime| f64::from(self.next.0) - view.in_sixteenths() as f64 / 16.0;
        (ago(earliest), ago(latest))
    }
}

#[test]
fn a_view_is_two_ticks_behind_what_was_acknowledged_give_or_take_two() {
    assert_eq!(Player::new(HZ).steady(100, 5).window(), (9.0, 5.0));
}

#[test]
fn one_late_acknowledgement_does_not_move_the_window() {
    let mut player = Player::new(HZ).steady(100, 5);
    // It keeps quiet of all bodies, to shoot at where others were long ago.
    player.say(Sample { after: 1, lag: 10_000, lead: 0 });
    assert_eq!(player.earliest(), 9.0);
}

#[test]
fn a_quicker_line_is_believed_at_once() {
    assert_eq!(Player::new(HZ).steady(100, 8).steady(1, 3).window(), (7.0, 3.0));
}

#[test]
fn a_slower_line_is_followed_after_two_seconds_by_a_tick_a_second() {
    for rate in RATES {
        let second = rate.hz();
        let player = Player::new(rate).steady(3 * second, 2);
        assert_eq!(player.clone().steady(2 * second, 5).earliest(), player.earliest(), "{rate} Hz");
        let earliest = player.clone().steady(4 * second, 5).earliest();
        assert!((7.6..=8.1).contains(&earliest), "{rate} Hz: 6 ticks, and two more: {earliest}");
        assert_eq!(player.steady(6 * second, 5).window(), (9.0, 5.0), "{rate} Hz");
    }
}

#[test]
fn silence_is_no_way_to_be_judged_by_one_late_acknowledgement() {
    for silence in [10, 60, 1000, 1_000_000] {
        let mut player = Player::new(HZ).steady(100, 5);
        player.say(Sample { after: silence, lag: 12, lead: 0 });
        assert_eq!(player.earliest(), 9.0, "after {silence} ticks");
    }
}

#[test]
fn a_stamp_chooses_no_moment() {
    for lead in [-10_000, -12, -1, 3, 64, 1_000_000] {
        let mut player = Player::new(HZ).steady(100, 5);
        player.say(Sample { after: 1, lag: 5, lead });
        assert_eq!(player.window(), (9.0, 5.0), "{lead} ticks ahead");
    }
}

#[test]
fn of_a_lead_two_ticks_count() {
    let mut player = Player::new(HZ);
    (0..200).for_each(|_| player.say(Sample { after: 1, lag: 4, lead: 50 }));
    assert_eq!(player.window(), (10.0, 6.0));
}

#[test]
fn the_first_input_of_a_new_player_chooses_nothing() {
    let player = Player::new(HZ).steady(1, 12);
    assert_eq!(player.window(), (4.0, 4.0), "as on the quickest line");
    let second = player.steady(30, 12);
    assert!(second.earliest() <= 10.5, "half of what there is after a second: {}", second.earliest());
    assert_eq!(second.steady(31, 12).window(), (12.5, 12.0), "and all of it after two");
}

#[test]
fn nobody_is_judged_by_what_they_have_not_received_or_by_what_is_too_long_ago() {
    assert_eq!(Player::new(HZ).steady(200, 60).window(), (12.5, 12.5), "250 ms and five ticks");
    assert_eq!(Player::new(TickRate::HZ_20).steady(200, 60).window(), (9.0, 9.0), "450 ms");
    let mut player = Player::new(HZ).steady(200, 3);
    player.next = player.next.plus(3);
    assert_eq!(player.window().1, 6.0, "what came since was not acknowledged");
}

#[test]
fn packed_frames_are_acknowledged_in_steps_and_judged_by_their_newest_body() {
    let mut player = Player::new(HZ);
    (0..400).for_each(|tick| player.say(Sample { after: 1, lag: 5 + tick % 4, lead: 0 }));
    assert_eq!(player.earliest(), 9.0);
}

fn rates() -> impl Strategy<Value = TickRate> {
    prop::sample::select(RATES.to_vec())
}

/// Any input of somebody who lies: any acknowledgement, any stamp, and silence of any length before it.
fn lie() -> impl Strategy<Value = Sample> {
    let after = prop_oneof![0_u32..3, 0_u32..200];
    (after, 0_u32..2000, -300_i64..300).prop_map(|(after, lag, lead)| Sample { after, lag, lead })
}

proptest! {
    #[test]
    fn no_burst_of_under_two_seconds_moves_the_window_by_more_than_a_tick(
        rate in rates(),
        lag in 1_u32..12,
        jitter in 0_u32..4,
        honest in 3_u32..20,
        burst in prop::collection::vec(lie(), 1..200),
    ) {
        let mut player = Player::new(rate);
        for tick in 0..rate.hz() * honest {
            player.say(Sample { after: 1, lag: lag + tick * 7 % (jitter + 1), lead: i64::from(tick % 2) });
        }
        let earliest = player.earliest();
        let until = player.next.plus(2 * rate.hz() - 1);
        for sample in burst {
            if player.next.plus(sample.after) > until {
                break;
            }
            player.say(sample);
            let now = player.earliest();
            prop_assert!(now <= earliest + 1.0, "{earliest} ticks ago became {now}");
        }
    }

    #[test]
    fn no_silence_makes_a_burst_worth_more(
        rate in rates(),
        lag in 1_u32..12,
        silence in 0_u32..100_000,
        burst in prop::collection::vec((0_u32..4, 0_u32..2000), 1..200),
    ) {
        let mut player = Player::new(rate).steady(5 * rate.hz(), lag);
        let earliest = player.earliest();
        player.say(Sample { after: silence, lag: 2000, lead: 0 });
        let until = player.next.plus(2 * rate.hz() - rate.ticks_in_ms(CLIENT_SILENCE_MAX_MS) - 1);
        for (after, lag) in burst {
            if player.next.plus(after) > until {
                break;
            }
            player.say(Sample { after, lag, lead: 0 });
            prop_assert!(player.earliest() <= earliest + 1.0);
        }
    }

    #[test]
    fn sustained_lying_gives_no_more_than_a_slower_line_would(
        rate in rates(),
        lag in 1_u32..8,
        lies in prop::collection::vec((1_u32..4, 0_u32..10), 1..600),
    ) {
        // The liar's acknowledgements are up to ten ticks late, as it likes; the slower line's are that late always.
        let mut liar = Player::new(rate).steady(4 * rate.hz(), lag);
        let mut slower = liar.clone();
        for (after, late) in lies {
            liar.say(Sample { after, lag: lag + late, lead: 0 });
            slower.say(Sample { after, lag: lag + 10, lead: 0 });
            prop_assert!(liar.earliest() <= slower.earliest());
        }
    }

    #[test]
    fn whatever_is_said_the_window_is_within_what_is_judged_at_all(
        rate in rates(),
        said in prop::collection::vec(lie(), 0..300),
    ) {
        let mut player = Player::new(rate);
        for sample in said {
            player.say(sample);
            let (earliest, latest) = player.window();
            prop_assert!(latest <= earliest && earliest <= ViewTiming::new(rate).longest as f64 / 16.0 && latest >= 0.0);
        }
    }
}
