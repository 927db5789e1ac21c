//! Bugs that are put into the server from outside, at its endpoints, to show that the checkers would find such ones.

use super::witness::{GameBug, Witnessed};
use fracas_arena::rules::{Arena, Entity, Input};
use fracas_protocol::tick::Tick;
use fracas_server::ids::{ConnectionKey, RoomId, SessionId};
use fracas_server::replication::TickOutput;
use fracas_server::sim::channel::{Batches, Published, Request, RoomEvents};
use fracas_server::sim::join_refusal::JoinRefusal;
use fracas_server::sim::roster::QUARANTINE_MS;
use std::collections::VecDeque;
use std::sync::Arc;

/// Places that may rest before newcomers are sent away.
const RESTING_MAX: usize = 2;
/// Where a planted bug begins: everybody plays by then.
const FROM_TICK: u32 = 40;

/// The bugs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bug {
    /// One ship's record is changed after the others were encoded, on one tick, for one event loop.
    ChangedRecord,
    /// An event loop is not told that another connection has taken a session over.
    LostEviction,
    /// An input is changed on its way to the room, and acknowledged all the same.
    ChangedInput,
    /// What was to be done once is done again on the next tick.
    DoneTwice,
    /// Nobody tells the room that players have left.
    LostLeave,
    /// An event loop is not told that somebody was let in.
    LostAdmission,
    /// An event loop tells the same news twice.
    RepeatedNews,
    /// What a network owes for a ship that it has left is never collected: nobody knows where who comes comes from.
    ForgottenDebt,
    /// A rail is judged at whatever moment its shooter claims.
    BelievedView,
    /// Of several who fire rails on the same tick only the one in the first place does.
    FirstSlotShoots,
    /// Places rest for everybody's account: after some have been left, newcomers are told that the server is full.
    RestChargedToAll,
    /// Spectators are shown the room as it is.
    LiveSpectators,
}

impl Bug {
    /// The checkers that may find it.
    pub(crate) fn found_by(self) -> &'static [&'static str] {
        match self {
            Self::ChangedRecord => &["replica"],
            Self::LostEviction => &["session"],
            Self::ChangedInput | Self::DoneTwice => &["input"],
            Self::LostLeave => &["leftover", "session"],
            Self::LostAdmission => &["liveness", "leftover", "session"],
            Self::RepeatedNews => &["news"],
            Self::LiveSpectators => &["delay"],
            Self::ForgottenDebt => &["damage"],
            Self::BelievedView => &["rewind"],
            Self::FirstSlotShoots => &["slots"],
            Self::RestChargedToAll => &["refusal"],
        }
    }

    /// What of it is between the room and its game.
    pub(crate) fn in_game(self) -> Option<GameBug> {
        match self {
            Self::BelievedView => Some(GameBug::BelievedView),
            Self::FirstSlotShoots => Some(GameBug::FirstSlotShoots),
            _ => None,
        }
    }
}

/// A bug at work.
pub(crate) struct Planted {
    bug: Bug,
    /// For a bug that happens once.
    is_done: bool,
    last: Option<Arc<TickOutput<Arena>>>,
    /// The ticks on which places were left lately.
    left: VecDeque<Tick>,
    /// Sessions of those who were let in and told that they were not.
    sent_away: Vec<(ConnectionKey, SessionId)>,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Self {
        Self { bug, is_done: false, last: None, left: VecDeque::new(), sent_away: Vec::new() }
    }

    pub(crate) fn bug(&self) -> Bug {
        self.bug
    }

    /// Whether spectators are not late.
    pub(super) fn shows_spectators_the_present(&self) -> bool {
        self.bug == Bug::LiveSpectators
    }

    /// On the way from the event loops to the room.
    pub(super) fn tamper_with_batches(&mut self, batches: &mut [Batches<Input>]) {
        if let Some(batches) = batches.first_mut() {
            let leave = |(connection, session): (_, SessionId)| (connection, Request::Leave(session));
            batches.of(RoomId(0)).requests.extend(self.sent_away.drain(..).map(leave));
        }
        for batch in batches.iter_mut().flat_map(|batches| &mut batches.rooms) {
            match self.bug {
                Bug::LostLeave => batch.requests.retain(|(_, request)| !matches!(request, Request::Leave(_))),
                Bug::ForgottenDebt => {
                    for (_, request) in &mut batch.requests {
                        if let Request::Join { network, .. } = request {
                            *network = None;
                        }
                    }
                }
                Bug::ChangedInput => {
                    for command in batch.commands.iter_mut().filter(|command| command.tick.0 % 50 == 0) {
                        command.input.fire = !command.input.fire;
                    }
                }
                Bug::DoneTwice => {
                    let again = |command: &fracas_server::sim::channel::Command<Input>| {
                        let tick = command.tick.next();
                        let held = fracas_protocol::game::rules::Intent::held(command.input);
                        let input = Input { dash: command.input.dash, rail: command.input.rail, ..held };
                        fracas_server::sim::channel::Command { tick, input, ..*command }
                    };
                    let twice = batch.commands.iter().filter(|c| c.input.dash || c.input.rail.is_some()).map(again);
                    let twice: Vec<_> = twice.collect();
                    batch.commands.extend(twice);
                }
                _ => {}
            }
        }
    }

    /// On the way from the room to an event loop.
    pub(super) fn tamper_with_published(&mut self, event_loop: usize, published: &mut [Published<Witnessed>]) {
        for tick in published.iter_mut() {
            match self.bug {
                Bug::ChangedRecord if event_loop == 1 => self.change_a_record(tick),
                Bug::LostEviction => tick.events = changed_events(tick, |events| events.evictions.clear()),
                Bug::LostAdmission if event_loop == 1 && tick.tick.0 > FROM_TICK => {
                    tick.events = changed_events(tick, |events| events.join_answers.clear());
                }
                Bug::RepeatedNews if tick.tick.0 % 64 < 32 => {
                    tick.events = changed_events(tick, |events| {
                        let again = events.game_events.clone();
                        events.game_events.extend(again);
                    });
                }
                Bug::RestChargedToAll => self.refuse(event_loop, tick),
                _ => {}
            }
        }
    }

    /// Newcomers of this loop are told that there is no room, as long as places rest.
    fn refuse(&mut self, event_loop: usize, tick: &mut Published<Witnessed>) {
        if event_loop == 0 {
            self.left.extend(tick.events.ended.iter().map(|_| tick.tick));
        }
        let rest = tick.rate.ticks_in_ms(QUARANTINE_MS);
        while self.left.pop_front_if(|left| tick.tick.since(*left) >= i64::from(rest)).is_some() {}
        if self.left.len() < RESTING_MAX {
            return;
        }
        let sent_away = &mut self.sent_away;
        tick.events = changed_events(tick, |events| {
            for admission in &mut events.join_answers {
                let is_ours = usize::from(admission.connection.event_loop) == event_loop;
                if let Some(admitted) = admission.verdict.ok().filter(|admitted| is_ours && !admitted.resumed) {
                    sent_away.push((admission.connection, admitted.session));
                    admission.verdict = Err(JoinRefusal::Full);
                }
            }
        });
    }

    /// The records that this loop composes from differ from those that the next tick's deltas build on.
    fn change_a_record(&mut self, tick: &mut Published<Witnessed>) {
        let Some(output) = tick.outputs[0].clone() else { return };
        let before = self.last.replace(Arc::clone(&output));
        let Some(before) = before.filter(|_| !self.is_done && output.tick.0 > FROM_TICK) else { return };
        let mut truth = output.records.entities().to_vec();
        let ship = truth.iter_mut().find_map(|(id, entity)| match entity {
            Entity::Ship(ship) if ship.hull > 1 && before.records.get(*id).is_some() => Some(ship),
            _ => None,
        });
        let Some(ship) = ship else { return };
        ship.hull -= 1;
        let mut changed = TickOutput::empty(output.rules.clone(), output.rate);
        changed.tick = output.tick;
        changed.records.update(&before.records, &output.rules, output.tick, &truth);
        (changed.players, changed.names) = (output.players.clone(), Arc::clone(&output.names));
        tick.outputs = [Some(Arc::new(changed))].into();
        (self.is_done, self.last) = (true, None);
    }
}

/// The events of a tick with something changed in them.
fn changed_events(tick: &Published<Witnessed>, change: impl FnOnce(&mut RoomEvents)) -> Arc<RoomEvents> {
    let mut events = RoomEvents::default();
    events.extend(&tick.events);
    change(&mut events);
    Arc::new(events)
}
