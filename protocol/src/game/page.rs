//! The files of a game's own page, put into the program.

/// A file that the game port serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFile {
    /// Its path below the page's root, such as `main.js`.
    pub path: &'static str,
    /// Its content.
    pub content: &'static [u8],
}

/// The files of a folder of the game's crate, by their paths: `page_files!("page": "index.html", "main.js")`.
///
/// In a core for a page it holds none: that is one of the files.
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! page_files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[]
    };
}

/// The files of a folder of the game's crate, by their paths: `page_files!("page": "index.html", "main.js")`.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! page_files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$($crate::game::page::PageFile {
            path: $path,
            content: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $path)),
        }),+]
    };
}
