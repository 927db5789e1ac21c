//! Puts the server together, starts its threads, and takes it down again. The only place that knows every part.

mod fill;
mod memory;

use crate::arena::{ArenaConfig, World, default_map, read_tiled};
use crate::channel;
use crate::config::Config;
use crate::game::Game;
use crate::net::admission::{Admission, AdmissionConfig};
use crate::net::descriptors::Descriptors;
use crate::net::event_loop::{EventLoop, LoopEnd, NEWCOMERS_MAX, Shared};
use crate::net::game_service::GameService;
use crate::net::http::{self, Front, Health, LoopEntrance};
use crate::net::listener::{self, Reception};
use crate::session::Registry;
use crate::shutdown::{Shutdown, StopSignals};
use crate::sim::clock::TickClock;
use crate::sim::room::{Room, TickResult};
use crate::sim::tick_loop::{self, TickTimes, TickWatch};
use crate::telemetry::ops::{self, Gate};
use crate::telemetry::{Telemetry, TickMetrics};
use anyhow::{Context, anyhow, bail};
use fill::Fill;
use fracas_bots::descriptors;
use fracas_protocol::arena::Map;
use fracas_protocol::arena::map::MapDocument;
use fracas_protocol::close::CloseReason;
use fracas_protocol::limits::SUBPROTOCOL;
use fracas_protocol::rules::Rules;
use fracas_protocol::tick::Tick;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The tick thread counts as alive while its last tick is not older than this.
const PULSE_MAX: Duration = Duration::from_secs(1);
/// HTTP connections at the same time on the game's port. On the operators' there are as many as have descriptors.
const HTTP_CONNECTIONS_MAX: usize = 2048;
/// How long the threads may take to say farewell.
const STOP_DEADLINE: Duration = Duration::from_secs(8);

/// Serves until a signal comes or a thread dies.
///
/// # Errors
/// Whatever keeps the server from starting or going on, in words for the operator.
pub fn serve(config: &Config) -> anyhow::Result<()> {
    let descriptors = share_out_descriptors(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let game_port = bind("--listen", config.listen)?;
    let ops_port = bind("--ops-listen", config.ops_listen)?;
    let (game_address, ops_address) = (game_port.local_addr()?, ops_port.local_addr()?);
    // Before anything can be told to stop.
    let signals = StopSignals::new()?;
    let limits = memory::Limits::find(Path::new("/proc"));
    let server = Server::start(config, game_address)?;
    memory::tell(&limits, config.max_players);
    let game = http::router(Arc::clone(&server.front));
    let gate = Gate { token: config.ops_token.clone(), hosts: config.ops_hosts.clone() };
    let operators =
        ops::router(gate, Arc::clone(&server.telemetry), Arc::clone(&server.shutdown), Arc::clone(&server.front));
    eprintln!("listening game={game_address} ops={ops_address}");
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
        tokio::spawn(ops::upkeep(Arc::clone(&server.telemetry)));
        tokio::spawn(memory::watch(limits, Arc::clone(&server.front)));
        server.supervise(signals).await
    })
}

fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    listener::bind(address).with_context(|| format!("cannot listen on {address}; set another address with {flag}"))
}

/// Takes as many descriptors as the system gives, says how many that is, and shares them out: each player needs one.
fn share_out_descriptors(config: &Config) -> anyhow::Result<Descriptors> {
    let limit = descriptors::raise_limit().context("cannot raise the limit of open descriptors")?;
    let words = descriptors::words(limit);
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

/// Asks a server whether it is well; `url` is one of its health pages.
pub fn healthcheck(url: &str) -> anyhow::Result<()> {
    let usage = || anyhow!("{url}: write it like http://127.0.0.1:8080/readyz");
    let uri: axum::http::Uri = url.parse().map_err(|_| usage())?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(usage)?;
    let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fracas_bots::link::fetch(&address, uri.path()))?;
    Ok(())
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
    expected: bool,
}

impl Server {
    fn start(config: &Config, game_address: SocketAddr) -> anyhow::Result<Self> {
        let map = config.map.as_deref().map_or_else(|| Ok(default_map()), read_map)?;
        let map_json = serde_json::to_vec(&MapDocument::from(&map))?;
        let seed = config.seed.map_or_else(random_seed, Ok)?;
        tracing::info!(seed, tick_hz = config.tick_rate.hz(), "the room's seed and rate");
        let (density, arena_for) = (config.density, config.arena_for);
        let world = World::new(ArenaConfig { rate: config.tick_rate, map, density, arena_for, seed });

        let telemetry = Arc::new(Telemetry::new(config.tick_rate)?);
        let mut metrics = telemetry.for_tick(config.tick_rate);
        telemetry.for_game(&world, &mut metrics);
        let shutdown = Arc::new(Shutdown::default());
        let (people, pulse) = (Arc::new(AtomicU16::new(0)), Arc::new(Pulse::new()));
        let watch =
            Watch { metrics, shutdown: Arc::clone(&shutdown), people: Arc::clone(&people), pulse: Arc::clone(&pulse) };

        let loops = usize::from(config.event_loops);
        // A place for each thread's end, so that none is lost.
        let (send_end, ends) = mpsc::channel(loops + 1);
        let (tick_doors, loop_doors) = channel::doors(loops);
        let mut threads = Vec::new();
        let room = Room::new(world, config.capacity());
        let clock = TickClock::new(Instant::now(), config.tick_rate);
        threads.push(spawn("tick", &send_end, move || run_room(room, clock, &tick_doors, watch))?);

        let (registry, admission) = (Arc::<Registry>::default(), Arc::new(Admission::new(admission_config(config))));
        let mut entrances = Vec::new();
        for (index, doors) in loop_doors.into_iter().enumerate() {
            let (newcomers, waiting) = flume::bounded(NEWCOMERS_MAX);
            let connections = Arc::new(AtomicUsize::new(0));
            entrances.push(LoopEntrance { newcomers, connections: Arc::clone(&connections) });
            let metrics = telemetry.for_loop();
            let (registry, admission) = (Arc::clone(&registry), Arc::clone(&admission));
            let service = GameService::new(index as u8, doors, registry, admission, metrics.clone());
            let event_loop = EventLoop::new(index as u8, service, waiting, Shared { connections, metrics });
            let run = move || event_loop.run() == LoopEnd::Farewell;
            threads.push(spawn(&format!("loop-{index}"), &send_end, run)?);
        }

        let house_secret = format!("{:016x}{:016x}", random_seed()?, random_seed()?);
        let front = Front {
            admission,
            loops: entrances,
            metrics: telemetry.for_front(),
            map: map_json.into(),
            subprotocol: Some(SUBPROTOCOL),
            house_secret: house_secret.clone(),
            health: Health(Arc::new(move || pulse.beats())),
        };
        let fill = Fill::start(config, game_address, house_secret, people)?;
        Ok(Self { front: Arc::new(front), telemetry, shutdown, threads, ends, fill })
    }

    /// Waits for a signal or an operator's word, and then stops in good order; or for a thread to die, and then fails.
    async fn supervise(mut self, mut signals: StopSignals) -> anyhow::Result<()> {
        tokio::select! {
            () = signals.next() => {}
            () = self.shutdown.asked() => {}
            end = self.ends.recv() => bail!("the thread {} ended", end.map_or_else(String::new, |end| end.name)),
        }
        tracing::info!("stopping: telling everybody");
        self.front.admission.drain();
        let mut fill = self.fill;
        // Beside this thread, which serves the bots' connections too.
        tokio::task::spawn_blocking(move || fill.stop()).await?;
        self.shutdown.begin();
        tokio::select! {
            () = signals.next() => bail!("stopped at once by a second signal"),
            ended = tokio::time::timeout(STOP_DEADLINE, all_end(&mut self.ends, self.threads.len())) => {
                ended.map_err(|_| anyhow!("the threads did not stop in {} s", STOP_DEADLINE.as_secs()))??;
            }
        }
        for thread in self.threads {
            // It has reported its end already.
            let _ = thread.join();
        }
        tracing::info!("stopped");
        Ok(())
    }
}

async fn all_end(ends: &mut mpsc::Receiver<ThreadEnd>, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        match ends.recv().await {
            Some(ThreadEnd { expected: true, .. }) => {}
            Some(ThreadEnd { name, .. }) => bail!("the thread {name} failed while stopping"),
            None => return Ok(()),
        }
    }
    Ok(())
}

fn run_room<G: Game>(room: Room<G>, clock: TickClock, doors: &channel::TickDoors<G>, mut watch: Watch) -> bool {
    tick_loop::run(room, clock, doors, &mut watch);
    true
}

/// Starts a thread whose end is reported, a panic too. `run` tells whether it ended as it should.
fn spawn(
    name: &str,
    ends: &mpsc::Sender<ThreadEnd>,
    run: impl FnOnce() -> bool + Send + 'static,
) -> anyhow::Result<JoinHandle<()>> {
    struct Report {
        name: String,
        expected: bool,
        ends: mpsc::Sender<ThreadEnd>,
    }
    impl Drop for Report {
        fn drop(&mut self) {
            let end = ThreadEnd { name: std::mem::take(&mut self.name), expected: self.expected };
            // Nobody listens only when the process ends anyway.
            let _ = self.ends.try_send(end);
        }
    }
    let report = Report { name: name.into(), expected: false, ends: ends.clone() };
    let thread = std::thread::Builder::new().name(name.into());
    Ok(thread.spawn(move || {
        // Moved in whole, so that a panic drops it here.
        let mut report = report;
        report.expected = run();
    })?)
}

fn read_map(path: &Path) -> anyhow::Result<Map> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the map {}", path.display()))?;
    read_tiled(&text).with_context(|| format!("the map {} cannot be used", path.display()))
}

fn random_seed() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn admission_config(config: &Config) -> AdmissionConfig {
    AdmissionConfig {
        connections_max: config.connections_max(),
        per_address_max: config.max_per_address,
        limit_loopback: config.limit_loopback,
        allow_origins: config.allow_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
    }
}

/// When the tick thread ran last.
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

/// What the rest of the process learns from the tick thread.
#[derive(Debug)]
struct Watch {
    metrics: TickMetrics,
    shutdown: Arc<Shutdown>,
    people: Arc<AtomicU16>,
    pulse: Arc<Pulse>,
}

impl<G: Game> TickWatch<G> for Watch {
    fn ticked(&mut self, room: &Room<G>, result: &TickResult<G::Rules>, times: &TickTimes) {
        let (output, hz) = (&result.output, result.output.rules.tick_rate().hz());
        self.pulse.beat();
        self.people.store(room.headcount().people, Ordering::Relaxed);
        self.metrics.ticked(times);
        self.metrics.inputs(result.inputs);
        self.metrics.encoded(output.records.encoded_bytes());
        if output.tick.is_phase(0, hz) {
            self.metrics.census(room.headcount(), &room.game().census());
        }
        for told in output.players.iter().skip(phase(output.tick, hz)).step_by(hz as usize).flatten() {
            self.metrics.input_lead(told.report.lead);
        }
    }

    fn farewell(&self) -> Option<CloseReason> {
        self.shutdown.farewell()
    }
}

/// Every player is looked at once a second, each on its own tick.
fn phase(tick: Tick, hz: u32) -> usize {
    (tick.0 % hz) as usize
}
