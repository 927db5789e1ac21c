//! Why a join is refused after the hello: the label in metrics, and the message that the player reads. A refusal by a
//! limit names the setting.

/// Why a join is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinRefusal {
    /// The room has no free seat for a person, or for a spectator. Seats kept for lost connections count.
    Full,
    /// The server is overloaded.
    Overload,
    /// The room is closed for now.
    Closed,
    /// Its network has used up its budget of joins.
    JoinBudget,
    /// Its network has as many connections and lost entities as allowed.
    Address,
    /// There is no memory for another player.
    Memory,
}

impl JoinRefusal {
    /// All of them, for the metrics.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Overload, Self::Closed, Self::JoinBudget, Self::Address, Self::Memory];

    /// The label in metrics.
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

    /// The message for an operator or a player.
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
