//! A room's output of a tick beside the records: each player's private data, the news, and the spectators' view.

use super::Room;
use crate::ids::{PlayerId, SessionId};
use crate::replication::{PlayerOutput, SpectatorOutput, TickOutput};
use crate::sim::channel::{Audience, EncodedEvent, RoomEvents};
use crate::sim::roster::Roster;
use fracas_protocol::game::authority::{Game, GameEvent, InputOf};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::ids::EntityId;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::InputReport;
use fracas_protocol::wire::message::ServerMessage;
use std::sync::Arc;

impl<G: Game> Room<G> {
    pub(super) fn tell_players(&mut self, out: &mut TickOutput<G::Rules>) {
        out.names.clone_from(&self.names);
        out.first_player = PlayerId(0);
        out.players.clear();
        out.players.resize(self.roster.slots(), None);
        let players = self.roster.members().zip(&self.reports).filter(|(member, _)| member.own.is_some());
        for ((member, report), own) in players.zip(&self.made.own) {
            let row = PlayerOutput { follow: member.own, own: Some(*own), report: *report };
            out.players[member.session.player.index()] = Some(row);
        }
    }

    /// Adds the news to `events`. Returns the news for all.
    pub(super) fn tell_news(&mut self, is_live: bool, events: &mut RoomEvents) -> Vec<Vec<u8>> {
        let (room, mut to_all) = (self.roster.room(), Vec::new());
        for GameEvent { to, news } in self.made.events.drain(..) {
            let to = match to {
                None if is_live => Audience::Everybody,
                None => Audience::Players,
                // The player has left.
                Some(player) => match self.names.get(player.index()) {
                    Some(Some((serial, _))) => Audience::One(SessionId { room, player, serial: *serial }),
                    _ => continue,
                },
            };
            let mut message = Vec::new();
            codec::encode::<MessageOf<G::Rules>>(&ServerMessage::News(news), &mut message);
            if self.feed.is_some() && !matches!(to, Audience::One(_)) {
                to_all.push(message.clone());
            }
            events.game_events.push(EncodedEvent { room, to, message });
        }
        to_all
    }

    /// The spectators' output on this tick. `before` is the tick before it, and `news` its news for all. Spectators
    /// also get the news of the tick that they are shown.
    pub(super) fn show_spectators(
        &mut self,
        before: &TickOutput<G::Rules>,
        is_live: bool,
        news: Vec<Vec<u8>>,
        events: &mut RoomEvents,
    ) -> Option<SpectatorOutput<G::Rules>> {
        let is_watched = self.roster.headcount().spectators > 0;
        let now = is_watched.then(|| SpectatorOutput { output: Arc::clone(&self.last), delay: 0 });
        let Some(feed) = &mut self.feed else { return now };
        feed.record(before.records.entities(), &self.last, self.roster.player_slots(), self.made.to_watch, news);
        if is_live || !is_watched {
            feed.rest(self.last.records.entities());
            return now;
        }
        let Some(shown) = feed.advance(&mut self.made.truth) else {
            return Some(SpectatorOutput { output: feed.nothing(), delay: feed.delay() });
        };
        let (room, to) = (self.roster.room(), Audience::Spectators);
        events.game_events.extend(shown.news.into_iter().map(|message| EncodedEvent { room, to, message }));
        let output = feed.output(shown.tick, &self.made.truth, |out| {
            out.players.clear();
            out.first_player = PlayerId(self.roster.player_slots() as u16);
            Self::tell_spectators(&mut self.roster, out, shown.to_watch);
        });
        Some(SpectatorOutput { output, delay: feed.delay() })
    }

    /// Adds each spectator's watched entity to `out`, of whatever tick. The entity exists on that tick, if `to_watch`
    /// does.
    pub(super) fn tell_spectators(
        roster: &mut Roster<InputOf<G>>,
        out: &mut TickOutput<G::Rules>,
        to_watch: Option<EntityId>,
    ) {
        for member in roster.members_mut().filter(|member| member.own.is_none()) {
            if member.watches.is_none_or(|id| out.records.get(id).is_none()) {
                member.watches = to_watch;
            }
            let row = member.session.player.index() - out.first_player.index();
            out.players.resize(out.players.len().max(row + 1), None);
            // A spectator has no inputs to report.
            let report = InputReport::default();
            out.players[row] = Some(PlayerOutput { follow: member.watches, own: None, report });
        }
    }
}
