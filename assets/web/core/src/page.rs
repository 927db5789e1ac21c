//! One page's connection to a game: the client, where the own entity is shown, and the arrays of the last picture.

use crate::own_place::OwnPlace;
use crate::place::Place;
use crate::rows::RowSet;
use crate::screen::{OthersShown, OwnShown, Screen, Shown, us};
use crate::texts::{self, Cause};
use crate::{net, picture};
use fracas_protocol::client::{Client, ClientError, ClientOptions, Counters};
use fracas_protocol::fixed::{FineHeading, Heading};
use fracas_protocol::game::data::StartData;
use fracas_protocol::game::look::Controls;
use fracas_protocol::game::rules::Rules;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::tick::{TickRate, ViewTime};
use fracas_protocol::wire::message::{Aspect, Hello};
use std::collections::VecDeque;

/// Snapshots kept: enough for the delay at which others are shown, and some lateness.
const DISPLAY_TICKS: usize = 12;
/// The page is told of so many corrections between two of its questions; of more only the first.
const CORRECTIONS_MAX: usize = 64;
/// The most that a picture may show to each side of its middle, in units. A view is much smaller.
const HALF_MAX_UNITS: f64 = 4096.0;

/// What the page has instead of a game when something went wrong, as its exports return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageFault {
    /// The start-up data or the name cannot be used.
    BadStart = 1,
    /// The server said something that cannot be understood.
    BadMessage = 2,
    /// The server plays with other start-up data than the page has: fetch it anew.
    OtherData = 3,
}

/// Whom a page says hello as.
pub(crate) struct Greeting<'a> {
    pub(crate) name: &'a str,
    pub(crate) room: &'a str,
    pub(crate) token: Option<[u8; 16]>,
    /// By its number; the usual one for a number that is none's.
    pub(crate) aspect: u32,
}

/// What the player's keys and pointer say. Directions are in turns, less than 0 for none; the pointer is seen from the
/// middle of the picture, in units.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pressed {
    pub(crate) direction: f32,
    pub(crate) aim: f32,
    pub(crate) pointer: (f64, f64),
    pub(crate) primary: bool,
    pub(crate) secondary: bool,
    pub(crate) boost: bool,
}

/// One page's connection.
pub(crate) struct GamePage<R: Rules, S> {
    client: Client<R>,
    screen: S,
    rows: RowSet,
    own_place: OwnPlace,
    corrections: VecDeque<String>,
}

impl<R: Rules, S: Screen<R>> GamePage<R, S> {
    /// A page that says hello, with the game's start-up data.
    pub(crate) fn new(data: &[u8], greeting: &Greeting<'_>) -> Result<Self, PageFault> {
        let ruleset = Ruleset::<R>::new(TickRate::HZ_30, StartData::new(data)).map_err(|_| PageFault::BadStart)?;
        let aspect = Aspect::ALL.get(greeting.aspect as usize).copied().unwrap_or_default();
        let token = greeting.token.map(Token);
        let hello = Hello { aspect, room: greeting.room.into(), token, ..Hello::player(greeting.name) };
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        Ok(Self {
            client: Client::new(ruleset, hello, options),
            screen: S::default(),
            rows: RowSet::new(S::ROWS),
            own_place: OwnPlace::default(),
            corrections: VecDeque::new(),
        })
    }

    /// Takes a message from the server.
    pub(crate) fn receive(&mut self, message: &[u8], now_ms: f64) -> Result<(), PageFault> {
        let counted = *self.client.counters();
        let before = self.own_place.at(&self.client, now_ms);
        let received = self.client.receive(us(now_ms), message).map_err(|error| match error {
            ClientError::OtherData => PageFault::OtherData,
            ClientError::Wire(_) | ClientError::OutOfPlace | ClientError::OtherRate => PageFault::BadMessage,
        });
        if let Some(cause) = cause_of(&counted, self.client.counters())
            && let (Some(before), Some(after)) = (before, self.own_place.at(&self.client, now_ms))
        {
            let units = self.own_place.ease(before, after, now_ms);
            if self.corrections.len() < CORRECTIONS_MAX {
                let tick = self.client.replica().tick().0;
                self.corrections.push_back(texts::describe_correction(tick, cause, units));
            }
        }
        received
    }

    /// Sets what the player wants.
    pub(crate) fn set_input(&mut self, now_ms: f64, pressed: &Pressed) {
        let camera = self.camera(now_ms).unwrap_or_default();
        let steps = |turns: f32, turn: u16| (turns.rem_euclid(1.0) * f32::from(turn)).round() as u16;
        let heading = Heading::new(steps(pressed.direction, Heading::TURN));
        let controls = Controls {
            direction: (pressed.direction >= 0.0).then_some(heading),
            aim: FineHeading::new(steps(pressed.aim, FineHeading::TURN)),
            pointer: camera.moved(pressed.pointer).to_point(),
            primary: pressed.primary,
            secondary: pressed.secondary,
            boost: pressed.boost,
            view: self.client.moment(us(now_ms)).map(|moment| moment.view),
        };
        let input = self.screen.input(&controls, &self.client);
        self.client.set_input(input);
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
            if let Some(text) = texts::describe::<R, S>(&event) {
                return Some(text);
            }
        }
        self.corrections.pop_front()
    }

    /// The name that the entity with this id bears, if it is known.
    pub(crate) fn name_of(&self, id: u32) -> Option<&str> {
        let known = self.client.replica().get(EntityId(u16::try_from(id).ok()?))?;
        known.name.as_ref().map(|name| name.as_str())
    }

    /// A line for the player about its own entity.
    pub(crate) fn status(&self) -> Option<String> {
        let (entity, own) = self.client.prediction().newest()?;
        S::status(self.client.replica().rules(), entity, own)
    }

    /// What the record and the prediction of the own entity hold.
    pub(crate) fn explain(&self) -> Option<String> {
        let record = self.client.replica().get(self.client.own_id()?)?;
        let (entity, own) = self.client.prediction().newest()?;
        S::explain(&record.now, entity, own)
    }

    /// Where the server has the own entity, or the one that is watched, as of the last body.
    pub(crate) fn recorded_place(&self) -> Option<Place> {
        self.client.replica().centre().map(Place::of)
    }

    pub(crate) fn client(&self) -> &Client<R> {
        &self.client
    }

    pub(crate) fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// Makes the picture of this moment, `half` units wide and high from the middle.
    pub(crate) fn draw(&mut self, now_ms: f64, half: (f64, f64)) {
        self.rows.clear();
        let camera = self.camera(now_ms);
        let mut view = None;
        if let Some(camera) = camera {
            view = self.draw_others(now_ms, camera);
            let half = (half.0.min(HALF_MAX_UNITS), half.1.min(HALF_MAX_UNITS));
            let own = self.own_shown(now_ms);
            let shown = Shown { client: &self.client, now_ms, camera, half, view, own };
            picture::add_own::<R, S>(&shown, &mut self.rows);
            self.screen.draw(&shown, &mut self.rows);
        }
        net::add::<R, S>(&self.client, now_ms, view, camera, &mut self.rows);
    }

    /// Draws what is shown of others. Returns the moment at which it is so.
    fn draw_others(&mut self, now_ms: f64, camera: Place) -> Option<ViewTime> {
        let others = OthersShown { camera, own: self.client.own_id(), aspect: self.client.aspect() };
        let (moment, replica, _) = self.client.moment_and_state(us(now_ms))?;
        picture::add_others::<R, S>(replica.rules(), &moment, others, &mut self.rows);
        self.screen.draw_others(&moment, others, &mut self.rows);
        Some(moment.view)
    }

    fn own_shown(&self, now_ms: f64) -> Option<OwnShown<R>> {
        let place = self.own_place.at(&self.client, now_ms)?;
        let (entity, own) = self.client.prediction().newest()?;
        Some(OwnShown { id: self.client.own_id()?, entity: *entity, own: *own, place })
    }

    fn camera(&self, now_ms: f64) -> Option<Place> {
        self.own_place.at(&self.client, now_ms).or_else(|| self.recorded_place())
    }
}

/// The cause of a correction, if one was counted in between.
fn cause_of(before: &Counters, now: &Counters) -> Option<Cause> {
    if now.corrections == before.corrections {
        None
    } else if now.corrections_pushed > before.corrections_pushed {
        Some(Cause::Pushed)
    } else if now.corrections_late > before.corrections_late {
        Some(Cause::Late)
    } else {
        Some(Cause::Unexplained)
    }
}
