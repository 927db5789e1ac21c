//! The built-in game's shared rules: a top-down fight of small ships with inertia, all in integers.
//!
//! An entity's kind follows from its id, and a bolt's id from its ship's. So neither is sent with a shot.

pub mod bolt;
pub mod input;
pub mod map;
pub mod news;
pub mod own;
pub mod pickup;
pub mod rail;
pub mod ship;
pub mod tuning;

pub use bolt::Bolt;
pub use fracas_protocol::fixed::{FineHeading, Heading, Vector};
pub use input::{Input, RailShot, ShipControls, Thrust};
pub use map::Map;
pub use news::News;
pub use own::Own;
pub use pickup::{Pickup, PickupKind};
pub use rail::{Beam, rail_targets};
pub use ship::{Acts, Ship};
pub use tuning::Tuning;

use fracas_protocol::WireError;
use fracas_protocol::game::data::{DataError, StartData};
use fracas_protocol::game::rules::{Coded, Fate, Point, Rules};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::{EntityId, IdLayout, PlayerId};
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::bits::Coder;
use fracas_protocol::wire::digest::Digest;
use serde::{Deserialize, Serialize};

/// Ids below this are pick-ups.
pub const PICKUP_IDS: u16 = 4096;

/// Ids of one ship: its own, and those of its bolts behind it.
pub const IDS_PER_SHIP: u16 = ship::SHOTS as u16 + 1;

/// Pick-ups belong to nobody; behind them each player has a ship and its bolts.
const IDS: IdLayout = IdLayout { unowned: PICKUP_IDS, per_player: IDS_PER_SHIP };

/// Ships that can have an id.
pub const SHIPS_MAX: u16 = IDS.players_max();

/// The id of the ship in a slot below [`SHIPS_MAX`].
pub const fn ship_id(slot: u16) -> EntityId {
    IDS.of_player(PlayerId(slot))
}

/// The slot of the ship that has this id, or whose bolt has; none for a pick-up.
pub fn slot_of(id: EntityId) -> Option<u16> {
    IDS.owner(id).map(|player| player.0)
}

/// The kinds of entities in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// Something to take.
    Pickup,
    /// A player.
    Ship,
    /// A projectile.
    Bolt,
}

impl EntityKind {
    /// The kind that every entity with this id has.
    pub fn of(id: EntityId) -> Self {
        if id.0 < PICKUP_IDS {
            Self::Pickup
        } else if IDS.is_player(id) {
            Self::Ship
        } else {
            Self::Bolt
        }
    }
}

/// Any entity of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// Something to take.
    Pickup(Pickup),
    /// A player.
    Ship(Ship),
    /// A projectile.
    Bolt(Bolt),
}

impl Default for Entity {
    fn default() -> Self {
        Self::Pickup(Pickup::default())
    }
}

impl Entity {
    /// The ship, if this entity is one and it is alive.
    pub fn flying(&self) -> Option<&Ship> {
        match self {
            Self::Ship(ship) if ship.is_alive() => Some(ship),
            _ => None,
        }
    }

    /// Mixes its id and every field in: in fewer and fuller words than an entry has, for a client hashes all that it knows once
    /// a second.
    pub fn digest(&self, id: EntityId, digest: &mut Digest) {
        digest.word(u32::from(id.0));
        match self {
            Self::Pickup(pickup) => pickup.digest(digest),
            Self::Ship(ship) => ship.digest(digest),
            Self::Bolt(bolt) => bolt.digest(digest),
        }
    }
}

/// What all players of an arena share: how many tiles are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTiles(pub u16);

impl Default for OpenTiles {
    /// The fewest there can be.
    fn default() -> Self {
        Self(1)
    }
}

const OPEN_BITS: u32 = 14;

/// The arena's shared rules for one map and tick rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arena {
    tuning: Tuning,
    map: Map,
    open: u16,
}

impl Arena {
    /// Rules with one tile open.
    pub fn on(rate: TickRate, map: Map) -> Self {
        Self { tuning: Tuning::new(rate), map, open: 1 }
    }

    /// The same with the start-up data that they are made of, as a client has them.
    pub fn ruleset(rate: TickRate, map: &Map) -> Ruleset<Self> {
        let data = StartData::new(map.to_text().into_bytes());
        Ruleset::new(rate, data).unwrap_or_else(|error| unreachable!("a map's own text: {error}"))
    }

    /// Ticks in a second.
    pub fn tick_rate(&self) -> TickRate {
        self.tuning.rate
    }

    /// The numbers of one tick.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The ground.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// How many tiles are open.
    pub fn open(&self) -> u16 {
        self.open
    }

    /// Whether a place, in quanta, lies in a wall.
    pub fn is_wall(&self, place: Point) -> bool {
        self.map.is_wall(place.x, place.y, self.open)
    }
}

impl Coded for OpenTiles {
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.0 = coder.uint(u32::from(self.0) - 1, OPEN_BITS)? as u16 + 1;
        Ok(())
    }
}

impl Rules for Arena {
    type Entity = Entity;
    type Own = Own;
    type World = OpenTiles;
    type Input = Input;
    type News = News;

    const IDS: IdLayout = IDS;

    fn new(rate: TickRate, data: &[u8]) -> Result<Self, DataError> {
        let map = Map::from_data(data).map_err(|error| DataError(error.to_string()))?;
        Ok(Self::on(rate, map))
    }

    fn world(&self) -> OpenTiles {
        OpenTiles(self.open)
    }

    fn set_world(&mut self, OpenTiles(open): OpenTiles) -> Result<(), WireError> {
        if open == 0 || open > self.map.tiles() {
            return Err(WireError::OutOfRange);
        }
        self.open = open;
        Ok(())
    }

    #[inline]
    fn is_corrected(id: EntityId) -> bool {
        IDS.is_player(id)
    }

    fn blank(&self, id: EntityId) -> Entity {
        match EntityKind::of(id) {
            EntityKind::Pickup => Entity::Pickup(Pickup::default()),
            EntityKind::Ship => Entity::Ship(Ship::default()),
            EntityKind::Bolt => Entity::Bolt(Bolt::default()),
        }
    }

    #[inline]
    fn position(entity: &Entity) -> Point {
        match entity {
            Entity::Pickup(pickup) => pickup.position,
            Entity::Ship(ship) => ship.position,
            Entity::Bolt(bolt) => bolt.position,
        }
    }

    #[inline]
    fn predict(&self, entity: &mut Entity) -> Fate {
        match entity {
            Entity::Pickup(_) => Fate::Lives,
            Entity::Ship(ship) => {
                ship.advance(&self.tuning, &self.map, self.open);
                Fate::Lives
            }
            Entity::Bolt(bolt) => bolt.advance(&self.tuning, &self.map, self.open),
        }
    }

    #[inline]
    fn spawned_by(&self, id: EntityId, entity: &Entity) -> Option<(EntityId, Entity)> {
        let Entity::Ship(ship) = entity else { return None };
        let bolt = ship.fired(&self.tuning, &self.map, self.open)?;
        Some((EntityId(id.0 + 1 + u16::from(ship.last_shot())), Entity::Bolt(bolt)))
    }

    fn settle(&self, tick: Tick, id: EntityId, predicted: &Entity, truth: &Entity) -> Entity {
        let (Entity::Ship(predicted), Entity::Ship(ship)) = (predicted, truth) else { return *truth };
        // By slot, not by id: all ids of ships have the same parity, and each tick is to send the aim of as many ships.
        let slot = u32::from(id.0 / IDS_PER_SHIP);
        let tells_aim = tick.is_phase(slot, 2) || ship.has_fired(&self.tuning) || ship.rail.is_some();
        let aim = if tells_aim { ship.aim } else { predicted.aim };
        Entity::Ship(Ship { aim, ..*ship })
    }

    fn code_delta<C: Coder>(
        &self,
        before: &Entity,
        now: &mut Entity,
        target: &Entity,
        coder: &mut C,
    ) -> Result<(), WireError> {
        match (before, now, target) {
            (Entity::Ship(before), Entity::Ship(now), Entity::Ship(target)) => {
                now.code_delta(before, target, (&self.tuning, &self.map, self.open), coder)
            }
            _ => Err(WireError::WrongKnownList),
        }
    }

    fn code<C: Coder>(&self, entity: &mut Entity, anchor: Option<Point>, coder: &mut C) -> Result<(), WireError> {
        match entity {
            Entity::Pickup(pickup) => pickup.code_entry(anchor, coder),
            Entity::Ship(ship) => ship.code_entry(anchor, &self.tuning, coder),
            Entity::Bolt(bolt) => bolt.code_entry(anchor, &self.tuning, coder),
        }
    }

    #[inline]
    fn digest(&self, id: EntityId, entity: &Entity, digest: &mut Digest) {
        entity.digest(id, digest);
    }

    fn play(&self, entity: &mut Entity, own: &mut Own, input: &Input) {
        let Entity::Ship(ship) = entity else { return };
        let mut acts = Acts::default();
        if ship.is_alive() {
            ship.controls = ShipControls { thrust: input.thrust, fire: input.fire && !own.drained };
            ship.aim = input.aim;
            acts.dash = input.dash && input.thrust != Thrust::NONE && own.may_dash();
            acts.rail = input.rail.filter(|_| own.may_fire_rail()).map(|shot| shot.aim);
        }
        ship.act(acts, &self.tuning, &self.map, self.open);
        own.advance(ship, &self.tuning);
    }

    fn take_over(predicted: &mut Entity, truth: &Entity) {
        let (Entity::Ship(predicted), Entity::Ship(ship)) = (predicted, truth) else { return };
        *predicted = Ship { aim: ship.aim, hull: ship.hull, timer: ship.timer, score: ship.score, ..*predicted };
    }

    fn is_overruled(predicted: &Entity, truth: &Entity) -> bool {
        // Nothing pushes ships. A hit costs hull; only the last hit and the respawn change anything else.
        match (predicted, truth) {
            (Entity::Ship(predicted), Entity::Ship(ship)) => predicted.is_alive() != ship.is_alive(),
            _ => false,
        }
    }

    fn predict_own(&self, entity: &Entity, own: &mut Own) {
        let Entity::Ship(ship) = entity else { return };
        own.advance(ship, &self.tuning);
    }
}

const _: () = assert!(
    tuning::BOLT_LIFE_MS.div_ceil(tuning::RELOAD_MS) < ship::SHOTS as u32,
    "a bolt must be gone before its id comes round again"
);
