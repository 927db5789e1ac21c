//! Scores: the leaderboard, the kill feed, and the density map.

use crate::rules::news::{DENSITY_TILES_MAX, KILL_FEED_LEN};
use crate::rules::news::{Kill, LeaderboardRow};
use crate::rules::{Map, News};
use fracas_protocol::game::rules::Point;
use fracas_protocol::name::Name;
use serde::{Deserialize, Serialize};

/// A player's entry for the leaderboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    /// The player's slot.
    pub slot: u16,
    /// Its name.
    pub name: &'a Name,
    /// Its score.
    pub score: u16,
}

/// Sorts the best first. Of equals the one who joined first comes first.
pub(super) fn rank(standings: &mut [Standing<'_>]) {
    standings.sort_by_key(|standing| (std::cmp::Reverse(standing.score), standing.slot));
}

/// The leaderboard of ranked standings.
pub(super) fn leaderboard(ranked: &[Standing<'_>]) -> News {
    let rows = ranked.iter().map(|standing| LeaderboardRow { name: standing.name.clone(), score: standing.score });
    News::Leaderboard { players: ranked.len() as u16, rows: rows.collect() }
}

/// The kills since the feed was last sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct KillFeed {
    kills: Vec<Kill>,
    more: u16,
}

impl KillFeed {
    /// Records a kill. Beyond [`KILL_FEED_LEN`] it is only counted.
    pub(super) fn add(&mut self, killer: &Name, victim: &Name) {
        if self.kills.len() < KILL_FEED_LEN {
            self.kills.push(Kill { killer: killer.clone(), victim: victim.clone() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Returns the feed, if there were kills, and empties it.
    pub(super) fn drain(&mut self) -> Option<News> {
        if self.kills.is_empty() {
            return None;
        }
        Some(News::KillFeed { kills: self.kills.drain(..).collect(), more: std::mem::take(&mut self.more) })
    }
}

/// How many of the positions `places` are in each of the first `open` tiles.
pub(super) fn density(map: &Map, open: u16, places: impl Iterator<Item = Point>) -> News {
    let mut tiles = vec![0_u8; usize::from(open).min(DENSITY_TILES_MAX)];
    for place in places {
        if let Some(count) = tiles.get_mut(usize::from(map.rank_at(place))) {
            *count = count.saturating_add(1);
        }
    }
    News::Density(tiles.into_iter().collect())
}
