//! One connection of a simulated player: a WebSocket, the protocol's client and a brain, driven in virtual time; everything
//! that comes is checked.

use crate::checks::inputs::Sent;
use crate::checks::news::NewsHeard;
use crate::checks::view::Memory;
use crate::checks::{Checks, delay, sessions::Claim};
use crate::hand::Hand;
use crate::line::{Line, LineEnd};
use crate::plan::PlayerPlan;
use crate::strategies::liar::Lies;
use fracas_arena::brain::ArenaBrain;
use fracas_arena::rules::{Arena, Entity, Input, Own, Ship, slot_of};
use fracas_bots::bot::driver::DISPLAY_TICKS;
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::bits::BitReader;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{FRAME_MARK, FrameHeader};
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, INPUTS_AHEAD_MAX, SERVER_MESSAGE_BYTES_MAX};
use fracas_protocol::wire::message::{ClientMessage, Hello, Role, ServerMessage};
use std::io::ErrorKind;
use tokio_tungstenite::tungstenite::protocol::{Role as Side, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

/// A program's timers are no finer than that.
const TIMER_US: u64 = 1_000;

/// What the server gave a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// None for a spectator.
    pub(crate) own: Option<EntityId>,
    pub(crate) token: Token,
    pub(crate) resumed: bool,
}

/// One connection.
pub(crate) struct SimPeer {
    /// Counts all connections of a world.
    pub(crate) number: u32,
    pub(crate) line: Line,
    /// What it came with.
    pub(crate) claim: Option<Claim>,
    /// What it was given, once it was welcomed.
    pub(crate) seat: Option<Placement>,
    /// The server is known to have heard from it.
    pub(crate) is_confirmed: bool,
    /// Something was done to it, so that it may end.
    pub(crate) has_excuse: bool,
    /// The code it was closed with, and how long the server wants it to stay away.
    pub(crate) closed: Option<u16>,
    pub(crate) retry_after_ms: Option<u32>,
    /// Its line has ended.
    pub(crate) is_over: bool,
    /// What drives its client.
    pub(crate) hand: Hand,
    /// What it says of what it has received, if not the truth.
    pub(crate) lies: Option<Lies>,
    /// It says nothing after its hello.
    pub(crate) is_mute: bool,
    pub(crate) heard_us: u64,
    pub(crate) began_us: u64,
    player: usize,
    plan: PlayerPlan,
    socket: WebSocket<LineEnd>,
    client: Client<Arena>,
    tick: Option<Tick>,
    memory: Memory,
    sent: Sent,
    news: NewsHeard,
    stepped_us: u64,
    is_leaving: bool,
}

impl SimPeer {
    pub(crate) fn new(
        (player, plan): (usize, PlayerPlan),
        number: u32,
        (line, end): (Line, LineEnd),
        claim: Option<Claim>,
        rules: Ruleset<Arena>,
        now_us: u64,
        checks: &Checks,
    ) -> Self {
        let hello = Hello {
            token: claim.map(|claim| claim.token),
            role: if plan.is_spectator { Role::Spectator } else { Role::Player },
            aspect: plan.aspect,
            ..Hello::player(format!("player {player}"))
        };
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        let brain = ArenaBrain::new(plan.brain, Skill::Seasoned, plan.seed ^ u64::from(number));
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        Self {
            number,
            line,
            claim,
            seat: None,
            is_confirmed: false,
            has_excuse: false,
            closed: None,
            retry_after_ms: None,
            is_over: false,
            hand: Hand::Brain(brain),
            lies: None,
            is_mute: false,
            heard_us: now_us,
            began_us: now_us,
            player,
            plan,
            socket: WebSocket::from_raw_socket(end, Side::Client, Some(config)),
            client: Client::new(rules, hello, options),
            tick: None,
            memory: Memory::default(),
            sent: Sent::default(),
            news: NewsHeard::new(&checks.annals),
            stepped_us: now_us,
            is_leaving: false,
        }
    }

    /// When it has to do something next, if nothing happens to it.
    pub(crate) fn wakes_us(&self, now_us: u64) -> u64 {
        let timer_us = self.client.wake_us(now_us + self.plan.clock_us) - self.plan.clock_us;
        let next_us = self.line.next_us().map_or(timer_us, |comes_us| comes_us.min(timer_us));
        next_us.max(self.stepped_us + TIMER_US)
    }

    /// Hears, thinks and speaks.
    pub(crate) fn step(&mut self, now_us: u64, checks: &mut Checks) {
        self.stepped_us = now_us;
        self.hear(now_us, checks);
        if !self.is_over && self.closed.is_none() && !self.is_mute {
            self.hand.advance(&mut self.client, now_us + self.plan.clock_us);
        }
        self.speak(now_us, checks);
    }

    fn take_events(&mut self, checks: &mut Checks) {
        while let Some(event) = self.client.take_event() {
            match event {
                Event::Welcome(welcome) => {
                    let (own, token, resumed) = (welcome.own, welcome.token, welcome.resumed);
                    self.seat = Some(Placement { own, token, resumed });
                    self.is_confirmed = resumed;
                    if let Some(place) = self.place() {
                        checks.edges.seat(place, self.number, resumed);
                        if self.lies.is_some() {
                            checks.rewind.seat(place, self.number, self.client.replica().rules());
                        }
                    }
                }
                Event::News(news) => {
                    self.hand.take_news(&news);
                }
                _ => {}
            }
        }
    }

    fn speak(&mut self, now_us: u64, checks: &mut Checks) {
        while let Some(mut message) = self.client.take_outgoing() {
            let said = codec::decode::<ClientMessage<Input>, CLIENT_MESSAGE_BYTES_MAX>(&message);
            if let Ok(ClientMessage::Inputs(mut inputs)) = said {
                if let Some(place) = self.place() {
                    // After a hello that waited long the client's clock is ahead; what is stamped too far ahead is not kept.
                    let ahead = inputs.tick.since(checks.annals.last().map(|record| record.tick).unwrap_or_default());
                    let is_plain = !self.has_excuse && ahead <= i64::from(INPUTS_AHEAD_MAX);
                    checks.edges.ask(place, self.number, is_plain, inputs.tick, &inputs.input);
                }
                if let Err(what) = self.sent.push(inputs.tick, inputs.input) {
                    checks.find("input", Some(self.player), inputs.tick, what);
                }
                if let Some(lies) = &mut self.lies {
                    let truth = inputs.ack;
                    let (told, is_lie) = lies.claim(now_us, truth);
                    inputs.ack = told;
                    checks.rewind.say(self.number, inputs.tick, truth, is_lie);
                    message.clear();
                    codec::encode(&ClientMessage::Inputs(inputs), &mut message);
                }
            }
            // What finds no room waits; a line that is gone says so when it is read.
            let _ = self.socket.write(Message::Binary(message.into()));
        }
        let _ = self.socket.flush();
    }

    fn hear(&mut self, now_us: u64, checks: &mut Checks) {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => {
                    self.heard_us = now_us;
                    self.handle_message(now_us, &bytes, checks);
                }
                Ok(Message::Close(frame)) => {
                    let words = frame.as_ref().map_or("", |frame| frame.reason.as_str());
                    self.judge_refusal(words, checks);
                    self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                }
                Ok(_) => self.heard_us = now_us,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    fn handle_message(&mut self, now_us: u64, message: &[u8], checks: &mut Checks) {
        let before = self.client.counters().desyncs;
        let is_frame = message.first().is_some_and(|first| first & FRAME_MARK != 0);
        let header = if is_frame { self.look_inside(message, checks) } else { None };
        if let Err(error) = self.client.receive(now_us + self.plan.clock_us, message) {
            return self.find("replica", format!("the client cannot go on: {error}"), checks);
        }
        self.take_events(checks);
        let counters = *self.client.counters();
        if counters.corrections > counters.corrections_late + counters.corrections_pushed && !self.has_excuse {
            self.find("input", "its own ship was corrected without a cause".into(), checks);
        }
        if counters.desyncs > before {
            self.find("replica", "its client reports a desync".into(), checks);
        }
        match header {
            Some(header) if self.client.replica().is_live() => {
                checks.tally.fresh_starts += u64::from(header.fresh);
                let replica = self.client.replica().clone();
                self.take_body(&replica, checks);
            }
            Some(_) => {}
            None => self.take_control(message, checks),
        }
    }

    /// Applies all bodies of a frame but the last one by one to a copy, so that each is checked.
    fn look_inside(&mut self, frame: &[u8], checks: &mut Checks) -> Option<FrameHeader> {
        let mut header = FrameHeader::default();
        if header.code(&mut BitReader::new(frame)).is_err() {
            self.find("replica", "a frame's header cannot be read".into(), checks);
            return None;
        }
        if header.fresh {
            self.memory.forget();
            if self.plan.is_spectator {
                // When people come it is shown an earlier time.
                self.tick = None;
            }
        }
        if header.bodies > 1 && (header.fresh || self.client.replica().is_live()) {
            let mut copy = self.client.replica().clone();
            let Ok(mut bodies) = copy.open(frame) else { return Some(header) };
            while !bodies.is_last() {
                match copy.apply(&mut bodies) {
                    Ok(Some(_)) => self.take_body(&copy, checks),
                    _ => break,
                }
            }
            checks.tally.bodies_packed += u64::from(header.bodies);
        }
        Some(header)
    }

    /// Checks a replica after a body.
    fn take_body(&mut self, replica: &Replica<Arena>, checks: &mut Checks) {
        let (tick, place) = (replica.tick(), self.place());
        if self.tick.is_some_and(|last| last >= tick) {
            self.find("session", format!("it heard of tick {tick} after {:?}", self.tick), checks);
        }
        if self.plan.is_spectator {
            match delay::check(tick, self.plan.delay, &checks.annals) {
                Ok(is_late) => checks.tally.bodies_late += u64::from(is_late),
                Err(what) => self.find("delay", what, checks),
            }
        } else if self.tick.is_none() && self.claim.is_some_and(|claim| claim.tick >= tick) {
            self.find("session", format!("it came back to tick {tick}, and had seen {:?}", self.claim), checks);
        }
        self.tick = Some(tick);
        checks.tally.bodies += 1;
        checks.tally.entities += replica.known().len() as u64;
        checks.note(&[u64::from(self.number), u64::from(tick.0), u64::from(replica.hash())]);
        if let Err((checker, what)) = self.memory.check(replica, place, self.plan.aspect, &checks.annals) {
            checks.find(checker, Some(self.player), tick, what);
        }
        let (Some(place), Some(own)) = (place, self.seat.and_then(|seat| seat.own)) else { return };
        if let Err(what) = checks.ledger.own(own, tick, self.number) {
            checks.find("session", Some(self.player), tick, what);
        }
        match self.sent.check(place, tick, replica.report(), &checks.annals) {
            Ok(is_acknowledged) => {
                self.is_confirmed |= is_acknowledged;
                checks.tally.acknowledged += u64::from(is_acknowledged);
            }
            Err(what) => checks.find("input", Some(self.player), tick, what),
        }
    }

    fn take_control(&mut self, message: &[u8], checks: &mut Checks) {
        match codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(message) {
            Ok(ServerMessage::News(_)) => {
                checks.tally.news += 1;
                if let Err(what) = self.news.check(self.place(), message, &checks.annals) {
                    self.find("news", what, checks);
                }
            }
            Ok(ServerMessage::Goodbye(goodbye)) => self.retry_after_ms = Some(goodbye.retry_after_ms),
            _ => {}
        }
    }

    fn find(&self, checker: &'static str, what: String, checks: &mut Checks) {
        checks.find(checker, Some(self.player), self.tick.unwrap_or_default(), what);
    }

    /// Its place in the room; unknown for a spectator.
    fn place(&self) -> Option<u16> {
        self.seat.and_then(|seat| seat.own).and_then(slot_of)
    }

    /// It is sent away. If that is because all places are taken, they must have been, at some time since it came.
    fn judge_refusal(&self, words: &str, checks: &mut Checks) {
        let role = if self.plan.is_spectator { Role::Spectator } else { Role::Player };
        if self.seat.is_none()
            && let Err(what) = checks.refusals.check(words, role, self.began_us)
        {
            self.find("refusal", what, checks);
        }
    }

    /// Its ship and its own state as it was last told of them.
    pub(crate) fn own_ship(&self) -> Option<(Ship, Own)> {
        let replica = self.client.replica();
        match replica.get(self.seat?.own?).filter(|_| replica.is_live())?.now {
            Entity::Ship(ship) => Some((ship, *replica.own())),
            _ => None,
        }
    }

    /// The last tick it heard of.
    pub(crate) fn last_tick(&self) -> Option<Tick> {
        self.tick
    }

    /// Whether it plays (or watches) by now.
    pub(crate) fn plays(&self) -> bool {
        let is_here = !self.is_over && self.closed.is_none() && self.client.replica().is_live();
        is_here && self.seat.is_some_and(|seat| seat.own.is_none() || self.is_confirmed) && !self.client.is_hidden()
    }

    /// Nobody looks.
    pub(crate) fn hide(&mut self, now_us: u64) {
        self.client.hide(now_us + self.plan.clock_us);
    }

    /// Somebody looks again.
    pub(crate) fn show(&mut self, now_us: u64) {
        self.client.show(now_us + self.plan.clock_us);
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.client.is_hidden()
    }

    /// It leaves for good, which is said once.
    pub(crate) fn leave(&mut self, now_us: u64) {
        if !std::mem::replace(&mut self.is_leaving, true) {
            self.client.leave(now_us + self.plan.clock_us);
        }
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// It says something that it may not.
    pub(crate) fn misspeak(&mut self, text: bool) {
        let message = if text { Message::text("hello") } else { Message::Binary(vec![99, 1, 2].into()) };
        let _ = self.socket.send(message);
    }

    /// What it leaves to the next connection of its player, if it was given anything.
    pub(crate) fn leaves(&self) -> Option<Claim> {
        let seat = self.seat?;
        let tick = self.tick.or(self.claim.map(|claim| claim.tick)).unwrap_or_default();
        let left = crate::checks::sessions::Left::No;
        Some(Claim { token: seat.token, own: seat.own, tick, left, is_sure: self.is_confirmed })
    }
}
