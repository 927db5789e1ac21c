//! Nobody chooses the past in which its shots are judged: the window of a player who lies about what it has received moves no
//! farther back than that of its honest twin, and one tick.
//!
//! The twin is the same line telling the truth: a second room gets the same inputs for the same ticks on the same ticks, with
//! the acknowledgements that the liar's client really had. Both rooms' windows are compared, on ticks on which an input came in
//! time:
//!
//! - over a burst of lies that is shorter than two seconds the liar's may move back by what its twin's moves, and one tick
//! - over a longer one by one tick more for each second beyond two: who lies steadily is a slower line, and nobody can tell
//! - in any second it moves back by what its twin's moves and two ticks, whatever was said before: an estimate that falls at
//!   once comes back at a tick a second

use crate::annals::Annals;
use crate::server::new_world;
use crate::server::witness::{Witness, Witnessed};
use fracas_arena::rules::{Arena, Input};
use fracas_protocol::game::attended::Attended;
use fracas_protocol::game::authority::PlayerInput;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate, ViewTime};
use fracas_protocol::wire::message::{Aspect, Role};
use fracas_server::ids::{ConnectionKey, PlayerKind, SessionId};
use fracas_server::sim::channel::{Batch, Command, Request};
use fracas_server::sim::room::Room;
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_params::TickParams;
use std::collections::{BTreeMap, VecDeque};

/// A burst that is shorter than this moves nothing.
const BURST_MS: u32 = 2_000;
/// The twin's own connection.
const KEY: ConnectionKey = ConnectionKey { event_loop: 0, slot: 0, generation: 0 };

/// What one input really acknowledged.
#[derive(Clone, Copy, Debug)]
struct Truth {
    ack: Tick,
    is_lie: bool,
}

/// How far behind the input's own tick the window began, in sixteenths of a tick: the liar's, and its twin's.
#[derive(Clone, Copy, Debug)]
struct Lags {
    tick: Tick,
    liar: i64,
    twin: i64,
}

/// Lies without a pause of two seconds between them.
#[derive(Clone, Copy, Debug)]
struct Burst {
    began: Tick,
    last: Tick,
    before: Lags,
    /// The most of the twin's since.
    twin_most: i64,
}

/// A liar's honest twin.
#[derive(Debug)]
struct Twin {
    place: u16,
    connection: u32,
    rate: TickRate,
    room: Room<Witnessed>,
    session: Option<SessionId>,
    /// By the ticks that the inputs are for.
    truths: BTreeMap<Tick, Truth>,
    /// Of the last second.
    lags: VecDeque<Lags>,
    burst: Option<Burst>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Rewind {
    twins: Vec<Twin>,
    /// Windows that were compared, and those of them within a burst.
    pub(crate) compared: u64,
    pub(crate) compared_in_bursts: u64,
}

impl Rewind {
    /// A liar was welcomed.
    pub(crate) fn seat(&mut self, place: u16, connection: u32, rules: &Arena) {
        let rate = rules.tick_rate();
        let game = Attended { game: new_world(rate, 20, 1), attendant: Witness::default() };
        let room = Room::new(game, rate, Capacity { people: 1, bots: 0, spectators: 0 });
        let (truths, lags) = (BTreeMap::new(), VecDeque::new());
        self.twins.retain(|twin| twin.place != place);
        self.twins.push(Twin { place, connection, rate, room, session: None, truths, lags, burst: None });
    }

    /// A liar says something, having received the body of `truth`.
    pub(crate) fn say(&mut self, connection: u32, stamp: Tick, truth: Tick, is_lie: bool) {
        if let Some(twin) = self.twins.iter_mut().find(|twin| twin.connection == connection) {
            twin.truths.insert(stamp, Truth { ack: truth, is_lie });
        }
    }

    /// A liar's connection is over.
    pub(crate) fn disconnected(&mut self, connection: u32) {
        self.twins.retain(|twin| twin.connection != connection);
    }

    /// A tick has run.
    pub(crate) fn tick(&mut self, annals: &Annals) -> Result<(), String> {
        for twin in &mut self.twins {
            if let Some(is_burst) = twin.tick(annals)? {
                self.compared += 1;
                self.compared_in_bursts += u64::from(is_burst);
            }
        }
        Ok(())
    }
}

impl Twin {
    /// Whether there was something to compare, and if so whether in a burst.
    fn tick(&mut self, annals: &Annals) -> Result<Option<bool>, String> {
        let Some(record) = annals.last() else { return Ok(None) };
        let tick = record.tick;
        let place = self.place;
        let commands = annals.passed.commands.iter().filter(|command| command.session.player.0 == place);
        let (commands, has_lied) = self.tell_truth(commands);
        self.run(tick, commands);
        // By an input for this very tick: where one is late both windows are farther back.
        let stamp = record.seat(self.place).filter(|seat| seat.report.age == 0).map(|_| tick);
        let liar = annals.passed.inputs.iter().find(|input| input.player.0 == self.place);
        let twin = self.room.game().attendant.inputs.first();
        let (Some(stamp), Some(liar), Some(twin)) = (stamp, liar, twin) else { return Ok(None) };
        let lag =
            |input: &PlayerInput<Input>| ViewTime::from(stamp).in_sixteenths() - input.view.earliest.in_sixteenths();
        let lags = Lags { tick, liar: lag(liar), twin: lag(twin) };
        self.follow_burst(lags, has_lied);
        let judged = self.check(lags);
        let second = i64::from(self.rate.hz());
        while self.lags.pop_front_if(|past| tick.since(past.tick) >= second).is_some() {}
        self.lags.push_back(lags);
        judged.map(|()| Some(self.burst.is_some()))
    }

    /// What the twin says instead, and whether any of it was a lie.
    fn tell_truth<'a>(&mut self, commands: impl Iterator<Item = &'a Command<Input>>) -> (Vec<Command<Input>>, bool) {
        let mut has_lied = false;
        let session = self.session;
        let told = commands.filter_map(|command| {
            let truth = self.truths.get(&command.tick)?;
            has_lied |= truth.is_lie;
            Some(Command {
                connection: KEY,
                session: session?,
                ack: command.ack.map(|_| truth.ack),
                input: Input::default(),
                ..*command
            })
        });
        (told.collect(), has_lied)
    }

    fn run(&mut self, tick: Tick, commands: Vec<Command<Input>>) {
        let mut batch = Batch { requests: Vec::new(), commands };
        if self.session.is_none() {
            batch.requests.push((KEY, join()));
        }
        self.room.tick(TickParams::unrestrained(tick), std::iter::once(&mut batch), |_| {});
        self.session = self.session.or_else(|| self.room.sessions().next());
    }

    fn follow_burst(&mut self, lags: Lags, has_lied: bool) {
        let burst_ticks = i64::from(self.rate.ticks_in_ms(BURST_MS));
        self.burst = self.burst.filter(|burst| lags.tick.since(burst.last) < burst_ticks);
        if let Some(burst) = &mut self.burst {
            burst.twin_most = burst.twin_most.max(lags.twin);
            if has_lied {
                burst.last = lags.tick;
            }
        } else if has_lied && let Some(before) = self.lags.back().copied() {
            let twin_most = before.twin.max(lags.twin);
            self.burst = Some(Burst { began: lags.tick, last: lags.tick, before, twin_most });
        }
    }

    fn check(&self, now: Lags) -> Result<(), String> {
        let (part, second) = (ViewTime::PARTS, i64::from(self.rate.hz()));
        if let Some(burst) = self.burst {
            let lied_ticks = burst.last.since(burst.began) + 1;
            let beyond_ticks = (lied_ticks - i64::from(self.rate.ticks_in_ms(BURST_MS))).max(0);
            let allowed = (burst.twin_most - burst.before.twin).max(0) + part + beyond_ticks * part / second;
            let moved = now.liar - burst.before.liar;
            if moved > allowed {
                return Err(format!(
                    "in {lied_ticks} ticks of lies it moved its window back by {moved} sixteenths of a tick, and may by {allowed}"
                ));
            }
        }
        let liar_least = self.lags.iter().map(|past| past.liar).min().unwrap_or(now.liar);
        let twin_least = self.lags.iter().map(|past| past.twin).min().unwrap_or(now.twin);
        let (moved, allowed) = (now.liar - liar_least, (now.twin - twin_least).max(0) + 2 * part);
        if moved > allowed {
            return Err(format!(
                "in one second it moved its window back by {moved} sixteenths of a tick, and may by {allowed}"
            ));
        }
        Ok(())
    }
}

fn join() -> Request {
    let name = Name::parse("twin").expect("it is a name");
    let (kind, role) = (PlayerKind::Person, Role::Player);
    let aspect = Aspect::default();
    Request::Join { name, kind, role, aspect, resume: None, may_idle: false, may_begin: Ok(()), network: None }
}
