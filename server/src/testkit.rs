//! The test kit's second half: a match in memory and in virtual time, with the real room, frames and clients, and a line as bad
//! as one likes. A developer's test takes a few lines:
//!
//! ```ignore
//! let mut played = Match::<MyGame>::new(7).on_line(Line { delay_ms: 50, jitter_ms: 20 });
//! played.bots(20);
//! played.run_ms(20_000);
//! played.assert_sound();
//! ```
//!
//! The same seed plays the same again. The first half is [`fracas_protocol::game::check`].

use crate::ids::{ConnectionKey, SessionId};
use crate::replication::{Composer, TickOutput, Viewer};
use crate::sim::channel::{Batch, Command, Request, RoomEvents};
use crate::sim::room::Room;
use crate::sim::roster::Capacity;
use crate::sim::tick_params::TickParams;
use fracas_bots::bot::driver::{self, DISPLAY_TICKS};
use fracas_protocol::client::{Client, ClientOptions, Counters, Event};
use fracas_protocol::game::authority::{Game, GameSetup, InputOf};
use fracas_protocol::game::brain::{Brain, Sight, Skill};
use fracas_protocol::game::data::StartData;
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::game::settings::Settings;
use fracas_protocol::ids::{PlayerKind, Token};
use fracas_protocol::name::Name;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{
    ClientMessage, Hello, Inputs, Limits, Ping, Pong, ServerClock, ServerMessage, Welcome,
};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Most people in a match.
const PEOPLE: u16 = 1000;
/// One player comes so long after the other, in microseconds.
const ARRIVES_US: u64 = 5_000;

/// How bad everybody's line is, each way. Nothing overtakes anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The least time that a message takes, in milliseconds.
    pub delay_ms: u32,
    /// How much longer it may take, in milliseconds.
    pub jitter_ms: u32,
}

/// One direction of a line: messages under way, and when each arrives.
#[derive(Debug, Default)]
struct Lane {
    messages: VecDeque<(u64, Vec<u8>)>,
    last_us: u64,
}

impl Lane {
    fn send(&mut self, now_us: u64, line: Line, rng: &mut Rng, message: Vec<u8>) {
        let jitter_us = u64::from(rng.below(line.jitter_ms * 1000 + 1));
        self.last_us = self.last_us.max(now_us + u64::from(line.delay_ms) * 1000 + jitter_us);
        self.messages.push_back((self.last_us, message));
    }

    fn next_us(&self) -> u64 {
        self.messages.front().map_or(u64::MAX, |(at_us, _)| *at_us)
    }

    fn receive(&mut self, now_us: u64) -> Option<(u64, Vec<u8>)> {
        self.messages.pop_front_if(|(at_us, _)| *at_us <= now_us)
    }
}

/// What decides for a player of a match.
trait Mind<R: Rules> {
    fn advance(&mut self, client: &mut Client<R>, now_us: u64);
    fn heard(&mut self, news: &R::News);
    fn take_verdict(&mut self) -> Option<bool>;
}

struct BrainMind<B>(B);

impl<R: Rules, B: Brain<R>> Mind<R> for BrainMind<B> {
    fn advance(&mut self, client: &mut Client<R>, now_us: u64) {
        driver::advance(&mut self.0, client, now_us);
    }

    fn heard(&mut self, news: &R::News) {
        self.0.heard(news);
    }

    fn take_verdict(&mut self) -> Option<bool> {
        self.0.take_verdict()
    }
}

struct ScriptMind<F>(F);

impl<R: Rules, F: FnMut(&Sight<'_, R>) -> R::Input> Mind<R> for ScriptMind<F> {
    fn advance(&mut self, client: &mut Client<R>, now_us: u64) {
        if client.is_tick_due(now_us)
            && let (Some(own_id), Some((own, state))) = (client.own_id(), client.prediction().newest())
        {
            let tick = client.input_clock().tick_and_fraction(now_us).0.next();
            let (replica, rate, aspect) = (client.replica(), client.rate(), client.aspect());
            let input = (self.0)(&Sight { replica, own, own_id, state, tick, rate, aspect });
            client.set_input(input);
        }
        client.advance(now_us);
    }

    fn heard(&mut self, _news: &R::News) {}

    fn take_verdict(&mut self) -> Option<bool> {
        None
    }
}

/// A player of a match, and both ends of its connection.
struct TestPlayer<G: Game> {
    connection: ConnectionKey,
    arrives_us: u64,
    now_us: u64,
    client: Client<G::Rules>,
    mind: Box<dyn Mind<G::Rules>>,
    to_server: Lane,
    to_client: Lane,
    hello_us: u64,
    pings: Vec<(Ping, u64)>,
    seat: Option<(SessionId, Viewer<G::Rules>)>,
    verdicts: u64,
    verdicts_agreed: u64,
}

/// A room of a game, and everybody in it.
pub struct Match<G: Game> {
    ruleset: Ruleset<G::Rules>,
    room: Room<G>,
    batch: Batch<InputOf<G>>,
    composer: Composer<G>,
    players: Vec<TestPlayer<G>>,
    line: Line,
    rng: Rng,
    tick: Tick,
}

impl<G: Game> Match<G> {
    /// A match at 30 Hz without players.
    pub fn new(seed: u64) -> Self {
        Self::at_rate(seed, TickRate::HZ_30)
    }

    /// A match at another rate.
    pub fn at_rate(seed: u64, rate: TickRate) -> Self {
        Self::with_settings(seed, rate, &Settings::defaults(G::SETTINGS))
    }

    /// A match of a game whose settings are not the default ones.
    ///
    /// # Panics
    /// If the game refuses the settings, or does not accept the start-up data that it makes itself.
    pub fn with_settings(seed: u64, rate: TickRate, settings: &Settings) -> Self {
        let data = G::start_data(settings).unwrap_or_else(|why| panic!("no start-up data: {why}"));
        let ruleset = Ruleset::<G::Rules>::new(rate, StartData::new(data)).unwrap_or_else(|error| panic!("{error}"));
        let game = G::new(GameSetup { rules: ruleset.rules().clone(), rate, seed, settings });
        let room = Room::new(game, rate, Capacity { people: PEOPLE, bots: 0, spectators: 0 });
        let (batch, composer) = (Batch::default(), Composer::default());
        let (players, rng) = (Vec::new(), Rng::new(seed, 41));
        Self { ruleset, room, batch, composer, players, line: Line::default(), rng, tick: Tick(0) }
    }

    /// The same with everybody behind such a line.
    #[must_use]
    pub fn on_line(self, line: Line) -> Self {
        Self { line, ..self }
    }

    /// So many bots with the game's first brain come. Returns the index of the first.
    pub fn bots(&mut self, count: usize) -> usize {
        self.brains::<G::Brain>(count, 0)
    }

    /// So many bots with a kind of any brain come. Returns the index of the first.
    pub fn brains<B: Brain<G::Rules>>(&mut self, count: usize, kind: usize) -> usize {
        let first = self.players.len();
        for _ in 0..count {
            let seed = self.rng.word();
            self.brain(B::new(kind, Skill::Seasoned, seed));
        }
        first
    }

    /// A player comes for whom this brain decides. Returns its index.
    pub fn brain(&mut self, brain: impl Brain<G::Rules>) -> usize {
        self.come(Box::new(BrainMind(brain)))
    }

    /// A player comes who does what `script` says, tick by tick. Returns its index.
    pub fn scripted(&mut self, script: impl FnMut(&Sight<'_, G::Rules>) -> InputOf<G> + 'static) -> usize {
        self.come(Box::new(ScriptMind(script)))
    }

    fn come(&mut self, mind: Box<dyn Mind<G::Rules>>) -> usize {
        let index = self.players.len();
        let place = index as u32;
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        let hello = Hello::player(format!("player {place}"));
        let now_us = self.ruleset.rate().due_us(self.tick);
        self.players.push(TestPlayer {
            connection: ConnectionKey { event_loop: 0, slot: place, generation: 0 },
            arrives_us: now_us + u64::from(place) * ARRIVES_US,
            now_us,
            client: Client::new(self.ruleset.clone(), hello, options),
            mind,
            to_server: Lane::default(),
            to_client: Lane::default(),
            hello_us: 0,
            pings: Vec::new(),
            seat: None,
            verdicts: 0,
            verdicts_agreed: 0,
        });
        index
    }

    /// Plays for so long.
    pub fn run_ms(&mut self, ms: u32) {
        self.run_ms_watched(ms, |_| ());
    }

    /// Plays for so long and shows `watch` what came of each tick.
    pub fn run_ms_watched(&mut self, ms: u32, mut watch: impl FnMut(&TickOutput<G::Rules>)) {
        let rate = self.ruleset.rate();
        for _ in 0..rate.ticks_in_ms(ms) {
            self.tick = self.tick.next();
            let now_us = rate.due_us(self.tick);
            for player in &mut self.players {
                player.play_until(now_us, self.line, &mut self.rng);
                player.heard_by(now_us, &mut self.batch);
            }
            let params = TickParams::unrestrained(self.tick);
            let result = self.room.tick(params, std::iter::once(&mut self.batch), |_| ());
            watch(&result.output);
            self.welcome(&result.events, now_us);
            self.deliver(&result.events, &[result.output], now_us);
        }
    }

    fn welcome(&mut self, events: &RoomEvents, now_us: u64) {
        let (rate, data) = (self.ruleset.rate(), self.ruleset.data().id());
        for answer in &events.join_answers {
            let Ok(admitted) = answer.verdict else { continue };
            let player = &mut self.players[answer.connection.slot as usize];
            let viewer = Viewer::new(player.client.aspect(), u32::from(admitted.session.player.0));
            player.seat = Some((admitted.session, viewer));
            let hold_us = now_us.saturating_sub(player.hello_us) as u32;
            let welcome = ServerMessage::Welcome(Welcome {
                tick_rate: rate,
                clock: ServerClock { hold_us, tick: self.tick, phase_us: 0 },
                own: admitted.own,
                token: Token([0; 16]),
                resumed: false,
                data,
                world: self.room.game().rules().world(),
                limits: Limits::default(),
            });
            player.hear(&welcome, now_us, self.line, &mut self.rng);
        }
    }

    /// News, answers and a frame for everybody.
    fn deliver(&mut self, events: &RoomEvents, outputs: &[Arc<TickOutput<G::Rules>>], now_us: u64) {
        for player in &mut self.players {
            let Some((session, viewer)) = &mut player.seat else { continue };
            let session = *session;
            let mut frame = Vec::new();
            self.composer.frame(viewer, session.player, outputs, &mut frame);
            for event in events.game_events.iter().filter(|event| event.to.includes(session, false)) {
                player.to_client.send(now_us, self.line, &mut self.rng, event.message.clone());
            }
            for (ping, came_us) in std::mem::take(&mut player.pings) {
                let clock = ServerClock { hold_us: (now_us - came_us) as u32, tick: self.tick, phase_us: 0 };
                let pong = ServerMessage::Pong(Pong { stamp: ping.stamp, clock, work_us: 0 });
                player.hear(&pong, now_us, self.line, &mut self.rng);
            }
            player.to_client.send(now_us, self.line, &mut self.rng, frame);
        }
    }

    /// The game, to look at.
    pub fn game(&self) -> &G {
        self.room.game()
    }

    /// A player's client, to look at.
    pub fn client(&self, player: usize) -> &Client<G::Rules> {
        &self.players[player].client
    }

    /// What all clients have counted.
    pub fn counters(&self) -> impl Iterator<Item = &Counters> {
        self.players.iter().map(|player| player.client.counters())
    }

    /// Judgements of the server that brains have learned of, and how many were as the screen had promised.
    pub fn verdicts(&self) -> (u64, u64) {
        let sum = |of: fn(&TestPlayer<G>) -> u64| self.players.iter().map(of).sum();
        (sum(|player| player.verdicts), sum(|player| player.verdicts_agreed))
    }

    /// Every view was checked and right, nobody lost sight, and no correction was without a cause.
    ///
    /// # Panics
    /// If one was not.
    pub fn assert_sound(&self) {
        for (index, counters) in self.counters().enumerate() {
            let caused = counters.corrections_late + counters.corrections_pushed;
            assert!(counters.view_checks > 0, "player {index} has checked no view: {counters:?}");
            assert_eq!((counters.view_mismatches, counters.desyncs), (0, 0), "player {index}: {counters:?}");
            assert_eq!(counters.corrections, caused, "player {index} was corrected without a cause: {counters:?}");
        }
    }
}

impl<G: Game> TestPlayer<G> {
    /// Does all that is due before a moment, when it is due.
    fn play_until(&mut self, until_us: u64, line: Line, rng: &mut Rng) {
        if self.now_us < self.arrives_us {
            if until_us < self.arrives_us {
                return;
            }
            self.now_us = self.arrives_us;
            self.advance(line, rng);
        }
        loop {
            let wakes_us = self.client.wake_us(self.now_us).max(self.now_us + 1);
            let next_us = wakes_us.min(self.to_client.next_us());
            if next_us >= until_us {
                return;
            }
            self.now_us = next_us;
            while let Some((_, message)) = self.to_client.receive(next_us) {
                let read = self.client.receive(next_us, &message);
                read.unwrap_or_else(|error| panic!("{:?} cannot read the room: {error}", self.connection));
            }
            while let Some(event) = self.client.take_event() {
                if let Event::News(news) = event {
                    self.mind.heard(&news);
                }
            }
            self.advance(line, rng);
        }
    }

    fn advance(&mut self, line: Line, rng: &mut Rng) {
        self.mind.advance(&mut self.client, self.now_us);
        while let Some(agreed) = self.mind.take_verdict() {
            self.verdicts += 1;
            self.verdicts_agreed += u64::from(agreed);
        }
        while let Some(message) = self.client.take_outgoing() {
            self.to_server.send(self.now_us, line, rng, message);
        }
    }

    /// The room takes what has come by now.
    fn heard_by(&mut self, now_us: u64, batch: &mut Batch<InputOf<G>>) {
        while let Some((came_us, bytes)) = self.to_server.receive(now_us) {
            let message = codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(&bytes);
            match message.unwrap_or_else(|error| panic!("{:?} says something malformed: {error}", self.connection)) {
                ClientMessage::Hello(hello) => {
                    self.hello_us = came_us;
                    batch.requests.push((self.connection, self.join(&hello)));
                }
                ClientMessage::Inputs(Inputs { ack, tick, input }) => {
                    let Some((session, _)) = self.seat else { continue };
                    batch.commands.push(Command { connection: self.connection, session, tick, ack: Some(ack), input });
                }
                ClientMessage::Ping(ping) => self.pings.push((ping, came_us)),
                _ => {}
            }
        }
    }

    /// Each from a network of its own.
    fn join(&self, hello: &Hello) -> Request {
        Request::Join {
            name: Name::parse(&hello.name).unwrap_or_else(|_| unreachable!("it is a name")),
            kind: PlayerKind::Person,
            role: hello.role,
            aspect: hello.aspect,
            resume: None,
            may_idle: false,
            may_begin: Ok(()),
            network: Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0001 + self.connection.slot))),
        }
    }

    /// The room says something to it.
    fn hear(&mut self, message: &MessageOf<G::Rules>, now_us: u64, line: Line, rng: &mut Rng) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.to_client.send(now_us, line, rng, bytes);
    }
}
