//! The arena's brains: what decides for a bot. A brain sees only what its client holds, like a person sees only the
//! screen.

mod crowd;
mod hunter;
mod rails;
mod steering;
mod wander;

pub use wander::Wander;

use crate::rules::{Arena, Entity, Input, News, Own, Ship};
use crowd::Crowd;
use fracas_protocol::client::Moment;
use fracas_protocol::game::brain::{Brain, BrainKind, Sight, Skill};
use fracas_protocol::ids::EntityId;
use fracas_protocol::replica::Replica;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::message::Aspect;
use hunter::Hunter;
use rails::Rails;

/// The index of the kind that looks for others and fights them, among [`ArenaBrain`]'s.
pub const HUNTER: usize = 0;
/// The index of the kind that flies about without looking.
pub const WANDER: usize = 1;
/// The index of the kind that goes to the middle.
pub const CROWD: usize = 2;
/// The index of the kind that does nothing.
pub const IDLE: usize = 3;

/// What decides for a bot in the arena.
#[derive(Clone, Debug)]
pub struct ArenaBrain {
    rng: Rng,
    mind: Mind,
    /// For a mind that can do nothing of its own without looking.
    wander: Wander,
    rails: Rails,
    /// Ships per open tile, as last told.
    density: Vec<u8>,
    /// Whether the last rail that was judged did what the screen had promised, until it is asked for.
    verdict: Option<bool>,
}

#[derive(Clone, Debug)]
enum Mind {
    Idle,
    Wander(Wander),
    Hunter(Hunter),
    Crowd(Crowd),
}

/// What a mind sees.
#[derive(Clone, Copy, Debug)]
struct Surroundings<'a> {
    replica: &'a Replica<Arena>,
    /// The own ship, as far ahead as it is predicted.
    own: &'a Ship,
    own_id: EntityId,
    /// Its energy and pauses.
    state: &'a Own,
    /// Ships per open tile, as last told.
    density: &'a [u8],
}

impl<'a> Surroundings<'a> {
    fn arena(&self) -> &'a Arena {
        self.replica.rules()
    }

    /// Every other ship that flies.
    fn others(&self) -> impl Iterator<Item = (EntityId, &'a Ship)> + use<'a> {
        let own = self.own_id;
        let others = self.replica.known().iter().filter(move |known| known.id != own);
        others.filter_map(|known| Some((known.id, known.now.flying()?)))
    }
}

impl Brain<Arena> for ArenaBrain {
    const KINDS: &'static [BrainKind] = &[
        BrainKind { looks_at_screen: true, ..BrainKind::new("hunter", "Looks for others and fights them.") },
        BrainKind::new("wander", "Flies about and fires now and then."),
        BrainKind { looks_first: true, ..BrainKind::new("crowd", "Goes where everybody goes: to the middle.") },
        BrainKind { is_idle: true, ..BrainKind::new("idle", "Does nothing.") },
    ];

    fn new(kind: usize, skill: Skill, seed: u64) -> Self {
        let mind = match kind {
            WANDER => Mind::Wander(Wander::default()),
            CROWD => Mind::Crowd(Crowd::default()),
            IDLE => Mind::Idle,
            _ => Mind::Hunter(Hunter::new(skill)),
        };
        Self {
            rng: Rng::new(seed, 3),
            mind,
            wander: Wander::default(),
            rails: Rails::default(),
            density: Vec::new(),
            verdict: None,
        }
    }

    fn think(&mut self, sight: &Sight<'_, Arena>) -> Input {
        let Entity::Ship(own) = sight.own else { return Input::default() };
        let Sight { replica, own_id, state, .. } = *sight;
        let around = Surroundings { replica, own, own_id, state, density: &self.density };
        match &mut self.mind {
            Mind::Idle => Input::default(),
            Mind::Wander(wander) => wander.think(sight.rate, &mut self.rng),
            Mind::Crowd(crowd) => crowd.think(&around, &mut self.rng),
            Mind::Hunter(hunter) => {
                let input = hunter.think(&around, &mut self.rng);
                self.rails.want(hunter.rail_target());
                input
            }
        }
    }

    fn wants_screen(&self) -> bool {
        self.rails.is_wanted()
    }

    fn aim(&mut self, sight: &Sight<'_, Arena>, screen: &Moment<'_, Arena>, input: Input) -> Input {
        Input { rail: self.rails.aim(sight, screen, &input), ..input }
    }

    fn played(&mut self, tick: Tick, arena: &Arena, own: &Entity, aspect: Aspect) {
        if let Entity::Ship(ship) = own
            && let Some(aim) = ship.rail
        {
            self.rails.fired(tick, arena.beam(ship.position, aim).on_screen(aspect));
        }
    }

    fn heard(&mut self, news: &News) {
        match news {
            News::Density(tiles) => self.density = tiles.to_vec(),
            News::Rail { tick, hit } => self.verdict = Some(self.rails.check(*tick, *hit)),
            _ => {}
        }
    }

    fn take_verdict(&mut self) -> Option<bool> {
        self.verdict.take()
    }

    fn think_blind(&mut self, rate: TickRate) -> Input {
        match &mut self.mind {
            Mind::Idle => Input::default(),
            Mind::Wander(wander) => wander.think(rate, &mut self.rng),
            Mind::Hunter(_) => self.wander.think(rate, &mut self.rng),
            Mind::Crowd(crowd) => crowd.stay(rate, &mut self.rng),
        }
    }

    /// A crowd has to be together first.
    fn can_look_away(&self, arena: &Arena, own: Option<&Entity>) -> bool {
        match (&self.mind, own) {
            (Mind::Crowd(_), Some(Entity::Ship(own))) => crowd::rests_near_middle(arena, own),
            (Mind::Crowd(_), _) => false,
            (Mind::Idle | Mind::Wander(_) | Mind::Hunter(_), _) => true,
        }
    }
}

#[cfg(test)]
mod tests;
