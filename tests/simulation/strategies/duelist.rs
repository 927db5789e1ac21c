//! Looks for one other ship, and fires its rail at it on ticks that both of them know, so that both shots come at once.

use super::trigger::aim;
use fracas_arena::rules::{Arena, Heading, Input, RailShot, Thrust};
use fracas_protocol::client::Client;
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::rng::Rng;

/// Rails are fired so far apart that there is energy for three, the last of which is lethal.
const RAIL_EVERY_S: u32 = 2;
/// It stands still this near, in units: a rail that is aimed from there meets.
const NEAR: i64 = 220;
/// If it does not get nearer it tries another way for so many ticks.
const DETOUR_TICKS: u32 = 20;

/// A client's driver in a duel.
#[derive(Debug)]
pub(crate) struct Duelist {
    rng: Rng,
    /// Whom it fires at, once that is known.
    pub(super) partner: Option<EntityId>,
    last: Point,
    detour: Option<(Thrust, u32)>,
}

impl Duelist {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed, 17), partner: None, last: Point::default(), detour: None }
    }

    /// Lets the client play what is due.
    pub(crate) fn advance(&mut self, client: &mut Client<Arena>, now_us: u64) {
        if client.is_tick_due(now_us)
            && let Some(input) = self.think(client, now_us)
        {
            client.set_input(input);
        }
        client.advance(now_us);
    }

    fn think(&mut self, client: &mut Client<Arena>, now_us: u64) -> Option<Input> {
        let from = Arena::position(client.prediction().newest()?.0);
        let arena = client.replica().rules();
        let (centre, hz) = (arena.map().centre(), arena.tuning().rate.hz());
        let tick = client.input_clock().tick_and_fraction(now_us).0.next();
        let moment = client.moment(now_us)?;
        let (shown, view) = (self.partner.and_then(|partner| moment.place(partner)), moment.view);
        let goal = shown.unwrap_or(centre);
        let (heading, rail) = aim(from, goal);
        let near = NEAR * i64::from(QUANTA_PER_UNIT);
        let is_near = shown.is_some() && from.distance_squared(goal) <= near * near;
        let rail = shown.filter(|_| tick.is_phase(0, RAIL_EVERY_S * hz)).map(|_| RailShot { aim: rail, view });
        let thrust = if is_near { Thrust::NONE } else { self.way(from, heading) };
        Some(Input { thrust, aim: heading, fire: false, dash: false, rail })
    }

    /// Straight on, or for a while to anywhere if a wall is in the way.
    fn way(&mut self, from: Point, heading: Heading) -> Thrust {
        let is_stuck = from == std::mem::replace(&mut self.last, from);
        if let Some((thrust, left)) = self.detour.filter(|(_, left)| *left > 0) {
            self.detour = Some((thrust, left - 1));
            return thrust;
        }
        if is_stuck {
            let anywhere = Heading::new(self.rng.below(u32::from(Heading::TURN)) as u16);
            self.detour = Some((Thrust::towards(anywhere), DETOUR_TICKS));
        }
        Thrust::towards(heading)
    }
}
