//! Many bots at once: started along a `ramp`, spread over `worker` threads, measured in the steady part, judged by
//! `saturation` to be the server's measure or only their own.

mod observer;
mod ramp;
mod saturation;
mod worker;

pub use ramp::{Ramp, parse_duration};
pub use saturation::process_cpu;

use crate::bot::Clock;
use crate::conditioner::LinkConditions;
use crate::link::{LinkError, Target};
use crate::report::summary::Percentiles;
use crate::report::{Measures, Summary};
use fracas_protocol::client::Counters;
use fracas_protocol::game::brain::Brain;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::tick::TickRate;
use fracas_stdio as stdio;
use observer::Window;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use worker::{BotFate, Job, WorkerResult};

/// Up to so many bots, all of them look closely.
const ALL_VERIFY_MAX: usize = 1000;
/// Of more, so many do.
const COHORT: usize = 50;

/// What a swarm is to do.
#[derive(Clone, Debug)]
pub struct SwarmPlan {
    /// Where to.
    pub target: Target,
    /// The room they ask for.
    pub room: String,
    /// How many.
    pub bots: usize,
    /// How long, the ramp included.
    pub duration: Duration,
    /// How fast they come.
    pub ramp: Ramp,
    /// What decides for them: an index in the game's [`Brain::KINDS`].
    pub brain: usize,
    /// Decides their whims.
    pub seed: u64,
    /// Inputs a second and bot; the tick rate if none.
    pub input_hz: Option<u32>,
    /// How bad the bots' lines are made.
    pub line: LinkConditions,
    /// When all their connections are cut off.
    pub cut_at: Option<Duration>,
}

/// What all workers of a swarm share.
#[derive(Debug)]
struct Shared<R> {
    plan: SwarmPlan,
    rules: Ruleset<R>,
    clock: Clock,
    window: Window,
    joined: AtomicUsize,
    /// A line below all bodies' arrivals, set by the first: see [`crate::report::measures::Arrivals`].
    guess_us: OnceLock<i64>,
    tick_rate: OnceLock<TickRate>,
}

/// Runs a swarm to its end. Its bots play a game with rules `R` by brains `B`.
///
/// # Errors
/// If the server's start-up data cannot be had, or is another game's. What happens to single bots is in the summary.
///
/// # Panics
/// If the game has no brain with the plan's index.
pub fn run<R: Rules, B: Brain<R>>(plan: SwarmPlan) -> Result<Summary, LinkError> {
    let rules = fetch_rules::<R>(&plan.target)?;
    let cpu_before = process_cpu();
    let clock = Clock::start();
    let steady_from = plan.ramp.time_for(plan.bots);
    let window = Window { from_us: steady_from.as_micros() as u64, to_us: plan.duration.as_micros() as u64 };
    let shared = Arc::new(Shared {
        rules,
        clock,
        window,
        joined: AtomicUsize::new(0),
        guess_us: OnceLock::new(),
        tick_rate: OnceLock::new(),
        plan,
    });
    let workers = worker_count();
    let results: Vec<WorkerResult> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|index| {
                let job = Job { shared: Arc::clone(&shared), index, workers };
                scope.spawn(move || worker::run::<R, B>(&job))
            })
            .collect();
        report_progress(&shared);
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let cpu = process_cpu().saturating_sub(cpu_before);
    Ok(summarise(&shared, results, cpu))
}

fn fetch_rules<R: Rules>(target: &Target) -> Result<Ruleset<R>, LinkError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| LinkError::Network(error.to_string()))?.block_on(target.fetch_rules())
}

/// Half of the cores: the server is mostly on the same machine.
fn worker_count() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 16))
}

/// A line on stderr now and then while it runs.
fn report_progress<R>(shared: &Shared<R>) {
    const EVERY: Duration = Duration::from_secs(5);
    let end_us = shared.window.to_us;
    loop {
        let left = Duration::from_micros(end_us.saturating_sub(shared.clock.now_us()));
        std::thread::sleep(left.min(EVERY));
        if left <= EVERY {
            return;
        }
        let seconds = shared.clock.now_us() / 1_000_000;
        let joined = shared.joined.load(Ordering::Relaxed);
        stdio::say(&format!("{seconds:>4} s: {joined} of {} bots have joined", shared.plan.bots));
    }
}

fn summarise<R>(shared: &Shared<R>, results: Vec<WorkerResult>, cpu: Duration) -> Summary {
    let tick_hz = shared.tick_rate.get().copied().unwrap_or(TickRate::HZ_30).hz();
    let (plan, zero) = (&shared.plan, Percentiles { p50: 0.0, p90: 0.0, p99: 0.0, max: 0.0 });
    let mut measures = Measures::default();
    let swarm_saturated = results.iter().any(|result| result.saturation.is_the_limit(tick_hz));
    let mut fates: Vec<BotFate> = Vec::new();
    for result in results {
        measures.merge(&result.measures);
        fates.extend(result.fates);
    }
    let sum = |count: fn(&Counters) -> u64| fates.iter().flat_map(|fate| &fate.counters).map(count).sum::<u64>();
    let number = |is: fn(&BotFate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    let mut disconnects = BTreeMap::new();
    for label in fates.iter().flat_map(|fate| &fate.disconnects) {
        *disconnects.entry(*label).or_insert(0) += 1;
    }
    let mut summary = Summary {
        schema: 1,
        url: plan.target.to_string(),
        seed: plan.seed,
        bots_requested: plan.bots,
        bots_joined: number(|fate| fate.joined),
        bots_at_end: number(|fate| fate.at_end),
        verified_bots: number(|fate| fate.verified),
        duration_s: plan.duration.as_secs_f64(),
        steady_s: shared.window.seconds(),
        updates: 0,
        update_hz_mean: 0.0,
        update_hz_p5: 0.0,
        on_time: 0.0,
        update_gap_ms: zero,
        update_late_ms: zero,
        input_to_update_ms: zero,
        rtt_ms: zero,
        bytes_in: 0,
        bytes_per_update: 0.0,
        visible_mean: 0.0,
        inputs_sent: 0,
        view_checks: sum(|counters| counters.view_checks),
        view_mismatches: sum(|counters| counters.view_mismatches),
        desyncs: sum(|counters| counters.desyncs),
        resyncs: sum(|counters| counters.resyncs),
        corrections: sum(|counters| counters.corrections),
        corrections_late: sum(|counters| counters.corrections_late),
        corrections_pushed: sum(|counters| counters.corrections_pushed),
        verdicts: 0,
        verdicts_agreed: 0,
        disconnects,
        returns: 0,
        resumed: 0,
        away_ms: zero,
        swarm_cpu_s: cpu.as_secs_f64(),
        swarm_saturated,
    };
    let joined: Vec<_> = fates.iter().filter(|fate| fate.joined).map(|fate| fate.share).collect();
    summary.measure(&measures, &joined, tick_hz);
    summary
}
