//! The map that is played on, from a file or the built-in one.

use super::text_file::read_text;
use fracas_arena::authority::{default_map, read_tiled};
use fracas_arena::rules::Map;
use std::path::{Path, PathBuf};

/// Bytes of the largest map that is read. The cells take 4 KiB; pictures and notes may come with them.
const MAP_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The arena's map, read and checked.
#[derive(Clone)]
pub struct ArenaMap {
    file: Option<PathBuf>,
    /// Its walls.
    pub map: Map,
}

/// Shows the file and not the walls, for the output of `check-config`.
impl std::fmt::Debug for ArenaMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("the built-in one"),
        }
    }
}

impl Default for ArenaMap {
    fn default() -> Self {
        Self { file: None, map: default_map() }
    }
}

impl ArenaMap {
    /// Reads the map in a file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = read_text(path, MAP_BYTES_MAX).map_err(|why| format!("cannot read the map: {why}"))?;
        let map = read_tiled(&text).map_err(|why| format!("the map cannot be used: {why}"))?;
        Ok(Self { file: Some(path.into()), map })
    }
}
