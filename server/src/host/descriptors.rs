//! How the descriptors of the process are shared out between its ports: a bound on connections that holds before the kernel's
//! own does. No I/O in here.

/// What the process needs itself: its log, two runtimes, the sockets that listen, and what it opens now and then (some fifteen
/// at rest). Connections that are only taken in to be sent away are among them, too.
const OWN: usize = 32;
/// Of those that are left so many are the operators', if that is not too large a part: who looks after a server that has none
/// left must reach it.
const OPERATORS_MOST: usize = 64;
const OPERATORS_PART: usize = 8;
const OPERATORS_LEAST: usize = 4;

/// How many connections each port may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The game's, those of joined players included.
    pub game: usize,
    /// The operators'.
    pub operators: usize,
}

impl Descriptors {
    /// Shares out `limit` descriptors; there may be none. Each of the server's own bots needs one for its end of the line.
    /// Nothing comes of it if nobody could play.
    pub fn share_out(limit: Option<u64>, own_bots: usize) -> Option<Self> {
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let left = limit.checked_sub(OWN + own_bots)?;
        let operators = (left / OPERATORS_PART).clamp(OPERATORS_LEAST, OPERATORS_MOST);
        let game = left.checked_sub(operators).filter(|game| *game > own_bots)?;
        Some(Self { game, operators })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_have_theirs_and_the_game_the_rest() {
        let shared = |limit, own_bots| {
            Descriptors::share_out(Some(limit), own_bots).map(|shares| (shares.game, shares.operators))
        };
        assert_eq!(shared(20_000, 24), Some((19_880, 64)));
        assert_eq!(shared(1024, 24), Some((904, 64)));
        assert_eq!(shared(48, 0), Some((12, 4)));
        for limit in 0..5000 {
            let Some(shares) = Descriptors::share_out(Some(limit), 10) else { continue };
            assert_eq!(shares.game + shares.operators + OWN + 10, limit as usize);
            assert!(shares.operators >= OPERATORS_LEAST && shares.game > 10, "{limit}: {shares:?}");
        }
    }

    #[test]
    fn too_few_for_anybody_are_told_and_no_limit_is_none() {
        assert_eq!(Descriptors::share_out(Some(32), 0), None);
        assert_eq!(Descriptors::share_out(Some(90), 30), None, "its own bots alone would have them all");
        let without = Descriptors::share_out(None, 24).expect("as many as one likes");
        assert!(without.game > 1 << 40);
    }
}
