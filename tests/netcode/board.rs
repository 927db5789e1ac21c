//! What players did and when, so that others can tell how much later their screens show it.

use fracas_arena::rules::Thrust;
use fracas_protocol::ids::EntityId;
use fracas_protocol::tick::Tick;
use std::collections::{HashMap, VecDeque};

/// Actions remembered per ship: those of some seconds.
const ACTIONS_MAX: usize = 64;

/// Somebody began to thrust elsewhere.
#[derive(Clone, Copy, Debug)]
struct Action {
    tick: Tick,
    thrust: Thrust,
    /// When the key went down.
    at_us: u64,
}

/// Changes of thrust of all ships.
#[derive(Debug, Default)]
pub(crate) struct Board {
    actions: HashMap<EntityId, VecDeque<Action>>,
}

impl Board {
    /// A ship's player pressed a key at a time, and this is said for a tick.
    pub(crate) fn note(&mut self, ship: EntityId, tick: Tick, thrust: Thrust, at_us: u64) {
        let actions = self.actions.entry(ship).or_default();
        if actions.len() == ACTIONS_MAX {
            actions.pop_front();
        }
        actions.push_back(Action { tick, thrust, at_us });
    }
}

/// What one screen has shown of others' thrust.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: HashMap<EntityId, Seen>,
    looks: u64,
}

/// A ship as a screen last showed it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    thrust: Thrust,
    /// Of the last action that was seen.
    tick: Tick,
    /// The look at the screen that this was.
    look: u64,
}

impl Watch {
    /// The screen is looked at once more.
    pub(crate) fn look(&mut self) {
        self.looks += 1;
    }

    /// A ship is shown with this thrust, as it was on a tick. If that is new, and somebody did it: when. Of a ship that was not
    /// there at the last look it is not known what is new.
    pub(crate) fn show(&mut self, board: &Board, ship: EntityId, tick: Tick, thrust: Thrust) -> Option<u64> {
        let look = self.looks;
        let seen = self.seen.entry(ship).or_insert(Seen { thrust, tick, look });
        if std::mem::replace(&mut seen.look, look) + 1 < look {
            (seen.thrust, seen.tick) = (thrust, tick);
        }
        if std::mem::replace(&mut seen.thrust, thrust) == thrust {
            return None;
        }
        let is_it = |action: &&Action| action.thrust == thrust && action.tick > seen.tick && action.tick <= tick;
        let action = board.actions.get(&ship)?.iter().rev().find(is_it)?;
        seen.tick = action.tick;
        Some(action.at_us)
    }
}
