//! Puts what one bot experiences into its worker's measures, as far as it falls into the steady part.

use super::Shared;
use crate::bot::Observer;
use crate::report::Measures;
use crate::report::summary::BotShare;
use fracas_protocol::tick::{Tick, TickRate};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// How much earlier than the first body's the line lies from which arrivals are counted, in microseconds: more than any
/// body can be earlier than another.
const GUESS_MARGIN_US: i64 = 5_000_000;

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
pub(super) struct BotObserver<'a> {
    shared: &'a Shared,
    measures: Rc<RefCell<Measures>>,
    rate: TickRate,
    joined_us: Option<u64>,
    last_body_us: Option<u64>,
    updates: u64,
}

impl<'a> BotObserver<'a> {
    pub(super) fn new(shared: &'a Shared, measures: Rc<RefCell<Measures>>) -> Self {
        let rate = TickRate::HZ_30;
        Self { shared, measures, rate, joined_us: None, last_body_us: None, updates: 0 }
    }

    /// The bot's part in the steady time, which ended for it at `now_us`.
    pub(super) fn share(&self, now_us: u64) -> BotShare {
        let Window { from_us, to_us } = self.shared.window;
        let joined_us = self.joined_us.map_or(0, |joined| now_us.min(to_us).saturating_sub(joined.max(from_us)));
        BotShare { updates: self.updates, joined_us }
    }

    fn counts(&self, now_us: u64) -> bool {
        self.shared.window.contains(now_us)
    }
}

impl Observer for BotObserver<'_> {
    fn joined(&mut self, now_us: u64, rate: TickRate) {
        self.rate = rate;
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
        let last_us = self.last_body_us.replace(now_us);
        if !self.counts(now_us) {
            return;
        }
        self.updates += 1;
        let since_due_us = now_us as i64 - self.rate.due_us(tick) as i64;
        let guess_us = *self.shared.guess_us.get_or_init(|| since_due_us - GUESS_MARGIN_US);
        let mut measures = self.measures.borrow_mut();
        measures.arrivals.add((since_due_us - guess_us).max(0) as u64);
        if let Some(last_us) = last_us.filter(|last_us| self.shared.window.contains(*last_us)) {
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
