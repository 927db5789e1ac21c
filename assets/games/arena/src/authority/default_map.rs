//! The map that is part of every build.

use super::tiled::read_tiled;
use crate::rules::Map;

const TMJ: &str = include_str!("../../maps/default.tmj");

/// The map played on without `--map`.
pub fn default_map() -> Map {
    match read_tiled(TMJ) {
        Ok(map) => map,
        Err(error) => unreachable!("assets/games/arena/maps/default.tmj: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_default_map_is_one() {
        assert_eq!(super::default_map().side(), 16);
    }
}
