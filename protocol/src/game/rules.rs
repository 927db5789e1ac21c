//! The shared half of a game: how its entities move by themselves, and how they are encoded.
//!
//! A game implements [`Rules`] once, and the server, the bots and the page all run it. The other half is the server's
//! `Game` trait: what only the authority may decide.

use crate::WireError;
use crate::ids::{EntityId, MapId};
pub use crate::point::{Point, QUANTA_PER_UNIT};
use crate::tick::{Tick, TickRate};
use crate::wire::bits::Coder;
use crate::wire::digest::Digest;
use crate::wire::message::{ClientMessage, ServerMessage};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// The result of one tick of [`Rules::predict`] for an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Lives,
    /// It expires. Every end knows that by itself.
    Expires,
}

/// What both ends of a connection know of a game. A value holds the map, the tuning for one tick rate, and the world
/// state. The server may change the world state from tick to tick.
///
/// Everything here must be a pure function of its arguments, in integers. It must accept any value that its own
/// decoders accept, since a hostile server may send it.
pub trait Rules: Clone + Send + Sync + 'static {
    /// All replicated state of one entity. What is simulated is what is sent.
    type Entity: Copy + PartialEq + Debug + Send + Sync + 'static;
    /// State that only the entity's own player is sent: energy, cooldowns.
    type Own: Copy + PartialEq + Debug + Default + Send + Sync + 'static;
    /// What all players share and may change from tick to tick.
    type World: Copy + Eq + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// A player's input for one tick.
    type Input: Intent;
    /// The game's news beside the frames: leaderboard, kill feed.
    type News: Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + 'static;

    /// The rate the rules were made for.
    fn tick_rate(&self) -> TickRate;
    /// The same rules for another rate. A client learns the server's rate from the welcome.
    #[must_use]
    fn at_rate(&self, rate: TickRate) -> Self;
    /// The map the rules were made for.
    fn map_id(&self) -> MapId;
    /// The world state.
    fn world(&self) -> Self::World;
    /// Takes over a world state from the server. An error if it is not a valid one.
    fn set_world(&mut self, world: Self::World) -> Result<(), WireError>;

    /// Whether an entity with this id is corrected by deltas. Any other moves as predicted until it leaves.
    fn is_corrected(id: EntityId) -> bool;
    /// Whether an entity with this id bears a player's name.
    fn is_named(id: EntityId) -> bool;
    /// The entity that spawned this one, if it is one that [`Self::spawned_by`] makes.
    fn parent(id: EntityId) -> Option<EntityId>;
    /// An entity of the kind that `id` has, to be filled in by [`Self::code_entry`].
    fn blank(&self, id: EntityId) -> Self::Entity;
    /// Where an entity is.
    fn position(entity: &Self::Entity) -> Point;

    /// Advances an entity one tick from its own state and held controls alone.
    fn predict(&self, entity: &mut Self::Entity) -> Fate;
    /// The entity that this one spawned on a tick, given its state after that tick: for example a bolt. A viewer that
    /// knows the parent then knows the child without further data.
    fn spawned_by(&self, id: EntityId, entity: &Self::Entity) -> Option<(EntityId, Self::Entity)>;
    /// What the record shall be after `tick`: the truth, but for what is only told now and then (where weapons point).
    fn settle(&self, tick: Tick, id: EntityId, predicted: &Self::Entity, truth: &Self::Entity) -> Self::Entity;

    /// Codes the delta that turns the prediction into `target`. `before` is the entity before the tick. `now` comes in
    /// as predicted from it and goes out equal to `target`. A reader may pass any `target`.
    fn code_delta<C: Coder>(
        &self,
        before: &Self::Entity,
        now: &mut Self::Entity,
        target: &Self::Entity,
        coder: &mut C,
    ) -> Result<(), WireError>;
    /// Codes an entity in full. Its position is relative to `anchor`, the view's centre, or absolute if there is none.
    fn code_entry<C: Coder>(
        &self,
        entity: &mut Self::Entity,
        anchor: Option<Point>,
        coder: &mut C,
    ) -> Result<(), WireError>;
    /// Codes the world state.
    fn code_world<C: Coder>(world: &mut Self::World, coder: &mut C) -> Result<(), WireError>;
    /// Codes a player's own state.
    fn code_own<C: Coder>(own: &mut Self::Own, coder: &mut C) -> Result<(), WireError>;
    /// Feeds an entity's id and every field to a hash: as its entry has them, unless the game's wire has words of its own.
    #[inline]
    fn digest(&self, id: EntityId, entity: &Self::Entity, digest: &mut Digest) {
        digest.word(u32::from(id.0));
        let mut entity = *entity;
        // What cannot be in an entry ends it early, at both ends alike.
        let _ = self.code_entry(&mut entity, None, digest);
    }

    /// One tick of a player's own entity. The input sets the held controls, then the entity moves as by
    /// [`Self::predict`]. The server and the predicting client both call this.
    fn play(&self, entity: &mut Self::Entity, own: &mut Self::Own, input: &Self::Input);
    /// Copies into a client's prediction what only the server decides (hits, score) and what it sends late (aim). If
    /// the prediction still differs from `truth`, it was wrong.
    fn take_over(predicted: &mut Self::Entity, truth: &Self::Entity);
    /// Whether the server changed the own entity in a way that a client could not predict: it destroyed the entity, or
    /// placed it anew. The change goes beyond what [`Self::take_over`] covers. Nothing else may excuse a wrong
    /// prediction.
    fn is_overruled(predicted: &Self::Entity, truth: &Self::Entity) -> bool;
    /// One tick of a player's own state, given the entity after that tick. It is the part of [`Self::play`] that a
    /// client can follow without knowing the input.
    fn predict_own(&self, entity: &Self::Entity, own: &mut Self::Own);
}

/// A player's input for one tick. It has held controls, which stay until they change, and one-time actions.
pub trait Intent: Copy + PartialEq + Debug + Default + Serialize + DeserializeOwned + Send + 'static {
    /// What stays in effect on ticks without a newer input: everything but the one-time actions.
    #[must_use]
    fn held(self) -> Self;
    /// Adds the one-time actions of an earlier input that was never applied.
    fn merge(&mut self, earlier: Self);
}

/// A client's messages in a game with rules `R`.
pub type ClientMessageOf<R> = ClientMessage<<R as Rules>::Input>;

/// The server's control messages in a game with rules `R`.
pub type MessageOf<R> = ServerMessage<<R as Rules>::World, <R as Rules>::News>;

/// Codes a position on a lattice of `2^lattice` quanta. Without an `anchor` it is absolute. Else only its low bits are
/// coded, which name one position within 1,024 units of the anchor. So the same bits serve every viewer.
pub fn code_point<C: Coder>(
    point: &mut Point,
    anchor: Option<Point>,
    lattice: u32,
    coder: &mut C,
) -> Result<(), WireError> {
    let width = if anchor.is_some() { Point::NEAR_BITS } else { Point::BITS } - lattice;
    let mask = (1_u32 << width) - 1;
    let x = (coder.uint((point.x as u32 >> lattice) & mask, width)? << lattice) as i32;
    let y = (coder.uint((point.y as u32 >> lattice) & mask, width)? << lattice) as i32;
    let position = match anchor {
        None => Point { x, y },
        Some(anchor) => Point { x: nearest(x, anchor.x), y: nearest(y, anchor.y) },
    };
    if !(0..=Point::MAX).contains(&position.x) || !(0..=Point::MAX).contains(&position.y) {
        return Err(WireError::OutOfRange);
    }
    *point = position;
    Ok(())
}

/// The number nearest to `anchor` whose low [`Point::NEAR_BITS`] bits are `low`.
fn nearest(low: i32, anchor: i32) -> i32 {
    let half = 1 << (Point::NEAR_BITS - 1);
    let offset = (low - anchor + half) & ((1 << Point::NEAR_BITS) - 1);
    anchor - half + offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bits::{BitReader, BitWriter};

    #[test]
    fn low_bits_name_one_place_near_the_anchor() {
        let reach = (1 << (Point::NEAR_BITS - 1)) - 1;
        for anchor in [0, 1, 70_000, 1 << 21, Point::MAX] {
            for offset in [-reach - 1, -reach, -1, 0, 1, reach] {
                let x = anchor + offset;
                if (0..=Point::MAX).contains(&x) {
                    assert_eq!(nearest(x & 0x1ffff, anchor), x, "{offset} from {anchor}");
                }
            }
        }
    }

    #[test]
    fn a_place_outside_the_world_is_refused() {
        let mut writer = BitWriter::new();
        writer.write(0x1ffff, 17);
        writer.write(0, 17);
        let bytes = writer.finish();
        let mut point = Point::default();
        let read = code_point(&mut point, Some(Point { x: 3, y: 3 }), 0, &mut BitReader::new(&bytes));
        assert_eq!(read, Err(WireError::OutOfRange));
    }
}
