//! Handles of all metrics, made once. No name is looked up while the game runs.

use crate::admission::memory_budget::MemoryUse;
use crate::front::rejection::{Rejection, Shed};
use crate::ids::PlayerKind;
use crate::ops::metric_names::{self, MetricKind};
use crate::sim::join_refusal::JoinRefusal;
use crate::sim::phase::Phase;
use crate::sim::room::{InputCounts, JoinCounts};
use crate::sim::roster::Headcount;
use crate::sim::tick_loop::TickTimes;
use fracas_protocol::game::authority::Game;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector;
use std::time::Duration;

/// The label of a connection that ended without a close frame.
const LOST: &str = "lost";

/// Keeps all metrics and makes handles to them. There is no global recorder, so that two servers can live in one process.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    process: Collector,
    log_dropped: Counter,
    /// Returns how many log lines were dropped so far. The log writer counts them.
    count_dropped: fn() -> u64,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Metrics of a server that ticks at `rate`.
    pub fn new(rate: TickRate) -> Result<Self, BuildError> {
        let budget = 1.0 / f64::from(rate.hz());
        let mut times = vec![0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.012, 0.025];
        times.retain(|edge| *edge < budget);
        times.extend([budget, 2.0 * budget]);
        // Ticks that were never run can be late by seconds.
        let lateness = [&times[..], &[0.25, 0.5, 1.0, 2.5, 5.0, 10.0]].concat();
        let leads: Vec<f64> = (-8..8).map(f64::from).collect();
        let full = |name: &str| Matcher::Full(name.into());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(full(metric_names::TICK_DURATION), &times)?
            .set_buckets_for_metric(full(metric_names::TICK_PHASE_DURATION), &times)?
            .set_buckets_for_metric(full(metric_names::LOOP_PHASE_DURATION), &times)?
            .set_buckets_for_metric(full(metric_names::TICK_LATENESS), &lateness)?
            .set_buckets_for_metric(full(metric_names::INPUT_LEAD), &leads)?
            .build_recorder();
        let process = Collector::default();
        let log_dropped = with_local_recorder(&recorder, || counter!(metric_names::LOG_DROPPED));
        with_local_recorder(&recorder, || {
            for metric in metric_names::ALL {
                let (name, unit, help) = (metric.name, metric.unit, metric.help);
                match metric.kind {
                    MetricKind::Counter => metrics::describe_counter!(name, unit, help),
                    MetricKind::Gauge => metrics::describe_gauge!(name, unit, help),
                    MetricKind::Histogram => metrics::describe_histogram!(name, unit, help),
                }
            }
            process.describe();
            let version = [("version", env!("CARGO_PKG_VERSION")), ("commit", env!("FRACAS_COMMIT"))];
            gauge!(metric_names::BUILD_INFO, &version).set(1.0);
        });
        Ok(Self { recorder, process, log_dropped, count_dropped: || 0 })
    }

    /// Takes the number of dropped log lines from there.
    pub fn counting_log(self, dropped: fn() -> u64) -> Self {
        Self { count_dropped: dropped, ..self }
    }

    /// The metrics in Prometheus' text format, the process's own beside the server's.
    pub fn render(&self) -> String {
        with_local_recorder(&self.recorder, || self.process.collect());
        self.log_dropped.absolute((self.count_dropped)());
        self.handle().render()
    }

    /// Must be called every few seconds. Otherwise histograms grow.
    pub fn upkeep(&self) {
        self.handle().run_upkeep();
    }

    fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    /// Handles for an event loop.
    pub fn for_loop(&self) -> LoopMetrics {
        with_local_recorder(&self.recorder, || LoopMetrics {
            received_bytes: counter!(metric_names::RECEIVED_BYTES),
            sent_bytes: counter!(metric_names::SENT_BYTES),
            updates_sent: counter!(metric_names::UPDATES_SENT),
            encoded_bytes: counter!(metric_names::ENCODED_BYTES),
            inputs_dropped_flood: counter!(metric_names::INPUTS_DROPPED, "reason" => "flood"),
            messages_dropped: counter!(metric_names::MESSAGES_DROPPED),
            desyncs_reported: counter!(metric_names::DESYNCS_REPORTED),
            resyncs: counter!(metric_names::RESYNCS),
            fresh_starts_requested: counter!(metric_names::FRESH_STARTS_REQUESTED),
            sessions_resumed: counter!(metric_names::SESSIONS_RESUMED),
            connections_opened: counter!(metric_names::CONNECTIONS_OPENED),
            joins_refused: JoinRefusal::ALL.map(|why| counter!(metric_names::JOINS_REFUSED, "reason" => why.label())),
            reading: histogram!(metric_names::LOOP_PHASE_DURATION, "phase" => "read"),
            writing: histogram!(metric_names::LOOP_PHASE_DURATION, "phase" => "write"),
            connections: SharedGauge::new(gauge!(metric_names::CONNECTIONS)),
            stale_players: SharedGauge::new(gauge!(metric_names::STALE_PLAYERS)),
            hidden_players: SharedGauge::new(gauge!(metric_names::HIDDEN_PLAYERS)),
            closed: CloseReason::all()
                .map(CloseReason::label)
                .chain([LOST])
                .map(|reason| (reason, counter!(metric_names::CONNECTIONS_CLOSED, "reason" => reason)))
                .collect(),
        })
    }

    /// Handles for the tick thread.
    pub fn for_tick(&self, rate: TickRate) -> TickMetrics {
        with_local_recorder(&self.recorder, || TickMetrics {
            budget_s: 1.0 / f64::from(rate.hz()),
            duration: histogram!(metric_names::TICK_DURATION),
            phases: Phase::ALL.map(|phase| histogram!(metric_names::TICK_PHASE_DURATION, "phase" => phase.label())),
            lateness: histogram!(metric_names::TICK_LATENESS),
            overruns: counter!(metric_names::TICK_OVERRUNS),
            skipped: counter!(metric_names::TICKS_SKIPPED),
            missed: counter!(metric_names::TICKS_MISSED),
            overload_level: gauge!(metric_names::OVERLOAD_LEVEL),
            joins: counter!(metric_names::JOINS),
            joins_in_debt: counter!(metric_names::JOINS_IN_DEBT),
            rooms: gauge!(metric_names::ROOMS),
            room_panics: counter!(metric_names::ROOM_PANICS),
            people: gauge!(metric_names::PLAYERS, "kind" => PlayerKind::Person.label()),
            bots: gauge!(metric_names::PLAYERS, "kind" => PlayerKind::Bot.label()),
            spectators: gauge!(metric_names::SPECTATORS),
            spectator_delay_bytes: gauge!(metric_names::SPECTATOR_DELAY_BYTES),
            entities: Vec::new(),
            encoded_bytes: counter!(metric_names::ENCODED_BYTES),
            inputs_received: counter!(metric_names::INPUTS_RECEIVED),
            inputs_early: counter!(metric_names::INPUTS_DROPPED, "reason" => "early"),
            inputs_old: counter!(metric_names::INPUTS_DROPPED, "reason" => "old"),
            inputs_orphaned: counter!(metric_names::INPUTS_DROPPED, "reason" => "orphaned"),
            input_lead: histogram!(metric_names::INPUT_LEAD),
        })
    }

    /// Adds a gauge for each kind of entity that `game` has.
    pub fn for_game<G: Game>(&self, game: &G, metrics: &mut TickMetrics) {
        metrics.entities = with_local_recorder(&self.recorder, || {
            game.census().into_iter().map(|(kind, _)| gauge!(metric_names::ENTITIES, "kind" => kind)).collect()
        });
    }

    /// Handles for the listener.
    pub fn for_front(&self) -> FrontMetrics {
        with_local_recorder(&self.recorder, || FrontMetrics {
            rejected: Rejection::ALL.map(|why| counter!(metric_names::CONNECTIONS_REJECTED, "reason" => why.label())),
            shed: Shed::ALL.map(|reason| counter!(metric_names::HTTP_CONNECTIONS_SHED, "reason" => reason.label())),
            accept_errors: counter!(metric_names::ACCEPT_ERRORS),
            networks_limited: gauge!(metric_names::NETWORKS_LIMITED),
            turns_waiting: gauge!(metric_names::TURNS_WAITING),
            memory_limit: gauge!(metric_names::MEMORY_LIMIT),
            memory_used: gauge!(metric_names::MEMORY_USED),
        })
    }
}

/// One loop's share of a gauge that all loops add up to.
#[derive(Clone, Debug)]
pub struct SharedGauge {
    gauge: Gauge,
    share: f64,
}

impl SharedGauge {
    fn new(gauge: Gauge) -> Self {
        Self { gauge, share: 0.0 }
    }

    /// Sets this loop's share.
    pub fn set(&mut self, share: f64) {
        if share != self.share {
            self.gauge.increment(share - self.share);
            self.share = share;
        }
    }
}

/// The metrics of an event loop.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the metric of that name")]
pub struct LoopMetrics {
    pub received_bytes: Counter,
    pub sent_bytes: Counter,
    pub updates_sent: Counter,
    pub encoded_bytes: Counter,
    pub inputs_dropped_flood: Counter,
    pub messages_dropped: Counter,
    pub desyncs_reported: Counter,
    pub resyncs: Counter,
    pub fresh_starts_requested: Counter,
    pub sessions_resumed: Counter,
    pub connections_opened: Counter,
    pub reading: Histogram,
    pub writing: Histogram,
    pub connections: SharedGauge,
    pub stale_players: SharedGauge,
    pub hidden_players: SharedGauge,
    joins_refused: [Counter; JoinRefusal::ALL.len()],
    closed: Vec<(&'static str, Counter)>,
}

impl LoopMetrics {
    /// A join was refused after the hello.
    pub fn join_refused(&self, why: JoinRefusal) {
        self.joins_refused[why as usize].increment(1);
    }

    /// A connection ended.
    pub fn connection_closed(&self, reason: &'static str) {
        if let Some((_, counter)) = self.closed.iter().find(|(label, _)| *label == reason) {
            counter.increment(1);
        }
    }
}

/// The metrics of the listener.
#[derive(Clone, Debug)]
pub struct FrontMetrics {
    rejected: [Counter; Rejection::ALL.len()],
    shed: [Counter; Shed::ALL.len()],
    accept_errors: Counter,
    networks_limited: Gauge,
    turns_waiting: Gauge,
    memory_limit: Gauge,
    memory_used: Gauge,
}

impl FrontMetrics {
    /// A handshake was refused.
    pub fn rejected(&self, why: Rejection) {
        self.rejected[why as usize].increment(1);
    }

    /// An HTTP connection was closed for another.
    pub fn shed(&self, reason: Shed) {
        self.shed[reason as usize].increment(1);
    }

    /// Accepting a connection failed.
    pub fn accept_failed(&self) {
        self.accept_errors.increment(1);
    }

    /// How many networks are remembered for a limit, and how many retry times are still to come.
    pub fn networks(&self, limited: usize, turns_waiting: usize) {
        self.networks_limited.set(limited as f64);
        self.turns_waiting.set(turns_waiting as f64);
    }

    /// A reading of memory use.
    pub fn memory(&self, seen: MemoryUse) {
        self.memory_limit.set(seen.limit as f64);
        self.memory_used.set(seen.used as f64);
    }
}

/// Ticks of one freeze that are counted as late ones.
const LATE_TICKS_MAX: u32 = 10_000;

/// The metrics of the tick thread.
#[derive(Debug)]
pub struct TickMetrics {
    budget_s: f64,
    duration: Histogram,
    phases: [Histogram; Phase::ALL.len()],
    lateness: Histogram,
    overruns: Counter,
    skipped: Counter,
    missed: Counter,
    overload_level: Gauge,
    joins: Counter,
    joins_in_debt: Counter,
    rooms: Gauge,
    room_panics: Counter,
    people: Gauge,
    bots: Gauge,
    spectators: Gauge,
    spectator_delay_bytes: Gauge,
    entities: Vec<Gauge>,
    encoded_bytes: Counter,
    inputs_received: Counter,
    inputs_early: Counter,
    inputs_old: Counter,
    inputs_orphaned: Counter,
    input_lead: Histogram,
}

impl TickMetrics {
    /// A tick's times. Ticks that were never run just before it count as late until it began. Of a very long freeze the
    /// latest 10,000 count.
    pub fn ticked(&self, times: &TickTimes, rate: TickRate) {
        for before in 1..=times.skipped.min(LATE_TICKS_MAX) {
            self.lateness.record(times.lateness + Duration::from_micros(rate.due_us(Tick(before))));
        }
        self.duration.record(times.work);
        for (histogram, time) in self.phases.iter().zip(times.phases) {
            histogram.record(time);
        }
        self.lateness.record(times.lateness);
        self.overruns.increment(u64::from(times.work.as_secs_f64() > self.budget_s));
        self.skipped.increment(u64::from(times.skipped));
        self.missed.increment(u64::from(times.loops_missed));
        self.overload_level.set(f64::from(times.level as u8));
    }

    /// How many joined.
    pub fn joins(&self, counts: JoinCounts) {
        self.joins.increment(u64::from(counts.joined));
        self.joins_in_debt.increment(u64::from(counts.in_debt));
    }

    /// A tick's inputs, taken and dropped.
    pub fn inputs(&self, counts: InputCounts) {
        self.inputs_received.increment(counts.taken);
        self.inputs_early.increment(counts.early);
        self.inputs_old.increment(counts.old);
        self.inputs_orphaned.increment(counts.orphaned);
    }

    /// How early a player's inputs arrive. Recorded once a second per player.
    pub fn input_lead(&self, lead: i8) {
        self.input_lead.record(f64::from(lead));
    }

    /// Bytes of deltas made on a tick.
    pub fn encoded(&self, bytes: usize) {
        self.encoded_bytes.increment(bytes as u64);
    }

    /// A room ended by a panic.
    pub fn room_failed(&self) {
        self.room_panics.increment(1);
    }

    /// Bytes of the ticks that spectators have not been shown yet.
    pub fn spectator_delay(&self, bytes: usize) {
        self.spectator_delay_bytes.set(bytes as f64);
    }

    /// The number of rooms, and of members and entities in all of them.
    pub fn census<'a>(
        &self,
        rooms: usize,
        headcount: Headcount,
        entities: impl Iterator<Item = &'a [(&'static str, usize)]>,
    ) {
        self.rooms.set(rooms as f64);
        self.people.set(f64::from(headcount.people));
        self.bots.set(f64::from(headcount.bots));
        self.spectators.set(f64::from(headcount.spectators));
        let mut sums = vec![0; self.entities.len()];
        for census in entities {
            sums.iter_mut().zip(census).for_each(|(sum, (_, count))| *sum += count);
        }
        for (gauge, sum) in self.entities.iter().zip(sums) {
            gauge.set(sum as f64);
        }
    }
}
