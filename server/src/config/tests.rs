//! Settings are found, ranked and refused as the operators' guide says.

use super::*;
use crate::sim::idle::IdleLimit;
use fracas_protocol::tick::TickRate;
use std::time::Duration;

fn read_line(line: &str) -> Result<Action, UsageError> {
    read(std::iter::once("fracas-server").chain(line.split_whitespace()).map(Into::into))
}

fn config(line: &str) -> Config {
    match read_line(line) {
        Ok(Action::Serve(config)) => *config,
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal(line: &str) -> String {
    let message = read_line(line).expect_err(line).to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

fn with_file(text: &str, line: &str) -> Result<Action, UsageError> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("writes");
    read_line(&format!("{line} --config {}", file.path().display()))
}

#[test]
fn the_command_line_is_well_defined() {
    debug_assert();
}

#[test]
fn without_arguments_the_defaults_hold() {
    let config = config("");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.tick_rate, config.max_players, config.fill), (TickRate::HZ_30, 5000, 24));
    assert_eq!(config.rooms, ["main"]);
    assert_eq!(config.joins_per_address.to_string(), "2:64");
    assert!(config.event_loops() >= 1);
}

#[test]
fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
    let action = with_file("tick-hz = 20\nfill = 3\nallow-origin = [\"https://a.example\"]\n", "--fill 7");
    let Ok(Action::Serve(config)) = action else { panic!("{action:?}") };
    assert_eq!((config.tick_rate, config.fill, config.max_players), (TickRate::HZ_20, 7, 5000));
    assert_eq!(config.allow_origins.len(), 1);
}

#[test]
fn the_spectator_delay_is_a_time_in_a_flag_and_in_the_file() {
    let delay = |line: &str| config(line).spectator_delay.as_millis();
    assert_eq!(["", "--spectator-delay 1500ms", "--spectator-delay 0"].map(delay), [5000, 1500, 0]);
    let action = with_file("spectator-delay = \"10s\"\n", "");
    let Ok(Action::Serve(config)) = action else { panic!("{action:?}") };
    assert_eq!(config.spectator_delay.as_secs(), 10);
    assert!(refusal("--spectator-delay 61s").contains("'--spectator-delay <TIME>': it is 61s; it must be 0s to 60s"));
    assert!(refusal("--spectator-delay 5").contains("such as 5s"));
    let Err(error) = with_file("spectator-delay = \"soon\"\n", "") else { panic!("it is refused") };
    assert!(error.to_string().contains("line 1, column 1: spectator-delay: \"soon\" is no time"), "{error}");
    let Ok(Action::Print(told)) = read_line("check-config --spectator-delay 2m") else { return };
    panic!("{told}");
}

#[test]
fn mistakes_are_named_in_one_line() {
    assert!(refusal("--tick-hz 25").contains("20, 30 or 60"));
    assert!(refusal("--no-such-flag").contains("--no-such-flag"));
    assert!(refusal("--max-players 0").contains("--max-players"));
    assert!(refusal("--max-players 7000 --fill 1000").contains("8000 ships"));
    assert!(refusal("--room attic --room attic").contains("already"));
    assert!(refusal("--room a/b").contains("letters"));
    assert!(refusal(&format!("--room {}", "x".repeat(33))).contains("1 to 32"));
    let many: Vec<_> = (0..17).map(|number| number.to_string()).collect();
    assert!(refusal(&format!("--room {}", many.join(","))).contains("17 rooms"));
    assert!(refusal("--joins-per-address 0").contains("N:BURST"));
    assert!(refusal("--joins-per-address 2:x").contains("--joins-per-address"));
    assert!(refusal("--listen here").contains("--listen"));
    assert!(refusal("--allow-origin play.example").contains("https://host"));
    assert!(refusal("--public-host http://play.example").contains("without scheme and port"));
    assert!(refusal("--trusted-proxy proxy.example").contains("10.0.0.0/8"));
    assert!(refusal("--data-dir /tmp").contains("no journal yet"));
    assert!(refusal("--crash-dir /no/such/folder").contains("no such folder"));
    assert!(refusal("--config /no/such/file.toml").contains("/no/such/file.toml"));
}

#[test]
fn the_log_format_is_known_before_anything_else_is_read() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "log-format = \"json\"\nno-such-key = 1\n").expect("writes");
    let file = file.path().display();
    let format =
        |line: &str| expected_format(&line.split_whitespace().map(Into::into).collect::<Vec<std::ffi::OsString>>());
    for line in ["--log-format json --wrong", "--fill 3 --log-format=json", &format!("--config {file} check-config")] {
        assert_eq!(format(line), LogFormat::Json, "{line}");
    }
    for line in ["", "--log-format", "--log-format jsonx", &format!("--config={file} --log-format text")] {
        assert_eq!(format(line), LogFormat::Text, "{line}");
    }
}

#[test]
fn two_listeners_at_one_address_are_refused() {
    let is_refused = |listen: &str, ops_listen: &str| {
        let line = format!("--listen {listen} --ops-listen {ops_listen} --ops-token sixteen-characters");
        read_line(&line).is_err_and(|error| error.to_string().contains("--ops-listen"))
    };
    for (listen, ops_listen) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "10.0.0.1:80"),
        ("[::1]:80", "[::]:80"),
        ("0.0.0.0:80", "[::]:80"),
    ] {
        assert!(is_refused(listen, ops_listen) && is_refused(ops_listen, listen), "{listen} {ops_listen}");
    }
    for (listen, ops_listen) in [
        ("127.0.0.1:80", "127.0.0.1:81"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("0.0.0.0:80", "[::1]:80"),
        ("10.0.0.1:80", "127.0.0.1:80"),
    ] {
        assert!(!is_refused(listen, ops_listen) && !is_refused(ops_listen, listen), "{listen} {ops_listen}");
    }
}

#[test]
fn rooms_are_given_one_by_one_or_in_a_row_and_each_has_its_own_places() {
    let config = config("--room main,duel --room attic --max-players 100 --fill 4");
    assert_eq!(config.rooms, ["main", "duel", "attic"]);
    assert_eq!(config.connections_max(), 3 * 204 + 256);
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_with_a_hint() {
    let message = |text| with_file(text, "").expect_err("refused").to_string();
    assert!(message("tick_hz = 30").contains("line 1, column 1: unknown key \"tick_hz\"; did you mean \"tick-hz\"?"));
    assert!(
        message("fill = 3\n  tick-hz = 25").contains("line 2, column 3: tick-hz: the tick rate must be 20, 30 or 60")
    );
    assert!(message("fill = \"many\"").contains("fill: "));
    assert!(message("joins-per-address = \"often\"").contains("joins-per-address: write it as N"));
    assert!(!message("fill = = 3").contains('\n'));
    for text in ["fill = 3.5", "fill = [[1]]", "[fill]", "room = []"] {
        assert!(message(text).contains(": write a number, a text"), "{text}: {}", message(text));
    }
}

#[test]
fn a_mistake_between_settings_names_where_each_comes_from() {
    let error = with_file("\nmax-players = 7000\n", "--fill 1000").expect_err("refused").to_string();
    let place = error.strip_prefix("max-players (").and_then(|rest| rest.split_once(')')).map(|(place, _)| place);
    assert!(place.is_some_and(|place| place.ends_with(", line 2, column 1")), "{error}");
    assert!(error.contains("7000 and --fill 1000 are 8000 ships"), "{error}");
}

#[test]
fn every_setting_is_in_the_template_and_the_template_is_good() {
    let template = template::render();
    let command = layers::command();
    let names: Vec<_> = layers::settings(&command).map(|(name, _)| name).collect();
    for name in &names {
        assert!(template.contains(&format!("# {name} = ")), "{name}");
    }
    let settings = template.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| {
        names.iter().any(|name| line.starts_with(&format!("{name} = "))) && !line.starts_with("data-dir")
    });
    // The one file that it names is not there.
    let map = format!("{:?}", concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/maps/default.tmj"));
    let text = settings.collect::<Vec<_>>().join("\n").replace("\"map.tmj\"", &map);
    assert!(text.contains(&map));
    with_file(&text, "").expect("it is good");
}

#[test]
fn subcommands_are_told_apart() {
    assert!(matches!(read_line("config-template"), Ok(Action::Print(_))));
    assert!(matches!(read_line("check-config --fill 3"), Ok(Action::Check(..))));
    assert!(matches!(read_line("healthcheck http://127.0.0.1:1/readyz"), Ok(Action::Healthcheck(_))));
    assert!(matches!(read_line("replay x.replay"), Ok(Action::Replay(_))));
    assert!(matches!(read_line("--help"), Ok(Action::Print(_))));
    assert!(refusal("check-config --tick-hz 7").contains("20, 30 or 60"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "fill = 3\n").expect("writes");
    let line = format!("--config {} healthcheck -- http://127.0.0.1:1/readyz", file.path().display());
    assert!(matches!(read_line(&line), Ok(Action::Healthcheck(_))), "what a file sets does not come behind it");
}

#[test]
fn the_idle_time_has_a_unit_or_is_never() {
    let idle = |line: &str| config(line).idle;
    let after = |seconds| IdleLimit::after(Duration::from_secs(seconds));
    assert_eq!((idle(""), idle("--idle 90s"), idle("--idle 2h")), (after(300), after(90), after(7200)));
    assert_eq!(idle("--idle 0"), IdleLimit::NEVER);
    for wrong in ["5", "m", "1.5", "1s", "25h", "m5", "4294967295h", "5\u{b5}"] {
        let words = read(["fracas-server", "--idle", wrong].map(Into::into)).expect_err(wrong).to_string();
        assert!(words.contains("--idle") && words.contains("or 0 for ever"), "{words}");
    }
    for (text, limit) in [("idle = \"2m\"", after(120)), ("idle = 0", IdleLimit::NEVER)] {
        let Ok(Action::Serve(config)) = with_file(text, "") else { panic!("{text}") };
        assert_eq!(config.idle, limit);
    }
    assert!(with_file("idle = 7", "").is_err());
}
