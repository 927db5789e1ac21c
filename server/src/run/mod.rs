//! Puts the server together, starts its threads, and takes it down again. The only place that knows every part.

mod crash;
mod fill;
mod healthcheck;
pub mod log;
mod sabotage;
pub mod shutdown;
mod swarm;
mod trouble;
mod upkeep;

use crate::admission::control::{AdmissionConfig, AdmissionControl};
use crate::config::{Config, why_not_writable};
use crate::front::http::{self, Front, Health, LoopEntrance};
use crate::front::listener::{self, Reception};
use crate::front::origin::HostNames;
use crate::front::page::Page;
use crate::host::descriptors::Descriptors;
use crate::host::{memory, rlimit};
use crate::ids::RoomId;
use crate::io::event_loop::{EventLoop, LoopEnd, LoopShared, NEWCOMERS_MAX};
use crate::io::policy::Policy;
use crate::ops::server::{self, Gate};
use crate::ops::{Telemetry, TickMetrics};
use crate::run::shutdown::{Shutdown, StopSignals};
use crate::session::Registry;
use crate::session::game_service::GameService;
use crate::session::hello::RoomNames;
use crate::sim::channel;
use crate::sim::clock::TickClock;
use crate::sim::rooms::{Failure, Rooms, RoomsResult};
use crate::sim::tick_loop::{self, TickEnd, TickTimes, TickWatch};
use anyhow::{Context, anyhow, bail};
use crash::{Crash, Crashes, Head};
use fill::Fill;
use fracas_protocol::game::authority::{Game, GameSetup};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::limits::SUBPROTOCOL;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use trouble::Trouble;

pub use crash::replay;
pub use healthcheck::healthcheck;
pub use swarm::swarm;

/// The tick thread counts as alive if its last tick is not older than this.
const PULSE_MAX: Duration = Duration::from_secs(1);
/// HTTP connections at the same time on the game port. On the operators' port descriptors are the limit.
const HTTP_CONNECTIONS_MAX: usize = 2048;
/// How long the other threads may continue after one has died. The process must end within a second.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Why an event loop ends after the tick thread.
const TICK_IS_GONE: &str = "the tick thread is gone";
/// How often a second the people who have been in a room for a while are counted.
const SETTLED_LOOKS: u32 = 4;
/// How long the threads may take for the farewell.
const STOP_DEADLINE: Duration = Duration::from_secs(8);

/// Serves a game until a signal comes or a thread dies.
///
/// # Errors
/// What keeps the server from starting or continuing, as a message for the operator.
pub fn serve<G: Game>(config: &Config) -> anyhow::Result<()> {
    let _sabotage = sabotage::set_up();
    let descriptors = share_out_descriptors(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    // Before any other process can know that the server runs.
    let signals = StopSignals::new()?;
    let game_port = bind("--listen", config.listen)?;
    let ops_port = bind("--ops-listen", config.ops_listen)?;
    let (game_address, ops_address) = (game_port.local_addr()?, ops_port.local_addr()?);
    if let Some(why) = why_not_writable(&config.crash_dir) {
        let crash_dir = config.crash_dir.display();
        tracing::warn!(%crash_dir, why, "what leads to a panic cannot be kept; set --crash-dir");
    }
    let limits = memory::MemoryLimits::find(Path::new("/proc"));
    let server = Server::start::<G>(config, game_address)?;
    memory::log_limits(&limits, config.max_players);
    let page = Page::new(G::PAGE);
    let game = http::router(Arc::clone(&server.front), &page, config.web.as_deref())?;
    if page.is_worth_compressing() {
        // It ends by itself, and nobody waits for it.
        std::thread::Builder::new().name("page".into()).spawn(move || page.compress())?;
    }
    if let Some(folder) = &config.web {
        tracing::info!(folder = %folder.display(), "page files of a folder come first, as they are at each request");
    }
    let gate = Gate { token: config.ops_token.clone(), hosts: HostNames::new(config.ops_hosts.clone()) };
    let operators =
        server::router(gate, Arc::clone(&server.telemetry), Arc::clone(&server.shutdown), Arc::clone(&server.front));
    log::listening(config.log_format, game_address, ops_address);
    tracing::info!("play at http://{game_address}/");
    runtime.block_on(async {
        let reception = |connections_max, descriptors| Reception {
            admission: Arc::clone(&server.front.admission),
            metrics: server.front.metrics.clone(),
            connections_max,
            descriptors,
        };
        let Descriptors { game: most, operators: operators_most } = descriptors;
        tokio::spawn(listener::serve(game_port, game, reception(HTTP_CONNECTIONS_MAX, Some(most))));
        tokio::spawn(listener::serve(ops_port, operators, reception(operators_most, None)));
        tokio::spawn(server::upkeep(Arc::clone(&server.telemetry)));
        tokio::spawn(memory::watch(limits, Arc::clone(&server.front)));
        tokio::spawn(upkeep::upkeep(Arc::clone(&server.front)));
        server.supervise(signals).await
    })
}

fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    listener::bind(address).with_context(|| format!("cannot listen on {address}; set another address with {flag}"))
}

/// Checks whether the server could run with these settings on this machine, without opening a port.
///
/// # Errors
/// What would keep it from starting, with the message of [`serve`].
pub fn check(config: &Config) -> anyhow::Result<()> {
    share_out_descriptors(config)?;
    Ok(())
}

/// Raises the limit of descriptors, logs it, and divides the descriptors between the ports. Each player needs one.
fn share_out_descriptors(config: &Config) -> anyhow::Result<Descriptors> {
    let limit = rlimit::raise_descriptors().context("cannot raise the limit of open descriptors")?;
    let words = limit.map_or_else(|| "unlimited".into(), |limit| limit.to_string());
    tracing::info!(descriptors = words, "open descriptors this process may have");
    let shares = Descriptors::share_out(limit, config.fill.into()).with_context(|| {
        format!("{words} open descriptors are too few for anybody to play; raise `ulimit -n` (the hard limit)")
    })?;
    let seats = usize::from(config.max_players) + usize::from(config.fill);
    if shares.game < seats {
        tracing::warn!(
            connections = shares.game,
            "fewer descriptors than for --max-players and --fill; raise `ulimit -n` (the hard limit), or some are refused"
        );
    }
    Ok(shares)
}

/// The running parts.
struct Server {
    front: Arc<Front>,
    telemetry: Arc<Telemetry>,
    shutdown: Arc<Shutdown>,
    threads: Vec<JoinHandle<()>>,
    ends: mpsc::Receiver<ThreadEnd>,
    fill: Fill,
}

/// A thread ended.
struct ThreadEnd {
    name: String,
    /// Why, unless the end was expected.
    fault: Option<&'static str>,
}

impl Server {
    fn start<G: Game>(config: &Config, game_address: SocketAddr) -> anyhow::Result<Self> {
        let rules = Ruleset::<G::Rules>::new(config.tick_rate, config.game.data.clone())?;
        let begins_after = sabotage::begins_after();
        let rooms = make_rooms::<G>(config, &rules)?.starting_after(begins_after);
        let rooms = if config.fill > 0 { rooms.reserving(fill::NAMES.into_iter().collect()) } else { rooms };

        let telemetry = Arc::new(Telemetry::new(config.tick_rate)?.counting_log(fracas_stdio::dropped_lines));
        let mut metrics = telemetry.for_tick(config.tick_rate);
        for (_, room) in rooms.open().take(1) {
            telemetry.for_game(room.game(), &mut metrics);
        }
        let shutdown = Arc::new(Shutdown::default());
        let people: Arc<[AtomicU16]> = config.rooms.iter().map(|_| AtomicU16::new(0)).collect();
        let pulse = Arc::new(Pulse::new());
        let watch = Watch::<G> {
            crashes: Crashes::new(config.crash_dir.clone()),
            rooms: config.rooms.clone(),
            metrics,
            trouble: Trouble::default(),
            shutdown: Arc::clone(&shutdown),
            people: Arc::clone(&people),
            pulse: Arc::clone(&pulse),
        };

        let loops = usize::from(config.event_loops());
        // Room for each thread's end, so that none is lost.
        let (send_end, ends) = mpsc::channel(loops + 1);
        let (tick_endpoints, loop_endpoints) = channel::endpoints(loops);
        let mut threads = Vec::new();
        let clock = TickClock::with_tick(begins_after, Instant::now(), config.tick_rate);
        threads.push(spawn("tick", &send_end, move || run_rooms(rooms, clock, &tick_endpoints, watch))?);

        let (registry, admission) =
            (Arc::<Registry>::default(), Arc::new(AdmissionControl::new(admission_config(config))));
        let room_names = Arc::new(RoomNames::new(config.rooms.clone()));
        let mut entrances = Vec::new();
        for (index, endpoints) in loop_endpoints.into_iter().enumerate() {
            let (newcomers, waiting) = flume::bounded(NEWCOMERS_MAX);
            let connections = Arc::new(AtomicUsize::new(0));
            entrances.push(LoopEntrance { newcomers, connections: Arc::clone(&connections) });
            let metrics = telemetry.for_loop();
            let (registry, admission) = (Arc::clone(&registry), Arc::clone(&admission));
            let service =
                GameService::new(index as u8, endpoints, registry, admission, rules.data().id(), metrics.clone());
            let service = service.of_rooms(Arc::clone(&room_names));
            let shared = LoopShared { connections, metrics };
            let event_loop = EventLoop::new(index as u8, service, Policy::game(), waiting, shared);
            let run = move || (event_loop.run_with(sabotage::pass) != LoopEnd::Farewell).then_some(TICK_IS_GONE);
            threads.push(spawn(&format!("loop-{index}"), &send_end, run)?);
        }

        let house_secret = format!("{:016x}{:016x}", random_seed()?, random_seed()?);
        let front = Front {
            admission,
            loops: entrances,
            metrics: telemetry.for_front(),
            game: G::NAME,
            data: rules.data().bytes().to_vec().into(),
            subprotocol: Some(SUBPROTOCOL),
            house_secret: house_secret.clone(),
            health: Health(Arc::new(move || pulse.beats())),
        };
        let fill = Fill::start::<G::Rules, G::Brain>(config, game_address, house_secret, people, &rules)?;
        Ok(Self { front: Arc::new(front), telemetry, shutdown, threads, ends, fill })
    }

    /// Waits for a signal or an operator's request, and then stops in good order. If a thread dies, it fails.
    async fn supervise(mut self, mut signals: StopSignals) -> anyhow::Result<()> {
        let cause = tokio::select! {
            signal = signals.next() => signal,
            () = self.shutdown.asked() => "an operator",
            end = self.ends.recv() => return Err(self.stop_after(end).await),
        };
        tracing::info!(cause, "stopping: telling everybody");
        self.front.admission.drain();
        let mut fill = self.fill;
        // On another thread, since this one also serves the bots' connections.
        tokio::task::spawn_blocking(move || fill.stop()).await?;
        self.shutdown.begin();
        tokio::select! {
            () = signals.urgent() => bail!("stopped at once by a second signal"),
            ended = tokio::time::timeout(STOP_DEADLINE, all_end(&mut self.ends, self.threads.len())) => {
                ended.map_err(|_| anyhow!("the threads did not stop in {} s", STOP_DEADLINE.as_secs()))??;
            }
        }
        for thread in self.threads {
            // The thread has reported its end already.
            let _ = thread.join();
        }
        tracing::info!("stopped");
        Ok(())
    }
}

impl Server {
    /// Handles the unexpected end of a thread. The others get a moment to close their connections and end.
    async fn stop_after(&mut self, first: Option<ThreadEnd>) -> anyhow::Error {
        let mut ends: Vec<_> = first.into_iter().collect();
        let others = async {
            while ends.len() < self.threads.len() {
                ends.extend(self.ends.recv().await);
            }
        };
        // Late threads end with the process.
        let _ = tokio::time::timeout(LAST_WORDS, others).await;
        // The other threads end in turn. Ending because the tick thread ended is no cause.
        let of = |end: &&ThreadEnd| end.fault.is_some_and(|fault| fault != TICK_IS_GONE);
        match ends.iter().find(of).or(ends.first()) {
            Some(ThreadEnd { name, fault }) => {
                anyhow!("the thread {name} ended: {}", fault.unwrap_or("nobody knows why"))
            }
            None => anyhow!("a thread ended"),
        }
    }
}

async fn all_end(ends: &mut mpsc::Receiver<ThreadEnd>, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        match ends.recv().await {
            Some(ThreadEnd { fault: None, .. }) => {}
            Some(ThreadEnd { name, fault: Some(fault) }) => bail!("the thread {name} ended while stopping: {fault}"),
            None => return Ok(()),
        }
    }
    Ok(())
}

fn run_rooms<G: Game>(
    rooms: Rooms<G>,
    clock: TickClock,
    endpoints: &channel::TickEndpoints<G>,
    mut watch: Watch<G>,
) -> Option<&'static str> {
    match tick_loop::run(rooms, clock, endpoints, &mut watch) {
        TickEnd::Farewell => None,
        TickEnd::NoRoomLeft => Some("no room is left, each has ended by a panic twice"),
    }
}

/// Starts a thread whose end is reported, also after a panic. `run` returns why it ended, unless that was expected.
fn spawn(
    name: &str,
    ends: &mpsc::Sender<ThreadEnd>,
    run: impl FnOnce() -> Option<&'static str> + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    struct Report {
        name: String,
        fault: Option<&'static str>,
        ends: mpsc::Sender<ThreadEnd>,
    }
    impl Drop for Report {
        fn drop(&mut self) {
            let end = ThreadEnd { name: std::mem::take(&mut self.name), fault: self.fault };
            // Nothing receives this only when the process ends anyway.
            let _ = self.ends.try_send(end);
        }
    }
    let report = Report { name: name.into(), fault: Some("it panicked"), ends: ends.clone() };
    let thread = std::thread::Builder::new().name(name.into());
    Ok(thread.spawn(move || {
        // Moved into the thread, so that a panic drops it there.
        let mut report = report;
        report.fault = run();
    })?)
}

fn random_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn make_rooms<G: Game>(config: &Config, rules: &Ruleset<G::Rules>) -> anyhow::Result<Rooms<G>> {
    let seed = config.seed.map_or_else(random_seed, Ok)?;
    let rate = config.tick_rate;
    let (game, rooms) = (G::NAME, config.rooms.join(", "));
    tracing::info!(game, seed, tick_hz = rate.hz(), rooms, "the game, and its rooms' seed and rate");
    let (rules, settings) = (rules.rules().clone(), config.game.settings.clone());
    let rooms = Rooms::with_idle_limit(config.rooms.len(), rate, config.capacity(), config.idle, move |room, life| {
        G::new(GameSetup { rules: rules.clone(), rate, seed: seed_of(seed, room, life), settings: &settings })
    });
    // Never shorter than the setting.
    let delay_ticks = (config.spectator_delay.as_millis() as u32 * rate.hz()).div_ceil(1000);
    Ok(rooms.with_spectator_delay(delay_ticks))
}

/// The seed of a room in one of its lives. The first life has the seed itself, so that it can be repeated.
fn seed_of(seed: u64, room: RoomId, life: u32) -> u64 {
    match u64::from(life) << 8 | u64::from(room.0) {
        0 => seed,
        stream => Rng::new(seed, stream).word(),
    }
}

fn admission_config(config: &Config) -> AdmissionConfig {
    AdmissionConfig {
        connections_max: config.connections_max(),
        per_address_max: config.max_per_address as usize,
        joins_per_address: config.joins_per_address,
        limit_loopback: config.limit_loopback,
        public_hosts: HostNames::new(config.public_hosts.clone()),
        allow_origins: config.allow_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

/// The time of the last tick.
#[derive(Debug)]
struct Pulse {
    start: Instant,
    last_ms: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { start: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    fn beat(&self) {
        self.last_ms.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn beats(&self) -> bool {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(last) <= PULSE_MAX
    }
}

/// Passes what the tick thread reports to the rest of the process.
#[derive(Debug)]
struct Watch<G: Game> {
    crashes: Crashes<G>,
    /// Their names.
    rooms: Vec<String>,
    metrics: TickMetrics,
    trouble: Trouble,
    shutdown: Arc<Shutdown>,
    /// How many people have been here for a while, by room.
    people: Arc<[AtomicU16]>,
    pulse: Arc<Pulse>,
}

impl<G: Game> TickWatch<G> for Watch<G> {
    fn ticked(&mut self, rooms: &Rooms<G>, result: &RoomsResult<G>, times: &TickTimes) {
        sabotage::pass();
        self.pulse.beat();
        let hz = result.rate.hz();
        for (id, room) in rooms.open().filter(|_| result.tick.is_phase(0, hz / SETTLED_LOOKS)) {
            self.people[id.index()].store(room.settled(), Ordering::Relaxed);
        }
        self.metrics.ticked(times, result.rate);
        self.metrics.inputs(result.inputs);
        self.metrics.joins(result.joins);
        tracing::trace!(tick = result.tick.0, work_us = times.work.as_micros(), "tick");
        self.trouble.ticked(times.level, times.lost(result.rate), rooms.headcount().total(), Instant::now());
        if result.tick.is_phase(0, hz) {
            self.metrics.census(rooms.open().count(), rooms.headcount(), rooms.census());
            let delayed = rooms.open().map(|(_, room)| room.spectator_delay_bytes());
            self.metrics.spectator_delay(delayed.sum());
        }
        for output in result.outputs.iter().flatten() {
            self.metrics.encoded(output.records.encoded_bytes());
            for told in output.players.iter().skip(phase(result.tick, hz)).step_by(hz as usize).flatten() {
                self.metrics.input_lead(told.report.lead);
            }
        }
    }

    fn failed(&mut self, failure: Failure<G>) {
        self.metrics.room_failed();
        self.people[failure.room.index()].store(0, Ordering::Relaxed);
        let Failure { room, tick, message, reopens, recording } = failure;
        let head = Head::new::<G>(&self.rooms[room.index()], tick.0, message);
        self.crashes.hand_in(Crash { head, reopens }, recording);
    }

    fn began_anew(&mut self) {
        tracing::warn!("the last tick has been run: ticks begin anew at 0, and all players are asked to come back");
    }

    fn farewell(&self) -> Option<CloseReason> {
        self.shutdown.farewell()
    }
}

/// Every player is sampled once a second, each on another tick.
fn phase(tick: Tick, hz: u32) -> usize {
    (tick.0 % hz) as usize
}
