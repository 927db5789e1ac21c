//! The program as an operator meets it: its name, the game's settings from every place, and a build without a game.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// The exit code, and what it prints.
fn run(program: impl AsRef<OsStr>, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).env("NO_COLOR", "1");
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_fracas-server");

#[test]
#[cfg(feature = "arena")]
fn a_setting_of_the_game_comes_from_flag_environment_and_file_in_that_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.toml");
    std::fs::write(&file, "density = 7\nfill = 3\n").expect("writes");
    let file = file.display().to_string();
    let variable = [("FRACAS_DENSITY", "8")];
    for (flags, environment, density) in
        [(&[][..], &[][..], 7), (&[], &variable, 8), (&["--density", "9"], &variable, 9)]
    {
        let (code, text) = run(PROGRAM, &[&["check-config", "--config", &file], flags].concat(), environment);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(&format!("density: {density}")) && text.contains("fill: 3"), "{text}");
    }
    let (code, text) = run(PROGRAM, &["check-config"], &[("FRACAS_DENSITY", "0")]);
    assert_eq!((code, text.as_str()), (Some(2), "fracas-server: FRACAS_DENSITY: 0 is not in 1..=1000\n"));
    let (code, text) = run(PROGRAM, &["check-config"], &[("FRACAS_DENSITI", "8")]);
    assert!(code == Some(0) && text.contains("did you mean FRACAS_DENSITY?"), "{text}");
}

#[test]
#[cfg(not(feature = "arena"))]
fn a_build_without_a_game_says_so_in_one_line() {
    for arguments in [&[][..], &["--help"], &["check-config"]] {
        let (code, text) = run(PROGRAM, arguments, &[]);
        assert!(code == Some(2) && text.starts_with("fracas-server: this build has no game;"), "{code:?} {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn a_mistake_begins_with_the_name_that_the_programs_file_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let renamed = folder.path().join("tag");
    copy(Path::new(PROGRAM), &renamed);
    let (code, text) = run(renamed, &["--no-such-flag"], &[]);
    assert!(code == Some(2) && text.starts_with("tag: ") && text.lines().count() == 1, "{code:?} {text}");
}

/// Copies a program by a program of its own: what a process has just written itself, it may not be able to start, while
/// another thread starts something too.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args([from, to]).status().expect("there is a cp");
    assert!(copied.success(), "{copied}");
}
