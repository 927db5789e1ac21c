//! What a swarm's bots do when there are too many for all to look.

use fracas_arena::brain::{ArenaBrain, CROWD};
use fracas_arena::rules::{Arena, Entity};
use fracas_bots::bot::{self, Attention, Clock, Observer, Setup};
use fracas_bots::link::Target;
use fracas_protocol::replica::Replica;
use fracas_protocol::wire::message::Hello;
use fracas_tests::Server;
use std::time::Duration;
use tokio::sync::watch;

/// Counts the other ships in view, as of the last frame.
#[derive(Default)]
struct Company(usize);

impl Observer<Arena> for Company {
    fn saw(&mut self, _: u64, replica: &Replica<Arena>) {
        let ships = replica.known().iter().filter(|known| matches!(known.now, Entity::Ship(_)));
        self.0 = ships.filter(|known| replica.follow() != Some(known.id)).count();
    }
}

/// Lets as many bots of a brain play as there are attentions. Returns what became of each, and its company at the end.
fn play(server: &Server, brain: usize, attentions: &[Attention], time: Duration) -> Vec<(bot::BotOutcome, usize)> {
    let target = Target::parse(&server.url()).expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let rules = target.fetch_rules::<Arena>().await.expect("the start-up data");
        let (stop, stopped) = watch::channel(false);
        let clock = Clock::start();
        let bots: Vec<_> = (1..)
            .zip(attentions)
            .map(|(seed, &attention)| {
                let hello = Hello::player(format!("bot {seed}"));
                let setup = Setup { attention, ..Setup::new(target.clone(), hello, brain, seed) };
                let (rules, mut stopped) = (rules.clone(), stopped.clone());
                tokio::task::spawn_local(async move {
                    let mut company = Company::default();
                    (bot::play::<Arena, ArenaBrain>(&setup, rules, clock, &mut company, &mut stopped).await, company.0)
                })
            })
            .collect();
        tokio::time::sleep(time).await;
        stop.send_replace(true);
        let mut ends = Vec::new();
        for bot in bots {
            ends.push(bot.await.expect("a bot does not panic"));
        }
        ends
    })
}

#[test]
fn a_crowd_of_bots_that_do_not_look_gathers_all_the_same() {
    let server = Server::start(&["--fill", "0", "--arena-for", "100", "--seed", "5"]);
    let mut attentions = [Attention::Glances; 11];
    attentions[0] = Attention::Verifies;
    let ends = play(&server, CROWD, &attentions, Duration::from_secs(16));
    let (witness, company) = &ends[0];
    assert!(witness.verified && witness.counters.view_mismatches == 0, "{:?}", witness.counters);
    assert!(ends[1..].iter().all(|(bot, _)| bot.joined && !bot.verified), "each looks away once it is there");
    assert_eq!(*company, 10, "all of them are where the crowd is");
}
