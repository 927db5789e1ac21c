//! Rules that the code base keeps, checked on its text.
//!
//! - `advisories`: dependencies with known faults
//! - `sources`: what each source file looks like, and words that a folder must not have
//! - `imports`: who may import whom, and no circle
//! - `names`: one name with one meaning, and words that are no longer used
//! - `agreement`: documents, page and code that must say the same
//! - `documents`: sentences, lines, links, paths and figures of the documents
//! - `rust_text`: a Rust file without comments, strings and tests, for the rules above

mod advisories;
mod agreement;
mod documents;
mod imports;
mod names;
mod rust_text;
mod sources;

use std::path::{Path, PathBuf};

/// A file of the repository: its path from the root, and its text.
struct File {
    path: String,
    text: String,
}

/// The files under `folders` with one of these endings, in order.
fn files(folders: &[&str], endings: &[&str]) -> Vec<File> {
    let root = fracas_tests::program::repository();
    let mut found = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut |path| {
            if endings.iter().any(|ending| path.extension().is_some_and(|extension| extension == *ending)) {
                let name = path.strip_prefix(&root).expect("it is under the root").display().to_string();
                found.push(File { path: name, text: std::fs::read_to_string(path).expect("text") });
            }
        });
    }
    assert!(!found.is_empty(), "nothing under {folders:?}");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            if !matches!(&*name, "target" | "node_modules" | "out") {
                walk(&path, visit);
            }
        } else {
            visit(&path);
        }
    }
}

/// One file's text.
fn read(path: &str) -> String {
    let full = fracas_tests::program::repository().join(path);
    std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust sources.
fn rust() -> Vec<File> {
    files(&["protocol", "server", "bot-client", "tests", "assets"], &["rs"])
}
