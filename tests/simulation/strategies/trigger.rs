//! Fires its rail whenever it may, at the nearest ship that its screen shows or at nobody, and drifts about.

use fracas_arena::rules::{Arena, FineHeading, Heading, Input, RailShot, Thrust};
use fracas_protocol::client::Client;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::ViewTime;

/// It drifts on for so many ticks before it thrusts to elsewhere.
const DRIFT_TICKS: u32 = 25;

/// A client's driver that knows one thing to do.
#[derive(Debug)]
pub(crate) struct Trigger {
    rng: Rng,
    /// Whether it fires bolts, too.
    fires_bolts: bool,
    /// Its rails claim to be fired at what its screen showed so many ticks earlier.
    behind_ticks: u32,
    thrust: Thrust,
    drifts: u32,
}

impl Trigger {
    pub(super) fn new(seed: u64, fires_bolts: bool, behind_ticks: u32) -> Self {
        Self { rng: Rng::new(seed, 15), fires_bolts, behind_ticks, thrust: Thrust::NONE, drifts: 0 }
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
        if self.drifts == 0 {
            self.drifts = DRIFT_TICKS;
            self.thrust = Thrust::towards(Heading::new(self.rng.below(u32::from(Heading::TURN)) as u16));
        }
        self.drifts -= 1;
        let from = Arena::position(client.prediction().newest()?.0);
        let (nearest, view) = nearest(client, now_us, from)?;
        let (aim, rail) = aim(from, nearest.unwrap_or(Point { x: from.x + 1, y: from.y }));
        let view = ViewTime::from_sixteenths(view.in_sixteenths() - i64::from(self.behind_ticks) * ViewTime::PARTS);
        let rail = Some(RailShot { aim: rail, view });
        Some(Input { thrust: self.thrust, aim, fire: self.fires_bolts, dash: false, rail })
    }
}

/// Where the screen shows the nearest other ship, if it shows any, and the moment that it shows.
fn nearest(client: &mut Client<Arena>, now_us: u64, from: Point) -> Option<(Option<Point>, ViewTime)> {
    let own = client.own_id()?;
    let moment = client.moment(now_us)?;
    let others = moment.from.entities.iter().filter(|(id, entity)| *id != own && entity.flying().is_some());
    let others = others.filter_map(|(id, _)| Some((*id, moment.place(*id)?)));
    let others = others.map(|(id, place)| (place.distance_squared(from), id, place));
    let nearest = others.min_by_key(|(distance, id, _)| (*distance, *id)).map(|(_, _, place)| place);
    Some((nearest, moment.view))
}

/// The aims of both weapons from one place to another.
pub(crate) fn aim(from: Point, to: Point) -> (Heading, FineHeading) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    (Heading::towards(dx, dy), FineHeading::towards(dx, dy))
}
