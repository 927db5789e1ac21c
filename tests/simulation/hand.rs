//! What drives a simulated client: a brain as the bots have it, or one of the strategies' own drivers.

use crate::strategies::duelist::Duelist;
use crate::strategies::trigger::Trigger;
use fracas_arena::rules::{Arena, News};
use fracas_bots::bot::driver::Driver;
use fracas_protocol::client::Client;

/// What drives one connection's client.
#[derive(Debug)]
pub(crate) enum Hand {
    /// A brain.
    Brain(Driver),
    /// Fires whenever it may.
    Trigger(Trigger),
    /// Fires at one other on known ticks.
    Duelist(Duelist),
}

impl Hand {
    /// Lets the client play what is due.
    pub(crate) fn advance(&mut self, client: &mut Client<Arena>, now_us: u64) {
        match self {
            Self::Brain(driver) => driver.advance(client, now_us),
            Self::Trigger(trigger) => trigger.advance(client, now_us),
            Self::Duelist(duelist) => duelist.advance(client, now_us),
        }
    }

    /// Takes the game's news.
    pub(crate) fn take_news(&mut self, news: &News) {
        if let Self::Brain(driver) = self {
            driver.take_news(news);
        }
    }
}
