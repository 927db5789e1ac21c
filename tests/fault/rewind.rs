//! Shooters who lie about what they have received, to hit where others were twelve ticks ago: they hit no more than honest ones.

use crate::Size;
use crate::stand::Cohort;
use anyhow::{Context, Result};
use fracas_arena::rules::{Arena, EntityKind, FineHeading, Input, News, RailShot};
use fracas_bots::bot::Clock;
use fracas_bots::link::{Link, LinkEvent, Target};
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::tick::{Tick, ViewTime};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs};
use fracas_tests::Server;
use fracas_tests::verdict::VerdictRow;
use std::collections::VecDeque;
use std::time::Duration;

/// How long ago the places are that all of them aim at, in ticks: more than a loopback line shows.
const AGO: u32 = 12;
/// Where a target was on one of these ticks before the shot, an honest shot over loopback might hit it.
const HONEST: std::ops::RangeInclusive<u32> = 1..=9;
/// How far back a late acknowledgement is, in ticks: with two of display delay, as far as what is aimed at.
const LATE: u32 = AGO - 2;
/// How long before a shot a burst of lies begins, in ticks: less than two seconds at 30 Hz.
const BURST: u32 = 50;
/// How long inputs are withheld, in ticks.
const WITHHELD: u32 = 12;
/// Shooters of one kind at a time.
const SHOOTERS: u32 = 5;
/// Rails of liars that hit, of a hundred, at most: a target that is shot at may have come back by chance.
const HITS_PERCENT: f64 = 10.0;

/// What a shooter says of what it has received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// The truth.
    Nothing,
    /// With the shot, that nothing has come yet.
    Zero,
    /// Before and with the shot, for less than two seconds, that everything comes ten ticks later.
    Burst,
    /// Nothing before the shot, and then what is long ago.
    Silence,
    /// With the shot, that it was meant for an earlier tick, after inputs were withheld.
    Stamp,
    /// With the first input after it has taken its ship back, that only what is long ago has come.
    Return,
}

const LIES: [(Lie, &str); 6] = [
    (Lie::Nothing, "honest acknowledgements"),
    (Lie::Zero, "an acknowledgement of 0 with each shot"),
    (Lie::Burst, "late acknowledgements for 1.7 s before each shot"),
    (Lie::Silence, "no input for 0.4 s before each shot, then a late acknowledgement"),
    (Lie::Stamp, "shots stamped late after withheld inputs"),
    (Lie::Return, "late acknowledgement with the first input after a return"),
];

/// Runs all kinds at once, among bots that are the targets.
pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let time = Duration::from_secs(size.pick(40, 12) as u64);
    let server = Server::start(&["--fill", "0", "--tick-hz", "30"]);
    let cohort = Cohort::start(&server, 40, time + Duration::from_secs(2), &["--brain", "wander"]);
    cohort.wait(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shooters = LIES.iter().flat_map(|(lie, _)| (0..SHOOTERS).map(|number| (*lie, number)));
    let target = Target::parse(&server.url())?;
    let shots = runtime.block_on(async {
        let rules = target.fetch_rules::<Arena>().await?;
        let shooting =
            shooters.map(|(lie, number)| shoot(&target, rules.clone(), lie, format!("{lie:?} {number}"), time));
        futures_util::future::try_join_all(shooting).await
    })?;
    let mut rows = Vec::new();
    for (lie, what) in LIES {
        let of_kind = shots.iter().filter(|shots| shots.lie == lie);
        let (fired, hit) = of_kind.fold((0, 0), |(fired, hit), shots| (fired + shots.fired, hit + shots.hit));
        let what = format!("{what}: rails that hit where the target was {AGO} ticks before");
        rows.push(VerdictRow::percent(what, hit, fired, HITS_PERCENT, false));
        rows.push(VerdictRow::at_least("... rails fired", fired as f64, size.pick(20, 2) as f64, "").speed());
    }
    let all = shots.iter().filter(|shots| shots.lie != Lie::Nothing).map(|shots| shots.fired).sum::<u64>();
    rows.push(VerdictRow::at_least("rails that liars fired, all together", all as f64, size.pick(100, 10) as f64, ""));
    rows.extend(cohort.finish()?.unharmed());
    Ok(rows)
}

/// What became of one shooter's rails.
#[derive(Debug)]
struct Shots {
    lie: Lie,
    fired: u64,
    hit: u64,
}

/// Plays, and shoots whenever it can, for so long.
async fn shoot(target: &Target, rules: Ruleset<Arena>, lie: Lie, name: String, time: Duration) -> Result<Shots> {
    let clock = Clock::start();
    let until_us = time.as_micros() as u64;
    let (mut shots, mut token) = (Shots { lie, fired: 0, hit: 0 }, None);
    while clock.now_us() < until_us {
        let mut link = Link::connect(target, None).await.context("a shooter finds no server")?;
        let mut shooter = Shooter::new(rules.clone(), lie, Hello { token, ..Hello::player(name.clone()) });
        while clock.now_us() < until_us && !(lie == Lie::Return && shooter.shots.fired > 0) {
            let now_us = clock.now_us();
            let said = shooter.advance(now_us);
            if link.send(said).await.is_err() {
                break;
            }
            let wake = clock.at(shooter.client.wake_us(now_us).min(until_us));
            match tokio::time::timeout_at(wake, link.receive()).await {
                Ok(LinkEvent::Message(message)) => shooter.receive(clock.now_us(), &message)?,
                Ok(LinkEvent::Closed(_)) => break,
                Err(_) => {}
            }
        }
        shots.fired += shooter.shots.fired;
        shots.hit += shooter.shots.hit;
        token = shooter.token.or(token);
    }
    Ok(shots)
}

/// A shot that is on its way.
#[derive(Clone, Copy, Debug)]
struct Aimed {
    tick: Tick,
    target: EntityId,
}

struct Shooter {
    lie: Lie,
    client: Client<Arena>,
    token: Option<Token>,
    /// Where ships were on the last ticks.
    past: VecDeque<(Tick, Vec<(EntityId, Point)>)>,
    /// Bodies so far, and the tick of the first.
    bodies: u32,
    aimed: Option<Aimed>,
    /// When it next looks for a target, at the earliest; a lie begins before.
    shoots_at: Tick,
    shots: Shots,
}

impl Shooter {
    fn new(rules: Ruleset<Arena>, lie: Lie, hello: Hello) -> Self {
        Self {
            lie,
            client: Client::new(rules, hello, ClientOptions::default()),
            token: None,
            past: VecDeque::new(),
            bodies: 0,
            aimed: None,
            shoots_at: Tick(0),
            shots: Shots { lie, fired: 0, hit: 0 },
        }
    }

    fn receive(&mut self, now_us: u64, message: &[u8]) -> Result<()> {
        self.client.receive(now_us, message)?;
        while let Some(event) = self.client.take_event() {
            match event {
                Event::Welcome(welcome) => self.token = Some(welcome.token),
                Event::Body { tick } => self.look(tick),
                Event::News(News::Rail { hit, .. }) => {
                    if let Some(aimed) = self.aimed.take() {
                        self.shots.fired += 1;
                        self.shots.hit += u64::from(hit == Some(aimed.target));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Remembers where everybody is.
    fn look(&mut self, tick: Tick) {
        if self.bodies == 0 {
            // Long enough to know where others were; one who returns shoots at once after that.
            let wait = if self.lie == Lie::Return { AGO + 1 } else { 2 * BURST };
            self.shoots_at = tick.plus(wait);
        }
        self.bodies += 1;
        let known = self.client.replica().known().iter();
        let ships = known
            .filter(|known| EntityKind::of(known.id) == EntityKind::Ship && Some(known.id) != self.client.own_id());
        let places = ships.filter_map(|known| Some((known.id, known.now.flying()?.position)));
        self.past.push_back((tick, places.collect()));
        if self.past.len() > 2 * AGO as usize {
            self.past.pop_front();
        }
    }

    /// Plays what is due, and returns what to say: the truth or not.
    fn advance(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let tick = self.client.input_clock().tick_and_fraction(now_us).0.next();
        // A shot that was never answered: the ship was destroyed before.
        self.aimed = self.aimed.filter(|aimed| tick.since(aimed.tick) < 30);
        if self.client.is_tick_due(now_us) && self.aimed.is_none() && tick >= self.shoots_at {
            self.aim(tick);
        }
        self.client.advance(now_us);
        let said: Vec<_> = std::iter::from_fn(|| self.client.take_outgoing()).collect();
        said.into_iter().filter_map(|message| self.bend(message)).collect()
    }

    /// Aims a rail for `tick` at where somebody was, if that is not where an honest shot might hit.
    fn aim(&mut self, tick: Tick) {
        let Some((ship, own)) = self.client.prediction().newest() else { return };
        if ship.flying().is_none() || !own.may_fire_rail() {
            return;
        }
        let from = Arena::position(ship);
        let on = |ago: u32| self.past.iter().find(|(other, _)| tick.since(*other) == i64::from(ago));
        let Some((then, places)) = on(AGO) else { return };
        let is_only_past = |id: EntityId, place: Point| {
            let beam =
                self.client.replica().rules().beam(from, FineHeading::towards(place.x - from.x, place.y - from.y));
            let was = |ago: u32| on(ago)?.1.iter().find(|(other, _)| *other == id).map(|(_, place)| *place);
            let seen: Vec<_> = HONEST.filter_map(was).collect();
            let has_all = seen.len() + 3 >= HONEST.count();
            has_all && beam.way_to(place).is_some() && seen.iter().all(|place| beam.way_to(*place).is_none())
        };
        let Some((target, place)) = places.iter().copied().find(|(id, place)| is_only_past(*id, *place)) else {
            return;
        };
        let aim = FineHeading::towards(place.x - from.x, place.y - from.y);
        let rail = Some(RailShot { aim, view: ViewTime::from(*then) });
        self.client.set_input(Input { rail, ..Input::default() });
        self.aimed = Some(Aimed { tick, target });
        self.shoots_at = tick.plus(2 * BURST);
    }

    /// What is said instead of a message; none if it is kept back.
    fn bend(&self, message: Vec<u8>) -> Option<Vec<u8>> {
        let decoded = codec::decode::<ClientMessage<Input>, CLIENT_MESSAGE_BYTES_MAX>(&message);
        let bent = match decoded {
            Ok(ClientMessage::Inputs(inputs)) => ClientMessage::Inputs(self.bend_inputs(inputs)?),
            Ok(ClientMessage::Ack(_)) if self.lie == Lie::Return => return None,
            Ok(ClientMessage::Ack(ack)) if self.lie == Lie::Burst && self.is_near(ack, BURST) => {
                ClientMessage::Ack(Tick(ack.0.saturating_sub(LATE)))
            }
            _ => return Some(message),
        };
        let mut bytes = Vec::new();
        codec::encode(&bent, &mut bytes);
        Some(bytes)
    }

    fn bend_inputs(&self, mut inputs: Inputs<Input>) -> Option<Inputs<Input>> {
        let is_shot = inputs.input.rail.is_some();
        let late = Tick(inputs.tick.0.saturating_sub(LATE));
        match self.lie {
            Lie::Nothing => {}
            Lie::Zero if is_shot => inputs.ack = Tick(0),
            Lie::Burst if is_shot || self.is_near(inputs.tick, BURST) => inputs.ack = late,
            Lie::Silence | Lie::Stamp | Lie::Return if !is_shot && self.is_near(inputs.tick, WITHHELD) => return None,
            Lie::Silence | Lie::Return if is_shot => inputs.ack = late,
            // Two of display delay, and two of the lag that the server knows of.
            Lie::Stamp if is_shot => inputs.tick = Tick(inputs.tick.0.saturating_sub(AGO - 4)),
            _ => {}
        }
        Some(inputs)
    }

    /// Whether the next shot is so near, or due.
    fn is_near(&self, tick: Tick, ticks: u32) -> bool {
        tick.plus(ticks) >= self.shoots_at
    }
}
