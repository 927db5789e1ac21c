//! Why somebody who said hello is not let in: the word that labels it in metrics, and what the player reads. Those that a limit
//! of the server's makes name the setting.

/// Why somebody who asks to join is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinRefusal {
    /// As many people, or spectators, are in the room as it has seats; entities that are kept for their players count.
    Full,
    /// The server has more to do than time for it.
    Overload,
    /// The room is closed for now.
    Closed,
    /// Its network has used up its budget of joins.
    JoinBudget,
    /// Its network has as many connections and lost entities as it may have.
    Address,
    /// There is no memory for another player.
    Memory,
}

impl JoinRefusal {
    /// All of them, for the metrics.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Overload, Self::Closed, Self::JoinBudget, Self::Address, Self::Memory];

    /// The word used as a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Overload => "overload",
            Self::Closed => "closed",
            Self::JoinBudget => "join_budget",
            Self::Address => "address",
            Self::Memory => "memory",
        }
    }

    /// What an operator or a player needs to know.
    pub fn message(self) -> &'static str {
        match self {
            Self::Full => "The server is full.",
            Self::Overload => "The server is too busy for more players at the moment.",
            Self::Closed => "This room is closed for now.",
            Self::JoinBudget => "Too many joins from this address; --joins-per-address sets how many it may make.",
            Self::Address => "Too many connections from this address; --max-per-address sets how many it may have.",
            Self::Memory => "The server has no memory left for more; raise its memory limit or lower --max-players.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_label_of_its_own_and_words_that_fit_a_close_frame() {
        for (index, why) in JoinRefusal::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, index);
            assert!(JoinRefusal::ALL[..index].iter().all(|other| other.label() != why.label()));
            assert!(why.message().len() <= 123, "{why:?}");
        }
    }
}
