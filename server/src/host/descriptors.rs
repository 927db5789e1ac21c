//! How the descriptors of the process are divided between its ports. It bounds connections before the kernel does. No
//! I/O in here.

/// Descriptors that the process needs itself: log, two runtimes, listeners, and some now and then (some fifteen at
/// rest). Connections that are accepted only to be refused are included.
const OWN: usize = 32;
/// Descriptors of the operators' port, unless that is too large a part. Operators must reach a server that has none
/// left.
const OPERATORS_MOST: usize = 64;
const OPERATORS_PART: usize = 8;
const OPERATORS_LEAST: usize = 4;

/// How many connections each port may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Connections of the game port, those of joined players included.
    pub game: usize,
    /// Connections of the operators' port.
    pub operators: usize,
}

impl Descriptors {
    /// Divides `limit` descriptors; `limit` may be none. Each built-in bot needs one for its own end of the connection.
    /// Returns none if no player could play.
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
