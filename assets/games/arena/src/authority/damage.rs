//! The combined effect of all hits of one tick. They are collected first and applied then, so their order does not
//! matter. Two ships can destroy each other.

use super::draw::Lot;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// A weapon hit a ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hit {
    /// Who fired.
    pub shooter: u16,
    /// Who was hit.
    pub victim: u16,
    /// Hit points it takes.
    pub damage: u8,
    /// When on the tick: 0 is its beginning, [`Hit::TICK_END`] its end.
    pub time: u32,
    /// The squared distance that the beam, or the bolt on this tick, had covered, in square quanta.
    pub way_squared: i64,
}

impl Hit {
    /// The end of a tick, for [`Hit::time`].
    pub(super) const TICK_END: u32 = 1 << 16;
}

/// A ship's damage on a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// The ship's slot.
    pub victim: u16,
    /// Its hit points that are left.
    pub hull: u8,
    /// Who destroyed it, if it is destroyed.
    pub killer: Option<u16>,
}

/// The damage of each ship that was hit, ordered by the victims' lots. `hull` gives the hit points of a ship, none if
/// it cannot be hurt. `lot` gives its rank in this tick's draws.
///
/// Hits of one moment act together. If they are enough, the ship is destroyed by the one with the most damage. Of equal
/// ones the nearest shooter counts, then the draw.
pub(super) fn losses(
    hits: &mut [Hit],
    hull: impl Fn(u16) -> Option<u8>,
    lot: impl Fn(u16) -> Lot,
    out: &mut Vec<Loss>,
) {
    let order = |hit: &Hit| (hit.time, Reverse(hit.damage), hit.way_squared, lot(hit.shooter));
    hits.sort_by_cached_key(|hit| (lot(hit.victim), order(hit)));
    for hits in hits.chunk_by(|one, other| one.victim == other.victim) {
        let victim = hits[0].victim;
        let Some(mut hull) = hull(victim) else { continue };
        let mut killer = None;
        for moment in hits.chunk_by(|one, other| one.time == other.time) {
            hull = moment.iter().fold(hull, |hull, hit| hull.saturating_sub(hit.damage));
            if hull == 0 {
                killer = moment.first().map(|hit| hit.shooter);
                break;
            }
        }
        out.push(Loss { victim, hull, killer });
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Draw;
    use super::*;
    use fracas_protocol::rng::Rng;

    /// What is left of ship 9, which had 50 hit points, and who destroyed it.
    fn after(hits: &[(u16, u8, u32, i64)]) -> (u8, Option<u16>) {
        let draw = Draw::new(&mut Rng::new(1, 1));
        let hits = hits.iter().map(|&(shooter, damage, time, way_squared)| Hit {
            shooter,
            victim: 9,
            damage,
            time,
            way_squared,
        });
        let (mut hits, mut losses) = (hits.collect::<Vec<_>>(), Vec::new());
        super::losses(&mut hits, |_| Some(50), |slot| draw.lot(std::iter::once(u64::from(slot)), 0), &mut losses);
        assert_eq!(losses.len(), 1);
        (losses[0].hull, losses[0].killer)
    }

    #[test]
    fn the_one_that_takes_the_last_hit_point_destroys_a_ship() {
        assert_eq!(after(&[(1, 40, 0, 5)]), (10, None));
        assert_eq!(after(&[(1, 40, 0, 5), (2, 18, 700, 1)]), (0, Some(2)));
        assert_eq!(after(&[(2, 18, 700, 1), (1, 40, 0, 5)]), (0, Some(2)), "in whichever order they were found");
        assert_eq!(after(&[(3, 18, 9, 1), (1, 40, 0, 5), (2, 18, 700, 1)]), (0, Some(3)), "the third came too late");
    }

    #[test]
    fn of_those_of_one_moment_the_strongest_then_the_nearest_destroys_it() {
        assert_eq!(after(&[(1, 40, 0, 5), (2, 40, 0, 4)]), (0, Some(2)));
        assert_eq!(after(&[(1, 40, 0, 4), (2, 40, 0, 5)]), (0, Some(1)));
        assert_eq!(after(&[(1, 18, 0, 1), (2, 40, 0, 5)]), (0, Some(2)));
        let drawn = after(&[(1, 40, 0, 5), (2, 40, 0, 5)]);
        assert_eq!(after(&[(2, 40, 0, 5), (1, 40, 0, 5)]), drawn);
    }
}
