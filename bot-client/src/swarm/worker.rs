//! One thread of a swarm: its own runtime, its own bots, its own measures, so that nothing is shared while it runs.

use super::observer::BotObserver;
use super::saturation::Saturation;
use super::{ALL_VERIFY_MAX, COHORT, Shared};
use crate::bot::{self, Attention, Ending, Outcome, Setup};
use crate::link::LinkError;
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
/// The longest pause that a server may ask for, in seconds.
const RETRY_AFTER_MAX_S: u32 = 60;

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
    let probe = tokio::task::spawn_local(Saturation::watch(job.shared.clock, job.shared.window));
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
    let mut refusal = None;
    loop {
        let outcome = bot::play(&setup, shared.rules.clone(), shared.clock, &mut observer, &mut stopped).await;
        // One that was in and is out again is a disconnect, to be counted; one that never got in tries again.
        let again = !outcome.joined && outcome.ending.may_retry() && !*stopped.borrow();
        if !again {
            let share = observer.finish(shared.clock.now_us());
            return (blame(outcome, refusal), share);
        }
        let pause = pause(&outcome.ending, pause_ms, &mut dice);
        pause_ms = (pause_ms * 2).min(RETRY_MAX_MS);
        tokio::select! {
            () = tokio::time::sleep(pause) => refusal = Some(outcome.ending),
            _ = stopped.wait_for(|stop| *stop) => return (outcome, BotShare::default()),
        }
    }
}

/// A bot that never got in did not leave: it was kept out by its last refusal.
fn blame(outcome: Outcome, refusal: Option<Ending>) -> Outcome {
    match refusal {
        Some(ending) if !outcome.joined && matches!(outcome.ending, Ending::Left) => Outcome { ending, ..outcome },
        _ => outcome,
    }
}

/// The pause before the next try: as long as the server asked for, or `growing_ms` or less; with chance in it, so that
/// those who were refused together do not come together.
fn pause(ending: &Ending, growing_ms: u32, dice: &mut Dice) -> Duration {
    let asked_s = match ending {
        Ending::NotConnected(LinkError::Refused { retry_after_s, .. }) => *retry_after_s,
        _ => None,
    };
    let least_ms = asked_s.map_or(growing_ms / 2, |seconds| seconds.min(RETRY_AFTER_MAX_S) * 1000);
    let chance_ms = least_ms.max(growing_ms) / 2;
    Duration::from_millis(u64::from(least_ms + dice.below(chance_ms)))
}

fn setup_of(shared: &Shared, number: usize) -> Setup {
    let plan = &shared.plan;
    let attention = match number {
        0..COHORT => Attention::Verifies,
        _ if plan.bots <= ALL_VERIFY_MAX => Attention::VerifiesWhileItCan,
        _ => Attention::Glances,
    };
    let (hello, seed) = (Hello::player(format!("bot {number}")), Dice::new(plan.seed, number as u64).word());
    Setup {
        input_hz: plan.input_hz,
        attention,
        line: plan.line,
        ..Setup::new(plan.target.clone(), hello, plan.brain, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::client::Counters;

    fn refused(retry_after_s: Option<u32>) -> Ending {
        Ending::NotConnected(LinkError::Refused { status: 503, retry_after_s, words: "full".into() })
    }

    #[test]
    fn a_refused_bot_comes_back_no_sooner_than_the_server_asked_and_not_with_all_others() {
        let mut dice = Dice::new(1, 5);
        let pauses: Vec<_> = (0..50).map(|_| pause(&refused(Some(2)), 200, &mut dice)).collect();
        assert!(pauses.iter().all(|pause| (2000..3000).contains(&pause.as_millis())));
        assert!(pauses.windows(2).any(|pair| pair[0].abs_diff(pair[1]) > Duration::from_millis(300)));
        for ending in [refused(None), Ending::Closed(Some(4001))] {
            assert!((100..200).contains(&pause(&ending, 200, &mut dice).as_millis()));
        }
        assert!(pause(&refused(Some(u32::MAX)), 200, &mut dice) < Duration::from_secs(100));
    }

    #[test]
    fn a_bot_that_was_refused_until_the_end_is_not_taken_for_one_that_left() {
        let left = |joined| {
            let (ending, counters) = (Ending::Left, Counters::default());
            Outcome { ending, joined, verified: false, counters, token: None }
        };
        assert_eq!(blame(left(false), Some(refused(None))).ending.label(), "refused");
        assert_eq!(blame(left(true), Some(refused(None))).ending.label(), "leave", "it got in at last");
        assert_eq!(blame(left(false), None).ending.label(), "leave");
    }
}
