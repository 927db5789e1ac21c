//! Which ticks go into whose frame: all new ones into everybody's, or, when the server has more to do than time for it,
//! several together, each player on its turn.

use crate::replication::{TickOutput, Viewer};
use crate::sim::overload::PACK_MAX;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::Tick;
use std::sync::Arc;

/// Ticks that somebody may not have been sent yet while frames are packed: everybody's turn comes within [`PACK_MAX`].
const KEPT: usize = PACK_MAX as usize - 1;

/// The ticks that the frames of one round of writing are made of.
#[derive(Debug)]
pub(crate) struct Ticks<R: Rules> {
    /// Those kept from rounds before, and the new ones.
    outputs: Vec<Arc<TickOutput<R>>>,
    /// How many are kept.
    kept: usize,
    /// The last that was added.
    newest: Tick,
    /// Ticks to a frame.
    pack: u32,
}

impl<R: Rules> Default for Ticks<R> {
    fn default() -> Self {
        Self { outputs: Vec::new(), kept: 0, newest: Tick(0), pack: 1 }
    }
}

impl<R: Rules> Ticks<R> {
    /// Begins a round in which so many ticks are to go into one frame; as many as before if it has none.
    pub(crate) fn begin(&mut self, pack: Option<u32>) {
        self.pack = pack.unwrap_or(self.pack);
    }

    /// Adds a new tick.
    pub(crate) fn add(&mut self, output: Arc<TickOutput<R>>) {
        self.newest = output.tick;
        self.outputs.push(output);
    }

    /// The tick that was added last.
    pub(crate) fn newest(&self) -> Tick {
        self.newest
    }

    /// Ticks are missing before the next one: what came before cannot be continued.
    pub(crate) fn forget(&mut self) {
        self.outputs.clear();
        self.kept = 0;
    }

    /// What the player with this number is to be sent now. Who starts afresh begins with the newest, at once.
    pub(crate) fn due(&self, number: u32, viewer: &Viewer<R>) -> &[Arc<TickOutput<R>>] {
        let new = &self.outputs[self.kept..];
        let Some(last) = viewer.tick() else { return &new[new.len().saturating_sub(1)..] };
        let sent = self.outputs.iter().take_while(|output| output.tick <= last).count();
        let due = &self.outputs[sent..];
        let is_turn = new.iter().any(|output| output.tick.is_phase(number, self.pack));
        // Where ticks were skipped its turn may be among these, and no more than a frame's are kept.
        if is_turn || due.len() >= self.pack as usize { due } else { &[] }
    }

    /// Ends the round. What nobody needs any more is the room's to use again.
    pub(crate) fn end(&mut self) {
        let kept = if self.pack > 1 { KEPT } else { 0 };
        self.outputs.drain(..self.outputs.len().saturating_sub(kept));
        self.kept = self.outputs.len();
    }
}
