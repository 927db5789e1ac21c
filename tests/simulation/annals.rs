//! What the room did and said on each of its ticks, kept for the checkers.

use crate::digest::Fold;
use fracas_arena::rules::{Arena, Entity, Input, Own};
use fracas_protocol::game::authority::PlayerInput;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::digest::Digest;
use fracas_protocol::wire::frame::InputReport;
use fracas_server::ids::{ConnectionKey, SessionId};
use fracas_server::sim::channel::{Audience, Command, JoinAnswer, Request};
use fracas_server::sim::roster::{Capacity, Headcount};

/// One tick.
#[derive(Clone, Debug)]
pub(crate) struct TickRecord {
    pub(crate) tick: Tick,
    pub(crate) world: <Arena as Rules>::World,
    /// Whether there were people in the room.
    pub(crate) has_people: bool,
    /// The records, by ascending id.
    pub(crate) entities: Vec<(EntityId, Entity)>,
    /// By ascending place: who sat there.
    pub(crate) seats: Vec<SeatRecord>,
}

/// One player on one tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeatRecord {
    pub(crate) place: u16,
    /// Whom its view follows.
    pub(crate) follow: Option<EntityId>,
    /// Its own state; none for a spectator.
    pub(crate) own: Option<Own>,
    /// What it is told of its inputs.
    pub(crate) report: InputReport,
    /// What was applied of them; none for a spectator.
    pub(crate) input: Option<Input>,
}

impl TickRecord {
    pub(crate) fn entity(&self, id: EntityId) -> Option<&Entity> {
        self.entities.binary_search_by_key(&id, |(other, _)| *other).ok().map(|index| &self.entities[index].1)
    }

    pub(crate) fn seat(&self, place: u16) -> Option<&SeatRecord> {
        self.seats.binary_search_by_key(&place, |seat| seat.place).ok().map(|index| &self.seats[index])
    }

    fn digest(&self) -> u32 {
        let mut digest = Digest::default();
        self.entities.iter().for_each(|(id, entity)| entity.digest(*id, &mut digest));
        digest.finish()
    }
}

/// A piece of news that the room told.
#[derive(Clone, Debug)]
pub(crate) struct NoticeRecord {
    pub(crate) to: Audience,
    pub(crate) message: Vec<u8>,
}

/// What passed the server's endpoints with the last tick: what the event loops asked of the room, and what it answered.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// In their order.
    pub(crate) requests: Vec<(ConnectionKey, Request)>,
    pub(crate) commands: Vec<Command<Input>>,
    /// The answers to joins, in the order of those.
    pub(crate) join_answers: Vec<JoinAnswer>,
    pub(crate) ended: Vec<SessionId>,
    /// What the room gave to the game, by place.
    pub(crate) inputs: Vec<PlayerInput<Input>>,
    /// Where what it told begins among the game_events.
    pub(crate) notices_from: usize,
    /// How many the room takes, and how many were in it before and after the tick.
    pub(crate) capacity: Option<Capacity>,
    pub(crate) before: Headcount,
    pub(crate) after: Headcount,
}

/// All of it, in its order.
#[derive(Debug, Default)]
pub(crate) struct Annals {
    /// Of the last tick alone.
    pub(crate) passed: Passed,
    ticks: Vec<TickRecord>,
    pub(crate) game_events: Vec<NoticeRecord>,
    /// Ticks that were skipped.
    pub(crate) skipped: u64,
    /// Times an event loop's channel was full.
    pub(crate) loops_missed: u64,
    digest: Fold,
}

impl Annals {
    pub(crate) fn push(&mut self, record: TickRecord) {
        self.digest.word(u64::from(record.tick.0));
        self.digest.word(u64::from(record.digest()));
        self.ticks.push(record);
    }

    /// What happened on a tick, if that was run.
    pub(crate) fn on(&self, tick: Tick) -> Option<&TickRecord> {
        self.ticks.binary_search_by_key(&tick, |record| record.tick).ok().map(|index| &self.ticks[index])
    }

    /// The ticks that were run, backwards from one.
    pub(crate) fn back_from(&self, tick: Tick) -> impl Iterator<Item = &TickRecord> {
        let end = self.ticks.partition_point(|record| record.tick <= tick);
        self.ticks[..end].iter().rev()
    }

    pub(crate) fn last(&self) -> Option<&TickRecord> {
        self.ticks.last()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.value()
    }
}
