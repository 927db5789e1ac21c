//! One tick's part of a frame. [`code_body`] describes it once: with the server's composer as its
//! [`BodyEnd`] it writes, with a client's replica it reads.
//!
//! ```text
//! body      [private] [leaves] deltas [entries] [hash]
//! private   any : 1 | [world : 1 [world]] [follow : 1 [follow]] [report : 1 [report]] [own : 1 [own]]
//! entry     id : 16 | [name] | entity
//! ```

use crate::WireError;
use crate::game::rules::{Coded, Point, Rules};
use crate::ids::EntityId;
use crate::wire::bits::Coder;
use crate::wire::frame::{self, InputReport};
use crate::wire::limits::VISIBLE_MAX;

/// What only one player is told, where it differs from what its client has or expects.
pub struct PrivateBlock<R: Rules> {
    /// The world state.
    pub world: Option<R::World>,
    /// The entity that its view follows from now on, if any.
    pub follow: Option<Option<EntityId>>,
    /// How its inputs arrive.
    pub report: Option<InputReport>,
    /// Its own state.
    pub own: Option<R::Own>,
}

impl<R: Rules> Default for PrivateBlock<R> {
    fn default() -> Self {
        Self { world: None, follow: None, report: None, own: None }
    }
}

impl<R: Rules> PrivateBlock<R> {
    /// Codes the block. A reader's world state begins as `world`, which may be any.
    #[inline]
    pub fn code<C: Coder>(&mut self, world: R::World, coder: &mut C) -> Result<(), WireError> {
        let Self { world: told_world, follow, report, own } = self;
        let any = told_world.is_some() | follow.is_some() | report.is_some() | own.is_some();
        if !coder.flag(any)? {
            *self = Self::default();
            return Ok(());
        }
        code_told(told_world, world, coder, Coded::code)?;
        code_told(follow, None, coder, frame::code_follow)?;
        code_told(report, InputReport::default(), coder, InputReport::code)?;
        code_told(own, R::Own::default(), coder, Coded::code)
    }
}

/// Codes whether something is told, and what; a reader begins with `blank`.
#[inline]
fn code_told<T: Copy, C: Coder>(
    told: &mut Option<T>,
    blank: T,
    coder: &mut C,
    code: impl FnOnce(&mut T, &mut C) -> Result<(), WireError>,
) -> Result<(), WireError> {
    if !coder.flag(told.is_some())? {
        *told = None;
        return Ok(());
    }
    code(told.get_or_insert(blank), coder)
}

/// What entries' positions are relative to.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    /// The entity that the view follows. It is the anchor, so its own entry has an absolute
    /// position.
    pub follow: Option<EntityId>,
    /// Where that entity is, once that is known.
    pub centre: Option<Point>,
}

/// Codes an entity that enters the known list: which it is, the name that it may bear, and all of
/// it. `record` gives the entity to write, or a blank one to read into.
#[inline]
pub fn code_entry<R: Rules, C: Coder>(
    rules: &R,
    id: EntityId,
    anchor: &mut Anchor,
    coder: &mut C,
    code_name: impl FnOnce(EntityId, &mut C) -> Result<(), WireError>,
    record: impl FnOnce(EntityId) -> R::Entity,
) -> Result<(EntityId, R::Entity), WireError> {
    let id = EntityId(coder.uint(u32::from(id.0), EntityId::BITS)? as u16);
    if R::IDS.is_player(id) {
        code_name(id, coder)?;
    }
    let is_anchor = anchor.follow == Some(id);
    if anchor.centre.is_none() && !is_anchor {
        return Err(WireError::WrongKnownList);
    }
    let mut entity = record(id);
    rules.code(&mut entity, anchor.centre.filter(|_| !is_anchor), coder)?;
    if is_anchor {
        anchor.centre = Some(R::position(&entity));
    }
    Ok((id, entity))
}

/// One end of a connection, as [`code_body`] asks it: what a writer has to say, what a reader is to
/// take over. A reader's answers to the questions mean nothing, as everywhere with a [`Coder`].
pub trait BodyEnd<R: Rules, C: Coder> {
    /// The world state before the body; a writer's may be that after it.
    fn world(&self) -> R::World;
    /// What only this player is told.
    fn private(&mut self) -> PrivateBlock<R>;
    /// That has been coded. Everything known goes one tick on, and what expires is known no more.
    fn begin(&mut self, private: &PrivateBlock<R>) -> Result<(), WireError>;
    /// Codes what leaves ([`frame::code_leaves`]), then a flag and perhaps a delta for each known
    /// entity that can be corrected. What those have spawned is known from then on.
    fn code_known(&mut self, coder: &mut C) -> Result<(), WireError>;
    /// How many entities enter.
    fn entries(&mut self) -> Result<u32, WireError>;
    /// Codes so many entries, each as [`code_entry`] does.
    fn code_entries(&mut self, count: u32, coder: &mut C) -> Result<(), WireError>;
    /// The hash of everything known, if it is due.
    fn hash(&mut self) -> Option<u32>;
    /// The body ends; this was its hash.
    fn finish(&mut self, hash: Option<u32>);
}

/// Codes a body.
#[inline]
pub fn code_body<R: Rules, C: Coder>(end: &mut impl BodyEnd<R, C>, coder: &mut C) -> Result<(), WireError> {
    let mut private = end.private();
    private.code(end.world(), coder)?;
    end.begin(&private)?;
    end.code_known(coder)?;
    let entries = end.entries()?;
    let entries = coder.count(entries, VISIBLE_MAX as u32)?;
    end.code_entries(entries, coder)?;
    let mut hash = end.hash();
    frame::code_hash(&mut hash, coder)?;
    end.finish(hash);
    Ok(())
}
