//! Clients in other languages, written from PROTOCOL.md alone: if they see the same views, the document is complete.

use fracas_tests::program::{repository, run};
use fracas_tests::{Finished, Server};
use std::process::Command;

fn python(arguments: &[&str]) -> Finished {
    run(Command::new("python3").arg(repository().join("tests/e2e/python_client.py")).args(arguments))
}

#[test]
fn the_minimal_client_of_the_document_stays_connected_and_leaves() {
    let server = Server::start(&[]);
    let mut node = Command::new("node");
    node.arg("--experimental-websocket").arg(repository().join("tests/e2e/minimal_client.mjs"));
    // Longer than a client may be silent, or stale.
    let finished = run(node.args([&server.url(), "12"]));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let seen: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!((&seen["close"], &seen["fresh"]), (&1000.into(), &1.into()), "{seen}");
    for (key, least) in [("own", 4096.0), ("bodies", 300.0), ("pongs", 20.0), ("news", 10.0)] {
        assert!(seen[key].as_f64().is_some_and(|number| number >= least), "{key} in {seen}");
    }
}

#[test]
fn it_reads_the_golden_vectors() {
    let vectors = repository().join("protocol/vectors").display().to_string();
    let finished = python(&["--vectors", &vectors]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn a_server_closes_on_what_must_not_be_said_as_the_vectors_have_it() {
    let server = Server::start(&["--fill", "0"]);
    let vectors = repository().join("protocol/vectors").display().to_string();
    let finished = python(&["--url", &server.url(), "--vectors", &vectors]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn it_joins_plays_ten_seconds_and_its_view_always_agrees() {
    let server = Server::start(&[]);
    let finished = python(&["--url", &server.url(), "--seconds", "10", "--name", "python"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let summary: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let number = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key} in {summary}"));
    assert!(number("view_checks") >= 8.0 && number("view_mismatches") == 0.0, "{summary}");
    for key in ["entries", "leaves", "deltas", "spawns", "names", "pongs", "news", "moved_units"] {
        assert!(number(key) > 0.0, "{key} in {summary}");
    }
    assert_eq!(number("unexplained_corrections"), 0.0, "it runs the same step: {summary}");
}
