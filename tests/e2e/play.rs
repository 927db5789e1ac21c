//! People, bots and swarms in one arena.

use fracas_arena::brain::{ArenaBrain, IDLE};
use fracas_arena::rules::tuning::HULL_MAX;
use fracas_arena::rules::{Arena, Entity};
use fracas_bots::bot::{self, Clock, Observer, Setup};
use fracas_bots::link::Target;
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::message::{Hello, Role};
use fracas_tests::program::run;
use fracas_tests::{Server, run_bots};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::sync::watch;

#[test]
fn a_swarm_plays_and_every_view_agrees_at_every_rate() {
    for hz in ["20", "30", "60"] {
        let server = Server::start(&["--fill", "0", "--tick-hz", hz]);
        let arguments =
            ["swarm", "--url", &server.url(), "--bots", "40", "--ramp", "100/s", "--duration", "4s", "--json", "-"];
        let finished = run_bots(&arguments);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let summary: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
        let number = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key} in {summary}"));
        assert_eq!((number("bots_joined"), number("bots_at_end"), number("verified_bots")), (40.0, 40.0, 40.0));
        assert_eq!((number("view_mismatches"), number("desyncs")), (0.0, 0.0));
        assert!(number("view_checks") >= 0.8 * 40.0 * 3.0, "{summary}");
        assert_eq!(number("corrections"), number("corrections_late") + number("corrections_pushed"), "{summary}");
        assert!(number("update_hz_mean") > 0.9 * hz.parse::<f64>().expect("a number"), "{summary}");
    }
}

#[test]
fn each_brain_plays_and_the_swarm_reports_all_that_it_promises() {
    let server = Server::start(&["--fill", "10"]);
    for brain in ["idle", "wander", "hunter", "crowd"] {
        let url = server.url();
        let arguments =
            ["swarm", "--url", &url, "--bots", "5", "--ramp", "100/s", "--duration", "2s", "--brain", brain];
        let finished = run_bots(&[&arguments[..], &["--input-hz", "10", "--seed", "7", "--json", "-"]].concat());
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let summary: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
        for key in [
            "schema",
            "url",
            "seed",
            "bots_requested",
            "bots_joined",
            "bots_at_end",
            "verified_bots",
            "duration_s",
            "steady_s",
            "updates",
            "update_hz_mean",
            "update_hz_p5",
            "on_time",
            "update_gap_ms",
            "update_late_ms",
            "input_to_update_ms",
            "rtt_ms",
            "bytes_in",
            "bytes_per_update",
            "visible_mean",
            "inputs_sent",
            "view_checks",
            "view_mismatches",
            "desyncs",
            "resyncs",
            "corrections",
            "corrections_late",
            "corrections_pushed",
            "disconnects",
            "swarm_cpu_s",
            "swarm_saturated",
        ] {
            assert!(!summary[key].is_null(), "{key} in {summary}");
        }
        let corrections = |key: &str| summary[key].as_u64().expect("a number");
        assert_eq!(
            corrections("corrections"),
            corrections("corrections_late") + corrections("corrections_pushed"),
            "with few inputs too: {summary}"
        );
        let inputs =
            summary["inputs_sent"].as_f64().expect("a number") / summary["steady_s"].as_f64().expect("a number");
        assert!((40.0..=60.0).contains(&inputs), "5 bots send 10 inputs a second each: {inputs}");
    }
}

#[test]
fn bots_beyond_the_seats_make_the_swarm_fail_and_harm_nobody() {
    let server = Server::start(&["--fill", "0", "--max-players", "5"]);
    let url = server.url();
    let arguments = ["swarm", "--url", &url, "--bots", "8", "--ramp", "100/s", "--duration", "3s", "--json", "-"];
    let finished = run_bots(&arguments);
    assert_eq!(finished.code, Some(1));
    let summary: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!((&summary["bots_joined"], &summary["bots_at_end"]), (&5.into(), &5.into()), "{summary}");
    let kept_out: u64 = summary["disconnects"].as_object().expect("words").values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(kept_out, 3, "{summary}");
}

#[test]
fn the_servers_own_bots_step_out_one_by_one_and_come_back() {
    let server = Server::start(&["--fill", "8"]);
    let ships = |server: &Server, kind: &str| server.metric(&format!("fracas_players{{kind=\"{kind}\"}}"));
    server.wait_for("eight bots", |server| ships(server, "bot") == 8.0);
    let url = server.url();
    let swarm = std::thread::spawn(move || {
        run_bots(&["swarm", "--url", &url, "--bots", "5", "--ramp", "100/s", "--duration", "15s"])
    });
    server
        .wait_for("five people and three bots", |server| ships(server, "person") == 5.0 && ships(server, "bot") == 3.0);
    swarm.join().expect("the swarm ends by itself");
    server.wait_for("eight bots again", |server| ships(server, "person") == 0.0 && ships(server, "bot") == 8.0);
}

/// Watches for company and for a fight: when another ship was first in view, and when the own one was first hit.
#[derive(Default)]
struct Newcomer {
    joined_us: u64,
    company_us: Option<u64>,
    hurt_us: Option<u64>,
}

impl Observer<Arena> for Newcomer {
    fn joined(&mut self, now_us: u64, _: TickRate, _: bool) {
        self.joined_us = now_us;
    }

    fn saw(&mut self, now_us: u64, replica: &Replica<Arena>) {
        let since_us = now_us - self.joined_us;
        for known in replica.known() {
            let Entity::Ship(ship) = &known.now else { continue };
            if replica.follow() != Some(known.id) {
                self.company_us.get_or_insert(since_us);
            } else if ship.hull < HULL_MAX {
                self.hurt_us.get_or_insert(since_us);
            }
        }
    }
}

fn setup(server: &Server, brain: usize, hello: Hello) -> Setup {
    Setup::new(Target::parse(&server.url()).expect("an address"), hello, brain, 1)
}

/// Plays for a while as one who came alone.
fn play(setup: &Setup, time: Duration) -> (bot::BotOutcome, Newcomer) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (stop, mut stopped) = watch::channel(false);
        let mut newcomer = Newcomer::default();
        let rules = setup.target.fetch_rules().await.expect("the start-up data");
        let timer = async {
            tokio::time::sleep(time).await;
            stop.send_replace(true);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = bot::play::<Arena, ArenaBrain>(setup, rules, Clock::start(), &mut newcomer, &mut stopped) => (outcome, newcomer),
            () = timer => unreachable!("it waits for ever"),
        }
    })
}

#[test]
fn who_comes_to_a_server_started_without_argument_has_company_at_once_and_a_fight_soon() {
    let server = Server::start(&[]);
    // Idle, so that the fight is the others' doing.
    let (outcome, newcomer) = play(&setup(&server, IDLE, Hello::player("newcomer")), Duration::from_secs(10));
    assert!(outcome.joined && outcome.counters.view_mismatches == 0);
    let company_us = newcomer.company_us.expect("company");
    assert!(company_us < 3_000_000, "another ship after {company_us} us");
    assert!(newcomer.hurt_us.is_some(), "nobody fired at it in ten seconds: {:?}", outcome.counters);
    assert_eq!(outcome.counters.corrections, outcome.counters.corrections_pushed + outcome.counters.corrections_late);
}

#[test]
fn a_spectator_sees_the_fight_and_takes_no_seat() {
    let server = Server::start(&["--fill", "12"]);
    server.wait_for("twelve bots", |server| server.metric("fracas_players{kind=\"bot\"}") == 12.0);
    let hello = Hello { role: Role::Spectator, ..Hello::player("watcher") };
    let (outcome, newcomer) = play(&setup(&server, IDLE, hello), Duration::from_secs(4));
    assert!(outcome.joined && newcomer.company_us.is_some());
    assert!(outcome.counters.view_checks >= 3 && outcome.counters.view_mismatches == 0, "{:?}", outcome.counters);
    assert_eq!(server.metric("fracas_players{kind=\"person\"}"), 0.0);
}

#[test]
fn a_scrape_under_load_is_what_prometheus_wants() {
    let server = Server::start(&["--fill", "20"]);
    server.wait_for("some updates", |server| server.metric("fracas_updates_sent_total") > 500.0);
    let scrape = server.get_ops("/metrics");
    assert_eq!(scrape.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for name in [
        "fracas_tick_duration_seconds",
        "fracas_tick_phase_duration_seconds",
        "fracas_tick_lateness_seconds",
        "fracas_tick_overruns_total",
        "fracas_ticks_skipped_total",
        "fracas_players",
        "fracas_spectators",
        "fracas_rooms",
        "fracas_entities",
        "fracas_connections",
        "fracas_connections_opened_total",
        "fracas_connections_closed_total",
        "fracas_connections_rejected_total",
        "fracas_sessions_resumed_total",
        "fracas_network_received_bytes_total",
        "fracas_network_sent_bytes_total",
        "fracas_updates_sent_total",
        "fracas_encoded_bytes_total",
        "fracas_inputs_received_total",
        "fracas_inputs_dropped_total",
        "fracas_input_lead_ticks",
        "fracas_stale_players",
        "fracas_resyncs_total",
        "fracas_desyncs_reported_total",
        "fracas_build_info",
        "process_cpu_seconds_total",
    ] {
        assert!(
            scrape.body.contains(&format!("\n# TYPE {name} ")) || scrape.body.starts_with(&format!("# TYPE {name} ")),
            "{name}"
        );
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: tests/run does it");
    promtool.stdin.take().expect("it is piped").write_all(scrape.body.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let version = run(Command::new("promtool").arg("--version"));
    assert_eq!(version.code, Some(0));
}
