//! `new-game`: writes a game to begin with into a folder, from the template that is part of the program.

use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// The template's files: where each goes, and its text.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../assets/template/Cargo.toml.in")),
    ("README.md", include_str!("../../assets/template/README.md")),
    (".gitignore", include_str!("../../assets/template/gitignore")),
    ("src/main.rs", include_str!("../../assets/template/src/main.rs")),
    ("src/lib.rs", include_str!("../../assets/template/src/lib.rs")),
    ("src/game.rs", include_str!("../../assets/template/src/game.rs")),
];
/// What stands in them for the game's name, for its name in Rust, and for the folder of the engine.
const NAME: &str = "my-game";
const CRATE: &str = "my_game";
const ENGINE: &str = "ENGINE";

/// The longest name of a crate, in characters.
const NAME_LEN_MAX: usize = 64;
/// Names that no crate can have, or that would hide one that a game needs.
const TAKEN: [&str; 12] =
    ["alloc", "as", "async", "core", "crate", "fn", "mod", "proc_macro", "self", "std", "test", "use"];

/// Writes a game of this name into a folder that does not exist yet, or is empty. Returns what to do next. If anything is
/// wrong, nothing is changed.
///
/// # Errors
/// What is wrong, and what to do about it.
pub(crate) fn new_game(name: &str, folder: &Path, engine: Option<&Path>) -> anyhow::Result<String> {
    check_name(name)?;
    check_folder(folder)?;
    let engine = match engine {
        Some(engine) => is_engine(engine).with_context(|| {
            format!("--engine {}: there is no Fracas; name the folder of its repository", engine.display())
        })?,
        None => find_engine(folder).context("there is no Fracas around here; name its folder with --engine")?,
    };
    // Beside it first: the folder appears with all that belongs in it, or not at all.
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let draft = parent.join(format!(".{name}-{}", std::process::id()));
    let written = write(name, &draft, &engine)
        .and_then(|()| fs::rename(&draft, folder).with_context(|| format!("cannot make {}", folder.display())));
    if written.is_err() {
        // What is left of it would only be in the way.
        let _ = fs::remove_dir_all(&draft);
    }
    written?;
    let (folder, engine) = (folder.display(), engine.display());
    Ok(format!(
        "{folder} is a game to begin with; its README.md says more:\n  cd {folder}\n  cargo test\n  \
         {engine}/assets/web/build-core.sh .\n  cargo run --release -- --web page\n"
    ))
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let is_good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= NAME_LEN_MAX
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    ensure!(is_good, "{name:?} is no name of a crate: use lower-case letters, digits, - and _, a letter first");
    let is_taken = TAKEN.contains(&name.replace('-', "_").as_str()) || name.starts_with("fracas");
    ensure!(!is_taken, "{name:?} is taken: use another name");
    Ok(())
}

fn check_folder(folder: &Path) -> anyhow::Result<()> {
    match fs::read_dir(folder) {
        Ok(mut files) => match files.next() {
            None => Ok(()),
            Some(_) => bail!("{} is not empty: name a folder that does not exist yet", folder.display()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => bail!("cannot write to {}: {error}", folder.display()),
    }
}

/// The whole path of a folder, if the engine's sources are in it.
fn is_engine(folder: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(folder).ok()?;
    let manifest = fs::read_to_string(folder.join("protocol/Cargo.toml")).ok()?;
    manifest.contains("name = \"fracas-protocol\"").then_some(folder)
}

/// The nearest folder with the engine's sources: around the game, around where the program was started, or around the
/// program.
fn find_engine(folder: &Path) -> Option<PathBuf> {
    let around = [std::path::absolute(folder).ok(), std::env::current_dir().ok(), std::env::current_exe().ok()];
    around.iter().flatten().find_map(|place| place.ancestors().find_map(is_engine))
}

fn write(name: &str, draft: &Path, engine: &Path) -> anyhow::Result<()> {
    for (file, text) in FILES {
        let path = draft.join(file);
        let folder = path.parent().unwrap_or(draft);
        let text = text.replace(NAME, name).replace(CRATE, &name.replace('-', "_"));
        let text = text.replace(ENGINE, &engine.display().to_string());
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn a_new_game_has_its_name_and_the_engines_folder_in_its_files() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("puck");
        let said = new_game("push-puck", &folder, Some(repository())).expect("it is written");
        assert!(said.contains("cargo run --release -- --web page"));
        let read = |file: &str| fs::read_to_string(folder.join(file)).expect("the file is there");
        assert!(read("Cargo.toml").contains("name = \"push-puck\""));
        assert!(read("src/main.rs").contains("push_puck::game::Walk"));
        let engine = fs::canonicalize(repository()).expect("it is there");
        assert!(read("Cargo.toml").contains(&format!("path = \"{}/protocol\"", engine.display())));
        for (file, _) in FILES {
            assert!(!read(file).contains(ENGINE) && !read(file).contains(CRATE), "{file}");
        }
    }

    #[test]
    fn a_folder_that_is_not_empty_and_a_name_that_is_no_crates_change_nothing() {
        let home = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join("mine"), "kept").expect("writes");
        let refused = |name: &str, folder: &Path| {
            new_game(name, folder, Some(repository())).expect_err("it is refused").to_string()
        };
        assert!(refused("puck", home.path()).contains("is not empty"));
        assert!(refused("puck", &home.path().join("mine")).contains("cannot write to"));
        for name in
            ["", "Puck", "1puck", "my puck", "../puck", "puck/", "core", "async", "fracas-puck", &"p".repeat(65)]
        {
            refused(name, &home.path().join("new"));
        }
        let left: Vec<_> = fs::read_dir(home.path()).expect("the folder").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn an_engine_that_is_not_there_is_asked_for() {
        let home = tempfile::tempdir().expect("a folder");
        let error = new_game("puck", &home.path().join("new"), Some(home.path())).expect_err("no engine");
        assert!(format!("{error:#}").contains("name the folder of its repository"), "{error:#}");
    }
}
