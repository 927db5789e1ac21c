//! Inputs that were sent and are not known to be applied.

use crate::tick::Tick;
use crate::wire::frame::InputReport;
use std::collections::VecDeque;

/// Inputs that are followed at the same time. It is more than ten seconds of them, after which the server closes.
const UNAPPLIED_MAX: usize = 1024;

/// The ticks that inputs were for, and when they were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Unapplied {
    inputs: VecDeque<(Tick, u64)>,
}

impl Unapplied {
    /// An input was sent.
    pub(super) fn sent(&mut self, tick: Tick, now_us: u64) {
        // The oldest are kept, since they wait longest.
        if self.inputs.len() < UNAPPLIED_MAX {
            self.inputs.push_back((tick, now_us));
        }
    }

    /// Takes the server's report with the body of `tick`. Calls `applied` with the sending time of each input that is
    /// applied now or replaced by a newer one. Returns whether one came too late. A late input was for this tick or an
    /// earlier one and is not applied, or is applied only now. Its one-time actions may come with a newer input.
    pub(super) fn record_report(&mut self, tick: Tick, report: InputReport, mut applied: impl FnMut(u64)) -> bool {
        let mut is_late = false;
        // The largest age may mean more, or no input at all.
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
