//! Documents, page and code that must say the same.

use crate::{files, read};
use fracas_protocol::close::CloseReason;
use fracas_protocol::limits;
use fracas_protocol::message::Aspect;
use fracas_protocol::tick::TickRate;
use fracas_tests::program::{repository, run};
use std::process::Command;

#[test]
fn core_wasm_is_not_older_than_its_sources() {
    let stamp = run(&mut Command::new(repository().join("assets/web/core/stamp.sh")));
    assert_eq!(stamp.code, Some(0), "{stamp:?}");
    assert_eq!(
        stamp.stdout,
        read("assets/web/core/core.wasm.stamp"),
        "the sources of core.wasm have changed: run assets/web/core/build.sh"
    );
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
        let tuning = fracas_protocol::arena::Tuning::new(rate);
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
fn the_page_has_the_same_views_and_layouts_as_the_core() {
    let renderer = read("assets/web/page/renderer.js");
    for aspect in Aspect::ALL {
        let (width, height) = aspect.view_size();
        assert!(renderer.contains(&format!("[{width}, {height}]")), "{aspect:?}");
    }
    let (scene, core) = (read("assets/web/core/src/scene.rs"), read("assets/web/page/core.js"));
    for name in ["SHIP_FLOATS", "BOLT_FLOATS", "PICKUP_FLOATS", "WALL_FLOATS"] {
        let after = |text: &str, pattern: &str| {
            let at = text.find(pattern).unwrap_or_else(|| panic!("no {pattern}")) + pattern.len();
            text[at..].split(';').next().expect("an end").trim().to_owned()
        };
        assert_eq!(after(&scene, &format!("{name}: usize =")), after(&core, &format!("{name} =")), "{name}");
    }
    let exports = read("assets/web/core/src/exports.rs");
    let exported: Vec<_> =
        exports.split("extern \"C\" fn ").skip(1).filter_map(|rest| rest.split('(').next()).collect();
    for name in exported.iter().filter(|name| !name.starts_with('$')) {
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
    for document in ["README.md", "ARCHITECTURE.md", "PROTOCOL.md", "CHANGELOG.md", "BENCHMARKS.md"] {
        let text = read(document);
        foreign.iter().for_each(|word| assert!(!text.contains(word.as_str()), "{document} names {word}"));
    }
}

#[test]
fn every_metric_flag_and_report_key_is_in_the_readme() {
    let readme = read("README.md");
    for metric in fracas_server_metrics() {
        assert!(readme.contains(&metric), "{metric}");
    }
    let help = fracas_tests::run_server(&["--help"]).stdout;
    for flag in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 3) {
        let flag = flag.trim_end_matches([',', '.', ']']);
        if !matches!(flag, "--help" | "--version") {
            assert!(readme.contains(flag), "{flag}");
        }
    }
}

/// The names in `telemetry/names.rs`, read from its text: this crate does not link the server.
fn fracas_server_metrics() -> Vec<String> {
    let text = read("server/src/telemetry/names.rs");
    let names: Vec<_> =
        text.split('"').filter(|part| part.starts_with("fracas_") && part.len() > 7).map(String::from).collect();
    assert!(names.len() > 20);
    names
}
