//! What drives a simulated client: a brain as the bots have it, or one of the strategies' own drivers.

use crate::strategies::duelist::Duelist;
use crate::strategies::trigger::Trigger;
use fracas_arena::brain::ArenaBrain;
use fracas_arena::rules::{Arena, News};
use fracas_bots::bot::driver;
use fracas_protocol::client::Client;
use fracas_protocol::game::brain::Brain;

/// What drives one connection's client.
#[derive(Debug)]
pub(crate) enum Hand {
    /// A brain.
    Brain(ArenaBrain),
    /// Fires whenever it may.
    Trigger(Trigger),
    /// Fires at one other on known ticks.
    Duelist(Duelist),
}

impl Hand {
    /// Lets the client play what is due.
    pub(crate) fn advance(&mut self, client: &mut Client<Arena>, now_us: u64) {
        match self {
            Self::Brain(brain) => driver::advance(brain, client, now_us),
            Self::Trigger(trigger) => trigger.advance(client, now_us),
            Self::Duelist(duelist) => duelist.advance(client, now_us),
        }
    }

    /// Takes the game's news.
    pub(crate) fn take_news(&mut self, news: &News) {
        if let Self::Brain(brain) = self {
            brain.heard(news);
        }
    }
}
