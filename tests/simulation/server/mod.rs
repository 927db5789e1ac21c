//! The whole server in one thread: admission, event loops and the room's ticks, each when its thread would wake. Nothing else
//! here names the server's endpoints.

pub(crate) mod planted;
pub(crate) mod witness;

use crate::annals::{Annals, NoticeRecord, Passed, SeatRecord, TickRecord};
use crate::line::{LineEnd, Time};
use crate::plan::{LoopPlan, RunPlan};
use fracas_arena::authority::{ArenaConfig, World, default_map};
use fracas_arena::rules::{Arena, Input, Map};
use fracas_protocol::game::attended::Attended;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_server::admission::control::{AdmissionConfig, AdmissionControl};
use fracas_server::front::origin::HostNames;
use fracas_server::ids::PlayerKind;
use fracas_server::io::event_loop::{EventLoop, LoopShared, Newcomer};
use fracas_server::io::policy::Policy;
use fracas_server::ops::Telemetry;
use fracas_server::session::Registry;
use fracas_server::session::game_service::GameService;
use fracas_server::sim::channel::{self, Batches, OUTPUTS_MAX, Published, TickEndpoints};
use fracas_server::sim::clock::TickClock;
use fracas_server::sim::room::Room;
use fracas_server::sim::rooms::{Rooms, RoomsResult};
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_loop::{TickLoop, TickTimes, TickWatch};
use planted::Planted;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use witness::{Witness, Witnessed};

/// How long an event loop waits for the tick before it looks at its sockets again.
const TICK_PATIENCE_US: u64 = 250_000;
/// The first tick is due so long after the world began.
const BEGINS_US: u64 = 100_000;

/// The moment that stands for the beginning of each world. How far the machine's clock was then changes nothing.
static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

fn instant(us: u64) -> Instant {
    *BASE + Duration::from_micros(us)
}

fn us_of(at: Instant) -> u64 {
    at.saturating_duration_since(*BASE).as_micros() as u64
}

/// The map that is built in.
static MAP: LazyLock<Map> = LazyLock::new(default_map);

/// A world on that map.
pub(crate) fn new_world(rate: TickRate, density: u32, seed: u64) -> World {
    World::with(ArenaConfig { rate, map: MAP.clone(), density, arena_for: None, seed })
}

/// A thread of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    Tick,
    Loop(usize),
}

/// What a loop's thread sleeps for.
#[derive(Clone, Copy, Debug)]
enum Sleep {
    /// Until it reads.
    Read(u64),
    /// Until the tick comes, or its patience ends.
    Write(u64),
}

/// One event loop and its thread.
struct LoopSide {
    event_loop: EventLoop<GameService<Witnessed>, LineEnd>,
    newcomers: flume::Sender<Newcomer<LineEnd>>,
    connections: Arc<AtomicUsize>,
    plan: LoopPlan,
    sleep: Sleep,
    /// It does not get to run before.
    stalled_until_us: u64,
    has_ticked: bool,
}

/// The server.
pub(crate) struct SimServer {
    time: Time,
    ruleset: Ruleset<Arena>,
    admission: Arc<AdmissionControl>,
    registry: Arc<Registry>,
    ticks: TickLoop<Witnessed>,
    endpoints: TickEndpoints<Witnessed>,
    /// The event loops' way to the tick thread, for what was looked at on it.
    inbound: flume::Sender<Batches<Input>>,
    capacity: Capacity,
    /// Another loop, as far as the tick thread can tell.
    observer: flume::Receiver<Published<Witnessed>>,
    loops: Vec<LoopSide>,
    tick_at_us: u64,
    rng: Rng,
    planted: Option<Planted>,
}

impl SimServer {
    pub(crate) fn new(plan: &RunPlan, time: &Time, planted: Option<Planted>) -> Self {
        let (rate, density, seed) = (plan.rate, plan.density, plan.seed);
        let capacity = Capacity { people: plan.people, bots: 0, spectators: plan.spectators };
        let attendant = Witness::new(planted.as_ref().and_then(|planted| planted.bug().in_game()));
        let rooms = Rooms::new(1, rate, capacity, move |_, _| Attended {
            game: new_world(rate, density, seed),
            attendant: attendant.clone(),
        });
        let is_late = planted.as_ref().is_none_or(|planted| !planted.shows_spectators_the_present());
        let rooms = rooms.with_spectator_delay(if is_late { plan.spectator_delay } else { 0 });
        let (mut endpoints, loop_endpoints) = channel::endpoints::<Witnessed>(plan.loops.len());
        let inbound = loop_endpoints[0].inbound.clone();
        let (to_observer, observer) = flume::bounded(OUTPUTS_MAX);
        endpoints.outbound.push(to_observer);
        let admission = Arc::new(AdmissionControl::new(AdmissionConfig {
            connections_max: plan.connections_max,
            per_address_max: plan.per_address_max,
            joins_per_address: Default::default(),
            limit_loopback: false,
            public_hosts: HostNames::default(),
            allow_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        }));
        let registry = Arc::<Registry>::default();
        let ruleset = Arena::ruleset(rate, &MAP);
        let telemetry = Telemetry::new(plan.rate).expect("the metrics' names are good");
        let mut loops = Vec::new();
        for (index, (endpoints, plan)) in loop_endpoints.into_iter().zip(&plan.loops).enumerate() {
            let (newcomers, waiting) = flume::bounded(1000);
            let (connections, metrics) = (Arc::new(AtomicUsize::new(0)), telemetry.for_loop());
            let (registry, admission) = (Arc::clone(&registry), Arc::clone(&admission));
            let service =
                GameService::new(index as u8, endpoints, registry, admission, ruleset.data().id(), metrics.clone());
            let shared = LoopShared { connections: Arc::clone(&connections), metrics };
            let event_loop = EventLoop::new(index as u8, service, Policy::game(), waiting, shared);
            let sleep = Sleep::Read(0);
            loops.push(LoopSide {
                event_loop,
                newcomers,
                connections,
                plan: *plan,
                sleep,
                stalled_until_us: 0,
                has_ticked: false,
            });
        }
        let clock = TickClock::new(instant(BEGINS_US), plan.rate);
        let ticks = TickLoop::new(rooms, clock, endpoints.outbound.len());
        let tick_at_us = us_of(ticks.due());
        let (time, rng) = (time.clone(), Rng::new(plan.seed, 11));
        Self {
            time,
            ruleset,
            admission,
            registry,
            ticks,
            endpoints,
            inbound,
            capacity,
            observer,
            loops,
            tick_at_us,
            rng,
            planted,
        }
    }

    /// Which thread wakes next, and when.
    pub(crate) fn next(&self) -> (u64, Thread) {
        let loops = self.loops.iter().enumerate().map(|(index, side)| (side.wakes_us(), Thread::Loop(index)));
        let tick = (self.tick_at_us, Thread::Tick);
        loops.chain([tick]).min_by_key(|(at_us, _)| *at_us).unwrap_or(tick)
    }

    /// Lets a thread do what it has to do now.
    pub(crate) fn turn(&mut self, thread: Thread, annals: &mut Annals) {
        match thread {
            Thread::Tick => self.tick(annals),
            Thread::Loop(index) => self.run_loop(index),
        }
    }

    fn tick(&mut self, annals: &mut Annals) {
        let now_us = self.time.now_us();
        annals.passed = self.look_at_batches(annals.game_events.len());
        self.ticks.turn(&self.endpoints, annals, || instant(now_us));
        for published in self.observer.try_iter() {
            let events = &published.events;
            annals.game_events.extend(
                events.game_events.iter().map(|event| NoticeRecord { to: event.to, message: event.message.clone() }),
            );
            annals.passed.join_answers.extend_from_slice(&events.join_answers);
            annals.passed.ended.extend_from_slice(&events.ended);
        }
        let room = self.room();
        annals.passed.after = room.headcount();
        annals.passed.inputs.extend_from_slice(&room.game().attendant.inputs);
        self.tick_at_us = us_of(self.ticks.due()).max(now_us) + u64::from(self.rng.below(400));
        for side in &mut self.loops {
            if let Sleep::Write(until_us) = &mut side.sleep {
                // The tick wakes it, and it gets to run a little later.
                *until_us = (*until_us).min(now_us + u64::from(self.rng.below(side.plan.oversleep_us as u32 + 100)));
            }
        }
    }

    /// Takes what waits for the tick out of its channel, notes it, and puts it back; with a planted bug something else.
    fn look_at_batches(&mut self, notices_from: usize) -> Passed {
        let (capacity, before) = (Some(self.capacity), self.room().headcount());
        let mut passed = Passed { capacity, before, notices_from, ..Passed::default() };
        let mut batches: Vec<_> = self.endpoints.inbound.try_iter().collect();
        for batch in batches.iter().flat_map(|batches| &batches.rooms) {
            passed.requests.extend_from_slice(&batch.requests);
            passed.commands.extend_from_slice(&batch.commands);
        }
        if let Some(planted) = &mut self.planted {
            planted.tamper_with_batches(&mut batches);
        }
        for batch in batches {
            self.inbound.try_send(batch).expect("they have just come out of it");
        }
        passed
    }

    fn run_loop(&mut self, index: usize) {
        let (side, now_us) = (&mut self.loops[index], self.time.now_us());
        match side.sleep {
            Sleep::Read(_) => {
                let reading = side.event_loop.read_all(|| instant(now_us));
                side.event_loop.service().hand_over(reading);
                // A tick that is there already is not waited for.
                let is_waiting = !self.endpoints.outbound[index].is_empty();
                side.sleep = Sleep::Write(if is_waiting { now_us } else { now_us + TICK_PATIENCE_US });
            }
            Sleep::Write(_) => {
                let mut published = side.event_loop.service().take_published();
                if let Some(planted) = &mut self.planted {
                    planted.tamper_with_published(index, &mut published);
                }
                side.has_ticked |= !published.is_empty();
                side.event_loop.service().publish(published);
                side.event_loop.write_all(|| instant(now_us));
                let oversleep_us = u64::from(self.rng.below(side.plan.oversleep_us as u32 + 1));
                let read_us = match side.has_ticked {
                    true => {
                        let reading = Duration::from_micros(side.plan.reading_us);
                        us_of(side.event_loop.service().read_at(reading, instant(now_us))).max(now_us)
                    }
                    // It has not heard when ticks come.
                    false => now_us,
                };
                side.sleep = Sleep::Read(read_us + oversleep_us);
            }
        }
    }

    /// Somebody connects through `end`: to the loop with the fewest, as the listener does it. If not, when to try again.
    pub(crate) fn connect(&mut self, address: [u8; 4], end: LineEnd) -> Result<(), u64> {
        let now = instant(self.time.now_us());
        let permit = self.admission.enter(IpAddr::from(address), false, now).map_err(|why| {
            self.admission.retry_after(why, address.into(), now).map_or(1_000_000, |pause| pause.as_micros() as u64)
        })?;
        let side = self.loops.iter().min_by_key(|side| side.connections.load(Ordering::Relaxed));
        let side = side.expect("there is at least one");
        side.connections.fetch_add(1, Ordering::Relaxed);
        let newcomer = Newcomer { socket: end, leftover: Vec::new(), kind: PlayerKind::Person, permit: Some(permit) };
        side.newcomers.try_send(newcomer).map_err(|_| 1_000_000)
    }

    /// The thread does not get to run before.
    pub(crate) fn stall(&mut self, thread: Thread, until_us: u64) {
        let until = match thread {
            Thread::Tick => &mut self.tick_at_us,
            Thread::Loop(index) => &mut self.loops[index].stalled_until_us,
        };
        *until = (*until).max(until_us);
    }

    /// None of its threads gets to run before.
    pub(crate) fn sleep(&mut self, until_us: u64) {
        (0..self.loops.len()).for_each(|index| self.stall(Thread::Loop(index), until_us));
        self.stall(Thread::Tick, until_us);
    }

    /// The one room there is.
    fn room(&self) -> &Room<Witnessed> {
        self.ticks.rooms().open().next().expect("nothing panics in it").1
    }

    pub(crate) fn last_tick(&self) -> Tick {
        self.room().last_tick()
    }

    /// The rules as a client that fetches them has them.
    pub(crate) fn ruleset(&self) -> &Ruleset<Arena> {
        &self.ruleset
    }

    pub(crate) fn rules(&self) -> &Arena {
        use fracas_protocol::game::authority::Game;
        self.room().game().rules()
    }

    /// Everything that should be gone when everybody is, and how much of it there is.
    pub(crate) fn leftovers(&self) -> [(&'static str, usize); 6] {
        let headcount = self.room().headcount();
        let connections = self.loops.iter().map(|side| side.connections.load(Ordering::Relaxed)).sum();
        [
            ("people in the room", usize::from(headcount.people)),
            ("spectators in the room", usize::from(headcount.spectators)),
            ("connections of event loops", connections),
            ("tickets of admission", self.admission.connections()),
            ("shares of addresses", self.admission.shares()),
            ("tokens in the registry", self.registry.len()),
        ]
    }
}

impl LoopSide {
    fn wakes_us(&self) -> u64 {
        let (Sleep::Read(at_us) | Sleep::Write(at_us)) = self.sleep;
        at_us.max(self.stalled_until_us)
    }
}

impl TickWatch<Witnessed> for Annals {
    fn ticked(&mut self, rooms: &Rooms<Witnessed>, result: &RoomsResult<Witnessed>, times: &TickTimes) {
        use fracas_protocol::game::rules::Rules;
        let (_, room) = rooms.open().next().expect("nothing panics in it");
        let output = result.outputs[0].as_ref().expect("it ran");
        let inputs = &room.game().attendant.inputs;
        let seats = output.players.iter().enumerate().filter_map(|(place, player)| {
            let (player, place) = (player.as_ref()?, place as u16);
            let input = inputs.binary_search_by_key(&place, |input| input.player.0).ok();
            let input = input.map(|index| inputs[index].input);
            Some(SeatRecord { place, follow: player.follow, own: player.own, report: player.report, input })
        });
        self.skipped += u64::from(times.skipped);
        self.loops_missed += u64::from(times.loops_missed);
        self.push(TickRecord {
            tick: output.tick,
            world: output.rules.world(),
            has_people: room.headcount().people > 0,
            entities: output.records.entities().to_vec(),
            seats: seats.collect(),
        });
    }

    fn farewell(&self) -> Option<CloseReason> {
        None
    }
}
