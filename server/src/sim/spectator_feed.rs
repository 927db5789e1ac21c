//! What spectators are shown of a room with people in it: the room as it was some ticks ago. Otherwise a second tab would show
//! its owner what their own entity cannot see.
//!
//! Each tick's changes go into a ring, as bits; what comes out at its other end is applied to one late set of entities. An
//! output for spectators, made of that set, is the one that players had been given so many ticks before, record by record. The
//! delay counts ticks that ran, so skipped ones make it longer while they are in the ring, and never shorter.
//!
//! While nobody watches nothing is applied: every delay a checkpoint of the entities is taken, and the set jumps from one to
//! the next. The ring then holds up to two delays, and who comes to watch waits until the set has caught up.

use super::output_pool::OutputPool;
use crate::ids::PlayerId;
use crate::replication::{Names, TickOutput, changes};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::bits::{BitReader, BitWriter};
use std::collections::VecDeque;
use std::sync::Arc;

/// The ring's memory grows by such a part of itself: doubled it would be half empty.
const GROWTH: usize = 8;
/// Ticks by which the late set catches up on one tick, beside the one that is due: with the usual delay the first spectator of a
/// room waits for two thirds of a second at the most, and no tick takes much longer for it.
const CATCH_UP: usize = 8;

/// A ring that is emptier than by half of what it holds gives memory back; not below so many bytes.
const BYTES_KEPT: usize = 64 * 1024;

/// A row of the table of names.
type NameRow = Option<(u64, Name)>;

/// One tick of the ring, but for the changes of records.
#[derive(Debug)]
struct Step<R: Rules> {
    tick: Tick,
    world: R::World,
    /// Bytes of its changes.
    changes_len: usize,
    /// Names that are others than on the tick before.
    names: Vec<(PlayerId, NameRow)>,
    /// Encoded news to everybody.
    news: Vec<Vec<u8>>,
    to_watch: Option<EntityId>,
}

/// What was said on the tick that comes out of the ring.
#[derive(Debug)]
pub(super) struct DelayedTick {
    pub(super) tick: Tick,
    /// Encoded news to everybody.
    pub(super) news: Vec<Vec<u8>>,
    /// Whom a spectator is to watch who watches nobody.
    pub(super) to_watch: Option<EntityId>,
}

/// Entities as they were after some of the ticks in the ring.
#[derive(Debug)]
struct Checkpoint<R: Rules> {
    /// After how many, from the oldest.
    steps: usize,
    entities: Vec<(EntityId, R::Entity)>,
}

/// A room as it was so many ticks ago, and what has happened since.
#[derive(Debug)]
pub(super) struct SpectatorFeed<R: Rules> {
    /// Ticks between what happens and what is shown, at least 1.
    delay: u32,
    /// What followed on the late set, from the oldest on: at most `delay` ticks, twice as many while nobody watches, and the one
    /// that is being recorded.
    steps: VecDeque<Step<R>>,
    /// The changes of all of them. Bounded by their number, and by what can change of a room's entities.
    changes: VecDeque<u8>,
    /// The names as they were recorded last.
    newest_names: Arc<Names>,
    /// The rules, names and entities after the last tick that came out.
    rules: R,
    names: Arc<Names>,
    entities: Vec<(EntityId, R::Entity)>,
    /// The only one there is, if any: what the late set jumps to while nobody watches.
    checkpoint: Option<Checkpoint<R>>,
    /// Ticks since there was a person in the room; none if there never was one.
    without_people: Option<u32>,
    /// Kept for its memory.
    buffer: Vec<u8>,
    pool: OutputPool<R>,
}

impl<R: Rules> SpectatorFeed<R> {
    /// The feed of a room that has not run yet, so many ticks (at least 1) late.
    pub(super) fn new(rules: R, delay: u32) -> Self {
        Self {
            delay: delay.max(1),
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

    /// A tick begins, with people in the room or without. Whether spectators are shown it as it is: there is nobody whom that
    /// would give anything away to, or of, and the late room has had nobody either.
    pub(super) fn is_live(&mut self, has_people: bool) -> bool {
        let since = self.without_people.map(|ticks| ticks.saturating_add(1));
        self.without_people = if has_people { Some(0) } else { since };
        self.without_people.is_none_or(|ticks| ticks > self.delay)
    }

    /// Puts a tick into the ring: what it made of the entities `before`, and the `news` to everybody. Spectators learn the names
    /// of the first `player_slots` players.
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

    /// Brings the late set to the tick that is due, and tells of that; none while the room is younger than the delay, or while the
    /// set catches up. What was before that tick goes into `before`.
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

    /// Nobody watches: the set stays where it is until the checkpoint is old enough. `now` are the newest records.
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
        // Behind it the checkpoint is of no use.
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

    /// Takes over what a tick changed beside the entities.
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

    /// What spectators' frames are made of after [`Self::advance`], which left `before`; `tell` adds what each is told. Records,
    /// deltas and all else are those of the players' output of that tick: they are made by the same code of the same entities.
    pub(super) fn output(
        &mut self,
        tick: Tick,
        before: &[(EntityId, R::Entity)],
        tell: impl FnOnce(&mut TickOutput<R>),
    ) -> Arc<TickOutput<R>> {
        let mut output = self.pool.spare(&self.rules);
        let out = Arc::get_mut(&mut output).unwrap_or_else(|| unreachable!("a spare output has one owner"));
        out.tick = tick;
        out.rules.clone_from(&self.rules);
        out.records.update_from(before, &self.rules, tick, &self.entities);
        out.names.clone_from(&self.names);
        tell(out);
        self.pool.keep(Arc::clone(&output));
        output
    }

    /// What there is to show before anything is due: nothing, in the world as it was made.
    pub(super) fn nothing(&self) -> Arc<TickOutput<R>> {
        Arc::new(TickOutput::empty(self.rules.clone()))
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
        // A changed table is another one, since we hold the last.
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
