//! Inputs on their way: sent, and not known to be applied.

use crate::tick::Tick;
use crate::wire::frame::InputReport;
use std::collections::VecDeque;

/// Inputs whose way is followed at the same time: more than ten seconds' worth, after which the server closes.
const UNAPPLIED_MAX: usize = 1024;

/// The ticks that inputs were for, and when they were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Unapplied {
    inputs: VecDeque<(Tick, u64)>,
}

impl Unapplied {
    /// An input was sent.
    pub(super) fn sent(&mut self, tick: Tick, now_us: u64) {
        // The oldest are kept: they are the ones that wait longest.
        if self.inputs.len() < UNAPPLIED_MAX {
            self.inputs.push_back((tick, now_us));
        }
    }

    /// Takes the server's report with the body of `tick`. Calls `applied` with when each input was sent that is applied now,
    /// or overtaken by a newer one. Returns whether one came too late: it is not applied though it was for this tick or
    /// before, or it is only now (as far as it wanted something done once, perhaps together with a newer one).
    pub(super) fn record_report(&mut self, tick: Tick, report: InputReport, mut applied: impl FnMut(u64)) -> bool {
        let mut is_late = false;
        // The largest age may stand for more, or for no input at all.
        if report.age < InputReport::AGE_MAX {
            let stamp = Tick(tick.0.saturating_sub(u32::from(report.age)));
            while let Some((input, sent_us)) = self.inputs.pop_front_if(|(input, _)| *input <= stamp) {
                is_late |= input < tick;
                applied(sent_us);
            }
        }
        is_late || self.inputs.front().is_some_and(|(input, _)| *input <= tick)
    }
}
