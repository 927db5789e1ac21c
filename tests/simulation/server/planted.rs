//! Bugs that are put into the server from outside, at its doors, to show that the checkers would find such ones.

use super::witness::Witnessed;
use fracas_protocol::arena::{Arena, Entity, Input};
use fracas_server::channel::{Asides, Batches, Published, Request};
use fracas_server::join_refusal::JoinRefusal;
use fracas_server::replication::TickOutput;
use std::sync::Arc;

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
    /// Somebody is refused as full although there is room.
    RefusedAsFull,
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
            Self::RefusedAsFull => &["seat"],
        }
    }
}

/// A bug at work.
pub(crate) struct Planted {
    bug: Bug,
    /// For a bug that happens once.
    is_done: bool,
    last: Option<Arc<TickOutput<Arena>>>,
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Self {
        Self { bug, is_done: false, last: None }
    }

    /// On the way from the event loops to the room.
    pub(super) fn tamper_with_batches(&mut self, batches: &mut [Batches<Input>]) {
        for batch in batches.iter_mut().flat_map(|batches| &mut batches.rooms) {
            match self.bug {
                Bug::LostLeave => batch.requests.retain(|(_, request)| !matches!(request, Request::Leave(_))),
                Bug::ChangedInput => {
                    for command in batch.commands.iter_mut().filter(|command| command.tick.0 % 50 == 0) {
                        command.input.fire = !command.input.fire;
                    }
                }
                Bug::DoneTwice => {
                    let again = |command: &fracas_server::channel::Command<Input>| {
                        let tick = command.tick.next();
                        let held = fracas_protocol::rules::Intent::held(command.input);
                        let input = Input { dash: command.input.dash, rail: command.input.rail, ..held };
                        fracas_server::channel::Command { tick, input, ..*command }
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
                Bug::LostEviction => tick.asides = tell(tick, |asides| asides.evictions.clear()),
                Bug::LostAdmission if event_loop == 1 && tick.tick.0 > FROM_TICK => {
                    tick.asides = tell(tick, |asides| asides.admissions.clear());
                }
                Bug::RepeatedNews if tick.tick.0 % 64 < 32 => {
                    tick.asides = tell(tick, |asides| {
                        let again = asides.notices.clone();
                        asides.notices.extend(again);
                    });
                }
                Bug::RefusedAsFull => tick.asides = tell(tick, refuse_the_first),
                _ => {}
            }
        }
    }

    /// The same, as whoever keeps the room's record of it sees it.
    pub(super) fn tamper_with_observed(&mut self, published: &mut [Published<Witnessed>]) {
        if self.bug == Bug::RefusedAsFull {
            self.tamper_with_published(usize::MAX, published);
        }
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
        let mut changed = TickOutput::empty(output.rules.clone());
        changed.tick = output.tick;
        changed.records.update(&before.records, &output.rules, output.tick, &truth);
        (changed.players, changed.names) = (output.players.clone(), Arc::clone(&output.names));
        tick.outputs = [Some(Arc::new(changed))].into();
        (self.is_done, self.last) = (true, None);
    }
}

fn refuse_the_first(asides: &mut Asides) {
    let begun =
        asides.admissions.iter_mut().find(|admission| admission.verdict.is_ok_and(|admitted| !admitted.resumed));
    if let Some(admission) = begun {
        admission.verdict = Err(JoinRefusal::Full);
    }
}

/// The asides of a tick with something changed in them.
fn tell(tick: &Published<Witnessed>, change: impl FnOnce(&mut Asides)) -> Arc<Asides> {
    let mut asides = Asides::default();
    asides.extend(&tick.asides);
    change(&mut asides);
    Arc::new(asides)
}
