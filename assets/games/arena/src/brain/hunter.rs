//! Looks for others and fights them: leads its shots, keeps its distance, takes what lies about.

use super::Surroundings;
use super::steering::{bearing, is_clear, steer};
use crate::rules::tuning::RAIL_RANGE;
use crate::rules::{Entity, Heading, Input, PickupKind, Ship, Thrust};
use fracas_protocol::fixed::SUBQUANTA_PER_QUANTUM;
use fracas_protocol::game::brain::Skill;
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT};
use fracas_protocol::ids::EntityId;
use fracas_protocol::rng::Rng;

/// Fires at what is nearer than this, in units.
const RANGE: i32 = 520;
/// Closes in from beyond and backs off from within, in units.
const FAR: i32 = 330;
const NEAR: i32 = 170;
/// With fewer hit points a repair is worth more than a fight.
const HURT: u8 = 45;
/// Goes for what lies this near while it fights, in units.
const SNATCH: i32 = 160;

/// How well a hunter aims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Aiming {
    /// Most it is off, in steps of a 1,024th of a turn.
    error_steps: i32,
    /// Most it turns its aim in a second, in the same steps.
    turn_steps_per_s: i32,
}

impl Aiming {
    fn of(skill: Skill) -> Self {
        match skill {
            Skill::Seasoned => Self { error_steps: 14, turn_steps_per_s: 900 },
            Skill::Casual => Self { error_steps: 34, turn_steps_per_s: 500 },
        }
    }
}

/// Looks for others and fights them.
#[derive(Clone, Debug)]
pub(super) struct Hunter {
    aiming: Aiming,
    input: Input,
    target: Option<EntityId>,
    /// +1 or -1: which way round the target.
    side: i32,
    error: i32,
    decide_in: u32,
    roam: Heading,
    wants_dash: bool,
    /// Whether to fire the rail as soon as the way is clear, until the next decision.
    wants_rail: bool,
    rail: Option<(EntityId, i32)>,
}

impl Hunter {
    pub(super) fn new(skill: Skill) -> Self {
        let (input, roam) = (Input::default(), Heading::default());
        Self {
            aiming: Aiming::of(skill),
            input,
            target: None,
            side: 1,
            error: 0,
            decide_in: 0,
            roam,
            wants_dash: false,
            wants_rail: false,
            rail: None,
        }
    }

    pub(super) fn think(&mut self, around: &Surroundings<'_>, rng: &mut Rng) -> Input {
        if self.decide_in == 0 {
            self.decide(around, rng);
            self.decide_in = around.arena().tuning().rate.ticks_in_ms(150 + rng.below(250));
        }
        self.decide_in -= 1;
        self.aim(around);
        if !around.own.is_alive() {
            // Else it would be done where and when it comes back, which it does not know yet.
            (self.rail, self.wants_rail, self.wants_dash) = (None, false, false);
        }
        let dash = std::mem::take(&mut self.wants_dash) && self.input.thrust != Thrust::NONE;
        Input { dash, ..self.input }
    }

    /// Whom to fire a rail at, with what it has just decided to do, and by how many 16,384ths of a turn it will be off.
    pub(super) fn rail_target(&mut self) -> Option<(EntityId, i32)> {
        self.rail.take()
    }

    /// Whom to fight and where to fly, for the next fraction of a second.
    fn decide(&mut self, around: &Surroundings<'_>, rng: &mut Rng) {
        let from = around.own.position;
        let hunted = around.others().filter(|(_, ship)| !ship.is_protected());
        let nearest = hunted.min_by_key(|(id, ship)| (from.distance_squared(ship.position), *id));
        self.target = nearest.map(|(id, _)| id);
        self.error = rng.between(-self.aiming.error_steps, self.aiming.error_steps);
        if rng.chance(1, 4) {
            self.side = -self.side;
        }
        // Away from trouble, or past somebody's aim.
        self.wants_dash =
            around.state.may_dash() && nearest.is_some() && rng.chance(1, if around.own.hull < HURT { 2 } else { 8 });
        self.wants_rail = around.state.may_fire_rail() && rng.chance(1, 3);
        let loot = wanted_pickup(around);
        self.input.thrust = match (nearest, loot) {
            (_, Some((heading, distance))) if distance < SNATCH || around.own.hull < HURT => steer(around, heading),
            (Some((_, target)), _) => self.manoeuvre(around, target),
            (None, Some((heading, _))) => steer(around, heading),
            (None, None) => self.roam(around, rng),
        };
    }

    fn manoeuvre(&self, around: &Surroundings<'_>, target: &Ship) -> Thrust {
        let (heading, distance) = bearing(around.own.position, target.position);
        let turn = match distance {
            FAR.. => 0,
            NEAR..FAR => 256 * self.side,
            _ => 400 * self.side,
        };
        steer(around, heading.turned(turn))
    }

    /// Nobody in sight: to where the most are, or just on.
    fn roam(&mut self, around: &Surroundings<'_>, rng: &mut Rng) -> Thrust {
        let map = around.arena().map();
        let busiest = around.density.iter().enumerate().max_by_key(|(_, ships)| **ships);
        let busy = busiest.filter(|(_, ships)| **ships > 1).and_then(|(rank, _)| map.tile_of_rank(rank as u16));
        match busy {
            Some((column, row)) => {
                let middle = |tile: u32| tile as i32 * map.tile_quanta() + map.tile_quanta() / 2;
                let (heading, _) = bearing(around.own.position, Point { x: middle(column), y: middle(row) });
                steer(around, heading.turned(rng.between(-40, 40)))
            }
            None => {
                self.roam = self.roam.turned(rng.between(-60, 60));
                steer(around, self.roam)
            }
        }
    }

    /// Turns the aim towards where the target will be when a bolt gets there, and fires if that makes sense.
    fn aim(&mut self, around: &Surroundings<'_>) {
        self.input.fire = false;
        self.rail = None;
        let Some(target) = self.target.and_then(|id| around.replica.get(id)) else { return };
        let Entity::Ship(target) = &target.now else { return };
        let tuning = around.arena().tuning();
        let from = around.own.position;
        let (_, distance) = bearing(from, target.position);
        let flight_ticks = distance * QUANTA_PER_UNIT * SUBQUANTA_PER_QUANTUM / tuning.bolt_speed;
        let moved = |velocity: i32| velocity / SUBQUANTA_PER_QUANTUM * flight_ticks;
        let ahead =
            Point { x: target.position.x + moved(target.velocity.x), y: target.position.y + moved(target.velocity.y) };
        let (wanted, _) = bearing(from, ahead);
        let wanted = wanted.turned(self.error);
        let most = self.aiming.turn_steps_per_s / tuning.rate.hz() as i32;
        let turn = wanted.turn_from(self.input.aim).clamp(-most, most);
        self.input.aim = self.input.aim.turned(turn);
        let on_target = wanted.turn_from(self.input.aim).abs() < 24;
        let is_free = on_target && is_clear(around, from, self.input.aim, distance, 0);
        self.input.fire = is_free && distance < RANGE;
        if self.wants_rail && is_free && distance < RAIL_RANGE {
            self.wants_rail = false;
            // Less than with a bolt: nothing has to be led.
            self.rail = self.target.map(|id| (id, self.error * 4));
        }
    }
}

/// The nearest pick-up that is of use now: its direction and distance.
fn wanted_pickup(around: &Surroundings<'_>) -> Option<(Heading, i32)> {
    let pickups = around.replica.known().iter().filter_map(|known| match &known.now {
        Entity::Pickup(pickup) => Some(pickup),
        _ => None,
    });
    let hurt = around.own.hull < HURT;
    let useful = pickups.filter(|pickup| !hurt || pickup.kind == PickupKind::Repair);
    let nearest = useful.min_by_key(|pickup| {
        (around.own.position.distance_squared(pickup.position), pickup.position.x, pickup.position.y)
    });
    nearest.map(|pickup| bearing(around.own.position, pickup.position))
}
