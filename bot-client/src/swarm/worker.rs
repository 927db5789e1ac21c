//! One thread of a swarm: its own runtime, its own bots, its own measures, so that nothing is shared while it runs.

use super::observer::BotObserver;
use super::saturation::Saturation;
use super::{ALL_VERIFY_MAX, COHORT, Shared};
use crate::bot::{self, Attention, BotOutcome, Ending, Setup};
use crate::link::LinkError;
use crate::report::Measures;
use crate::report::summary::BotShare;
use fracas_protocol::client::Counters;
use fracas_protocol::game::brain::Brain;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::limits::IDLE_HEADER;
use fracas_protocol::wire::message::Hello;
use fracas_stdio as stdio;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::LocalSet;

/// The first pause before a refused bot tries again, and the longest, in milliseconds; half of it is chance.
const RETRY_FIRST_MS: u32 = 200;
const RETRY_MAX_MS: u32 = 4000;
/// The longest pause that a server may ask for, in milliseconds.
const RETRY_AFTER_MAX_MS: u32 = 60_000;

/// How long bots that were told to stop may take, all together: each takes two seconds at the most to close.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// What one worker is to do: every `workers`th bot, from `index` on.
pub(super) struct Job<R> {
    pub(super) shared: Arc<Shared<R>>,
    pub(super) index: usize,
    pub(super) workers: usize,
}

/// What came of it.
#[derive(Default)]
pub(super) struct WorkerResult {
    pub(super) measures: Measures,
    pub(super) saturation: Saturation,
    pub(super) fates: Vec<BotFate>,
}

/// What became of one bot, over all its connections.
#[derive(Debug, Default)]
pub(super) struct BotFate {
    /// Whether it was ever let in.
    pub(super) joined: bool,
    /// Whether it looked closely to the end.
    pub(super) verified: bool,
    /// Whether it was in when it was told to stop.
    pub(super) at_end: bool,
    /// What its clients counted, one for each connection over which it was let in.
    pub(super) counters: Vec<Counters>,
    /// Why it was out again, each time that it did not mean to.
    pub(super) disconnects: Vec<&'static str>,
    pub(super) share: BotShare,
}

impl BotFate {
    /// A connection has ended.
    fn record(&mut self, outcome: &BotOutcome) {
        self.at_end = outcome.joined && matches!(outcome.ending, Ending::Left);
        if !outcome.joined {
            return;
        }
        (self.joined, self.verified) = (true, outcome.verified);
        self.counters.push(outcome.counters);
        if !self.at_end {
            self.disconnects.push(outcome.ending.label());
        }
    }
}

/// Runs the worker's bots to the end of the plan.
pub(super) fn run<R: Rules, B: Brain<R>>(job: &Job<R>) -> WorkerResult {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            stdio::say(&format!("a worker of the swarm could not start: {error}"));
            return WorkerResult::default();
        }
    };
    LocalSet::new().block_on(&runtime, run_bots::<R, B>(job))
}

async fn run_bots<R: Rules, B: Brain<R>>(job: &Job<R>) -> WorkerResult {
    let measures = Rc::new(RefCell::new(Measures::default()));
    let (stop, stopped) = watch::channel(false);
    let mut bots = Vec::new();
    for number in (job.index..job.shared.plan.bots).step_by(job.workers) {
        let (shared, measures, stopped) = (Arc::clone(&job.shared), Rc::clone(&measures), stopped.clone());
        bots.push(tokio::task::spawn_local(async move { run_bot::<R, B>(&shared, number, measures, stopped).await }));
    }
    let probe = tokio::task::spawn_local(Saturation::watch(job.shared.clock, job.shared.window));
    tokio::time::sleep_until(job.shared.clock.at(job.shared.window.to_us)).await;
    // Every bot has a receiver.
    let _ = stop.send(true);
    let mut result = WorkerResult::default();
    let until = tokio::time::Instant::now() + STOP_DEADLINE;
    for mut bot in bots {
        match tokio::time::timeout_at(until, &mut bot).await {
            Ok(fate) => result.fates.extend(fate.ok()),
            // Whatever keeps it, the swarm comes to its end.
            Err(_) => bot.abort(),
        }
    }
    result.saturation = probe.await.unwrap_or_default();
    result.measures = measures.take();
    result
}

async fn run_bot<R: Rules, B: Brain<R>>(
    shared: &Shared<R>,
    number: usize,
    measures: Rc<RefCell<Measures>>,
    mut stopped: watch::Receiver<bool>,
) -> BotFate {
    let mut setup = setup_of::<R, B>(shared, number);
    let mut rng = Rng::new(setup.seed, 5);
    let mut observer = BotObserver::new(shared, measures);
    let start = shared.clock.at(shared.plan.ramp.start_of(number).as_micros() as u64);
    tokio::time::sleep_until(start).await;
    let (mut fate, mut pause_ms, mut refusal) = (BotFate::default(), RETRY_FIRST_MS, None);
    loop {
        let rules = shared.rules.clone();
        let outcome = bot::play::<R, B>(&setup, rules, shared.clock, &mut observer, &mut stopped).await;
        fate.record(&outcome);
        if outcome.joined {
            (setup.hello.token, pause_ms) = (outcome.token, RETRY_FIRST_MS);
            observer.lost(shared.clock.now_us());
        }
        let pause = pause(&outcome, pause_ms, &mut rng);
        if !matches!(outcome.ending, Ending::Left) {
            refusal = Some(outcome.ending.label());
        }
        if !outcome.ending.may_retry() {
            break;
        }
        pause_ms = (pause_ms * 2).min(RETRY_MAX_MS);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    // One that never got in did not leave: it was kept out, in the end by this.
    if !fate.joined {
        fate.disconnects.extend(refusal);
    }
    fate.share = observer.finish(shared.clock.now_us());
    fate
}

/// The pause before coming back: as long as the server asked for, or `growing_ms` or less; with chance in it, so that
/// those who were refused or lost together do not come together.
fn pause(outcome: &BotOutcome, growing_ms: u32, rng: &mut Rng) -> Duration {
    let asked_ms = match &outcome.ending {
        Ending::NotConnected(LinkError::Refused { retry_after_s, .. }) => retry_after_s.map(|s| s.saturating_mul(1000)),
        _ => outcome.retry_after_ms,
    };
    let least_ms = asked_ms.map_or(growing_ms / 2, |asked_ms| asked_ms.min(RETRY_AFTER_MAX_MS));
    let chance_ms = least_ms.max(growing_ms) / 2;
    Duration::from_millis(u64::from(least_ms + rng.below(chance_ms)))
}

fn setup_of<R: Rules, B: Brain<R>>(shared: &Shared<R>, number: usize) -> Setup {
    let plan = &shared.plan;
    let attention = match number {
        0..COHORT => Attention::Verifies,
        _ if plan.bots <= ALL_VERIFY_MAX => Attention::VerifiesWhileItCan,
        _ => Attention::Glances,
    };
    let hello = Hello { room: plan.room.clone(), ..Hello::player(format!("bot {number}")) };
    let seed = Rng::new(plan.seed, number as u64).word();
    Setup {
        input_hz: plan.input_hz,
        attention,
        line: plan.line,
        // A server that sends away who does nothing lets those be that say so, from its own machine.
        header: B::KINDS[plan.brain].is_idle.then(|| (IDLE_HEADER, "1".to_owned())),
        cut_us: plan.cut_at.map(|at| at.as_micros() as u64),
        ..Setup::new(plan.target.clone(), hello, plan.brain, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::client::Counters;

    fn outcome(ending: Ending, joined: bool) -> BotOutcome {
        BotOutcome { ending, joined, verified: false, counters: Counters::default(), token: None, retry_after_ms: None }
    }

    fn refused(retry_after_s: Option<u32>) -> BotOutcome {
        let ending = Ending::NotConnected(LinkError::Refused { status: 503, retry_after_s, words: "full".into() });
        outcome(ending, false)
    }

    #[test]
    fn a_refused_bot_comes_back_no_sooner_than_the_server_asked_and_not_with_all_others() {
        let mut rng = Rng::new(1, 5);
        let told = BotOutcome { retry_after_ms: Some(2000), ..outcome(Ending::Closed(Some(1001)), true) };
        for asked in [refused(Some(2)), told] {
            let pauses: Vec<_> = (0..50).map(|_| pause(&asked, 200, &mut rng)).collect();
            assert!(pauses.iter().all(|pause| (2000..3000).contains(&pause.as_millis())));
            assert!(pauses.windows(2).any(|pair| pair[0].abs_diff(pair[1]) > Duration::from_millis(300)));
        }
        for free in [refused(None), outcome(Ending::Closed(Some(4001)), false)] {
            assert!((100..200).contains(&pause(&free, 200, &mut rng).as_millis()));
        }
        assert!(pause(&refused(Some(u32::MAX)), 200, &mut rng) < Duration::from_secs(100));
    }

    #[test]
    fn a_bot_that_was_out_and_came_back_was_out_once_and_is_there_at_the_end() {
        let mut fate = BotFate::default();
        let at_end = |fate: &BotFate| (fate.joined, fate.at_end, fate.disconnects.clone());
        fate.record(&refused(None));
        assert_eq!(at_end(&fate), (false, false, vec![]));
        fate.record(&outcome(Ending::Cut, true));
        assert_eq!(at_end(&fate), (true, false, vec!["cut"]));
        fate.record(&refused(None));
        fate.record(&outcome(Ending::Left, true));
        assert_eq!(at_end(&fate), (true, true, vec!["cut"]));
        assert_eq!(fate.counters.len(), 2);
        fate.record(&outcome(Ending::Left, false));
        assert!(!fate.at_end, "told to stop while it tried to come back");
    }
}
