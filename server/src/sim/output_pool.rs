//! Outputs that are used again, for their memory, when no event loop holds them any more.

use super::channel::OUTPUTS_MAX;
use super::overload::PACK_MAX;
use crate::replication::TickOutput;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::TickRate;
use std::sync::Arc;

/// The outputs that one room, or what it shows to spectators, has made.
#[derive(Debug)]
pub(super) struct OutputPool<R: Rules>(Vec<Arc<TickOutput<R>>>);

impl<R: Rules> Default for OutputPool<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R: Rules> OutputPool<R> {
    /// An output that nobody else holds: a new one only if all others are in use.
    pub(super) fn spare(&mut self, rules: &R, rate: TickRate) -> Arc<TickOutput<R>> {
        let free = self.0.iter().position(|output| Arc::strong_count(output) == 1);
        // Loops hold at most what is in their queues and what they work on, so the pool's size is bounded.
        debug_assert!(free.is_some() || self.0.len() <= 2 * OUTPUTS_MAX + PACK_MAX as usize, "outputs leak");
        match free {
            Some(index) => self.0.swap_remove(index),
            None => Arc::new(TickOutput::empty(rules.clone(), rate)),
        }
    }

    /// Keeps an output for its memory.
    pub(super) fn keep(&mut self, output: Arc<TickOutput<R>>) {
        self.0.push(output);
    }
}
