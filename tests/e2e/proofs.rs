//! The long proofs run: for some seconds, so that what takes its time is not judged, but what must never be is.

use fracas_tests::program::{build, repository, run, test_program};
use serde_json::Value;
use std::process::Command;

/// Players on a bad line that is made in their process, for a quarter of a minute.
fn netcode(scenario: &str) -> Value {
    build();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("result.json");
    let mut netcode = test_program("netcode", option_env!("CARGO_BIN_EXE_netcode"));
    netcode.args([scenario, "--in-process", "--minutes", "0.25", "--bots", "8", "--json"]).arg(&json);
    // It fails if something was too slow, which on a busy machine says nothing.
    let finished = run(&mut netcode);
    let result = std::fs::read(json).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    serde_json::from_slice(&result).expect("it is JSON")
}

#[test]
fn on_a_bad_line_nothing_is_corrected_without_a_cause_and_nobody_sees_wrong() {
    for scenario in ["clean", "lossy"] {
        let result = netcode(scenario);
        let outcome = &result["outcome"];
        let number = |key: &str| outcome[key].as_u64().unwrap_or_else(|| panic!("{key} in {outcome}"));
        assert_eq!((number("players"), number("joined"), number("disconnects")), (8, 8, 0), "{outcome}");
        assert_eq!((number("view_mismatches"), number("desyncs")), (0, 0), "{outcome}");
        assert_eq!(number("corrections"), number("corrections_late") + number("corrections_pushed"), "{outcome}");
        assert!(number("view_checks") > 8 * 10 && number("inputs") > 8 * 30 * 10, "{outcome}");
        assert_eq!((number("return_fresh_starts"), number("frames_while_hidden")), (1, 0), "{outcome}");
        // Most, even on a machine so busy that inputs come late.
        assert!(number("rails") > 0 && number("rails_agreed") * 2 >= number("rails"), "{outcome}");
        for times in ["clock_at_join_ms", "action_ms", "age_ms", "plain_ms"] {
            assert!(outcome[times]["count"].as_u64() >= Some(8), "{times} in {outcome}");
        }
        assert!(result["rows"].as_array().is_some_and(|rows| rows.len() >= 6), "{result}");
    }
}

#[test]
fn the_core_in_node_holds_what_this_build_holds() {
    build();
    let mut parity = test_program("parity", option_env!("CARGO_BIN_EXE_parity"));
    parity.args(["--frames", "3000", "--sessions", "6", "--steps", "300000"]);
    let finished = run(&mut parity);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let same = finished.stdout.lines().last().unwrap_or_default();
    let words: Vec<&str> = same.split(' ').collect();
    let number = |word: &str| {
        let at = words.iter().position(|other| other.trim_end_matches(',') == word);
        at.and_then(|at| words[at - 1].parse::<u64>().ok()).unwrap_or_else(|| panic!("{word} in {same:?}"))
    };
    assert!(number("frames") >= 3000 && number("pictures") > 1000 && number("corrections") > 0, "{same}");
}

/// Attacks with few attackers. What depends on how fast the machine is, which other tests keep busy, is not judged.
fn attack(scenarios: &[&str]) {
    build();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("result.json");
    let mut fault = Command::new(env!("CARGO_BIN_EXE_fault"));
    fault.arg("--short").arg("--json").arg(&json).args(scenarios);
    let finished = run(&mut fault);
    let result = std::fs::read(json).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let result: Value = serde_json::from_slice(&result).expect("it is JSON");
    for scenario in scenarios {
        let rows = result[scenario].as_array().unwrap_or_else(|| panic!("{scenario} in {result}"));
        assert!(rows.len() >= 4, "{scenario}: {rows:?}");
        let missed: Vec<_> = rows.iter().filter(|row| row["is_speed"] == false && row["holds"] != true).collect();
        assert!(missed.is_empty(), "{scenario}: {missed:#?}");
    }
}

#[test]
fn hostile_sockets_are_told_why_and_cost_little_and_bots_beside_do_not_notice() {
    attack(&["frames", "handshakes", "hostile", "ports"]);
}

#[test]
fn silent_connections_keep_nobody_out_and_no_proxy_gets_round_the_limit() {
    attack(&["silent", "forwarded"]);
}

#[test]
fn who_stops_to_read_is_told_so_and_costs_little() {
    attack(&["readers"]);
}

#[test]
fn who_joins_and_cuts_over_and_over_keeps_no_newcomer_out_and_pushes_no_bot_out() {
    attack(&["churn"]);
}

#[test]
fn who_lies_about_what_it_received_does_not_choose_when_its_rails_hit() {
    attack(&["rewind"]);
}

#[test]
fn who_holds_a_seat_and_does_nothing_gives_way() {
    attack(&["squatters"]);
}

#[test]
fn who_leaves_and_joins_sheds_nothing() {
    attack(&["hop"]);
}

#[test]
fn tokens_cannot_be_guessed_and_ships_come_back_to_their_owners_alone() {
    attack(&["guesses", "resumes"]);
}

#[test]
fn who_is_inside_an_overloaded_server_loses_nothing_and_it_recovers() {
    attack(&["overload"]);
}

#[test]
fn where_descriptors_or_memory_end_newcomers_are_told_so_and_who_plays_plays_on() {
    attack(&["descriptors", "memory"]);
}

#[test]
fn all_at_once_are_served_or_told_when_to_come_back() {
    attack(&["storm", "drain", "stampede"]);
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_game() {
    attack(&["stalled-log"]);
}

/// Simulated seeds of the whole server, by the release build if `tests/run` has made one.
fn simulation() -> Command {
    test_program("simulation", option_env!("CARGO_BIN_EXE_simulation"))
}

/// What a simulation says must hold. How fast it is, is not judged.
fn simulated(arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("result.json");
    let finished = run(simulation().args(arguments).arg("--json").arg(&json));
    let rows = std::fs::read(json).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let rows: Vec<Value> = serde_json::from_slice(&rows).expect("it is JSON");
    let missed: Vec<_> = rows.iter().filter(|row| row["is_speed"] == false && row["holds"] != true).collect();
    assert!(missed.is_empty() && finished.code == Some(0), "{missed:#?} {}", finished.stdout);
    rows
}

#[test]
fn in_two_thousand_simulated_worlds_nobody_sees_wrong_or_loses_a_ship_or_an_input() {
    assert!(simulated(&["--seeds", "2000"]).len() > 10);
}

#[test]
fn bugs_that_are_planted_in_a_simulated_server_are_caught() {
    assert!(simulated(&["--planted"]).len() > 3);
}

#[test]
fn a_seed_does_the_same_in_this_build_and_in_a_release_build() {
    let digests = repository().join("tests/simulation/digests.txt");
    for mut program in [Command::new(env!("CARGO_BIN_EXE_simulation")), simulation()] {
        let finished = run(program.arg("--digests").arg(&digests));
        assert!(finished.code == Some(0) && finished.stdout.contains("20 digests agree"), "{finished:?}");
    }
}
