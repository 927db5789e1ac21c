//! The arena's news as lines of text: fields parted by tabs, records by line feeds. Names can hold neither.

use crate::rules::News;
use std::fmt::Write;

/// The text of a piece of news.
pub(super) fn describe(news: &News) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match news {
        News::Leaderboard { players, rows } => {
            let _ = write!(text, "leaderboard\t{players}");
            rows.iter().try_for_each(|row| write!(text, "\n{}\t{}", row.score, row.name))
        }
        News::KillFeed { kills, more } => {
            let _ = write!(text, "kills\t{more}");
            kills.iter().try_for_each(|kill| write!(text, "\n{}\t{}", kill.killer, kill.victim))
        }
        News::Destroyed { by } => write!(text, "destroyed\t{by}"),
        News::Rail { hit, .. } => write!(text, "rail\t{}", hit.map_or(-1, |id| i32::from(id.0))),
        News::Density(tiles) => {
            let _ = write!(text, "density");
            tiles.iter().try_for_each(|ships| write!(text, "\t{ships}"))
        }
    };
    text
}
