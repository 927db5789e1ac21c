//! Settings are found, ranked and refused as the operators' guide says.

use super::*;
use crate::sim::idle::IdleLimit;
use fracas_protocol::game::brain::{Brain, BrainKind, Idle};
use fracas_protocol::game::data::StartData;
use fracas_protocol::game::settings::{Setting, SettingKind, Settings};
use fracas_protocol::game::toy::Yard;
use fracas_protocol::tick::TickRate;
use std::time::Duration;

const WALKS: &[BrainKind] = &[BrainKind::new("walk", "Walks.")];

/// A game with every kind of setting, whose board must not be empty.
const GAME: GameInfo = GameInfo {
    name: "checkers",
    settings: &[
        Setting {
            name: "board-size",
            value_name: "N",
            help: "How many fields a side has.",
            kind: SettingKind::Number { default: Some(8), min: 4, max: 64 },
        },
        Setting {
            name: "moves",
            value_name: "N",
            help: "End the game after so many moves. [default: never] [example: 40]",
            kind: SettingKind::Number { default: None, min: 1, max: 1000 },
        },
        Setting {
            name: "board",
            value_name: "FILE",
            help: "Where the stones stand. [example: board.txt]",
            kind: SettingKind::File { bytes_max: 100 },
        },
    ],
    players_max: 7680,
    brains: WALKS,
    start_data,
};

fn start_data(settings: &Settings, _rate: TickRate) -> Result<StartData, String> {
    match settings.file("board") {
        Some(b"") => Err("the board is empty".into()),
        board => Ok(StartData::new(board.unwrap_or(b"as usual"))),
    }
}

fn read_line(line: &str) -> Result<Action, UsageError> {
    read_line_of(&GAME, line)
}

fn read_line_of(game: &GameInfo, line: &str) -> Result<Action, UsageError> {
    read(game, std::iter::once("/usr/bin/fracas-server").chain(line.split_whitespace()).map(Into::into))
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
    debug_assert(&GAME);
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
    assert!(refusal("--max-players 7000 --fill 1000").contains("8000 players; one room has seats for 6813"));
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
    assert!(refusal("--web /no/such/folder").contains("no such folder"));
    assert!(refusal("--web /dev/null").contains("it is no folder"));
    assert!(refusal("--config /no/such/file.toml").contains("/no/such/file.toml"));
}

#[test]
fn the_log_format_is_known_before_anything_else_is_read() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "log-format = \"json\"\nno-such-key = 1\n").expect("writes");
    let file = file.path().display();
    let format = |line: &str| expected_format(&line.split_whitespace().map(Into::into).collect::<Vec<OsString>>());
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
    assert!(error.contains("7000 and --fill 1000 are 8000 players"), "{error}");
}

#[test]
fn every_setting_is_in_the_template_and_the_template_is_good() {
    let command = layers::plain_command(&GAME, "checkers");
    let template = template::render(&command);
    assert!(template.starts_with("# Settings of checkers;"), "{template}");
    let names: Vec<_> = layers::settings(&command).map(|(name, _)| name).collect();
    assert!(names.contains(&"board-size") && names.contains(&"board"), "{names:?}");
    for name in &names {
        assert!(template.contains(&format!("# {name} = ")), "{name}");
    }
    let settings = template.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| {
        names.iter().any(|name| line.starts_with(&format!("{name} = "))) && !line.starts_with("data-dir")
    });
    // The file and the folder that it names are not there.
    let folder = tempfile::tempdir().expect("a folder");
    let board = folder.path().join("board.txt");
    std::fs::write(&board, "stones").expect("writes");
    let (board, page) =
        (format!("{:?}", board.display().to_string()), format!("{:?}", folder.path().display().to_string()));
    let text = settings.collect::<Vec<_>>().join("\n").replace("\"board.txt\"", &board).replace("\"page\"", &page);
    assert!(text.contains(&board) && text.contains(&page), "{text}");
    with_file(&text, "").expect("it is good");
}

#[test]
fn the_games_settings_come_from_flags_and_file_and_are_as_the_game_says_when_nobody_sets_them() {
    let settings = |line: &str| config(line).game.settings;
    let usual = settings("");
    assert_eq!((usual.number("board-size"), usual.number("moves"), usual.file("board")), (Some(8), None, None));
    assert_eq!(settings("--board-size 16 --moves=40").number("moves"), Some(40));
    let action = with_file("board-size = 16\nmoves = 7\n", "--moves 9");
    let Ok(Action::Serve(config)) = action else { panic!("{action:?}") };
    let settings = &config.game.settings;
    assert_eq!((settings.number("board-size"), settings.number("moves")), (Some(16), Some(9)));
    let Ok(Action::Check(_, told)) = read_line("check-config --board-size 32") else { panic!("it is good") };
    assert!(
        told.contains("game: checkers {") && told.contains("board-size: 32") && told.contains("moves: not set"),
        "{told}"
    );
}

#[test]
fn a_wrong_value_of_the_games_is_told_as_one_of_the_servers_is() {
    assert!(refusal("--board-size 3").contains("'--board-size <N>': 3 is not in 4..=64"));
    assert!(refusal("--moves many").contains("'many' for '--moves <N>'"));
    let message = |text| with_file(text, "").expect_err("refused").to_string();
    assert!(message("board-size = 65").contains("line 1, column 1: board-size: 65 is not in 4..=64"));
    assert!(message("bord-size = 8").contains("unknown key \"bord-size\"; did you mean \"board-size\"?"));
    assert!(refusal("--board-siz 8").contains("--board-size"));
}

#[test]
fn a_file_of_the_games_is_read_at_the_start_within_its_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("board.txt");
    let read = |content: &[u8]| {
        std::fs::write(&path, content).expect("writes");
        read_line(&format!("--board {}", path.display()))
    };
    let Ok(Action::Serve(config)) = read(b"stones") else { panic!("it is good") };
    assert_eq!(
        (config.game.settings.file("board"), &config.game.data.bytes()[..]),
        (Some(&b"stones"[..]), &b"stones"[..])
    );
    let shown = format!("{:#?}", config.game);
    assert!(
        shown.contains(&path.display().to_string()) && !shown.contains("115"),
        "the file and not its bytes: {shown}"
    );
    let message = |content: &[u8]| read(content).expect_err("refused").to_string();
    let place = format!("--board {}", path.display());
    assert_eq!(message(&[7; 101]), format!("{place}: cannot read the board: it is larger than 100 bytes"));
    assert_eq!(message(b""), format!("{place}: the board is empty"), "the game itself refuses it");
    assert!(refusal("--board /").contains("--board /: cannot read the board: it is a folder"));
    assert!(refusal("--board /no/such.txt").contains("/no/such.txt: cannot read the board: No such file"));
}

#[test]
fn a_room_has_no_more_seats_than_its_game_has_ids_and_no_bots_that_do_nothing() {
    let of = |players_max, brains, line: &str| match read_line_of(&GameInfo { players_max, brains, ..GAME }, line) {
        Ok(Action::Serve(config)) => Ok((config.max_players, config.fill)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(of(61_440, WALKS, ""), Ok((5000, 24)));
    assert_eq!(of(61_440, <Idle as Brain<Yard>>::KINDS, ""), Ok((5000, 0)));
    let (max_players, fill) = of(700, WALKS, "").expect("it is good");
    assert!(max_players > 100 && fill == 24, "{max_players} {fill}");
    assert_eq!(of(700, WALKS, &format!("--max-players {max_players}")), Ok((max_players, fill)));
    let refused = of(700, WALKS, &format!("--max-players {}", max_players + 1)).expect_err("too many");
    assert!(refused.contains("one room has seats for"), "{refused}");
    assert!(of(500, WALKS, "").expect_err("too few").contains("the smallest room takes 514"));
    let smallest = of(514, WALKS, "").expect("it is good");
    assert!(smallest.0 >= 1, "{smallest:?}");
    assert!(of(61_440, WALKS, "--max-players 60000").expect_err("too many").contains("60024 players"));
}

#[test]
fn the_program_is_called_what_its_file_is_called() {
    let called = |path: &str| program_name(&[path.into()]);
    assert_eq!((called("/opt/tag/fracas-tag"), called("tag")), ("fracas-tag".into(), "tag".into()));
    let Ok(Action::Print(help)) = read(&GAME, ["bin/checkers", "--help"].map(Into::into)) else { panic!("it prints") };
    assert!(help.contains("Usage: checkers ") && help.contains("[env: FRACAS_BOARD_SIZE]"), "{help}");
}

#[test]
fn subcommands_are_told_apart() {
    assert!(matches!(read_line("config-template"), Ok(Action::Print(_))));
    assert!(matches!(read_line("check-config --fill 3"), Ok(Action::Check(..))));
    assert!(matches!(read_line("healthcheck http://127.0.0.1:1/readyz"), Ok(Action::Healthcheck(_))));
    assert!(matches!(read_line("replay x.replay"), Ok(Action::Replay(_))));
    assert!(matches!(read_line("--help"), Ok(Action::Print(_))));
    for misplaced in ["--fill 3 swarm --bots 5", "swarm --help", "swarm"] {
        assert!(refusal(misplaced).contains("swarm takes no settings of the server"), "{misplaced}");
    }
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
        let words = read(&GAME, ["fracas-server", "--idle", wrong].map(Into::into)).expect_err(wrong).to_string();
        assert!(words.contains("--idle") && words.contains("or 0 for ever"), "{words}");
    }
    for (text, limit) in [("idle = \"2m\"", after(120)), ("idle = 0", IdleLimit::NEVER)] {
        let Ok(Action::Serve(config)) = with_file(text, "") else { panic!("{text}") };
        assert_eq!(config.idle, limit);
    }
    assert!(with_file("idle = 7", "").is_err());
}
