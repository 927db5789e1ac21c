//! The files of the arena's page. The stock page has the others that it needs.

use fracas_protocol::game::page::PageFile;
use fracas_protocol::page_files;

/// All of them.
pub(super) const PAGE: &[PageFile] = page_files!(
    "page":
    "arena.css",
    "core.wasm",
    "effects.js",
    "hud.js",
    "index.html",
    "labels.js",
    "main.js",
    "renderer.js",
    "shaders.js",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let files = std::fs::read_dir(folder).expect("the page's folder");
        let mut there: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
        there.sort();
        let served: Vec<_> = PAGE.iter().map(|file| file.path).collect();
        assert_eq!(there, served, "in the order of their names");
    }
}
