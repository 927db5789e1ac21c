//! Scores: who leads, who destroyed whom, and where everybody is.

use fracas_protocol::arena::news::{Kill, LeaderboardRow};
use fracas_protocol::arena::{Map, News};
use fracas_protocol::game::rules::Point;
use fracas_protocol::name::Name;
use fracas_protocol::wire::limits::{DENSITY_TILES_MAX, KILL_FEED_LEN};
use serde::{Deserialize, Serialize};

/// A player, as far as the leaderboard goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    /// The player's slot.
    pub slot: u16,
    /// Its name.
    pub name: &'a Name,
    /// Its score.
    pub score: u16,
}

/// Puts the best first; of equals the one who was there first.
pub(super) fn rank(standings: &mut [Standing<'_>]) {
    standings.sort_by_key(|standing| (std::cmp::Reverse(standing.score), standing.slot));
}

/// The leaderboard of ranked standings.
pub(super) fn leaderboard(ranked: &[Standing<'_>]) -> News {
    let rows = ranked.iter().map(|standing| LeaderboardRow { name: standing.name.clone(), score: standing.score });
    News::Leaderboard { players: ranked.len() as u16, rows: rows.collect() }
}

/// The kills since the feed was last told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct KillFeed {
    kills: Vec<Kill>,
    more: u16,
}

impl KillFeed {
    /// Notes a kill; beyond [`KILL_FEED_LEN`] it is only counted.
    pub(super) fn add(&mut self, killer: &Name, victim: &Name) {
        if self.kills.len() < KILL_FEED_LEN {
            self.kills.push(Kill { killer: killer.clone(), victim: victim.clone() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// What there is to tell, if anything; it is forgotten then.
    pub(super) fn drain(&mut self) -> Option<News> {
        if self.kills.is_empty() {
            return None;
        }
        Some(News::KillFeed { kills: self.kills.drain(..).collect(), more: std::mem::take(&mut self.more) })
    }
}

/// How many of `places` are in each of the first `open` tiles.
pub(super) fn density(map: &Map, open: u16, places: impl Iterator<Item = Point>) -> News {
    let mut tiles = vec![0_u8; usize::from(open).min(DENSITY_TILES_MAX)];
    for place in places {
        if let Some(count) = tiles.get_mut(usize::from(map.rank_at(place))) {
            *count = count.saturating_add(1);
        }
    }
    News::Density(tiles.into_iter().collect())
}
