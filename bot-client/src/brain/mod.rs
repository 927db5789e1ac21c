//! What decides for a bot. A brain sees only what its replica holds, like a person sees only the screen.

mod crowd;
mod hunter;
mod pilot;
mod wander;

pub use hunter::Skill;
pub use wander::Wander;

use crowd::Crowd;
use fracas_arena::rules::{Arena, Input, Own, Ship};
use fracas_protocol::ids::EntityId;
use fracas_protocol::replica::Replica;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use hunter::Hunter;

/// What a brain sees.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Everything known.
    pub replica: &'a Replica<Arena>,
    /// The own ship, as far ahead as it is predicted.
    pub own: &'a Ship,
    /// The own ship's id.
    pub own_id: EntityId,
    /// Its energy and pauses.
    pub state: &'a Own,
    /// The tick that is to be played.
    pub tick: Tick,
    /// Ships per open tile, as last told.
    pub density: &'a [u8],
}

impl<'a> Sight<'a> {
    /// The arena's rules as they are now.
    pub fn arena(&self) -> &'a Arena {
        self.replica.rules()
    }

    /// Every other ship that flies.
    pub fn others(&self) -> impl Iterator<Item = (EntityId, &'a Ship)> + use<'a> {
        let own = self.own_id;
        let others = self.replica.known().iter().filter(move |known| known.id != own);
        others.filter_map(|known| Some((known.id, known.now.flying()?)))
    }
}

/// The brains there are, by the name they have on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BrainKind {
    /// Does nothing.
    Idle,
    /// Flies about and fires now and then.
    Wander,
    /// Looks for others and fights them.
    Hunter,
    /// Goes where everybody goes: to the middle.
    Crowd,
}

impl BrainKind {
    /// Whether it fires at what a screen shows, which is not what the replica holds.
    pub fn looks_at_screen(self) -> bool {
        self == Self::Hunter
    }

    /// Whether it has to look before it can play without looking.
    pub fn looks_first(self) -> bool {
        self == Self::Crowd
    }
}

/// A bot's brain.
#[derive(Clone, Debug)]
pub struct Brain {
    rng: Rng,
    mind: Mind,
    /// For a mind that can do nothing of its own without looking.
    wander: Wander,
}

#[derive(Clone, Debug)]
enum Mind {
    Idle,
    Wander(Wander),
    Hunter(Hunter),
    Crowd(Crowd),
}

impl Brain {
    /// A brain of the kind; equal seeds decide alike.
    pub fn new(kind: BrainKind, seed: u64, skill: Skill) -> Self {
        let mind = match kind {
            BrainKind::Idle => Mind::Idle,
            BrainKind::Wander => Mind::Wander(Wander::default()),
            BrainKind::Hunter => Mind::Hunter(Hunter::new(skill)),
            BrainKind::Crowd => Mind::Crowd(Crowd::default()),
        };
        Self { rng: Rng::new(seed, 3), mind, wander: Wander::default() }
    }

    /// What to do on the next tick.
    pub fn think(&mut self, sight: &Sight<'_>) -> Input {
        match &mut self.mind {
            Mind::Idle => Input::default(),
            Mind::Wander(wander) => wander.think(sight.arena().tuning().rate, &mut self.rng),
            Mind::Hunter(hunter) => hunter.think(sight, &mut self.rng),
            Mind::Crowd(crowd) => crowd.think(sight, &mut self.rng),
        }
    }

    /// Whom to fire a rail at, with what it has just decided to do, and by how many 16,384ths of a turn it will be off.
    pub fn rail_target(&mut self) -> Option<(EntityId, i32)> {
        match &mut self.mind {
            Mind::Hunter(hunter) => hunter.rail_target(),
            Mind::Idle | Mind::Wander(_) | Mind::Crowd(_) => None,
        }
    }

    /// What to do on the next tick for a bot that does not look.
    pub fn think_blind(&mut self, rate: TickRate) -> Input {
        match &mut self.mind {
            Mind::Idle => Input::default(),
            Mind::Wander(wander) => wander.think(rate, &mut self.rng),
            Mind::Hunter(_) => self.wander.think(rate, &mut self.rng),
            Mind::Crowd(crowd) => crowd.stay(rate, &mut self.rng),
        }
    }

    /// Whether a bot whose ship is `own` may stop to look: a crowd has to be together first.
    pub fn can_look_away(&self, arena: &Arena, own: Option<&Ship>) -> bool {
        match &self.mind {
            Mind::Idle | Mind::Wander(_) | Mind::Hunter(_) => true,
            Mind::Crowd(_) => own.is_some_and(|own| crowd::rests_near_middle(arena, own)),
        }
    }
}
