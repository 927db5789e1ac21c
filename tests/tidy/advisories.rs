//! No dependency has a known advisory that nobody has weighed: Cargo.lock against `tests/advisories.toml`.

use crate::read;
use semver::{Version, VersionReq};
use serde::Deserialize;

/// The dated list.
#[derive(Deserialize)]
struct List {
    date: String,
    advisory: Vec<Advisory>,
}

/// One known fault of a crate.
#[derive(Deserialize)]
struct Advisory {
    id: String,
    package: String,
    about: String,
    /// The versions that do not have it.
    unaffected: Vec<VersionReq>,
    /// Why an affected one is used all the same.
    allowed: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

/// A crate in Cargo.lock.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: Version,
}

fn list() -> List {
    toml::from_str(&read("tests/advisories.toml")).expect("a list")
}

fn lock() -> Lock {
    toml::from_str(&read("Cargo.lock")).expect("a lock file")
}

/// The advisories that hold for what is locked.
fn found<'a>(list: &'a List, lock: &Lock) -> Vec<&'a Advisory> {
    let holds = |advisory: &&Advisory| {
        let is_affected = |package: &Package| {
            package.name == advisory.package && !advisory.unaffected.iter().any(|sound| sound.matches(&package.version))
        };
        lock.package.iter().any(is_affected)
    };
    list.advisory.iter().filter(holds).collect()
}

fn unweighed(list: &List, lock: &Lock) -> Vec<String> {
    let found = found(list, lock).into_iter().filter(|advisory| advisory.allowed.is_none());
    found.map(|advisory| format!("{}: {}, {}", advisory.id, advisory.package, advisory.about)).collect()
}

#[test]
fn no_dependency_has_a_known_advisory_without_a_reason() {
    let (list, lock) = (list(), lock());
    assert_eq!(unweighed(&list, &lock), [""; 0]);
    let weighed: Vec<_> = found(&list, &lock).into_iter().map(|advisory| advisory.id.as_str()).collect();
    assert_eq!(weighed, ["RUSTSEC-2025-0141"], "bincode's is flagged, and no other is allowed");
    let is_a_date = list.date.len() == 10 && list.date.split('-').all(|part| part.parse::<u16>().is_ok());
    assert!(is_a_date, "{}", list.date);
}

#[test]
fn every_allowed_advisory_is_one_that_cargo_deny_is_told_of() {
    let deny = read("deny.toml");
    for advisory in list().advisory.iter().filter(|advisory| advisory.allowed.is_some()) {
        assert!(deny.contains(&advisory.id), "deny.toml does not name {}", advisory.id);
    }
}

#[test]
fn a_planted_advisory_is_found() {
    let (mut list, lock) = (list(), lock());
    let version = |name: &str| {
        let package = lock.package.iter().find(|package| package.name == name).expect("it is locked");
        package.version.clone()
    };
    let plant = |unaffected: String| Advisory {
        id: "RUSTSEC-0000-0001".into(),
        package: "tokio".into(),
        about: "planted".into(),
        unaffected: vec![unaffected.parse().expect("a requirement")],
        allowed: None,
    };
    list.advisory.push(plant(format!("> {}", version("tokio"))));
    assert_eq!(unweighed(&list, &lock), ["RUSTSEC-0000-0001: tokio, planted"]);
    list.advisory.pop();
    list.advisory.push(plant(format!(">= {}", version("tokio"))));
    assert_eq!(unweighed(&list, &lock), [""; 0], "a patched version has it no more");
}
