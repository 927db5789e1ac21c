//! Puts what one bot experiences into its worker's measures, as far as it falls into the steady part.

use super::Shared;
use crate::bot::Observer;
use crate::report::Measures;
use crate::report::summary::BotShare;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::{Tick, TickRate};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// How much earlier than the first body's the line lies from which arrivals are counted, in microseconds: more than any
/// body can be earlier than another.
const GUESS_MARGIN_US: i64 = 5_000_000;

/// Bodies that come so much earlier or later after a return than before are of another process, in microseconds: the clock
/// of its ticks starts anew.
const OTHER_CLOCK_US: u64 = 1_000_000;

/// The steady part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

impl Window {
    fn contains(&self, us: u64) -> bool {
        (self.from_us..self.to_us).contains(&us)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.to_us.saturating_sub(self.from_us) as f64 / 1e6
    }
}

/// One bot's observer.
pub(super) struct BotObserver<'a, R> {
    shared: &'a Shared<R>,
    measures: Rc<RefCell<Measures>>,
    rate: TickRate,
    joined_us: Option<u64>,
    /// When it lost its last connection, until it is back.
    lost_us: Option<u64>,
    /// It is back in a new place, and nothing has come yet.
    has_returned: bool,
    /// What the present process's clock is later than the first one's.
    origin_us: i64,
    last_body: Option<(Tick, u64)>,
    /// The least time of all its bodies since their tick was due, from a point that is the server's.
    earliest_us: Option<i64>,
    updates: u64,
}

impl<'a, R> BotObserver<'a, R> {
    pub(super) fn new(shared: &'a Shared<R>, measures: Rc<RefCell<Measures>>) -> Self {
        let rate = TickRate::HZ_30;
        Self {
            shared,
            measures,
            rate,
            joined_us: None,
            lost_us: None,
            has_returned: false,
            origin_us: 0,
            last_body: None,
            earliest_us: None,
            updates: 0,
        }
    }

    /// It has lost its connection, and may come back.
    pub(super) fn lost(&mut self, now_us: u64) {
        self.lost_us = Some(now_us);
    }

    /// Since when a body was due, by a clock that all processes of the server would have.
    fn since_due_us(&mut self, now_us: u64, tick: Tick) -> i64 {
        let since_due_us = now_us as i64 - self.rate.due_us(tick) as i64;
        if std::mem::take(&mut self.has_returned)
            && let Some(earliest_us) = self.earliest_us
            && earliest_us.abs_diff(since_due_us - self.origin_us) > OTHER_CLOCK_US
        {
            self.origin_us = since_due_us - earliest_us;
        }
        since_due_us - self.origin_us
    }

    /// Ends the bot's part in the steady time, because that or its connection ended at `now_us`. One that is out early
    /// is due its bodies all the same.
    pub(super) fn finish(&mut self, now_us: u64) -> BotShare {
        let Window { from_us, to_us } = self.shared.window;
        self.add_stall(now_us.min(to_us));
        let due_us = self.joined_us.map_or(0, |joined| to_us.saturating_sub(joined.max(from_us)));
        BotShare { updates: self.updates, due_us }
    }

    /// If no body came for more than a period up to `end_us`, that is a gap too, and those due since are late.
    fn add_stall(&mut self, end_us: u64) {
        let Some(since_us) = self.last_body.map(|(_, us)| us).or(self.joined_us) else { return };
        let (from_us, period_us) = (self.shared.window.from_us, self.rate.period_us());
        if end_us < from_us || end_us.saturating_sub(since_us) <= period_us {
            return;
        }
        let mut measures = self.measures.borrow_mut();
        measures.update_gap.add(end_us - since_us);
        let (Some((last, _)), Some(earliest_us)) = (self.last_body, self.earliest_us) else { return };
        let guess_us = *self.shared.guess_us.get_or_init(|| earliest_us - GUESS_MARGIN_US);
        // No more are due than the whole time has room for, whatever ticks the server told.
        let due_max = end_us / period_us + 2;
        let mut tick = last;
        for _ in 0..due_max {
            tick = tick.next();
            let since_due_us = end_us as i64 - self.rate.due_us(tick) as i64 - self.origin_us;
            let late_us = since_due_us - earliest_us;
            // It may be on its way.
            if late_us <= period_us as i64 / 2 {
                return;
            }
            if end_us as i64 - late_us >= from_us as i64 {
                measures.arrivals.add((since_due_us - guess_us).max(0) as u64);
            }
        }
    }

    fn counts(&self, now_us: u64) -> bool {
        self.shared.window.contains(now_us)
    }
}

impl<R: Rules> Observer<R> for BotObserver<'_, R> {
    fn joined(&mut self, now_us: u64, rate: TickRate, resumed: bool) {
        self.rate = rate;
        if let Some(lost_us) = self.lost_us.take() {
            // It is known there: it is the same process.
            self.has_returned = !resumed;
            if self.counts(now_us) {
                let mut measures = self.measures.borrow_mut();
                measures.away.add(now_us - lost_us);
                measures.returns += 1;
                measures.resumed += u64::from(resumed);
            }
            return;
        }
        self.joined_us = Some(now_us);
        self.shared.joined.fetch_add(1, Ordering::Relaxed);
        self.shared.tick_rate.get_or_init(|| rate);
    }

    fn frame(&mut self, now_us: u64, bytes: usize) {
        if self.counts(now_us) {
            self.measures.borrow_mut().bytes_in += bytes as u64;
        }
    }

    fn body(&mut self, now_us: u64, tick: Tick, visible: Option<usize>) {
        if now_us >= self.shared.window.to_us {
            // The gap that it ends is counted up to there.
            return;
        }
        let since_due_us = self.since_due_us(now_us, tick);
        self.earliest_us = Some(self.earliest_us.map_or(since_due_us, |earliest| earliest.min(since_due_us)));
        let last = self.last_body.replace((tick, now_us));
        if !self.counts(now_us) {
            return;
        }
        self.updates += 1;
        let guess_us = *self.shared.guess_us.get_or_init(|| since_due_us - GUESS_MARGIN_US);
        let mut measures = self.measures.borrow_mut();
        measures.arrivals.add((since_due_us - guess_us).max(0) as u64);
        if let Some((_, last_us)) = last {
            measures.update_gap.add(now_us - last_us);
        }
        if let Some(visible) = visible {
            measures.visible += visible as u64;
            measures.visible_bodies += 1;
        }
    }

    fn input_applied(&mut self, now_us: u64, us: u64) {
        if self.counts(now_us) {
            self.measures.borrow_mut().input_to_update.add(us);
        }
    }

    fn verdict(&mut self, now_us: u64, agreed: bool) {
        if self.counts(now_us) {
            let mut measures = self.measures.borrow_mut();
            measures.verdicts += 1;
            measures.verdicts_agreed += u64::from(agreed);
        }
    }

    fn round_trip(&mut self, now_us: u64, us: u64) {
        if self.counts(now_us) {
            self.measures.borrow_mut().rtt.add(us);
        }
    }

    fn input(&mut self, now_us: u64) {
        if self.counts(now_us) {
            self.measures.borrow_mut().inputs_sent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::Clock;
    use crate::conditioner::LinkConditions;
    use crate::link::Target;
    use crate::report::summary::on_time;
    use crate::swarm::SwarmPlan;
    use fracas_protocol::game::toy::Yard;
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    const RATE: TickRate = TickRate::HZ_20;

    /// A swarm whose steady part is from one second to three.
    fn shared() -> Shared<Yard> {
        let plan = SwarmPlan {
            target: Target::parse("ws://127.0.0.1:1/ws").expect("an address"),
            room: "main".into(),
            bots: 2,
            duration: Duration::from_secs(3),
            ramp: "2/s".parse().expect("a rate"),
            brain: 0,
            seed: 1,
            input_hz: None,
            line: LinkConditions::default(),
            cut_at: None,
        };
        Shared {
            rules: Yard::ruleset(RATE),
            clock: Clock::start(),
            window: Window { from_us: 1_000_000, to_us: 3_000_000 },
            joined: AtomicUsize::new(0),
            guess_us: OnceLock::new(),
            tick_rate: OnceLock::new(),
            plan,
        }
    }

    /// Plays a bot that joins at once and gets the body of each tick when it is due, up to `until_us`.
    fn observe<'a>(shared: &'a Shared<Yard>, measures: &Rc<RefCell<Measures>>, until_us: u64) -> BotObserver<'a, Yard> {
        let mut observer = BotObserver::new(shared, Rc::clone(measures));
        observer.joined(0, RATE, false);
        let ticks = (0..).map(Tick).take_while(|tick| RATE.due_us(*tick) < until_us);
        ticks.for_each(|tick| observer.body(RATE.due_us(tick), tick, None));
        observer
    }

    #[test]
    fn a_bot_that_is_thrown_out_lowers_on_time() {
        let (shared, measures) = (shared(), Rc::default());
        let stayed = observe(&shared, &measures, 3_000_000).finish(3_000_000);
        let thrown_out = observe(&shared, &measures, 2_000_000).finish(2_000_000);
        assert_eq!((stayed.due_us, thrown_out.due_us), (2_000_000, 2_000_000));
        let on_time = on_time(&measures.borrow().arrivals, &[stayed, thrown_out], RATE.hz());
        assert!((on_time - 0.75).abs() < 0.001, "half of the time one of two was missing: {on_time}");
    }

    #[test]
    fn a_stall_that_lasts_to_the_end_is_seen_in_gaps_and_lateness() {
        for end_us in [2_900_000, 3_000_000, 3_050_000] {
            let (shared, measures) = (shared(), Rc::default());
            let mut observer = observe(&shared, &measures, 2_000_000);
            // One that ends the gap behind the steady part does not hide it.
            if end_us > 3_000_000 {
                observer.body(end_us, Tick(61), None);
            }
            observer.finish(end_us);
            let stall_ms = (end_us.min(3_000_000) - 1_950_000) as f64 / 1000.0;
            let measures = measures.borrow();
            assert!((measures.update_gap.max_ms() - stall_ms).abs() < 2.0, "{}", measures.update_gap.max_ms());
            let late_ms = measures.arrivals.percentile_ms(100.0);
            assert!((late_ms - (stall_ms - 50.0)).abs() < 1.0, "the body after the last is late by {late_ms} ms");
        }
    }

    #[test]
    fn a_server_that_jumps_through_time_does_not_keep_the_report_busy() {
        for ticks in [[u32::MAX, 1], [u32::MAX, u32::MAX], [1, u32::MAX]] {
            let (shared, measures) = (shared(), Rc::default());
            let mut observer = observe(&shared, &measures, 2_000_000);
            ticks.into_iter().for_each(|tick| observer.body(2_000_000, Tick(tick), None));
            observer.finish(3_000_000);
            assert!(measures.borrow().arrivals.within(u64::MAX / 2) < 200, "{ticks:?}");
        }
    }

    #[test]
    fn a_bot_that_gets_all_to_the_end_has_no_gap_but_the_period() {
        let (shared, measures) = (shared(), Rc::default());
        observe(&shared, &measures, 3_000_000).finish(3_010_000);
        let measures = measures.borrow();
        assert!((measures.update_gap.max_ms() - 50.0).abs() < 1.0);
        assert!(measures.arrivals.percentile_ms(100.0) < 0.2);
    }

    #[test]
    fn a_bot_that_comes_back_is_measured_by_the_clock_of_whatever_process_it_comes_back_to() {
        for first_tick in [40, 0, 5_000] {
            let (shared, measures) = (shared(), Rc::default());
            let mut observer = observe(&shared, &measures, 1_500_000);
            observer.lost(1_500_000);
            observer.joined(2_000_000, RATE, first_tick == 40);
            for number in 0..20 {
                observer.body(2_000_000 + u64::from(number) * 50_000, Tick(first_tick + number), None);
            }
            let share = observer.finish(3_000_000);
            let measures = measures.borrow();
            assert_eq!((measures.returns, measures.resumed), (1, u64::from(first_tick == 40)));
            assert!((measures.away.max_ms() - 500.0).abs() < 1.0);
            assert!((measures.update_gap.max_ms() - 550.0).abs() < 1.0, "{}", measures.update_gap.max_ms());
            assert!(measures.arrivals.percentile_ms(100.0) < 0.2, "none that came was late");
            let on_time = on_time(&measures.arrivals, &[share], RATE.hz());
            assert!((on_time - 0.75).abs() < 0.001, "but those that it missed were: {on_time}");
        }
    }
}
