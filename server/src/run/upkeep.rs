//! Keeps the state about networks small, and reports its size.

use crate::front::http::Front;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);

/// Once a second, drops state about networks that is not needed any more. It runs until the task is dropped.
pub(crate) async fn upkeep(front: Arc<Front>) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let now = Instant::now();
        front.admission.sweep(now);
        let (limited, turns_waiting) = front.admission.remembered(now);
        front.metrics.networks(limited, turns_waiting);
    }
}
