//! The bench runs: few players for a second, so that no figure means anything, but all of its parts work.

use fracas_tests::program::{build, run, test_program};
use serde_json::Value;

#[test]
fn every_scenario_of_the_bench_runs_and_nobody_in_it_sees_wrong() {
    build();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("results.json");
    let mut bench = test_program("bench", option_env!("CARGO_BIN_EXE_bench"));
    // Both on the first core: the machine may have no other.
    bench
        .args(["all", "--players", "24", "--seconds", "1.2", "--settle", "0.5", "--swarm-core", "0", "--json"])
        .arg(&json);
    let finished = run(&mut bench);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let results: Value = serde_json::from_slice(&std::fs::read(json).expect("it was written")).expect("it is JSON");
    let scenarios: Vec<_> = results.as_array().expect("a list").iter().map(|result| &result["scenario"]).collect();
    let all = ["spread", "capacity", "bytes", "crowd", "spectators", "stall", "idle", "models"];
    assert_eq!(scenarios, all);
    // Ten and four for the one event loop, whoever plays: nothing wakes per message.
    let switches = results[1]["rows"][0]["fracas"][0]["switches_per_tick"].as_f64().expect("a number");
    assert!(switches <= 14.0, "{switches} voluntary context switches per tick");
    let mut runs = Vec::new();
    collect_runs(&results, &mut runs);
    assert!(runs.len() > 12, "{results}");
    for run in runs {
        assert!(run["joined"].as_u64() >= run["players"].as_u64(), "{run}");
        assert!(run["updates"].as_u64() > Some(0), "{run}");
        assert_eq!((run["view_mismatches"].as_u64(), run["desyncs"].as_u64()), (Some(0), Some(0)), "{run}");
        assert_eq!(run["closed"].as_u64(), Some(0), "{run}");
    }
}

/// Every object that is what a swarm measured.
fn collect_runs<'a>(value: &'a Value, runs: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) if fields.contains_key("cpu_us_per_update") => runs.push(value),
        Value::Object(fields) => fields.values().for_each(|value| collect_runs(value, runs)),
        Value::Array(values) => values.iter().for_each(|value| collect_runs(value, runs)),
        _ => {}
    }
}
