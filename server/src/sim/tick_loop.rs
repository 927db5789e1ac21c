//! The tick thread. It runs its rooms when their tick is due, publishes, and waits for no other thread.

use super::clock::TickClock;
use super::overload::{Level, Overload, Round, Strain};
use super::phase::Phase;
use super::rooms::{Failure, Rooms, RoomsResult};
use super::tick_params::TickParams;
use crate::sim::channel::{Batches, Published, RoomEvents, TickEndpoints};
use fracas_protocol::game::authority::{Game, InputOf};
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::limits::TICK_LAST;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a farewell waits for an event loop that is late.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);

/// The times of one tick, for the metrics.
#[derive(Clone, Copy, Debug)]
pub struct TickTimes {
    /// How long after it was due the tick began.
    pub lateness: Duration,
    /// Its whole work until it is published.
    pub work: Duration,
    /// Its work by [`Phase::ALL`], of all rooms together.
    pub phases: [Duration; Phase::ALL.len()],
    /// Ticks that were skipped just before it.
    pub skipped: u32,
    /// Event loops that were so late that they missed it.
    pub loops_missed: u32,
    /// The overload level of the tick.
    pub level: Level,
}

impl TickTimes {
    /// How long no tick was run before this one, counted from when the next one was due.
    pub fn lost(&self, rate: TickRate) -> Duration {
        Duration::from_micros(rate.due_us(Tick(self.skipped))) + self.lateness
    }
}

/// Why a tick thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickEnd {
    /// Its watch said farewell.
    Farewell,
    /// All rooms have ended by panics, and stay closed.
    NoRoomLeft,
}

/// Receives a tick thread's reports, and tells it when to end.
pub trait TickWatch<G: Game>: Send {
    /// After each tick.
    fn ticked(&mut self, rooms: &Rooms<G>, result: &RoomsResult<G>, times: &TickTimes);
    /// After that, for each room that ended by a panic.
    fn failed(&mut self, _failure: Failure<G>) {}
    /// Ticks have restarted after the last possible one. All clients were asked to reconnect.
    fn began_anew(&mut self) {}
    /// The reason to close the rooms, once they are to close.
    fn farewell(&self) -> Option<CloseReason>;
}

/// Runs `rooms` until `watch` says farewell, or no room is left. Call it on a thread of its own.
pub fn run<G: Game>(
    rooms: Rooms<G>,
    clock: TickClock,
    endpoints: &TickEndpoints<G>,
    watch: &mut impl TickWatch<G>,
) -> TickEnd {
    let mut ticks = TickLoop::new(rooms, clock, endpoints.outbound.len());
    loop {
        // One sleep to an absolute deadline; it may overshoot a little, but never adds up.
        std::thread::sleep(ticks.due().saturating_duration_since(Instant::now()));
        if let Some(end) = ticks.turn(endpoints, watch, Instant::now) {
            return end;
        }
    }
}

/// The tick thread's work each time it wakes, without the thread. The caller passes the time.
pub struct TickLoop<G: Game> {
    rooms: Rooms<G>,
    clock: TickClock,
    outbox: Outbox,
    batches: Vec<Batches<InputOf<G>>>,
    overload: Overload,
}

impl<G: Game> TickLoop<G> {
    /// Before the first tick; so many event loops listen.
    pub fn new(rooms: Rooms<G>, clock: TickClock, loops: usize) -> Self {
        let overload = Overload::new(clock.rate());
        Self { rooms, clock, outbox: Outbox::new(loops), batches: Vec::new(), overload }
    }

    /// When the next tick is due.
    pub fn due(&self) -> Instant {
        self.clock.due(self.rooms.last_tick().next())
    }

    /// The rooms, to look at.
    pub fn rooms(&self) -> &Rooms<G> {
        &self.rooms
    }

    /// Runs the tick that is due and publishes it. `clock` returns the time. Returns the reason of the end, if this was
    /// the last tick.
    pub fn turn(
        &mut self,
        endpoints: &TickEndpoints<G>,
        watch: &mut impl TickWatch<G>,
        clock: impl Fn() -> Instant,
    ) -> Option<TickEnd> {
        let (next, began) = (self.rooms.last_tick().next(), clock());
        let tick = self.clock.tick_to_run(next, began);
        if tick > Tick(TICK_LAST) {
            return self.begin_anew(endpoints, watch, began);
        }
        self.batches.extend(endpoints.inbound.try_iter());
        let (level, backlog) = (self.overload.level(), backlog(endpoints));
        let params = TickParams { tick, joins_left: self.overload.joins_left() };
        let mut times = TickTimes {
            lateness: self.clock.phase(tick, began),
            work: Duration::ZERO,
            phases: [Duration::ZERO; Phase::ALL.len()],
            skipped: tick.0 - next.0,
            loops_missed: 0,
            level,
        };
        let mut marked = began;
        let mut result = self.rooms.tick(params, &mut self.batches, |phase| {
            let now = clock();
            times.phases[phase as usize] += now - marked;
            marked = now;
        });
        let is_any_left = self.rooms.is_any_left();
        result.events.farewell = watch.farewell().or((!is_any_left).then_some(CloseReason::Restarting));
        let is_last = result.events.farewell.is_some();
        // The work ends here. Publishing wakes event loops, which on a busy core may run before this thread continues.
        times.work = clock() - began;
        times.loops_missed =
            self.outbox.publish(endpoints, &mut result, (self.clock.due(tick), times.work), level.pack());
        let (published_after, skipped) = (times.lateness + times.work, times.skipped);
        let strain = Strain { published_after, round: slowest_round(&self.batches), backlog, skipped };
        self.overload.record(&strain, self.rooms.headcount(), result.joins.joined);
        give_back(endpoints, &mut self.batches);
        watch.ticked(&self.rooms, &result, &times);
        result.failures.into_iter().for_each(|failure| watch.failed(failure));
        is_last.then_some(if is_any_left { TickEnd::Farewell } else { TickEnd::NoRoomLeft })
    }

    /// The last possible tick has run. Ticks restart, with the next one due in a period.
    fn begin_anew(
        &mut self,
        endpoints: &TickEndpoints<G>,
        watch: &mut impl TickWatch<G>,
        now: Instant,
    ) -> Option<TickEnd> {
        self.clock = TickClock::new(now, self.clock.rate());
        let mut result = self.rooms.begin_anew();
        result.events.farewell = watch.farewell();
        let is_last = result.events.farewell.is_some();
        self.outbox.publish(endpoints, &mut result, (now, Duration::ZERO), self.overload.level().pack());
        watch.began_anew();
        is_last.then_some(TickEnd::Farewell)
    }
}

/// Ticks that the latest event loop has not taken yet.
fn backlog<G: Game>(endpoints: &TickEndpoints<G>) -> usize {
    endpoints.outbound.iter().map(flume::Sender::len).max().unwrap_or(0)
}

/// The longest times that event loops report.
fn slowest_round<I>(batches: &[Batches<I>]) -> Round {
    let rounds = batches.iter().filter_map(|batch| batch.round);
    rounds.fold(Round::default(), |slowest, round| Round {
        reading: slowest.reading.max(round.reading),
        sent_after: slowest.sent_after.max(round.sent_after),
    })
}

/// Hands ticks to the event loops.
struct Outbox {
    sequence: u64,
    /// What was published only once on ticks that a loop missed, by loop. Unlike a frame, a fresh start cannot replace
    /// it.
    unsaid: Vec<RoomEvents>,
}

impl Outbox {
    fn new(loops: usize) -> Self {
        Self { sequence: 0, unsaid: std::iter::repeat_with(RoomEvents::default).take(loops).collect() }
    }

    /// Hands the tick to every event loop that has room for it. Returns how many had none.
    fn publish<G: Game>(
        &mut self,
        endpoints: &TickEndpoints<G>,
        result: &mut RoomsResult<G>,
        (due, work): (Instant, Duration),
        pack: u32,
    ) -> u32 {
        let events = Arc::new(std::mem::take(&mut result.events));
        let (sequence, mut missed) = (self.sequence, 0);
        self.sequence += 1;
        for (outbound, unsaid) in endpoints.outbound.iter().zip(&mut self.unsaid) {
            let events = match unsaid.is_empty() {
                true => Arc::clone(&events),
                false => {
                    let mut all = std::mem::take(unsaid);
                    all.extend(&events);
                    Arc::new(all)
                }
            };
            let (tick, rate, outputs) = (result.tick, result.rate, Arc::clone(&result.outputs));
            let spectator_outputs = Arc::clone(&result.spectator_outputs);
            let published = Published { sequence, tick, rate, outputs, spectator_outputs, events, due, work, pack };
            // Nothing comes after a farewell. So the farewell waits for a late loop, and nothing else does.
            let refused = match published.events.farewell {
                Some(_) => outbound.send_timeout(published, FAREWELL_PATIENCE).map_err(|refused| refused.into_inner()),
                None => outbound.try_send(published).map_err(|refused| refused.into_inner()),
            };
            if let Err(refused) = refused {
                unsaid.extend(&refused.events);
                missed += 1;
            }
        }
        missed
    }
}

/// Returns emptied batches, so that their memory is reused. A full queue drops them.
fn give_back<G: Game>(endpoints: &TickEndpoints<G>, batches: &mut Vec<Batches<InputOf<G>>>) {
    for (index, mut batches) in batches.drain(..).enumerate() {
        batches.round = None;
        let _ = endpoints.spare[index % endpoints.spare.len()].try_send(batches);
    }
}
