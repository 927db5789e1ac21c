//! The spectators' view of a room with people in it: the room as it was some ticks ago. Otherwise a player could watch
//! in a second tab what their own entity cannot see.
//!
//! Each tick's changes go into a ring, as bits. What comes out is applied to one delayed set of entities. The
//! spectators' output is made from that set. It equals the players' output of that tick, record by record. The delay
//! counts ticks that ran. Skipped ticks make it longer while they are in the ring, and never shorter.
//!
//! While nobody watches nothing is applied. Once per delay a checkpoint of the entities is taken, and the set jumps
//! from one to the next. The ring then holds up to two delays. The first spectator waits until the set has caught up.

use super::output_pool::OutputPool;
use crate::ids::PlayerId;
use crate::replication::{Names, TickOutput, changes};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::bits::{BitReader, BitWriter};
use std::collections::VecDeque;
use std::sync::Arc;

/// The ring's memory grows by this part of its size. If it doubled, it would be half empty.
const GROWTH: usize = 8;
/// Ticks by which the delayed set catches up on one tick, beside the one that is due. With the default delay the first
/// spectator of a room waits at most two thirds of a second. No tick takes much longer for it.
const CATCH_UP: usize = 8;

/// A ring with much unused memory gives it back, but keeps so many bytes.
const BYTES_KEPT: usize = 64 * 1024;

/// A row of the table of names.
type NameRow = Option<(u64, Name)>;

/// One tick of the ring, without the changes of records.
#[derive(Debug)]
struct Step<R: Rules> {
    tick: Tick,
    world: R::World,
    /// Bytes of its changes.
    changes_len: usize,
    /// Names that changed since the tick before.
    names: Vec<(PlayerId, NameRow)>,
    /// Encoded news to everybody.
    news: Vec<Vec<u8>>,
    to_watch: Option<EntityId>,
}

/// The rest of the tick that comes out of the ring.
#[derive(Debug)]
pub(super) struct DelayedTick {
    pub(super) tick: Tick,
    /// Encoded news to everybody.
    pub(super) news: Vec<Vec<u8>>,
    /// The entity to watch for a spectator that watches none.
    pub(super) to_watch: Option<EntityId>,
}

/// Entities as they were after some of the ticks in the ring.
#[derive(Debug)]
struct Checkpoint<R: Rules> {
    /// After how many, from the oldest.
    steps: usize,
    entities: Vec<(EntityId, R::Entity)>,
}

/// A room as it was so many ticks ago, and all changes since.
#[derive(Debug)]
pub(super) struct SpectatorFeed<R: Rules> {
    /// Ticks between what happens and what is shown, at least 1.
    delay: u32,
    rate: TickRate,
    /// The ticks after the delayed set, the oldest first. There are at most `delay` ticks, or twice as many while
    /// nobody watches. The tick that is being recorded comes on top.
    steps: VecDeque<Step<R>>,
    /// The changes of all of them. Bounded by their number, and by the entities of a room.
    changes: VecDeque<u8>,
    /// The names as they were recorded last.
    newest_names: Arc<Names>,
    /// The rules, names and entities after the last tick that came out.
    rules: R,
    names: Arc<Names>,
    entities: Vec<(EntityId, R::Entity)>,
    /// The only checkpoint, if any. The delayed set jumps to it while nobody watches.
    checkpoint: Option<Checkpoint<R>>,
    /// Ticks since there was a person in the room. None if there never was one.
    without_people: Option<u32>,
    /// Kept for its memory.
    buffer: Vec<u8>,
    pool: OutputPool<R>,
}

impl<R: Rules> SpectatorFeed<R> {
    /// The feed of a room that has not run yet, so many ticks (at least 1) late.
    pub(super) fn new(rules: R, rate: TickRate, delay: u32) -> Self {
        Self {
            delay: delay.max(1),
            rate,
            steps: VecDeque::new(),
            changes: VecDeque::new(),
            newest_names: Arc::default(),
            rules,
            names: Arc::default(),
            entities: Vec::new(),
            checkpoint: None,
            without_people: None,
            buffer: Vec::new(),
            pool: OutputPool::default(),
        }
    }

    /// How many ticks late it is.
    pub(super) fn delay(&self) -> u32 {
        self.delay
    }

    /// A tick begins, with or without people in the room. Returns whether spectators see it without delay. That is so
    /// if there have been no people for longer than the delay, so nothing can be given away.
    pub(super) fn is_live(&mut self, has_people: bool) -> bool {
        let since = self.without_people.map(|ticks| ticks.saturating_add(1));
        self.without_people = if has_people { Some(0) } else { since };
        self.without_people.is_none_or(|ticks| ticks > self.delay)
    }

    /// Adds a tick to the ring: its changes since the entities `before`, and the `news` for all. Spectators get the
    /// names of the first `player_slots` players.
    pub(super) fn record(
        &mut self,
        before: &[(EntityId, R::Entity)],
        output: &TickOutput<R>,
        player_slots: usize,
        to_watch: Option<EntityId>,
        news: Vec<Vec<u8>>,
    ) {
        self.buffer.clear();
        let mut bits = BitWriter::continuing(std::mem::take(&mut self.buffer));
        changes::write(&output.rules, before, &output.records, &mut bits);
        self.buffer = bits.finish();
        self.make_room();
        self.changes.extend(&self.buffer);
        let (changes_len, names) = (self.buffer.len(), self.changed_names(&output.names, player_slots));
        let (tick, world) = (output.tick, output.rules.world());
        self.steps.push_back(Step { tick, world, changes_len, names, news, to_watch });
    }

    /// Brings the delayed set to the tick that is due, and returns the rest of that tick. None while the room is
    /// younger than the delay, or while the set catches up. The entities before that tick go into `before`.
    pub(super) fn advance(&mut self, before: &mut Vec<(EntityId, R::Entity)>) -> Option<DelayedTick> {
        let delay = self.delay as usize;
        let mut shown = None;
        for _ in 0..=CATCH_UP {
            if self.steps.len() > delay {
                shown = self.apply_oldest(before);
            }
        }
        if self.steps.len() != delay {
            return None;
        }
        self.checkpoint = None;
        shown
    }

    /// Nobody watches. The set stays where it is until the checkpoint is old enough. `now` are the newest records.
    pub(super) fn rest(&mut self, now: &[(EntityId, R::Entity)]) {
        let is_due = |checkpoint: &mut Checkpoint<R>| self.steps.len() - checkpoint.steps >= self.delay as usize;
        let mut memory = Vec::new();
        if let Some(Checkpoint { steps, entities }) = self.checkpoint.take_if(is_due) {
            for _ in 0..steps {
                let Some(step) = self.steps.pop_front() else { break };
                self.changes.drain(..step.changes_len);
                self.follow(&step);
            }
            memory = std::mem::replace(&mut self.entities, entities);
        }
        if self.checkpoint.is_none() {
            memory.clear();
            memory.extend_from_slice(now);
            self.checkpoint = Some(Checkpoint { steps: self.steps.len(), entities: memory });
        }
    }

    fn apply_oldest(&mut self, before: &mut Vec<(EntityId, R::Entity)>) -> Option<DelayedTick> {
        let step = self.steps.pop_front()?;
        // Once the set has passed it, the checkpoint is of no use.
        self.checkpoint.take_if(|checkpoint| checkpoint.steps == 0);
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.steps -= 1;
        }
        self.take_changes(step.changes_len);
        self.follow(&step);
        std::mem::swap(&mut self.entities, before);
        changes::read(&self.rules, before, &mut self.entities, &mut BitReader::new(&self.buffer));
        Some(DelayedTick { tick: step.tick, news: step.news, to_watch: step.to_watch })
    }

    /// Applies a tick's changes beside the entities.
    fn follow(&mut self, step: &Step<R>) {
        if self.rules.set_world(step.world).is_err() {
            unreachable!("the room had this world state");
        }
        for (player, row) in &step.names {
            let names = Arc::make_mut(&mut self.names);
            names.resize(names.len().max(player.index() + 1), None);
            names[player.index()].clone_from(row);
        }
    }

    /// The spectators' output after [`Self::advance`], which left `before`. `tell` adds each spectator's row. Records
    /// and deltas equal those of the players' output of that tick, since the same code makes them from the same
    /// entities.
    pub(super) fn output(
        &mut self,
        tick: Tick,
        before: &[(EntityId, R::Entity)],
        tell: impl FnOnce(&mut TickOutput<R>),
    ) -> Arc<TickOutput<R>> {
        let mut output = self.pool.spare(&self.rules, self.rate);
        let out = Arc::get_mut(&mut output).unwrap_or_else(|| unreachable!("a spare output has one owner"));
        out.tick = tick;
        out.rules.clone_from(&self.rules);
        out.records.update_from(before, &self.rules, tick, &self.entities);
        out.names.clone_from(&self.names);
        tell(out);
        self.pool.keep(Arc::clone(&output));
        output
    }

    /// The output before any tick is due: an empty world.
    pub(super) fn nothing(&self) -> Arc<TickOutput<R>> {
        Arc::new(TickOutput::empty(self.rules.clone(), self.rate))
    }

    /// Bytes that the ring takes.
    pub(super) fn bytes(&self) -> usize {
        self.changes.capacity() + self.steps.capacity() * size_of::<Step<R>>()
    }

    fn make_room(&mut self) {
        let (len, more) = (self.changes.len(), self.buffer.len());
        if self.changes.capacity() - len < more {
            self.changes.reserve_exact(more.max(len / GROWTH));
        } else if self.changes.capacity() > (len + more + len / 2).max(BYTES_KEPT) {
            self.changes.shrink_to(len + more + len / GROWTH);
        }
    }

    /// Moves so many bytes from the ring's front into the buffer.
    fn take_changes(&mut self, len: usize) {
        let (front, back) = self.changes.as_slices();
        let of_front = len.min(front.len());
        self.buffer.clear();
        self.buffer.extend_from_slice(&front[..of_front]);
        self.buffer.extend_from_slice(&back[..len - of_front]);
        self.changes.drain(..len);
    }

    fn changed_names(&mut self, names: &Arc<Names>, player_slots: usize) -> Vec<(PlayerId, NameRow)> {
        // A changed table is a new one, since we hold the last.
        if Arc::ptr_eq(&self.newest_names, names) {
            return Vec::new();
        }
        let serial = |row: &NameRow| row.as_ref().map(|(serial, _)| *serial);
        let old = std::mem::replace(&mut self.newest_names, Arc::clone(names));
        let was = |index: usize| old.get(index).and_then(serial);
        let rows = names.iter().take(player_slots).enumerate().filter(|(index, row)| serial(row) != was(*index));
        rows.map(|(index, row)| (PlayerId(index as u16), row.clone())).collect()
    }
}
