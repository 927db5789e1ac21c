//! Documents, page and code that must say the same.

use crate::documents::{DOCUMENTS, RECORDS};
use crate::{files, read};
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::limits;
use fracas_protocol::wire::message::Aspect;
use fracas_server::ops::metric_names::{ALL, MetricKind};
use fracas_tests::program::{repository, run};
use std::process::Command;

#[test]
fn core_wasm_is_not_older_than_its_sources() {
    for game in ["arena", "paint", "tag"] {
        let stamp = run(Command::new(repository().join("assets/web/stamp.sh")).arg(game));
        assert_eq!(stamp.code, Some(0), "{stamp:?}");
        assert_eq!(
            stamp.stdout,
            read(&format!("assets/games/{game}/core.wasm.stamp")),
            "the sources of core.wasm have changed: run assets/web/build-core.sh {game}"
        );
    }
}

#[test]
fn protocol_md_has_every_close_code() {
    let text = read("PROTOCOL.md");
    for reason in CloseReason::all() {
        let row = text.lines().find(|line| line.starts_with(&format!("| {} |", reason.code())));
        let row = row.unwrap_or_else(|| panic!("no row for {}", reason.code()));
        assert!(row.contains(reason.label()), "{} is {}", reason.code(), reason.label());
        let retries = row.contains("| yes");
        assert_eq!(retries, reason.may_retry(), "{row}");
    }
}

#[test]
fn protocol_md_has_the_numbers_of_the_code() {
    let text = read("PROTOCOL.md");
    let has = |number: usize| {
        let with_comma =
            if number >= 1000 { format!("{},{:03}", number / 1000, number % 1000) } else { number.to_string() };
        assert!(text.contains(&with_comma), "{with_comma} is missing");
    };
    has(limits::CLIENT_MESSAGE_BYTES_MAX);
    has(limits::FRAME_BYTES_MAX);
    has(limits::SERVER_MESSAGE_BYTES_MAX);
    has(limits::NAME_TABLE_LEN);
    for rate in [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60] {
        let tuning = fracas_arena::rules::Tuning::new(rate);
        for number in [tuning.top_speed, tuning.thrust, tuning.brake, tuning.bolt_speed] {
            has(number as usize);
        }
        let row = |name: &str| {
            let row = text.lines().find(|line| line.starts_with(&format!("| {name},"))).expect("a row").to_owned();
            let cell = row.split('|').nth(2 + usize::from(rate.hz() > 20) + usize::from(rate.hz() > 30));
            cell.expect("three rates").trim().parse::<u32>().expect("a number")
        };
        assert_eq!(row("LIFE"), u32::from(tuning.bolt_life));
        assert_eq!(row("RELOAD"), u32::from(tuning.reload));
        assert_eq!(row("ENERGY"), u32::from(tuning.energy));
    }
    for aspect in Aspect::ALL {
        let (width, height) = aspect.view_size();
        assert!(text.contains(&format!("{width} x {height}")), "{aspect:?}");
    }
}

#[test]
fn protocol_md_has_the_minimal_client_and_the_bytes_of_the_vectors() {
    let text = read("PROTOCOL.md");
    assert!(
        text.contains(read("tests/e2e/minimal_client.mjs").trim_end()),
        "the minimal client is not the one that is tested"
    );
    for (file, index) in [("client_messages", 0), ("server_messages", 0), ("session", 1)] {
        let vectors = read(&format!("protocol/vectors/{file}.json"));
        let hex =
            vectors.split("\"hex\": \"").nth(1 + index).and_then(|rest| rest.split('"').next()).expect("a vector");
        assert!(text.contains(&format!("`{hex}`")), "{file}: {hex}");
    }
    for file in std::fs::read_dir(repository().join("protocol/vectors")).expect("the vectors are there") {
        let name = file.expect("a file").file_name().into_string().expect("a plain name");
        assert!(
            text.contains(&format!("| `{name}`")) || text.contains(&format!("`{name}` |")),
            "{name} is not described"
        );
    }
}

#[test]
fn the_page_knows_every_function_of_the_core() {
    let (exports, core) = (read("assets/web/core/src/exports.rs"), read("assets/web/page/core.js"));
    let exported = exports.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next());
    let exported: Vec<_> = exported.filter(|name| !name.starts_with('$')).collect();
    assert!(exported.len() > 15, "{exported:?}");
    for name in exported {
        assert!(core.contains(&format!("{name}(")), "core.js knows nothing of {name}");
    }
}

#[test]
fn the_project_stands_on_its_own() {
    let texts = files(
        &["protocol", "server", "bot-client", "assets", "tests"],
        &["rs", "js", "mjs", "md", "toml", "sh", "json", "html"],
    );
    let foreign = [["../sh", "ared"], ["/ro", "ot/"], ["crates", "-io"]].map(|parts| parts.concat());
    for file in texts.iter().filter(|file| !file.path.ends_with("package-lock.json")) {
        for word in &foreign {
            assert!(!file.text.contains(word.as_str()), "{} names {word}", file.path);
        }
    }
    for document in DOCUMENTS.into_iter().chain(RECORDS) {
        let text = read(document);
        foreign.iter().for_each(|word| assert!(!text.contains(word.as_str()), "{document} names {word}"));
    }
}

/// The row of a guide's tables that begins with this, in code.
fn row<'a>(guide: &'a str, name: &str) -> Option<&'a str> {
    let begins = |line: &&str| {
        let rest = line.strip_prefix("| `").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['`', ' ']))
    };
    guide.lines().find(begins)
}

/// The flags that a program's help tells of.
fn flags(help: &str) -> Vec<&str> {
    let words = help.split_whitespace().map(|word| word.trim_end_matches([',', '.', ']', ':', ';']));
    let flags: Vec<_> =
        words.filter(|word| word.starts_with("--") && !matches!(*word, "--" | "--help" | "--version")).collect();
    assert!(flags.len() > 5, "{help}");
    flags
}

#[test]
fn every_metric_is_in_the_operators_guide_with_its_type() {
    let guide = read("server/README.md");
    for metric in ALL {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let row = row(&guide, metric.name).unwrap_or_else(|| panic!("no row for {}", metric.name));
        assert!(row.contains(&format!("| {kind} |")), "{} is a {kind}: {row}", metric.name);
    }
    let of_guide = guide.lines().filter_map(|line| line.strip_prefix("| `fracas_")?.split('`').next());
    for name in of_guide.map(|name| format!("fracas_{name}")) {
        assert!(ALL.iter().any(|metric| metric.name == name), "there is no metric {name}");
    }
}

#[test]
fn every_flag_of_the_server_is_in_the_operators_guide_with_its_variable() {
    let guide = read("server/README.md");
    let help = fracas_tests::run_server(&["--help"]).stdout;
    for flag in flags(&help) {
        let row = row(&guide, flag).unwrap_or_else(|| panic!("no row for {flag}"));
        let variable = format!("`FRACAS_{}`", flag.trim_start_matches('-').replace('-', "_").to_uppercase());
        assert!(row.contains(&variable), "{variable}: {row}");
    }
}

#[test]
fn every_flag_and_key_of_the_swarm_is_in_the_load_testers_guide() {
    let guide = read("bot-client/README.md");
    let help = fracas_tests::run_bots(&["swarm", "--help"]).stdout;
    for flag in flags(&help) {
        assert!(row(&guide, flag).is_some(), "no row for {flag}");
    }
    let source = read("bot-client/src/report/summary.rs");
    let fields = items(&source, "pub struct Summary {", "    pub ", [':']);
    for key in &fields {
        assert!(row(&guide, key).is_some(), "no row for {key}");
    }
    assert!(fields.len() > 30, "{fields:?}");
}

#[test]
fn every_function_of_a_game_is_in_the_game_developers_guide() {
    let guide = read("protocol/README.md");
    let traits = [
        ("rules.rs", "pub trait Rules", 10),
        ("authority.rs", "pub trait Game", 10),
        ("brain.rs", "pub trait Brain", 5),
        ("look.rs", "pub trait Look", 2),
    ];
    for (source, head, least) in traits {
        let text = read(&format!("protocol/src/game/{source}"));
        let [functions, types] = ["    fn ", "    type "].map(|mark| items(&text, head, mark, ['(', '<', ':', ';']));
        assert!(functions.len() > least, "{functions:?}");
        for name in functions.iter().chain(&types) {
            assert!(guide.contains(&format!("`{name}`")), "{head}: {name} is not in protocol/README.md");
        }
    }
}

#[test]
fn every_function_that_a_host_of_a_client_calls_is_one_of_the_client() {
    let (guide, client) = (read("protocol/README.md"), read("protocol/src/client/mod.rs"));
    let rows = guide.lines().skip_while(|line| *line != "| your program | calls |").take_while(|line| !line.is_empty());
    let calls: Vec<_> =
        rows.flat_map(|row| row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2)).collect();
    assert!(calls.len() > 5, "{calls:?}");
    for call in calls {
        assert!(client.contains(&format!("    pub fn {call}(")), "{call}");
    }
}

/// The names behind `mark` on lines of the item that begins with `head`, each up to one of `ends`.
fn items<'a>(source: &'a str, head: &str, mark: &str, ends: impl AsRef<[char]>) -> Vec<&'a str> {
    let item = &source[source.find(head).unwrap_or_else(|| panic!("no {head}"))..];
    let body = item.lines().take_while(|line| *line != "}");
    body.filter_map(|line| line.strip_prefix(mark)?.split(ends.as_ref()).next()).collect()
}
