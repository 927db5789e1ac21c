//! The tick thread: runs its rooms when their tick is due, publishes, and waits for nobody.

use super::clock::TickClock;
use super::room::Phase;
use super::rooms::{Failure, Rooms, RoomsResult};
use crate::channel::{Asides, Batches, Published, TickDoors};
use crate::game::{Game, InputOf};
use fracas_protocol::close::CloseReason;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a farewell waits for an event loop that is late.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);

/// How one tick went, for whoever keeps the metrics.
#[derive(Clone, Copy, Debug)]
pub struct TickTimes {
    /// How long after it was due the tick began.
    pub lateness: Duration,
    /// All of its work until it is published.
    pub work: Duration,
    /// Its work by [`Phase::ALL`], of all rooms together.
    pub phases: [Duration; Phase::ALL.len()],
    /// Ticks that were skipped just before it.
    pub skipped: u32,
    /// Event loops that were so late that they missed it.
    pub loops_missed: u32,
}

/// Why a tick thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickEnd {
    /// Its watch said farewell.
    Farewell,
    /// All rooms have ended by panics, and stay closed.
    NoRoomLeft,
}

/// Where a tick thread reports to, and learns that it shall end.
pub trait TickWatch<G: Game>: Send {
    /// After each tick.
    fn ticked(&mut self, rooms: &Rooms<G>, result: &RoomsResult<G>, times: &TickTimes);
    /// After that, for each room that ended by a panic.
    fn failed(&mut self, _failure: Failure<G>) {}
    /// Why the rooms shall close, once they shall.
    fn farewell(&self) -> Option<CloseReason>;
}

/// Runs `rooms` until `watch` says farewell, or no room is left. Call it on a thread of its own.
pub fn run<G: Game>(
    mut rooms: Rooms<G>,
    clock: TickClock,
    doors: &TickDoors<G>,
    watch: &mut impl TickWatch<G>,
) -> TickEnd {
    let mut batches = Vec::new();
    let mut outbox = Outbox::new(doors.outbound.len());
    loop {
        let next = rooms.last_tick().next();
        // One sleep to an absolute deadline; it may overshoot a little, but never adds up.
        std::thread::sleep(clock.due(next).saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let tick = clock.tick_to_run(next, began);
        batches.extend(doors.inbound.try_iter());
        let mut times = TickTimes {
            lateness: clock.phase(tick, began),
            work: Duration::ZERO,
            phases: [Duration::ZERO; Phase::ALL.len()],
            skipped: tick.0 - next.0,
            loops_missed: 0,
        };
        let mut marked = began;
        let mut result = rooms.tick(tick, &mut batches, |phase| {
            let now = Instant::now();
            times.phases[phase as usize] += now - marked;
            marked = now;
        });
        let is_any_left = rooms.is_any_left();
        result.asides.farewell = watch.farewell().or((!is_any_left).then_some(CloseReason::Restarting));
        let farewell = result.asides.farewell;
        // Until here: publishing wakes event loops, which on a busy core may run before this thread does again.
        times.work = began.elapsed();
        times.loops_missed = outbox.publish(doors, &mut result, clock.due(tick), times.work);
        give_back(doors, &mut batches);
        watch.ticked(&rooms, &result, &times);
        result.failures.into_iter().for_each(|failure| watch.failed(failure));
        if farewell.is_some() {
            return if is_any_left { TickEnd::Farewell } else { TickEnd::NoRoomLeft };
        }
    }
}

/// Hands ticks to the event loops.
struct Outbox {
    sequence: u64,
    /// What was said on ticks that a loop missed, by loop: unlike a frame it cannot be made up for later.
    unsaid: Vec<Asides>,
}

impl Outbox {
    fn new(loops: usize) -> Self {
        Self { sequence: 0, unsaid: std::iter::repeat_with(Asides::default).take(loops).collect() }
    }

    /// Hands the tick to every event loop that has room for it. Returns how many had not.
    fn publish<G: Game>(
        &mut self,
        doors: &TickDoors<G>,
        result: &mut RoomsResult<G>,
        due: Instant,
        work: Duration,
    ) -> u32 {
        let asides = Arc::new(std::mem::take(&mut result.asides));
        let (sequence, mut missed) = (self.sequence, 0);
        self.sequence += 1;
        for (outbound, unsaid) in doors.outbound.iter().zip(&mut self.unsaid) {
            let asides = match unsaid.is_empty() {
                true => Arc::clone(&asides),
                false => {
                    let mut all = std::mem::take(unsaid);
                    all.extend(&asides);
                    Arc::new(all)
                }
            };
            let (tick, rate, outputs) = (result.tick, result.rate, Arc::clone(&result.outputs));
            let published = Published { sequence, tick, rate, outputs, asides, due, work };
            // Nothing comes after a farewell, so it waits for a loop that is late; it is the only thing that does.
            let patience = if published.asides.farewell.is_some() { FAREWELL_PATIENCE } else { Duration::ZERO };
            if let Err(refused) = outbound.send_timeout(published, patience) {
                unsaid.extend(&refused.into_inner().asides);
                missed += 1;
            }
        }
        missed
    }
}

/// Sends emptied batches back for their memory; a full door drops them.
fn give_back<G: Game>(doors: &TickDoors<G>, batches: &mut Vec<Batches<InputOf<G>>>) {
    for (index, batch) in batches.drain(..).enumerate() {
        let _ = doors.spare[index % doors.spare.len()].try_send(batch);
    }
}
