//! The rooms of one tick thread: each runs every tick, one after the other, and what they say is published as one.

use super::room::{InputCounts, Phase, Room};
use super::roster::{Capacity, Headcount, RoomId, Roster};
use crate::channel::{Asides, Batches, Outputs};
use crate::game::{Game, InputOf};
use fracas_protocol::rules::Rules;
use fracas_protocol::tick::{Tick, TickRate};

/// Rooms of one process.
pub const ROOMS_MAX: usize = 16;

/// What one tick of all rooms has to say.
#[derive(Debug)]
pub struct RoomsResult<R: Rules> {
    /// The tick.
    pub tick: Tick,
    /// How often ticks run.
    pub rate: TickRate,
    /// What frames are made of.
    pub outputs: Outputs<R>,
    /// What is said only once.
    pub asides: Asides,
    /// What became of the commands.
    pub inputs: InputCounts,
}

/// All rooms, by their ids.
pub struct Rooms<G: Game> {
    rooms: Vec<Room<G>>,
    rate: TickRate,
    last_tick: Tick,
}

impl<G: Game> Rooms<G> {
    /// So many empty rooms (at least one, at most [`ROOMS_MAX`]), each with what `make` makes for it.
    pub fn new(count: usize, capacity: Capacity, mut make: impl FnMut(RoomId) -> G) -> Self {
        let ids = (0..count.clamp(1, ROOMS_MAX) as u8).map(RoomId);
        let rooms: Vec<_> = ids.map(|id| Room::with_roster(make(id), Roster::new(capacity).of(id))).collect();
        let rate = rooms[0].game().rules().tick_rate();
        Self { rooms, rate, last_tick: Tick(0) }
    }

    /// Runs one tick of every room. `mark` is called as each phase of each ends.
    pub fn tick(
        &mut self,
        tick: Tick,
        inbound: &mut [Batches<InputOf<G>>],
        mut mark: impl FnMut(Phase),
    ) -> RoomsResult<G::Rules> {
        self.last_tick = tick;
        let (mut asides, mut inputs) = (Asides::default(), InputCounts::default());
        let outputs = self.rooms.iter_mut().enumerate().map(|(index, room)| {
            let batches = inbound.iter_mut().filter_map(|batches| batches.rooms.get_mut(index));
            let result = room.tick(tick, batches, &mut mark);
            asides.append(result.asides);
            inputs.add(result.inputs);
            Some(result.output)
        });
        let outputs = outputs.collect();
        RoomsResult { tick, rate: self.rate, outputs, asides, inputs }
    }

    /// The tick that ran last.
    pub fn last_tick(&self) -> Tick {
        self.last_tick
    }

    /// The rooms that are open.
    pub fn open(&self) -> impl Iterator<Item = (RoomId, &Room<G>)> {
        (0..).map(RoomId).zip(&self.rooms)
    }

    /// How many are in all rooms together.
    pub fn headcount(&self) -> Headcount {
        self.open().fold(Headcount::default(), |sum, (_, room)| sum.and(room.headcount()))
    }
}
