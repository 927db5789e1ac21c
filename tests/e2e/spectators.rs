//! Who watches beside a player: the real server, and two clients of one machine.

use fracas_arena::brain::{ArenaBrain, HUNTER};
use fracas_arena::rules::Arena;
use fracas_bots::bot::{self, BotOutcome, Clock, Observer, Setup};
use fracas_bots::link::Target;
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::message::{Hello, Role};
use fracas_tests::Server;
use std::time::Duration;
use tokio::sync::watch;

/// When a client had which tick.
#[derive(Default)]
struct Seen(Vec<(u64, Tick)>);

impl Observer<Arena> for Seen {
    fn saw(&mut self, now_us: u64, replica: &Replica<Arena>) {
        self.0.push((now_us, replica.tick()));
    }
}

/// Plays in one tab and watches in another, which is opened a second later. What either saw, and how the watching ended.
fn play_and_watch(server: &Server, time: Duration) -> (Seen, Seen, BotOutcome) {
    let target = Target::parse(&server.url()).expect("an address");
    let setup = |hello| Setup::new(target.clone(), hello, HUNTER, 1);
    let player = setup(Hello::player("Ada"));
    let watcher = setup(Hello { role: Role::Spectator, ..Hello::player("second tab") });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let rules = target.fetch_rules::<Arena>().await.expect("the start-up data");
        let (stop, stopped) = watch::channel(false);
        let (mut stop_player, mut stop_watcher) = (stopped.clone(), stopped);
        let (clock, mut played, mut watched) = (Clock::start(), Seen::default(), Seen::default());
        let playing = bot::play::<Arena, ArenaBrain>(&player, rules.clone(), clock, &mut played, &mut stop_player);
        let watching = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            bot::play::<Arena, ArenaBrain>(&watcher, rules.clone(), clock, &mut watched, &mut stop_watcher).await
        };
        let ending = async {
            tokio::time::sleep(time).await;
            stop.send_replace(true);
        };
        let (_, outcome, ()) = tokio::join!(playing, watching, ending);
        (played, watched, outcome)
    })
}

/// How old each thing that the second tab was shown was when it came, in microseconds: by when the quickest of the player's
/// frames say that its tick was due.
fn ages_us(played: &Seen, watched: &Seen) -> Vec<i64> {
    let due_us = |tick: Tick| TickRate::HZ_30.due_us(tick) as i64;
    let quickest_us = played.0.iter().map(|(at_us, tick)| *at_us as i64 - due_us(*tick)).min().expect("it played");
    watched.0.iter().map(|(at_us, tick)| *at_us as i64 - due_us(*tick) - quickest_us).collect()
}

#[test]
fn a_second_tab_as_a_spectator_sees_nothing_that_is_not_five_seconds_old() {
    let server = Server::start(&["--fill", "12"]);
    let (played, watched, outcome) = play_and_watch(&server, Duration::from_secs(10));
    let ages_us = ages_us(&played, &watched);
    // Its frame may be a little quicker than the quickest of the player's.
    let newer = ages_us.iter().filter(|age_us| **age_us < 5_000_000 - 5_000).count();
    assert_eq!(newer, 0, "of {} samples: {ages_us:?}", ages_us.len());
    assert!(ages_us.len() > 60, "{} samples", ages_us.len());
    let counters = outcome.counters;
    assert!(counters.view_checks >= 2 && counters.view_mismatches == 0 && counters.desyncs == 0, "{counters:?}");
    assert!(server.metric("fracas_spectator_delay_bytes") > 0.0);
}

#[test]
fn with_the_delay_turned_off_a_second_tab_sees_the_present() {
    let server = Server::start(&["--fill", "4", "--spectator-delay", "0"]);
    let (played, watched, _) = play_and_watch(&server, Duration::from_secs(3));
    let ages_us = ages_us(&played, &watched);
    let present = ages_us.iter().filter(|age_us| **age_us < 1_000_000).count();
    assert!(present > 30, "{present} of {} samples", ages_us.len());
    assert_eq!(server.metric("fracas_spectator_delay_bytes"), 0.0);
}
