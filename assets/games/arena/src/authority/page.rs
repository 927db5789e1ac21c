//! The files of the arena's page. The stock page has the others that it needs.

use fracas_protocol::game::page::PageFile;
use fracas_protocol::page_files;

/// All of them.
pub(super) const PAGE: &[PageFile] = page_files!(
    "page":
    "index.html",
    "arena.css",
    "core.wasm",
    "effects.js",
    "hud.js",
    "labels.js",
    "main.js",
    "renderer.js",
    "shaders.js",
);
