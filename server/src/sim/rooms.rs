//! The rooms of one tick thread. They run every tick, one after the other, and their outputs are published as one. A
//! panic in one of them ends that room alone. The room reopens, empty, with the next tick.

use super::display_names::ReservedNames;
use super::idle::IdleLimit;
use super::panics;
use super::phase::Phase;
use super::recording::Recording;
use super::room::{InputCounts, JoinCounts, Room, TickResult};
use super::roster::{Capacity, Headcount, Roster};
use super::tick_params::TickParams;
use crate::ids::{ROOMS_MAX, RoomId};
use crate::sim::channel::{Batch, Batches, JoinAnswer, Outputs, Request, RoomEvents, SpectatorOutputs};
use crate::sim::join_refusal::JoinRefusal;
use fracas_protocol::game::authority::{Game, InputOf};
use fracas_protocol::tick::{Tick, TickRate};
use std::sync::Arc;

/// A room that panics again within this time after it reopened stays closed.
pub const RELAPSE_MS: u32 = 60_000;

/// Makes the game for a room's first life (0) or a later one.
pub type Maker<G> = Box<dyn FnMut(RoomId, u32) -> G + Send>;

/// A room that ended by a panic.
pub struct Failure<G: Game> {
    /// Which.
    pub room: RoomId,
    /// The tick that it was on.
    pub tick: Tick,
    /// The panic's message.
    pub message: String,
    /// Whether it reopens with the next tick.
    pub reopens: bool,
    /// The recording of its game, for a replay. None if there was no game yet.
    pub recording: Option<Recording<G>>,
}

/// The result of one tick of all rooms.
pub struct RoomsResult<G: Game> {
    /// The tick.
    pub tick: Tick,
    /// How often ticks run.
    pub rate: TickRate,
    /// The outputs that frames are made from.
    pub outputs: Outputs<G::Rules>,
    /// The outputs for spectators' frames.
    pub spectator_outputs: SpectatorOutputs<G::Rules>,
    /// What is published only once.
    pub events: RoomEvents,
    /// How many commands were taken or dropped.
    pub inputs: InputCounts,
    /// How many sessions began.
    pub joins: JoinCounts,
    /// The rooms that ended on this tick.
    pub failures: Vec<Failure<G>>,
}

enum RoomState<G: Game> {
    Open(Box<Room<G>>),
    /// It reopens when it runs next.
    Opens,
    Closed,
}

/// A room through its lives.
struct RoomSlot<G: Game> {
    state: RoomState<G>,
    lives: u32,
    /// When the present life began, if it is not the first.
    reopened: Option<Tick>,
    /// Serials continue from life to life, so that nothing of an earlier life is taken for this one's.
    next_serial: u64,
    census: Vec<(&'static str, usize)>,
}

/// Makes rooms.
struct Opener<G: Game> {
    rate: TickRate,
    capacity: Capacity,
    reserved: Arc<ReservedNames>,
    idle_limit: IdleLimit,
    make: Maker<G>,
    /// How many ticks late spectators see a room with people in it.
    spectator_delay: u32,
}

impl<G: Game> Opener<G> {
    fn open(&mut self, id: RoomId, life: u32, first_serial: u64) -> Box<Room<G>> {
        let mut roster = Roster::new(self.capacity).of(id, first_serial);
        roster.reserve_names(Arc::clone(&self.reserved));
        let room = Room::with_roster((self.make)(id, life), self.rate, roster).with_idle_limit(self.idle_limit);
        Box::new(room.with_spectator_delay(self.spectator_delay))
    }
}

/// All rooms, by their ids.
pub struct Rooms<G: Game> {
    slots: Vec<RoomSlot<G>>,
    opener: Opener<G>,
    rate: TickRate,
    last_tick: Tick,
}

impl<G: Game> Rooms<G> {
    /// So many empty rooms (at least one, at most [`ROOMS_MAX`]), each with a game made by `make` for the tick rate.
    pub fn new(
        count: usize,
        rate: TickRate,
        capacity: Capacity,
        make: impl FnMut(RoomId, u32) -> G + Send + 'static,
    ) -> Self {
        Self::with_idle_limit(count, rate, capacity, IdleLimit::NEVER, make)
    }

    /// The same, with an idle limit.
    pub fn with_idle_limit(
        count: usize,
        rate: TickRate,
        capacity: Capacity,
        idle_limit: IdleLimit,
        make: impl FnMut(RoomId, u32) -> G + Send + 'static,
    ) -> Self {
        let mut opener =
            Opener { rate, capacity, reserved: Arc::default(), idle_limit, make: Box::new(make), spectator_delay: 0 };
        let slots = (0..count.clamp(1, ROOMS_MAX) as u8).map(|id| {
            let room = opener.open(RoomId(id), 0, 1);
            let census = room.game().census();
            RoomSlot { state: RoomState::Open(room), lives: 1, reopened: None, next_serial: 1, census }
        });
        let slots = slots.collect();
        Self { slots, opener, rate, last_tick: Tick(0) }
    }

    /// The same rooms, before their first tick. Spectators see rooms with people in them so many ticks late.
    #[must_use]
    pub fn with_spectator_delay(mut self, ticks: u32) -> Self {
        self.opener.spectator_delay = ticks;
        for slot in &mut self.slots {
            slot.state = match std::mem::replace(&mut slot.state, RoomState::Closed) {
                RoomState::Open(room) => RoomState::Open(Box::new(room.with_spectator_delay(ticks))),
                other => other,
            };
        }
        self
    }

    /// The same rooms: see [`Room::without_law_watch`]. A room that opens again is watched.
    #[must_use]
    pub fn without_law_watch(mut self) -> Self {
        for slot in &mut self.slots {
            slot.state = match std::mem::replace(&mut slot.state, RoomState::Closed) {
                RoomState::Open(room) => RoomState::Open(Box::new(room.without_law_watch())),
                other => other,
            };
        }
        self
    }

    /// The same rooms, in which people with these names get a number added.
    #[must_use]
    pub fn reserving(mut self, names: ReservedNames) -> Self {
        self.opener.reserved = Arc::new(names);
        for slot in &mut self.slots {
            if let RoomState::Open(room) = &mut slot.state {
                room.reserve_names(Arc::clone(&self.opener.reserved));
            }
        }
        self
    }

    /// Runs one tick of every room. `mark` is called as each phase of each ends.
    pub fn tick(
        &mut self,
        params: TickParams,
        inbound: &mut [Batches<InputOf<G>>],
        mut mark: impl FnMut(Phase),
    ) -> RoomsResult<G> {
        let tick = params.tick;
        self.last_tick = tick;
        let (mut events, mut inputs, mut failures) = (RoomEvents::default(), InputCounts::default(), Vec::new());
        let mut joins = JoinCounts::default();
        let outputs = self.slots.iter_mut().zip((0..).map(RoomId)).map(|(slot, id)| {
            let mut batches: Rows<'_, G> = Rows { inbound: &mut *inbound, id };
            let params = TickParams { joins_left: params.joins_left.saturating_sub(joins.joined), ..params };
            match slot.run(id, params, self.rate, &mut self.opener, &mut batches, &mut mark) {
                Ok(Some(result)) => {
                    events.append(result.events);
                    inputs.add(result.inputs);
                    joins.add(result.joins);
                    (Some(result.output), result.spectator_output)
                }
                Ok(None) => {
                    batches.iter().for_each(|batch| refuse(batch, &mut events, &mut inputs));
                    (None, None)
                }
                Err(message) => {
                    // Requests that were not answered are answered by the room's end.
                    batches.iter().for_each(Batch::clear);
                    events.failed.push(id);
                    let (reopens, recording) = slot.end(tick, self.rate, &mut events);
                    failures.push(Failure { room: id, tick, message, reopens, recording });
                    (None, None)
                }
            }
        });
        let (outputs, spectator_outputs): (Vec<_>, Vec<_>) = outputs.unzip();
        let (outputs, spectator_outputs) = (outputs.into(), spectator_outputs.into());
        RoomsResult { tick, rate: self.rate, outputs, spectator_outputs, events, inputs, joins, failures }
    }

    /// The same rooms, whose first tick is the one after `tick`.
    #[must_use]
    pub fn starting_after(self, tick: Tick) -> Self {
        Self { last_tick: tick, ..self }
    }

    /// Ticks restart at 0. All connections end, and entities wait for their players as after lost connections.
    pub fn begin_anew(&mut self) -> RoomsResult<G> {
        let mut events = RoomEvents::default();
        for slot in &mut self.slots {
            slot.reopened = slot.reopened.map(|_| Tick(0));
            if let RoomState::Open(room) = &mut slot.state {
                events.append(room.begin_anew());
            }
        }
        self.last_tick = Tick(0);
        RoomsResult {
            tick: Tick(0),
            rate: self.rate,
            // Event loops must not continue the earlier ticks with these.
            outputs: self.slots.iter().map(|_| None).collect(),
            spectator_outputs: self.slots.iter().map(|_| None).collect(),
            events,
            inputs: InputCounts::default(),
            joins: JoinCounts::default(),
            failures: Vec::new(),
        }
    }

    /// The tick that ran last.
    pub fn last_tick(&self) -> Tick {
        self.last_tick
    }

    /// The rooms that are open.
    pub fn open(&self) -> impl Iterator<Item = (RoomId, &Room<G>)> {
        (0..).map(RoomId).zip(&self.slots).filter_map(|(id, slot)| Some((id, slot.room()?)))
    }

    /// Whether any room is open, or will be with the next tick.
    pub fn is_any_left(&self) -> bool {
        self.slots.iter().any(|slot| !matches!(slot.state, RoomState::Closed))
    }

    /// How many members are in all rooms together.
    pub fn headcount(&self) -> Headcount {
        self.open().fold(Headcount::default(), |sum, (_, room)| sum.and(room.headcount()))
    }

    /// Entities by kind of each open room, as they were at the last whole second.
    pub fn census(&self) -> impl Iterator<Item = &[(&'static str, usize)]> {
        self.slots.iter().filter(|slot| slot.room().is_some()).map(|slot| &slot.census[..])
    }
}

/// One room's batches among those of all.
struct Rows<'a, G: Game> {
    inbound: &'a mut [Batches<InputOf<G>>],
    id: RoomId,
}

impl<G: Game> Rows<'_, G> {
    fn iter(&mut self) -> impl Iterator<Item = &mut Batch<InputOf<G>>> {
        let index = self.id.index();
        self.inbound.iter_mut().filter_map(move |batches| batches.rooms.get_mut(index))
    }
}

impl<G: Game> RoomSlot<G> {
    fn room(&self) -> Option<&Room<G>> {
        match &self.state {
            RoomState::Open(room) => Some(room),
            RoomState::Opens | RoomState::Closed => None,
        }
    }

    /// Runs the room's tick, if it is not closed. Returns a panic's message, if there was one. All of the game's code
    /// is called from here.
    fn run(
        &mut self,
        id: RoomId,
        params: TickParams,
        rate: TickRate,
        opener: &mut Opener<G>,
        batches: &mut Rows<'_, G>,
        mark: &mut impl FnMut(Phase),
    ) -> Result<Option<TickResult<G::Rules>>, String> {
        let tick = params.tick;
        // After a panic everything that may be half done is thrown away: the room, its batches, its output of this
        // tick.
        panics::catch(|| {
            if matches!(self.state, RoomState::Opens) {
                self.state = RoomState::Open(opener.open(id, self.lives, self.next_serial));
                (self.lives, self.reopened) = (self.lives + 1, Some(tick));
            }
            let RoomState::Open(room) = &mut self.state else { return None };
            let result = room.tick(params, batches.iter(), mark);
            if tick.is_phase(0, rate.hz()) {
                self.census = room.game().census();
            }
            Some(result)
        })
    }

    /// Ends the room's life after a panic. Returns whether another life follows, and the recording.
    fn end(&mut self, tick: Tick, rate: TickRate, events: &mut RoomEvents) -> (bool, Option<Recording<G>>) {
        let relapse = i64::from(rate.ticks_in_ms(RELAPSE_MS));
        let is_relapse = self.reopened.is_some_and(|at| tick.since(at) < relapse);
        // A room that panics while it opens counts as well.
        let reopens = !is_relapse && matches!(self.state, RoomState::Open(_));
        let next = if reopens { RoomState::Opens } else { RoomState::Closed };
        if let RoomState::Open(room) = std::mem::replace(&mut self.state, next) {
            events.ended.extend(room.sessions());
            self.next_serial = room.next_serial();
            // Dropping a game calls its own code again.
            let recording = panics::catch(|| room.into_recording());
            return (reopens, recording.ok().flatten());
        }
        (reopens, None)
    }
}

/// Answers the requests to a closed room.
fn refuse<I>(batch: &mut Batch<I>, events: &mut RoomEvents, inputs: &mut InputCounts) {
    inputs.orphaned += batch.commands.drain(..).len() as u64;
    let joins = batch.requests.drain(..).filter(|(_, request)| matches!(request, Request::Join { .. }));
    events
        .join_answers
        .extend(joins.map(|(connection, _)| JoinAnswer { connection, verdict: Err(JoinRefusal::Closed) }));
}
