//! What a game's code names: `use fracas_protocol::prelude::*;`.

pub use crate::WireError;
pub use crate::client::Moment;
pub use crate::fixed::{FineHeading, Heading, Vector, speed};
pub use crate::game::authority::{Game, GameEvent, GameSetup, Joiner, PlayerInput};
pub use crate::game::brain::{Brain, BrainKind, Sight, Skill};
pub use crate::game::data::DataError;
pub use crate::game::history::History;
pub use crate::game::look::{Colour, Controls, Drawn, Look, Shape};
pub use crate::game::mover::Mover;
pub use crate::game::page::PageFile;
pub use crate::game::rules::{Coded, Fate, Intent, Point, QUANTA_PER_UNIT, Rules, code_point};
pub use crate::game::settings::{Setting, SettingKind, Settings};
pub use crate::game::slots::Slots;
pub use crate::game::steer::Steer;
pub use crate::ids::{EntityId, IdLayout, PlayerId, PlayerKind};
pub use crate::rng::Rng;
pub use crate::tick::{Tick, TickRate, ViewTime};
pub use crate::wire::bits::Coder;
pub use crate::wire::message::Aspect;
pub use serde::{Deserialize, Serialize};
