//! What a server serves, and how it tells mistakes.

use fracas_tests::program::{program, run};
use fracas_tests::{Finished, Server, run_bots, run_server};
use std::net::TcpListener;
use std::process::Command;

/// One line on standard error that has `words` in it, and the exit code.
fn check_mistake(finished: &Finished, code: i32, words: &str) {
    let Finished { code: exit, stderr, .. } = finished;
    let lines: Vec<_> = stderr.lines().filter(|line| !line.contains(" INFO ")).collect();
    assert_eq!(*exit, Some(code), "{stderr}");
    assert_eq!(lines.len(), 1, "one clear line: {stderr}");
    assert!(lines[0].contains(words), "{words:?} in {stderr}");
}

#[test]
fn a_server_without_any_setting_serves_page_map_and_health() {
    let server = Server::start(&[]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>Fracas</title>"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(server.get("/core.wasm").header("content-type"), Some("application/wasm"));
    assert_eq!(server.get("/data").body.lines().count(), 16, "the walls of the map");
    for path in ["/livez", "/readyz"] {
        assert_eq!((server.get(path).status, server.get_ops(path).status), (200, 200), "{path}");
    }
    assert_eq!(server.get("/nothing").status, 404);
    assert_eq!(server.get("/metrics").status, 404, "only operators see them");
    assert_eq!(server.get_ops("/ops").status, 404, "it comes later");
    let version: serde_json::Value = serde_json::from_str(&server.get_ops("/version").body).expect("JSON");
    assert_eq!(version["protocol"], fracas_protocol::wire::limits::PROTOCOL_VERSION);
}

#[test]
fn a_port_in_use_is_told_with_the_flag_that_sets_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let finished = run_server(&["--listen", &address, "--ops-listen", "127.0.0.1:0"]);
    check_mistake(&finished, 1, "--listen");
    assert!(finished.stderr.contains(&address));
    check_mistake(&run_server(&["--listen", "127.0.0.1:0", "--ops-listen", &address]), 1, "--ops-listen");
}

#[test]
fn mistakes_on_the_command_line_and_in_the_file_exit_with_2() {
    check_mistake(&run_server(&["--no-such-flag"]), 2, "--no-such-flag");
    check_mistake(&run_server(&["--tick-hz", "50"]), 2, "20, 30 or 60");
    check_mistake(&run_server(&["--data-dir", "/tmp/x"]), 2, "no journal yet");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "max_players = 5\n").expect("writes");
    let path = file.path().display().to_string();
    check_mistake(&run_server(&["--config", &path]), 2, "did you mean \"max-players\"?");
    check_mistake(&run_server(&["--config", "/no/such.toml"]), 2, "/no/such.toml");
}

#[test]
fn settings_come_from_flag_environment_and_file_in_that_order() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "tick-hz = 20\nfill = 2\ndensity = 7\n").expect("writes");
    let path = file.path().display().to_string();
    let server = run_server(&["check-config", "--config", &path, "--fill", "5"]);
    assert_eq!(server.code, Some(0));
    let shows = |what: &str| assert!(server.stdout.contains(what), "{what} in {}", server.stdout);
    ["20,", "fill: 5", "density: 7", "max_players: 5000"].into_iter().for_each(shows);
    let with_variable = |name: &str, value: &str| {
        run(Command::new(program("fracas-server")).args(["check-config", "--config", &path]).env(name, value))
    };
    let from_environment = with_variable("FRACAS_FILL", "9");
    assert!(from_environment.stdout.contains("fill: 9"), "{from_environment:?}");
    check_mistake(&with_variable("FRACAS_TICK_HZ", "50"), 2, "FRACAS_TICK_HZ: the tick rate must be 20, 30 or 60");
    let unknown = with_variable("FRACAS_MAX_PLAYER", "9");
    assert!(unknown.code == Some(0) && unknown.stdout.contains("did you mean FRACAS_MAX_PLAYERS?"), "{unknown:?}");
}

#[test]
fn a_broken_map_is_told_with_what_to_do() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let check = |text: &[u8], words: &str| {
        std::fs::write(file.path(), text).expect("writes");
        check_both(&["--map", &file.path().display().to_string()], words);
    };
    check(b"", "save it from Tiled as .tmj");
    check(b"{}", "missing field `width`");
    check(br#"{"width":8,"height":8,"layers":[]}"#, "no tile layer named \"walls\"");
    check(br#"{"width":8,"height":8,"infinite":true,"layers":[]}"#, "turn off \"Infinite\"");
    check(b"\xff\xfe{\0}\0", "save it as UTF-8");
    check_both(&["--map", "/no/such.tmj"], "cannot read the map");
    check_both(&["--map", "/"], "it is a folder");
    check_both(&["--map", "/dev/zero"], "larger than 8 MiB");
}

/// A mistake in the settings, which `check-config` tells just as the start does.
fn check_both(arguments: &[&str], words: &str) {
    let start = run_server(&[&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"], arguments].concat());
    let check = run_server(&[&["check-config"], arguments].concat());
    check_mistake(&start, 2, words);
    check_mistake(&check, 2, words);
    assert_eq!(start.stderr, check.stderr);
}

#[test]
fn check_config_refuses_what_the_start_refuses() {
    let both = |listen: &str, ops_listen: &str, code| {
        let ports = ["--listen", listen, "--ops-listen", ops_listen, "--ops-token", "sixteen-letters!"];
        let check = run_server(&[&["check-config"], &ports[..]].concat());
        assert_eq!(check.code, Some(code), "{check:?}");
        if code == 2 {
            check_mistake(&run_server(&ports), 2, "are the same port");
        }
    };
    both("127.0.0.1:4000", "127.0.0.1:4000", 2);
    both("0.0.0.0:4000", "127.0.0.1:4000", 2);
    both("127.0.0.1:4000", "[::]:4000", 2);
    both("127.0.0.1:4000", "127.0.0.2:4000", 0);
    both("127.0.0.1:4000", "[::1]:4000", 0);
    both("127.0.0.1:0", "127.0.0.1:0", 0);
    // Where nobody can make a file, not even root.
    check_both(&["--crash-dir", "/proc"], "cannot write there");
    check_both(&["--crash-dir", "/dev/null"], "it is a file");
    check_both(&["--crash-dir", "/no/such/folder"], "no such folder");
    check_both(&["--ops-host", "https://ops.example"], "write a name alone");
    check_both(&["--config", "/"], "it is a folder");
    check_both(&["--config", "/dev/zero"], "larger than 1 MiB");
    check_both(&["--log-level", "loud"], "info");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "fill = 3\ntick-hz = = 30\n").expect("writes");
    check_both(&["--config", &file.path().display().to_string()], "line 2");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_map_or_config() {
    let cells = vec!["0"; 64].join(",");
    let map = format!(
        "\u{feff}{{\"width\":8,\"height\":8,\"layers\":[{{\"type\":\"tilelayer\",\"name\":\"walls\",\"data\":[{cells}]}}]}}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let (map_file, config_file) = (folder.path().join("map.tmj"), folder.path().join("fracas.toml"));
    std::fs::write(&map_file, map).expect("writes");
    std::fs::write(&config_file, format!("\u{feff}map = \"{}\"\n", map_file.display())).expect("writes");
    let finished = run_server(&["check-config", "--config", &config_file.display().to_string()]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("map.tmj"), "{finished:?}");
}

#[test]
fn another_map_is_played_on() {
    let cells = vec!["0"; 64].join(",");
    let map = format!(r#"{{"width":8,"height":8,"layers":[{{"type":"tilelayer","name":"walls","data":[{cells}]}}]}}"#);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), map).expect("writes");
    let server = Server::start(&["--fill", "0", "--map", &file.path().display().to_string()]);
    assert_eq!(server.get("/data").body.lines().count(), 8);
}

#[test]
fn the_printed_template_is_a_good_config_file() {
    let template = run_server(&["config-template"]);
    assert_eq!(template.code, Some(0));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &template.stdout).expect("writes");
    assert_eq!(run_server(&["check-config", "--config", &file.path().display().to_string()]).code, Some(0));
}

#[test]
fn the_healthcheck_tells_by_its_exit_code() {
    let server = Server::start(&["--fill", "0"]);
    let url = format!("http://{}/readyz", server.game);
    assert_eq!(run_server(&["healthcheck", &url]).code, Some(0));
    server.stop();
    let finished = run_server(&["healthcheck", &url]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn the_swarm_refuses_what_it_does_not_have() {
    check_mistake(&run_bots(&["swarm", "--threshold", "update_gap_p99<50ms"]), 2, "--threshold");
    check_mistake(&run_bots(&["swarm", "--html", "report.html"]), 2, "--html");
    check_mistake(&run_bots(&["swarm", "--brain", "clever"]), 2, "hunter");
    check_mistake(&run_bots(&["swarm", "--url", "http://127.0.0.1:1/"]), 2, "ws://HOST:PORT/ws");
    check_mistake(&run_bots(&["swarm", "--bots", "1000", "--duration", "2s"]), 2, "the ramp takes 5.0 s");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let finished = run_bots(&["swarm", "--url", &format!("ws://{nobody}/ws")]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
}
