//! A client's copy of its known list. It applies frames, and checks itself against the server's hash.

use crate::game::rules::{Fate, Point, Rules};
use crate::ids::EntityId;
use crate::name::{Name, NameTable};
use crate::tick::Tick;
use crate::wire::bits::{BitReader, Coder};
use crate::wire::body::{Anchor, BodyEnd, PrivateBlock, code_body, code_entry};
use crate::wire::frame::{self, FrameHeader, InputReport};
use crate::wire::limits::{FRAME_BYTES_MAX, VISIBLE_MAX};
use crate::{WireError, record};

/// An entity on the known list.
#[derive(Clone, Debug)]
pub struct Known<R: Rules> {
    /// Its id; the list is sorted by it.
    pub id: EntityId,
    /// As it was one tick ago (or as it entered).
    pub before: R::Entity,
    /// As it is on the replica's tick.
    pub now: R::Entity,
    /// The player's name, if it bears one.
    pub name: Option<Name>,
}

/// What a body did, for the code that drives the replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodySummary {
    /// The world state changed.
    pub world_changed: bool,
    /// The own state was sent, not predicted.
    pub own_told: bool,
    /// Whether the hash agreed, if the body carried one.
    pub hash_agrees: Option<bool>,
}

/// A client's copy of its known list and of its player's own state.
#[derive(Clone, Debug)]
pub struct Replica<R: Rules> {
    rules: R,
    tick: Tick,
    /// Whether a fresh start has arrived and every frame since could be applied.
    live: bool,
    known: Vec<Known<R>>,
    names: NameTable<Name>,
    own: R::Own,
    follow: Option<EntityId>,
    report: InputReport,
    leaves: Vec<u16>,
}

/// The bodies of one frame, not all applied yet.
#[derive(Debug)]
pub struct Bodies<'a> {
    bits: BitReader<'a>,
    left: u32,
    next: Tick,
    fresh: bool,
}

impl Bodies<'_> {
    /// Whether the frame starts afresh.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether at most one body is left.
    pub fn is_last(&self) -> bool {
        self.left <= 1
    }
}

impl<R: Rules> Replica<R> {
    /// A replica that waits for its first frame.
    pub fn new(rules: R) -> Self {
        Self {
            rules,
            tick: Tick(0),
            live: false,
            known: Vec::new(),
            names: NameTable::default(),
            own: R::Own::default(),
            follow: None,
            report: InputReport::default(),
            leaves: Vec::new(),
        }
    }

    /// The rules, with the world state of the last body.
    pub fn rules(&self) -> &R {
        &self.rules
    }

    /// The tick of the last body.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Whether the replica follows the server; if not it waits for a fresh start.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// A replica as it would be after a body.
    pub(crate) fn after(rules: &R, tick: Tick, known: &[(EntityId, R::Entity)]) -> Self {
        let known = known.iter().map(|(id, now)| Known { id: *id, before: *now, now: *now, name: None });
        Self { tick, live: true, known: known.collect(), ..Self::new(rules.clone()) }
    }

    /// Stops following the server. Frames are ignored until one starts afresh.
    pub(crate) fn lose(&mut self) {
        self.live = false;
    }

    /// Everything known, sorted by id.
    pub fn known(&self) -> &[Known<R>] {
        &self.known
    }

    /// The known entity with this id.
    pub fn get(&self, id: EntityId) -> Option<&Known<R>> {
        self.known.binary_search_by_key(&id, |known| known.id).ok().map(|index| &self.known[index])
    }

    /// The entity the view follows: the player's own, or the one a spectator watches.
    pub fn follow(&self) -> Option<EntityId> {
        self.follow
    }

    /// The player's own state.
    pub fn own(&self) -> &R::Own {
        &self.own
    }

    /// How the player's inputs arrive.
    pub fn report(&self) -> InputReport {
        self.report
    }

    /// Sets the world state of the welcome. The first frame carries it again.
    pub fn set_world(&mut self, world: R::World) -> Result<(), WireError> {
        self.rules.set_world(world)
    }

    /// Opens a frame, whose bodies [`Self::apply`] then applies one by one.
    ///
    /// # Errors
    /// After any error of this or [`Self::apply`] the replica is not live: it refuses frames with
    /// [`WireError::NotStarted`] until one starts afresh.
    pub fn open<'a>(&mut self, frame: &'a [u8]) -> Result<Bodies<'a>, WireError> {
        let opened = self.try_open(frame);
        self.live &= opened.is_ok();
        opened
    }

    fn try_open<'a>(&mut self, frame: &'a [u8]) -> Result<Bodies<'a>, WireError> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(WireError::TooLong);
        }
        let mut bits = BitReader::new(frame);
        let mut header = FrameHeader::default();
        header.code(&mut bits)?;
        if header.fresh {
            self.start_afresh();
        } else if !self.live {
            return Err(WireError::NotStarted);
        }
        let next = header.first.unwrap_or(self.tick.next());
        Ok(Bodies { bits, left: header.bodies, next, fresh: header.fresh })
    }

    fn start_afresh(&mut self) {
        self.live = true;
        self.known.clear();
        self.names.clear();
        self.own = R::Own::default();
        self.follow = None;
        self.report = InputReport::default();
    }

    /// Applies the next body; `None` after the last.
    pub fn apply(&mut self, bodies: &mut Bodies<'_>) -> Result<Option<BodySummary>, WireError> {
        if bodies.left == 0 {
            return Ok(None);
        }
        bodies.left -= 1;
        let mut applied = self.apply_body(bodies.next, &mut bodies.bits);
        if bodies.left == 0
            && let Err(error) = bodies.bits.clone().finish()
        {
            applied = applied.and(Err(error));
        }
        bodies.next = bodies.next.next();
        self.live &= applied.is_ok();
        applied.map(Some)
    }

    /// Applies every body of a frame. Returns the last one's summary, with any failed hash check of an earlier one.
    pub fn apply_frame(&mut self, frame: &[u8]) -> Result<BodySummary, WireError> {
        let mut bodies = self.open(frame)?;
        let mut whole = BodySummary::default();
        while let Some(body) = self.apply(&mut bodies)? {
            let hash_agrees = match (whole.hash_agrees, body.hash_agrees) {
                (Some(false), _) => Some(false),
                (earlier, later) => later.or(earlier),
            };
            whole = BodySummary { hash_agrees, ..body };
        }
        Ok(whole)
    }

    /// The hash of the known list, as the server computes it.
    pub fn hash(&self) -> u32 {
        record::hash(&self.rules, self.known.iter().map(|known| (known.id, &known.now)))
    }

    fn apply_body(&mut self, tick: Tick, bits: &mut BitReader<'_>) -> Result<BodySummary, WireError> {
        let mut reader = BodyReader { replica: self, tick, summary: BodySummary::default() };
        code_body(&mut reader, bits)?;
        Ok(reader.summary)
    }

    fn predict(&mut self) {
        let rules = &self.rules;
        self.known.retain_mut(|known| {
            known.before = known.now;
            rules.predict(&mut known.now) == Fate::Lives
        });
    }

    fn read_leaves(&mut self, bits: &mut BitReader<'_>) -> Result<(), WireError> {
        self.leaves.clear();
        frame::code_leaves(&mut self.leaves, self.known.len(), bits)?;
        if !self.leaves.is_empty() {
            let mut leaves = self.leaves.iter().copied().peekable();
            let mut index = 0;
            self.known.retain(|_| {
                let leaving = leaves.next_if_eq(&index).is_some();
                index += 1;
                !leaving
            });
        }
        Ok(())
    }

    fn read_deltas(&mut self, bits: &mut BitReader<'_>) -> Result<(), WireError> {
        for known in self.known.iter_mut().filter(|known| R::is_corrected(known.id)) {
            if bits.flag(false)? {
                record::read_delta(&self.rules, &known.before, &mut known.now, bits)?;
            }
        }
        Ok(())
    }

    fn spawn(&mut self) -> Result<(), WireError> {
        let len = self.known.len();
        for index in 0..len {
            let parent = &self.known[index];
            if let Some((id, child)) = self.rules.spawned_by(parent.id, &parent.now) {
                self.known.push(Known { id, before: child, now: child, name: None });
            }
        }
        self.take_in(len)
    }

    fn read_entries(&mut self, count: u32, bits: &mut BitReader<'_>) -> Result<(), WireError> {
        let mut anchor = Anchor { follow: self.follow, centre: self.centre() };
        let len = self.known.len();
        for _ in 0..count {
            let (rules, names, mut name) = (&self.rules, &mut self.names, None);
            let read_name = |_, bits: &mut BitReader<'_>| {
                name = Some(names.read(bits)?);
                Ok(())
            };
            let any = EntityId(0);
            let (id, now) = code_entry(rules, any, &mut anchor, bits, read_name, |id| rules.blank(id))?;
            self.known.push(Known { id, before: now, now, name });
        }
        self.take_in(len)
    }

    /// Sorts the entities behind the first `len`, which are in order, into their positions.
    fn take_in(&mut self, len: usize) -> Result<(), WireError> {
        if self.known.len() == len {
            return Ok(());
        }
        // A stable sort finds the two ordered runs, so this is a merge.
        self.known.sort_by_key(|known| known.id);
        let twice = self.known.windows(2).any(|pair| pair[0].id == pair[1].id);
        if twice || self.known.len() > VISIBLE_MAX {
            return Err(WireError::WrongKnownList);
        }
        Ok(())
    }

    /// Where the view's centre is, if it follows something known.
    pub fn centre(&self) -> Option<Point> {
        self.follow.and_then(|id| self.get(id)).map(|known| R::position(&known.now))
    }
}

/// The reading end of a body.
struct BodyReader<'a, R: Rules> {
    replica: &'a mut Replica<R>,
    tick: Tick,
    summary: BodySummary,
}

impl<R: Rules> BodyEnd<R, BitReader<'_>> for BodyReader<'_, R> {
    fn world(&self) -> R::World {
        self.replica.rules.world()
    }

    fn private(&mut self) -> PrivateBlock<R> {
        PrivateBlock::default()
    }

    fn begin(&mut self, private: &PrivateBlock<R>) -> Result<(), WireError> {
        let replica = &mut *self.replica;
        if let Some(world) = private.world {
            self.summary.world_changed = world != replica.rules.world();
            replica.rules.set_world(world)?;
        }
        replica.follow = private.follow.unwrap_or(replica.follow);
        replica.report = private.report.unwrap_or(replica.report);
        replica.own = private.own.unwrap_or(replica.own);
        self.summary.own_told = private.own.is_some();
        replica.tick = self.tick;
        replica.predict();
        Ok(())
    }

    fn code_known(&mut self, bits: &mut BitReader<'_>) -> Result<(), WireError> {
        self.replica.read_leaves(bits)?;
        self.replica.read_deltas(bits)?;
        self.replica.spawn()
    }

    fn entries(&mut self) -> Result<u32, WireError> {
        Ok(0)
    }

    fn code_entries(&mut self, count: u32, bits: &mut BitReader<'_>) -> Result<(), WireError> {
        self.replica.read_entries(count, bits)
    }

    fn hash(&mut self) -> Option<u32> {
        None
    }

    fn finish(&mut self, hash: Option<u32>) {
        let replica = &mut *self.replica;
        if !self.summary.own_told
            && let Some(entity) = replica.follow.and_then(|id| replica.get(id)).map(|known| known.now)
        {
            replica.rules.predict_own(&entity, &mut replica.own);
        }
        self.summary.hash_agrees = hash.map(|hash| hash == replica.hash());
    }
}
