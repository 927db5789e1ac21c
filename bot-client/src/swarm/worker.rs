//! One thread of a swarm: its own runtime, its own bots, its own measures, so that nothing is shared while it runs.

use super::observer::BotObserver;
use super::saturation::{PROBE, Saturation};
use super::{ALL_VERIFY_MAX, COHORT, Shared};
use crate::bot::{self, Attention, Ending, Outcome, Setup};
use crate::brain::Skill;
use crate::report::Measures;
use crate::report::summary::BotShare;
use fracas_protocol::dice::Dice;
use fracas_protocol::message::Hello;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::LocalSet;

/// The first pause before a refused bot tries again, and the longest, in milliseconds; half of it is chance.
const RETRY_FIRST_MS: u32 = 200;
const RETRY_MAX_MS: u32 = 4000;

/// What one worker is to do: every `workers`th bot, from `index` on.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    pub(super) workers: usize,
}

/// What came of it.
#[derive(Default)]
pub(super) struct WorkerResult {
    pub(super) measures: Measures,
    pub(super) saturation: Saturation,
    pub(super) outcomes: Vec<(Outcome, BotShare)>,
}

/// Runs the worker's bots to the end of the plan.
pub(super) fn run(job: &Job) -> WorkerResult {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("a worker of the swarm could not start: {error}");
            return WorkerResult::default();
        }
    };
    LocalSet::new().block_on(&runtime, run_bots(job))
}

async fn run_bots(job: &Job) -> WorkerResult {
    let measures = Rc::new(RefCell::new(Measures::default()));
    let (stop, stopped) = watch::channel(false);
    let mut bots = Vec::new();
    for number in (job.index..job.shared.plan.bots).step_by(job.workers) {
        let (shared, measures, stopped) = (Arc::clone(&job.shared), Rc::clone(&measures), stopped.clone());
        bots.push(tokio::task::spawn_local(async move { run_bot(&shared, number, measures, stopped).await }));
    }
    let probe = tokio::task::spawn_local(probe_timers(stopped));
    tokio::time::sleep_until(job.shared.clock.at(job.shared.window.to_us)).await;
    // Every bot has a receiver.
    let _ = stop.send(true);
    let mut result = WorkerResult::default();
    for bot in bots {
        result.outcomes.extend(bot.await.ok());
    }
    result.saturation = probe.await.unwrap_or_default();
    result.measures = measures.take();
    result
}

async fn run_bot(
    shared: &Shared,
    number: usize,
    measures: Rc<RefCell<Measures>>,
    mut stopped: watch::Receiver<bool>,
) -> (Outcome, BotShare) {
    let setup = setup_of(shared, number);
    let mut dice = Dice::new(setup.seed, 5);
    let mut observer = BotObserver::new(shared, measures);
    let start = shared.clock.at(shared.plan.ramp.start_of(number).as_micros() as u64);
    tokio::time::sleep_until(start).await;
    let mut pause_ms = RETRY_FIRST_MS;
    loop {
        let outcome = bot::play(&setup, shared.rules.clone(), shared.clock, &mut observer, &mut stopped).await;
        // One that was in and is out again is a disconnect, to be counted; one that never got in tries again.
        let again = !outcome.joined && outcome.ending.may_retry() && !*stopped.borrow();
        if !again {
            let share = observer.finish(shared.clock.now_us());
            return (outcome, share);
        }
        let pause = Duration::from_millis(u64::from(pause_ms / 2 + dice.below(pause_ms / 2)));
        pause_ms = (pause_ms * 2).min(RETRY_MAX_MS);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => {
                return (Outcome { ending: Ending::Left, ..outcome }, BotShare::default());
            }
        }
    }
}

fn setup_of(shared: &Shared, number: usize) -> Setup {
    let plan = &shared.plan;
    let attention = match number {
        0..COHORT => Attention::Verifies,
        _ if plan.bots <= ALL_VERIFY_MAX => Attention::VerifiesWhileItCan,
        _ => Attention::Glances,
    };
    Setup {
        target: plan.target.clone(),
        hello: Hello::player(format!("bot {number}")),
        brain: plan.brain,
        skill: Skill::SEASONED,
        seed: Dice::new(plan.seed, number as u64).word(),
        input_hz: plan.input_hz,
        attention,
        header: None,
    }
}

async fn probe_timers(stopped: watch::Receiver<bool>) -> Saturation {
    let mut saturation = Saturation::default();
    while !*stopped.borrow() {
        let due = tokio::time::Instant::now() + PROBE;
        tokio::time::sleep_until(due).await;
        saturation.add(due.elapsed());
    }
    saturation
}
