//! The shared half of a game: how its entities move by themselves, and how they are encoded.
//!
//! A game implements [`Rules`] once, and the server, the bots and the page all run it. The other half is
//! [`Game`](super::authority::Game): what only the authority may decide.

use super::data::DataError;
use crate::WireError;
use crate::ids::{EntityId, IdLayout};
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

/// What both ends of a connection know of a game: how its entities move by themselves, and how they are encoded. A value
/// is made for one tick rate and one start-up data, and holds the world state. The server may change the world state
/// from tick to tick.
///
/// A game must write the types and the methods without a default: what an entity and an input are, where an entity is,
/// how it moves, and how it is written. Each default is right for every game. Its text says what it costs, and how to do
/// better. [`crate::game::check`] finds what breaks a law.
///
/// Everything here must be a pure function of its arguments, in integers. It must accept any value that its own
/// decoders accept, since a hostile server may send it.
pub trait Rules: Clone + Send + Sync + 'static {
    /// All replicated state of one entity. What is simulated is what is sent.
    type Entity: Copy + PartialEq + Debug + Default + Send + Sync + 'static;
    /// A player's input for one tick.
    type Input: Intent;
    /// State that only the entity's own player is sent: energy, cooldowns. `()` for none.
    type Own: Coded + Default + Send + Sync + 'static;
    /// What all players share and may change from tick to tick. `()` for nothing.
    type World: Coded + Default + Eq + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The game's news beside the frames: leaderboard, kill feed. `()` for none.
    type News: Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + 'static;

    /// Which ids entities have. The default has 4,096 ids for what belongs to nobody, and one for each player.
    const IDS: IdLayout = IdLayout { unowned: 4096, per_player: 1 };

    /// The rules at a tick rate, for the start-up data that [`Game::start_data`](super::authority::Game::start_data)
    /// made.
    ///
    /// # Errors
    /// If the data is not this game's. It comes from the server, so a client must not trust it.
    fn new(rate: TickRate, data: &[u8]) -> Result<Self, DataError>;

    /// Where an entity is. What a player sees depends on it.
    fn position(entity: &Self::Entity) -> Point;

    /// Advances an entity one tick from its own state and held controls alone.
    fn predict(&self, entity: &mut Self::Entity) -> Fate;

    /// One tick of a player's own entity. The input sets the held controls, then the entity moves as by
    /// [`Self::predict`]. The server and the predicting client both call this.
    fn play(&self, entity: &mut Self::Entity, own: &mut Self::Own, input: &Self::Input);

    /// Codes an entity in full: writes it, reads it into a blank one, or feeds it to the hash. Its position is relative
    /// to `anchor`, or absolute if there is none: see [`code_point`].
    fn code<C: Coder>(&self, entity: &mut Self::Entity, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError>;

    /// The world state. The default has none that changes.
    fn world(&self) -> Self::World {
        Self::World::default()
    }

    /// Takes over a world state from the server. The default has none.
    ///
    /// # Errors
    /// If it is not a valid one.
    fn set_world(&mut self, world: Self::World) -> Result<(), WireError> {
        let _ = world;
        Ok(())
    }

    /// Whether an entity with this id is corrected by deltas. Any other moves as predicted until it leaves. The default
    /// corrects all but children: each known entity costs a bit on every tick. A game whose unowned entities never
    /// change saves theirs by saying so.
    fn is_corrected(id: EntityId) -> bool {
        Self::IDS.parent(id).is_none()
    }

    /// An entity of the kind that `id` has, to be filled in by [`Self::code`]. The default is for a game of one kind.
    fn blank(&self, id: EntityId) -> Self::Entity {
        let _ = id;
        Self::Entity::default()
    }

    /// The entity that this one spawned on a tick, given its state after that tick: for example a projectile. A viewer that
    /// knows the parent then knows the child without further data. The child's id is one behind its parent's: see
    /// [`IdLayout`]. The default spawns nothing this way: an entity that comes into being is sent in full.
    fn spawned_by(&self, id: EntityId, entity: &Self::Entity) -> Option<(EntityId, Self::Entity)> {
        let _ = (id, entity);
        None
    }

    /// What the record shall be after `tick`: the truth, but for what is only told now and then (where weapons point).
    /// The default is the truth.
    fn settle(&self, tick: Tick, id: EntityId, predicted: &Self::Entity, truth: &Self::Entity) -> Self::Entity {
        let _ = (tick, id, predicted);
        *truth
    }

    /// Codes the delta that turns the prediction into `target`. `before` is the entity before the tick. `now` comes in
    /// as predicted from it and goes out equal to `target`. A reader may pass any `target`.
    ///
    /// The default sends the entity in full, and a bit that says whether its position is near the last one. A game
    /// whose entities change often does better by sending only the fields that differ.
    fn code_delta<C: Coder>(
        &self,
        before: &Self::Entity,
        now: &mut Self::Entity,
        target: &Self::Entity,
        coder: &mut C,
    ) -> Result<(), WireError> {
        let last = Self::position(before);
        let is_near = coder.flag(Self::position(target).is_near(last))?;
        *now = *target;
        self.code(now, is_near.then_some(last), coder)
    }

    /// Feeds an entity's id and every field to a hash. The default uses the words that [`Self::code`] writes.
    #[inline]
    fn digest(&self, id: EntityId, entity: &Self::Entity, digest: &mut Digest) {
        digest.word(u32::from(id.0));
        let mut entity = *entity;
        // What cannot be in an entry ends it early, at both ends alike.
        let _ = self.code(&mut entity, None, digest);
    }

    /// Copies into a client's prediction what only the server decides (hits, score) and what it sends late (aim). If
    /// the prediction still differs from `truth`, it was wrong. The default copies nothing: a game declares what only
    /// its server decides, or each such change counts as a wrong prediction.
    fn take_over(predicted: &mut Self::Entity, truth: &Self::Entity) {
        let _ = (predicted, truth);
    }

    /// Whether the server changed the own entity in a way that a client could not predict: it destroyed the entity, or
    /// placed it anew. The change goes beyond what [`Self::take_over`] covers. Nothing else may excuse a wrong
    /// prediction. The default excuses nothing.
    fn is_overruled(predicted: &Self::Entity, truth: &Self::Entity) -> bool {
        let _ = (predicted, truth);
        false
    }

    /// One tick of a player's own state, given the entity after that tick. It is the part of [`Self::play`] that a
    /// client can follow without knowing the input. The default follows nothing: an own state that changes is sent.
    fn predict_own(&self, entity: &Self::Entity, own: &mut Self::Own) {
        let _ = (entity, own);
    }
}

/// State that is written and read by one function: a game's world state, or what a player alone is sent.
pub trait Coded: Copy + PartialEq + Debug {
    /// Codes every field. A reader's value may be any.
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError>;
}

impl Coded for () {
    fn code<C: Coder>(&mut self, _coder: &mut C) -> Result<(), WireError> {
        Ok(())
    }
}

/// A player's input for one tick. It has held controls, which stay until they change, and one-time actions. The defaults
/// are for an input that is all held.
pub trait Intent: Copy + PartialEq + Debug + Default + Serialize + DeserializeOwned + Send + 'static {
    /// What stays in effect on ticks without a newer input: everything but the one-time actions.
    #[must_use]
    fn held(self) -> Self {
        self
    }
    /// Adds the one-time actions of an earlier input that was never applied.
    fn merge(&mut self, earlier: Self) {
        let _ = earlier;
    }
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
