//! News reaches those it is for, in the order in which it was told, and none twice.

use crate::annals::Annals;
use fracas_server::sim::channel::Audience;

/// How far a connection is among all news.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewsHeard {
    /// What is before was told, or will not be.
    next: usize,
}

impl NewsHeard {
    /// Somebody who listens from now on.
    pub(crate) fn new(annals: &Annals) -> Self {
        Self { next: annals.game_events.len() }
    }

    /// Somebody in `place` (none for a spectator) hears news.
    pub(crate) fn check(&mut self, place: Option<u16>, message: &[u8], annals: &Annals) -> Result<(), String> {
        let to_come = annals.game_events.iter().enumerate().skip(self.next);
        let mut its = to_come.filter(|(_, event)| event.message == message);
        let is_for = |to: Audience| match to {
            Audience::Everybody => true,
            Audience::Players => place.is_some(),
            Audience::Spectators => place.is_none(),
            Audience::One(session) => place == Some(session.player.0),
        };
        match its.find(|(_, event)| is_for(event.to)) {
            Some((index, _)) => {
                self.next = index + 1;
                Ok(())
            }
            None => Err("it hears news that is not for it, or that it has heard, or that is older".into()),
        }
    }
}
