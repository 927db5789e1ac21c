//! What a client knows, field by field, with the names that PROTOCOL.md has for them.

#![allow(dead_code, reason = "each test uses its part")]

use fracas_arena::rules::{Arena, Entity, Input, Own, Ship};
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::Tick;
use serde::{Deserialize, Serialize};

/// One entity's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    Pickup {
        id: u16,
        x: i32,
        y: i32,
        gives: u8,
    },
    Ship {
        id: u16,
        name: String,
        #[serde(flatten)]
        ship: ShipState,
    },
    Bolt {
        id: u16,
        x: i32,
        y: i32,
        heading: u16,
        life: u8,
    },
}

/// A ship.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShipState {
    x: i32,
    y: i32,
    vx: i32,
    vy: i32,
    thrust: u8,
    fire: bool,
    aim: u16,
    reload: u8,
    shots: u8,
    hull: u8,
    timer: u8,
    score: u16,
    dash: u8,
    rail: Option<u16>,
}

impl From<&Ship> for ShipState {
    fn from(ship: &Ship) -> Self {
        Self {
            x: ship.position.x,
            y: ship.position.y,
            vx: ship.velocity.x,
            vy: ship.velocity.y,
            thrust: ship.controls.thrust.number(),
            fire: ship.controls.fire,
            aim: ship.aim.steps(),
            reload: ship.reload,
            shots: ship.shots,
            hull: ship.hull,
            timer: ship.timer,
            score: ship.score,
            dash: ship.dash,
            rail: ship.rail.map(|rail| rail.steps()),
        }
    }
}

/// A player's own state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OwnState {
    energy: u16,
    drained: bool,
    dash_pause: u8,
    rail_pause: u8,
    rank: u16,
}

impl From<&Own> for OwnState {
    fn from(own: &Own) -> Self {
        let Own { energy, drained, dash_pause, rail_pause, rank } = *own;
        Self { energy, drained, dash_pause, rail_pause, rank }
    }
}

/// All that a client knows after a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) tick: u32,
    pub(crate) open: u16,
    pub(crate) follow: Option<u16>,
    pub(crate) age: u8,
    pub(crate) lead: i8,
    pub(crate) own: OwnState,
    pub(crate) known: Vec<Record>,
    pub(crate) hash: u32,
}

impl From<&Replica<Arena>> for State {
    fn from(replica: &Replica<Arena>) -> Self {
        let record = |known: &fracas_protocol::replica::Known<Arena>| {
            let id = known.id.0;
            match &known.now {
                Entity::Pickup(pickup) => {
                    Record::Pickup { id, x: pickup.position.x, y: pickup.position.y, gives: pickup.kind as u8 }
                }
                Entity::Ship(ship) => {
                    let name = known.name.as_ref().expect("a ship bears a name").to_string();
                    Record::Ship { id, name, ship: ship.into() }
                }
                Entity::Bolt(bolt) => Record::Bolt {
                    id,
                    x: bolt.position.x,
                    y: bolt.position.y,
                    heading: bolt.heading.steps(),
                    life: bolt.life,
                },
            }
        };
        Self {
            tick: replica.tick().0,
            open: replica.rules().open(),
            follow: replica.follow().map(|id| id.0),
            age: replica.report().age,
            lead: replica.report().lead,
            own: replica.own().into(),
            known: replica.known().iter().map(record).collect(),
            hash: replica.hash(),
        }
    }
}

/// An input as the server read it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SaidInput {
    /// Just before this tick ran.
    pub(crate) read_before: Tick,
    /// The tick that it is for.
    pub(crate) stamp: Tick,
    pub(crate) input: Input,
}

/// A frame, and what its receiver knows after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlayedFrame {
    pub(crate) hex: String,
    /// The tick of its first body, and how many it has.
    pub(crate) first: u32,
    pub(crate) bodies: u32,
    pub(crate) fresh: bool,
    /// Whether it tells its first tick.
    pub(crate) explicit: bool,
    pub(crate) age: u8,
    pub(crate) lead: i8,
    pub(crate) ship: Option<ShipState>,
    pub(crate) own: OwnState,
    pub(crate) known: usize,
    pub(crate) hash: u32,
}
