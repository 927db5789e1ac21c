//! One page's connection to the game: the client, the picture, and what the heads-up display shows.

use crate::beams::Beams;
use crate::net::{self, NET_LEN};
use crate::scene::{Scene, ScreenPoint, flag};
use crate::texts;
use fracas_arena::rules::own::ENERGY_FULL;
use fracas_arena::rules::tuning::HULL_MAX;
use fracas_arena::rules::{Arena, Entity, FineHeading, Heading, Input, Map, RailShot, Ship, Thrust, rail_targets};
use fracas_protocol::client::{Client, ClientError, ClientOptions};
use fracas_protocol::game::data::StartData;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::tick::{TickRate, ViewTime};
use fracas_protocol::wire::message::{Aspect, Hello};

/// Snapshots kept: enough for the delay at which others are shown, and some lateness.
const DISPLAY_TICKS: usize = 12;
/// How long a correction of the own ship is eased out, in milliseconds.
const EASE_MS: f64 = 100.0;
/// A correction of more than this is a jump that shall be seen, in units: a respawn.
const EASE_MAX_UNITS: f64 = 90.0;

/// Numbers for the heads-up display, in the order of the page's `hud.js`.
pub(crate) const HUD_LEN: usize = 18;

/// What the page has instead of a game when something went wrong, as its exports return it.
#[derive(Clone, Copy)]
pub(crate) enum PageFault {
    /// The start-up data or the name cannot be used.
    BadStart = 1,
    /// The server said something that cannot be understood.
    BadMessage = 2,
    /// The server plays with other start-up data than the page has: fetch it anew.
    OtherData = 3,
}

/// One page's connection.
pub(crate) struct Page {
    client: Client<Arena>,
    map: Map,
    aspect: Aspect,
    pub(crate) scene: Scene,
    pub(crate) hud: [f32; HUD_LEN],
    pub(crate) net: [f32; NET_LEN],
    beams: Beams,
    /// The moment that the last picture showed, and where the others were in it.
    shown: Option<(ViewTime, Vec<(EntityId, Point)>)>,
    aim: f32,
    /// Where a dash goes that was begun without thrust, until it was sent.
    dash_thrust: Thrust,
    /// What is left of a correction that is being eased out, and when that was so.
    error: ScreenPoint,
    error_at_ms: f64,
}

impl Page {
    /// A page that says hello: the game's start-up data; the player's name; the room's; a token.
    pub(crate) fn new(
        data: &[u8],
        name: &str,
        room: &str,
        aspect: u32,
        token: Option<[u8; 16]>,
    ) -> Result<Self, PageFault> {
        let ruleset = Ruleset::<Arena>::new(TickRate::HZ_30, StartData::new(data)).map_err(|_| PageFault::BadStart)?;
        let map = ruleset.rules().map().clone();
        let aspect = Aspect::ALL.get(aspect as usize).copied().unwrap_or_default();
        let hello = Hello { aspect, room: room.into(), token: token.map(Token), ..Hello::player(name) };
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        Ok(Self {
            client: Client::new(ruleset, hello, options),
            map,
            aspect,
            scene: Scene::new(),
            hud: [0.0; HUD_LEN],
            net: [0.0; NET_LEN],
            beams: Beams::default(),
            shown: None,
            aim: 0.0,
            dash_thrust: Thrust::NONE,
            error: ScreenPoint::default(),
            error_at_ms: 0.0,
        })
    }

    /// Takes a message from the server.
    pub(crate) fn receive(&mut self, message: &[u8], now_ms: f64) -> Result<(), PageFault> {
        let corrections = self.client.counters().corrections;
        let before = self.own_place(now_ms);
        let received = self.client.receive(us(now_ms), message).map_err(|error| match error {
            ClientError::OtherData => PageFault::OtherData,
            ClientError::Wire(_) | ClientError::OutOfPlace | ClientError::OtherRate => PageFault::BadMessage,
        });
        if self.client.counters().corrections > corrections
            && let (Some(before), Some(after)) = (before, self.own_place(now_ms))
        {
            let (dx, dy) = (before.x - after.x, before.y - after.y);
            let left = self.error_left(now_ms);
            let error = ScreenPoint { x: left.x + dx, y: left.y + dy };
            let jumped = error.x.abs() + error.y.abs() > EASE_MAX_UNITS;
            self.error = if jumped { ScreenPoint::default() } else { error };
            self.error_at_ms = now_ms;
        }
        received
    }

    /// What the player wants: a thrust heading in turns (below 0 for none), an aim in turns; what is pressed, in bits: the
    /// trigger (1), and once, a dash (2) or a rail (4).
    pub(crate) fn set_input(&mut self, now_ms: f64, (thrust, aim): (f32, f32), pressed: u32) {
        let [fire, dash, rail] = [1, 2, 4].map(|bit| pressed & bit != 0);
        let steps = |turns: f32, turn: u16| (turns.rem_euclid(1.0) * f32::from(turn)).round() as u16;
        let heading = |turns: f32| Heading::new(steps(turns, Heading::TURN));
        let mut thrust = if thrust < 0.0 { Thrust::NONE } else { Thrust::towards(heading(thrust)) };
        self.aim = aim;
        // What is pressed while waiting to come back is not done then, from a place nobody knows yet.
        let flies = self.client.prediction().newest().is_some_and(|(own, _)| own.flying().is_some());
        let (dash, rail) = (dash && flies, rail && flies);
        let view = if rail { self.client.moment(us(now_ms)).map(|moment| moment.view) } else { None };
        let rail = view.map(|view| RailShot { aim: FineHeading::new(steps(aim, FineHeading::TURN)), view });
        // Whoever dashes without flying means to where they look, until that was sent.
        if dash {
            self.dash_thrust = Thrust::towards(heading(aim));
        }
        if thrust == Thrust::NONE && (dash || self.client.input().dash) {
            thrust = self.dash_thrust;
        }
        self.client.set_input(Input { thrust, aim: heading(aim), fire, dash, rail });
    }

    /// Nobody looks at the page any more, or somebody looks again.
    pub(crate) fn set_hidden(&mut self, hidden: bool, now_ms: f64) {
        if hidden { self.client.hide(us(now_ms)) } else { self.client.show(us(now_ms)) }
    }

    /// Plays what is due.
    pub(crate) fn advance(&mut self, now_ms: f64) {
        self.client.advance(us(now_ms));
    }

    /// Acknowledges what has come: for a page that is not drawn.
    pub(crate) fn acknowledge(&mut self, now_ms: f64) {
        self.client.acknowledge(us(now_ms));
    }

    pub(crate) fn leave(&mut self, now_ms: f64) {
        self.client.leave(us(now_ms));
    }

    pub(crate) fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        self.client.take_outgoing()
    }

    /// The next event that the page wants to know of.
    pub(crate) fn take_event(&mut self) -> Option<String> {
        while let Some(event) = self.client.take_event() {
            if let Some(text) = texts::describe(&event) {
                return Some(text);
            }
        }
        None
    }

    /// The name of the ship with this id, if it is known.
    pub(crate) fn name_of(&self, id: u32) -> Option<&str> {
        let known = self.client.replica().get(EntityId(u16::try_from(id).ok()?))?;
        known.name.as_ref().map(|name| name.as_str())
    }

    /// The name that others see at the own ship, once it is known.
    pub(crate) fn own_name(&self) -> Option<&str> {
        self.name_of(u32::from(self.client.own_id()?.0))
    }

    /// Where the server has the own ship, in units, as of the last body; for tests that compare.
    pub(crate) fn recorded_place(&self) -> Option<ScreenPoint> {
        self.client.replica().centre().map(ScreenPoint::of)
    }

    /// The client that plays.
    pub(crate) fn client(&self) -> &Client<Arena> {
        &self.client
    }

    /// The moment that the last picture showed, and where the others were in it.
    pub(crate) fn shown(&self) -> Option<&(ViewTime, Vec<(EntityId, Point)>)> {
        self.shown.as_ref()
    }

    /// Makes the picture of this moment, `half_width` and `half_height` units wide and high from the middle.
    pub(crate) fn draw(&mut self, now_ms: f64, half_width: f64, half_height: f64) {
        self.scene.clear();
        let Some(camera) = self.camera(now_ms) else { return };
        let own_id = self.client.own_id();
        self.scene.add_walls(&self.map, self.client.replica().rules().open(), camera, half_width, half_height);
        self.shown = None;
        if let Some(moment) = self.client.moment(us(now_ms)) {
            self.scene.add_others(&moment, own_id, camera);
            self.shown = Some((moment.view, rail_targets(&moment, own_id, self.aspect).collect()));
        }
        if let Some((view, shown)) = &self.shown {
            self.beams.add_others(&self.client, view.tick(), now_ms);
            self.beams.add_own(&self.client, shown, now_ms);
        }
        self.scene.add_beams(self.beams.shown(now_ms), camera);
        self.add_own(now_ms, camera);
        self.fill_hud(camera);
        let period_us = self.client.replica().rules().tuning().rate.period_us() as i64;
        let view_us = self.shown.as_ref().map(|(view, _)| view.in_sixteenths() * period_us / 16);
        self.net = net::numbers(&self.client, us(now_ms), view_us);
    }

    /// The own ship and its bolts, where they are predicted.
    fn add_own(&mut self, now_ms: f64, camera: ScreenPoint) {
        let (Some(id), Some(place)) = (self.client.own_id(), self.own_place(now_ms)) else { return };
        let prediction = self.client.prediction();
        let (_, fraction) = self.client.input_clock().tick_and_fraction(us(now_ms));
        for (_, before, now) in prediction.children(id, self.client.replica()) {
            if let (Some(Entity::Bolt(before)), Entity::Bolt(now)) = (before, now) {
                self.scene.add_bolt(&before, &now, fraction, true, camera);
            }
        }
        if let Some((Entity::Ship(ship), _)) = prediction.newest() {
            // What only the server decides is shown as it told it.
            let told = self.own_record().copied().unwrap_or(*ship);
            let shown = Ship { hull: told.hull, timer: told.timer, score: told.score, ..*ship };
            self.scene.add_own(id, &shown, place, self.aim, camera);
        }
    }

    fn own_record(&self) -> Option<&Ship> {
        match &self.client.replica().get(self.client.own_id()?)?.now {
            Entity::Ship(ship) => Some(ship),
            _ => None,
        }
    }

    /// Where the own ship is to be shown: between its last two predicted ticks, less what is still eased out.
    fn own_place(&self, now_ms: f64) -> Option<ScreenPoint> {
        let prediction = self.client.prediction();
        let (newest, _) = prediction.newest()?;
        let to = Arena::position(newest);
        let from = prediction.one_before().map_or(to, Arena::position);
        let (_, fraction) = self.client.input_clock().tick_and_fraction(us(now_ms));
        let place = if jumps(from, to) { ScreenPoint::of(to) } else { ScreenPoint::between(from, to, fraction) };
        let error = self.error_left(now_ms);
        Some(ScreenPoint { x: place.x + error.x, y: place.y + error.y })
    }

    fn error_left(&self, now_ms: f64) -> ScreenPoint {
        let left = (1.0 - (now_ms - self.error_at_ms) / EASE_MS).clamp(0.0, 1.0);
        ScreenPoint { x: self.error.x * left, y: self.error.y * left }
    }

    fn camera(&self, now_ms: f64) -> Option<ScreenPoint> {
        self.own_place(now_ms).or_else(|| self.recorded_place())
    }

    fn fill_hud(&mut self, camera: ScreenPoint) {
        let rules = self.client.replica().rules();
        let hz = rules.tuning().rate.hz() as f32;
        let (open, tile) = (f32::from(rules.open()), (rules.map().tile_quanta() / 64) as f32);
        // Without a record, while a fresh start is awaited, the prediction is the last that was told.
        let predicted = self.client.prediction().newest().and_then(|(entity, _)| match entity {
            Entity::Ship(ship) => Some(ship),
            _ => None,
        });
        let ship = self.own_record().or(predicted).copied().unwrap_or_default();
        let own = self.client.prediction().newest().map_or(*self.client.replica().own(), |(_, own)| *own);
        let rtt_ms = self.client.clock().rtt_us().map_or(-1.0, |us| us as f32 / 1000.0);
        let counters = self.client.counters();
        self.hud = [
            f32::from(ship.hull) / f32::from(HULL_MAX),
            f32::from(own.energy) / f32::from(ENERGY_FULL),
            f32::from(u8::from(own.drained)),
            f32::from(ship.score),
            f32::from(own.rank),
            f32::from(ship.timer) / hz,
            rtt_ms,
            camera.x as f32,
            camera.y as f32,
            self.client.replica().tick().0 as f32,
            self.client.replica().known().len() as f32,
            counters.corrections as f32,
            counters.view_mismatches as f32,
            open,
            tile,
            self.aspect as u8 as f32,
            f32::from(own.dash_pause) / f32::from(rules.tuning().dash_pause),
            flag(own.may_fire_rail()),
        ];
    }

    /// The column and row of the tile that opened after `rank` others.
    pub(crate) fn tile_of_rank(&self, rank: u32) -> Option<(u32, u32)> {
        self.map.tile_of_rank(u16::try_from(rank).ok()?)
    }
}

fn jumps(from: Point, to: Point) -> bool {
    from.distance_squared(to) > (120 * 64_i64).pow(2)
}

fn us(ms: f64) -> u64 {
    (ms.max(0.0) * 1000.0) as u64
}
