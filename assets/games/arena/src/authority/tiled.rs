//! Reads a map that was drawn with the Tiled editor and saved as JSON (`.tmj`).

use crate::rules::Map;
use crate::rules::map::MapError;
use serde::Deserialize;

/// The layer whose cells are walls.
const WALL_LAYER: &str = "walls";

/// Why a file is not a map. The message says how to fix the drawing.
#[derive(Debug, thiserror::Error)]
pub enum TiledError {
    /// Not the JSON that Tiled writes.
    #[error("it is not a Tiled map in JSON: {0}; save it from Tiled as .tmj")]
    Json(#[from] serde_json::Error),
    /// No layer of walls.
    #[error("it has no tile layer named \"{WALL_LAYER}\"; every cell with a tile in that layer is a wall")]
    NoLayer,
    /// A map without an end.
    #[error(
        "it is an infinite map, which is not supported; turn off \"Infinite\" in Tiled's map properties and save it again"
    )]
    Infinite,
    /// Packed data.
    #[error("the layer \"{WALL_LAYER}\" is packed; choose the tile layer format \"CSV\" in the map's properties")]
    Packed,
    /// The layer's data do not fill the map.
    #[error("the layer \"{WALL_LAYER}\" has {cells} cells where the map's size of {width} x {height} needs {}", width.saturating_mul(*height))]
    Size {
        /// Cells in the layer.
        cells: usize,
        /// The map's.
        width: usize,
        /// The map's.
        height: usize,
    },
    /// The walls do not make an arena.
    #[error(transparent)]
    Map(#[from] MapError),
}

#[derive(Deserialize)]
struct Document {
    width: usize,
    height: usize,
    #[serde(default)]
    infinite: bool,
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    data: Option<serde_json::Value>,
}

/// Reads the walls of a `.tmj` file's text.
pub fn read_tiled(text: &str) -> Result<Map, TiledError> {
    let document: Document = serde_json::from_str(text)?;
    if document.infinite {
        return Err(TiledError::Infinite);
    }
    let is_walls = |layer: &Layer| layer.kind == "tilelayer" && layer.name == WALL_LAYER;
    let layer = document.layers.into_iter().find(is_walls).ok_or(TiledError::NoLayer)?;
    let data = layer.data.filter(serde_json::Value::is_array).ok_or(TiledError::Packed)?;
    // A cell is a tile's number with flags for its rotation in the high bits; 0 is none.
    let cells: Vec<u32> = serde_json::from_value(data)?;
    let (width, height) = (document.width, document.height);
    if width == 0 || Some(cells.len()) != width.checked_mul(height) {
        return Err(TiledError::Size { cells: cells.len(), width, height });
    }
    let rows: Vec<Vec<bool>> = cells.chunks(width).map(|row| row.iter().map(|cell| *cell != 0).collect()).collect();
    Ok(Map::new(&rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tmj(layers: &str) -> String {
        format!(r#"{{"width":8,"height":8,"tilewidth":64,"tileheight":64,"layers":[{layers}]}}"#)
    }

    fn walls(cells: usize) -> String {
        let data: Vec<_> = (0..cells).map(|i| if i == 27 { "3" } else { "0" }).collect();
        tmj(&format!(r#"{{"type":"tilelayer","name":"walls","data":[{}]}}"#, data.join(",")))
    }

    #[test]
    fn a_cell_with_a_tile_is_a_wall() {
        let map = read_tiled(&walls(64)).expect("a map");
        assert!(map.tile_wall(3, 3) && !map.tile_wall(3, 4));
    }

    #[test]
    fn whoever_drew_it_wrong_is_told_what_to_do() {
        let words = |text: &str| read_tiled(text).expect_err("must be refused").to_string();
        assert!(words("<map/>").contains("save it from Tiled as .tmj"));
        assert!(words(&tmj("")).contains("no tile layer named \"walls\""));
        assert!(words(&tmj(r#"{"type":"tilelayer","name":"walls","data":"eJw="}"#)).contains("CSV"));
        assert!(words(&walls(63)).contains("63 cells"));
        // In an infinite map the cells are in chunks.
        let endless = tmj(r#"{"type":"tilelayer","name":"walls","chunks":[]}"#).replace('{', r#"{"infinite":true,"#);
        assert!(words(&endless).contains("turn off \"Infinite\""));
        assert!(words("{}").contains("missing field `width`"));
        let huge = walls(64).replace("\"width\":8", &format!("\"width\":{}", usize::MAX));
        assert!(words(&huge).contains("64 cells"));
        let twelve = walls(144).replace("\"width\":8,\"height\":8", "\"width\":12,\"height\":12");
        assert!(words(&twelve).contains("8, 16 or 32"));
    }
}
