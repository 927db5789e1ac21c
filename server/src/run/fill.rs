//! Fills quiet rooms with built-in bots. They are ordinary clients over loopback, on a separate thread. One leaves for
//! each person who has stayed in its room for a while. A client that joins and leaves over and over pushes none out.

use crate::config::Config;
use crate::front::http::HOUSE_HEADER;
use fracas_bots::bot::{self, Clock, Setup};
use fracas_bots::link::Target;
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::message::Hello;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::LocalSet;

/// How often the number of bots is checked.
const LOOK: Duration = Duration::from_millis(250);
/// Pause after a bot that could not play, before the next one tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What they are: the first kind of brain that the game has.
const KIND: usize = 0;

/// The bots' names. A person with one of these names gets a number added.
pub(super) const NAMES: [&str; 32] = [
    "Ada", "Brisk", "Comet", "Dusk", "Ember", "Flint", "Gale", "Hazel", "Iris", "Juno", "Kestrel", "Lyra", "Mica",
    "Nova", "Onyx", "Pike", "Quill", "Rook", "Sable", "Talon", "Umber", "Vesper", "Wren", "Xenia", "Yarrow", "Zephyr",
    "Basalt", "Cinder", "Drift", "Echo", "Fable", "Gorse",
];

/// The thread of the built-in bots.
#[derive(Debug)]
pub(super) struct Fill {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// The bots' settings for one room.
struct Plan<R> {
    room: String,
    players: u16,
    target: Target,
    house_secret: String,
    people: Arc<[AtomicU16]>,
    index: usize,
    seed: u64,
    rules: Ruleset<R>,
}

impl Fill {
    /// Starts the thread, unless no bots are wanted. `people` is how many people have played for a while, by room.
    pub(super) fn start<R: Rules, B: Brain<R>>(
        config: &Config,
        game: SocketAddr,
        house_secret: String,
        people: Arc<[AtomicU16]>,
        rules: &Ruleset<R>,
    ) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        if config.fill == 0 {
            return Ok(Self { stop, thread: None });
        }
        let target = Target::parse(&format!("ws://{}/ws", reachable(game)))?;
        let plans = config.rooms.iter().enumerate().map(|(index, room)| Plan {
            room: room.clone(),
            players: config.fill,
            target: target.clone(),
            house_secret: house_secret.clone(),
            people: Arc::clone(&people),
            index,
            seed: config.seed.unwrap_or(1).wrapping_add(index as u64),
            rules: rules.clone(),
        });
        let plans: Vec<_> = plans.collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("fill".into());
        let thread =
            thread.spawn(move || LocalSet::new().block_on(&runtime, keep_all_filled::<R, B>(plans, stopped)))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Makes all bots leave, and waits for that.
    pub(super) fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A bot's failure does no harm.
            let _ = thread.join();
        }
    }
}

/// The address to reach a listener at. An unspecified address is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn keep_all_filled<R: Rules, B: Brain<R>>(plans: Vec<Plan<R>>, stopped: watch::Receiver<bool>) {
    let keep = |plan| tokio::task::spawn_local(keep_filled::<R, B>(plan, stopped.clone()));
    let keepers: Vec<_> = plans.into_iter().map(keep).collect();
    for keeper in keepers {
        // A bot's failure does no harm.
        let _ = keeper.await;
    }
}

async fn keep_filled<R: Rules, B: Brain<R>>(plan: Plan<R>, mut stopped: watch::Receiver<bool>) {
    let clock = Clock::start();
    let mut bots: Vec<HostedBot> = Vec::new();
    let mut number = 0;
    loop {
        bots.retain(|bot| !bot.task.is_finished());
        let wanted = usize::from(plan.players.saturating_sub(plan.people[plan.index].load(Ordering::Relaxed)));
        while bots.len() < wanted {
            bots.push(HostedBot::start::<R, B>(&plan, clock, number));
            number += 1;
        }
        for bot in bots.drain(wanted.min(bots.len())..) {
            bot.stop.send_replace(true);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    for bot in &bots {
        bot.stop.send_replace(true);
    }
    for bot in bots {
        // A bot's failure does no harm.
        let _ = bot.task.await;
    }
}

/// A bot that plays.
struct HostedBot {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl HostedBot {
    fn start<R: Rules, B: Brain<R>>(plan: &Plan<R>, clock: Clock, number: usize) -> Self {
        let rules = plan.rules.clone();
        let (stop, mut stopped) = watch::channel(false);
        let hello = Hello { room: plan.room.clone(), ..Hello::player(NAMES[number % NAMES.len()]) };
        let target = plan.target.clone();
        let seed = Rng::new(plan.seed, number as u64).word();
        let setup = Setup {
            skill: Skill::Casual,
            header: Some((HOUSE_HEADER, plan.house_secret.clone())),
            ..Setup::new(target, hello, KIND, seed)
        };
        let task = tokio::task::spawn_local(async move {
            let outcome = bot::play::<R, B>(&setup, rules, clock, &mut (), &mut stopped).await;
            if !*stopped.borrow() {
                tracing::debug!(ending = outcome.ending.label(), "one of the server's own bots ended");
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { stop, task }
    }
}
