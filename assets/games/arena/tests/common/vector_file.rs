//! Reading a vector file, and writing it anew with `FRACAS_WRITE_VECTORS=1`.

#![allow(dead_code, reason = "each test uses its part")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

/// A file among the protocol's vectors.
pub(crate) fn path(file: &str) -> PathBuf {
    // Other crates' tests use this too, from folders of other depths.
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("protocol/vectors"));
    above.find(|vectors| vectors.is_dir()).expect("the vectors are there").join(file)
}

/// Compares a list with the file's, item by item; or writes the file, an item a line.
pub(crate) fn check_list<T: Serialize + DeserializeOwned + PartialEq + Debug>(file: &str, items: &[T]) {
    if is_written() {
        std::fs::write(path(file), lines("[", items, "]\n")).expect("writes");
    }
    let text = std::fs::read_to_string(path(file)).expect("the file is there");
    let recorded: Vec<T> = serde_json::from_str(&text).expect("the file is such a list");
    assert_eq!(items.len(), recorded.len(), "{file}");
    for (item, recorded) in items.iter().zip(&recorded) {
        assert_eq!(item, recorded, "the first item of {file} that differs");
    }
}

/// Whether files are to be written.
pub(crate) fn is_written() -> bool {
    std::env::var_os("FRACAS_WRITE_VECTORS").is_some()
}

/// JSON with an item a line, between two texts.
pub(crate) fn lines<T: Serialize>(begin: &str, items: &[T], end: &str) -> String {
    let lines: Vec<_> = items.iter().map(|item| serde_json::to_string(item).expect("plain data")).collect();
    format!("{begin}\n{}\n{end}", lines.join(",\n"))
}
