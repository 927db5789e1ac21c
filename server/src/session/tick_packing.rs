//! Which ticks go into which frame. Normally all new ticks go into each player's frame. Under overload several ticks go
//! together, each player on its turn.

use crate::replication::{TickOutput, Viewer};
use crate::sim::overload::PACK_MAX;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::Tick;
use std::sync::Arc;

/// Ticks that a player may not have been sent yet while frames are packed. Each player's turn comes within [`PACK_MAX`]
/// ticks.
const KEPT: usize = PACK_MAX as usize - 1;

/// The ticks of the frames of one round of writing.
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
    /// Begins a round in which so many ticks go into one frame. With none it is as many as before.
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

    /// Ticks are missing before the next one, so those before cannot be continued.
    pub(crate) fn forget(&mut self) {
        self.outputs.clear();
        self.kept = 0;
    }

    /// The ticks to send to the player with this number now. A player that starts afresh begins with the newest, at
    /// once.
    pub(crate) fn due(&self, number: u32, viewer: &Viewer<R>) -> &[Arc<TickOutput<R>>] {
        let new = &self.outputs[self.kept..];
        let Some(last) = viewer.tick() else { return &new[new.len().saturating_sub(1)..] };
        let sent = self.outputs.iter().take_while(|output| output.tick <= last).count();
        let due = &self.outputs[sent..];
        let is_turn = new.iter().any(|output| output.tick.is_phase(number, self.pack));
        // If ticks were skipped its turn may be among these. No more than a frame's are kept.
        if is_turn || due.len() >= self.pack as usize { due } else { &[] }
    }

    /// Ends the round. Outputs that are not needed any more go back to the room.
    pub(crate) fn end(&mut self) {
        let kept = if self.pack > 1 { KEPT } else { 0 };
        self.outputs.drain(..self.outputs.len().saturating_sub(kept));
        self.kept = self.outputs.len();
    }
}
