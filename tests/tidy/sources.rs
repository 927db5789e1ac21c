//! What each source file looks like, and who may name whom.

use crate::rust_text::RustText;
use crate::{files, rust};

/// Lines of a file beyond which it should have been split by noun.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function beyond which it does not fit a screen.
const FUNCTION_LINES_MAX: usize = 70;

/// The lines of a file without comments, the contents of strings and test items, with their numbers.
fn code(text: &str) -> Vec<(usize, String)> {
    let blanked = RustText::program(text).blanked();
    blanked.lines().enumerate().map(|(number, line)| (number + 1, line.to_owned())).collect()
}

/// Every place where one of `words` is named in the code under `folder`.
fn named(folder: &str, words: &[&str]) -> Vec<String> {
    let files = rust().into_iter().filter(|file| file.path.starts_with(folder) && !file.path.ends_with("tests.rs"));
    files
        .flat_map(|file| {
            let hits: Vec<_> = code(&file.text)
                .into_iter()
                .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
                .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
                .collect();
            hits
        })
        .collect()
}

#[test]
fn the_simulation_names_no_socket_runtime_or_lock() {
    for folder in ["server/src/sim/", "server/src/replication/", "protocol/src/game/", "assets/games/"] {
        let words = ["tokio", "TcpStream", "socket", "dashmap", "Mutex", "RwLock", "tungstenite", "axum"];
        assert_eq!(named(folder, &words), [""; 0], "{folder}");
    }
}

#[test]
fn the_engine_names_no_game() {
    // The programs and the feature that turns the built-in game on.
    const NAMED_MAX: usize = 10;
    let words = ["ship", "ships", "bolt", "bolts", "rail", "rails", "arena", "arenas"];
    let folders = ["protocol/src", "server/src", "bot-client/src", "assets/web"];
    let mut hits = Vec::new();
    for file in files(&folders, &["rs", "js", "ts", "html", "css"]) {
        for (number, line) in (1..).zip(file.text.lines()) {
            let mut said = line.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
            if said.any(|word| words.contains(&word.as_str())) {
                hits.push(format!("{}:{number}", file.path));
            }
        }
    }
    let is_main = |hit: &String| hit.starts_with("server/src/main.rs:") || hit.starts_with("bot-client/src/main.rs:");
    let others: Vec<_> = hits.iter().filter(|hit| !is_main(hit)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(hits.len() <= NAMED_MAX, "{hits:?}");
}

#[test]
fn a_game_takes_few_lines() {
    for (game, most) in [("tag", 120), ("paint", 200)] {
        let sources = files(&[&format!("assets/games/{game}")], &["rs"]);
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines: usize = sources.iter().map(|file| file.text.lines().filter(is_code).count()).sum();
        assert!(lines <= most, "{game} has {lines} lines of code; at most {most}");
        assert!(lines > 50, "{game} is where this looks");
    }
}

#[test]
fn settings_name_no_socket_runtime_or_lock_and_only_run_starts_threads() {
    let words = ["tokio", "TcpStream", "TcpListener", "socket2", "dashmap", "Mutex", "RwLock", "tungstenite", "axum"];
    assert_eq!(named("server/src/config", &words), [""; 0]);
    let mut threads = named("server/src/", &["thread::spawn", "thread::Builder", "spawn_blocking"]);
    threads.retain(|hit| !hit.starts_with("server/src/run/"));
    assert_eq!(threads, [""; 0]);
}

#[test]
fn the_protocol_has_no_clock_socket_thread_or_global() {
    let words =
        ["std::time", "std::net", "std::thread", "std::fs", "Instant", "OnceLock", "static mut", "thread_local"];
    assert_eq!(named("protocol/src/", &words), [""; 0]);
}

#[test]
fn a_simulated_world_has_one_clock_and_nothing_that_differs_from_run_to_run() {
    let words = ["Instant::now()", "SystemTime", "HashMap", "HashSet", "getrandom", "thread::sleep"];
    let mut hits = named("tests/simulation/", &words);
    // How long it all took.
    hits.retain(|hit| !hit.starts_with("tests/simulation/main.rs"));
    assert_eq!(hits, [""; 0]);
}

#[test]
fn the_shared_step_and_the_game_are_in_integers() {
    // A heading for a brain or a page is found with floats; it is quantised before any rule sees it.
    let mut hits = named("protocol/src/fixed.rs", &["f32", "f64"]);
    hits.retain(|hit| !hit.contains("atan2") && !hit.contains("turns") && !hit.contains("Self::TURN"));
    assert_eq!(hits, [""; 0]);
    assert_eq!(named("assets/games/arena/src/rules/", &["f32", "f64"]), [""; 0]);
    let floats = ["f32", "f64", "HashMap", "HashSet"];
    assert_eq!(named("assets/games/arena/src/authority/", &floats), [""; 0]);
    assert_eq!(named("server/src/sim/room.rs", &["HashMap", "HashSet", "Instant"]), [""; 0]);
}

#[test]
fn one_file_names_bincode_and_one_the_bots_websocket_library() {
    let only = |folder: &str, word: &str, file: &str| {
        let others: Vec<_> = named(folder, &[word]).into_iter().filter(|hit| !hit.starts_with(file)).collect();
        assert_eq!(others, [""; 0], "only {file} names {word}");
    };
    only("protocol/src/", "bincode::", "protocol/src/wire/codec.rs");
    only("server/src/", "bincode", "none");
    only("bot-client/src/", "tungstenite", "bot-client/src/link.rs");
    let mut bots = named("server/src/", &["fracas_bots::"]);
    bots.retain(|hit| !["run/fill.rs", "run/swarm.rs", "testkit.rs"].iter().any(|file| hit.contains(file)));
    assert_eq!(bots, [""; 0], "who runs bots");
}

#[test]
fn one_file_writes_to_standard_error_and_output_and_it_never_waits_or_panics() {
    let words =
        ["println!", "eprint", " print!", "io::stdout()", "io::stderr()", "std::io::std", "set_hook", ".exit()"];
    let mut hits = [named("server/src/", &words), named("bot-client/src/", &words)].concat();
    // A replay tells of the panic itself, and nothing else runs beside it.
    hits.retain(|hit| !hit.starts_with("server/src/run/crash.rs"));
    assert_eq!(hits, [""; 0]);
}

#[test]
fn every_source_file_opens_with_what_it_owns() {
    for file in rust() {
        assert!(file.text.starts_with("//! "), "{} has no opening sentence", file.path);
    }
    for file in files(&["assets/web/page", "tests/browser"], &["js", "mjs"]) {
        assert!(file.text.starts_with("// "), "{} has no opening sentence", file.path);
    }
}

#[test]
fn files_and_functions_stay_short() {
    for file in files(&["protocol", "server", "bot-client", "tests", "assets"], &["rs", "js", "mjs"]) {
        let lines = file.text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines: split it by noun", file.path);
    }
    for file in rust() {
        for function in RustText::whole(&file.text).functions() {
            let length = function.last_line - function.first_line + 1;
            assert!(length <= FUNCTION_LINES_MAX, "{}: {length} lines: {}", file.path, function.name);
        }
    }
}

#[test]
fn nothing_is_left_for_later_and_nothing_is_skipped() {
    // Written in two parts, so that this file does not find itself.
    let left = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X:"],
        ["todo", "!("],
        ["unimplemented", "!("],
        ["#[ig", "nore"],
        ["test.sk", "ip"],
    ];
    let words: Vec<String> = left.iter().map(|parts| parts.concat()).collect();
    for file in
        files(&["protocol", "server", "bot-client", "tests", "assets"], &["rs", "js", "mjs", "sh", "py", "css", "html"])
    {
        for word in &words {
            assert!(!file.text.contains(word.as_str()), "{} has {word}", file.path);
        }
    }
}
