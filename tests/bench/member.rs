//! One member of the light swarm: a socket, and somebody who plays at it.

use crate::formats::Formats;
use crate::wire::{Inbox, UPGRADE, append_message};
use anyhow::Result;
use fracas_arena::brain::{ArenaBrain, Wander};
use fracas_arena::rules::{Arena, Entity, Input};
use fracas_bots::bot::driver;
use fracas_bots::report::measures::{Arrivals, Times};
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{FRAME_MARK, TickFollower};
use fracas_protocol::wire::limits::SERVER_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{Aspect, ClientMessage, Hello, Inputs, Role, ServerMessage};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// How many ticks ahead of the newest body an input is stamped.
const AHEAD_TICKS: u32 = 2;
/// How many of its turns somebody who only acknowledges lets pass between two words.
const QUIET_TURNS: u32 = 3;
/// How much earlier than the first body the line lies from which arrivals are counted.
const GUESS_MARGIN_US: i64 = 5_000_000;

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MemberKind {
    /// Speaks with the floor: no hello, no welcome.
    Plain,
    /// Reads headers, sends seeded inputs.
    Light,
    /// Reads headers, and only acknowledges.
    Quiet,
    /// Watches, and only acknowledges.
    Spectator,
    /// Decodes every frame, checks it, and plays by a brain.
    Full,
}

/// What all members share.
pub(crate) struct SwarmShared {
    /// The game's rules; none with the floor, which has none.
    pub(crate) rules: Option<Ruleset<Arena>>,
    pub(crate) rate: TickRate,
    /// What decides for those who look closely.
    /// A kind of the arena's brains.
    pub(crate) brain: usize,
    pub(crate) aspect: Aspect,
    pub(crate) fires: bool,
    /// Whether views are also weighed in other formats.
    pub(crate) formats: bool,
}

/// What is counted while it counts.
#[derive(Default)]
pub(crate) struct MemberTally {
    /// None while nothing counts.
    rate: Option<TickRate>,
    guess_us: Option<i64>,
    trace_max: usize,
    pub(crate) updates: u64,
    pub(crate) bytes: u64,
    pub(crate) arrivals: Arrivals,
    pub(crate) input_to_update: Times,
    pub(crate) visible: u64,
    pub(crate) visible_bodies: u64,
    pub(crate) lengths: Vec<u16>,
    pub(crate) formats: Formats,
}

impl MemberTally {
    /// A tally that counts, and records so many frame lengths.
    pub(crate) fn measuring(rate: TickRate, trace_max: usize) -> Self {
        Self { rate: Some(rate), trace_max, ..Self::default() }
    }

    fn frame(&mut self, payload: usize) {
        if self.rate.is_some() {
            self.bytes += payload as u64;
            if self.lengths.len() < self.trace_max {
                self.lengths.push(payload as u16);
            }
        }
    }

    fn body(&mut self, now_us: u64, tick: Tick) {
        let Some(rate) = self.rate else { return };
        self.updates += 1;
        let since_due_us = now_us as i64 - rate.due_us(tick) as i64;
        let guess_us = *self.guess_us.get_or_insert(since_due_us - GUESS_MARGIN_US);
        self.arrivals.add((since_due_us - guess_us).max(0) as u64);
    }

    fn input_to_update(&mut self, us: u64) {
        if self.rate.is_some() {
            self.input_to_update.add(us);
        }
    }

    /// What one who looks closely sees after a frame.
    fn view(&mut self, viewer: usize, client: &Client<Arena>, formats: bool) {
        if self.rate.is_none() || !client.replica().is_live() {
            return;
        }
        self.visible += client.replica().known().len() as u64;
        self.visible_bodies += 1;
        if formats {
            self.formats.weigh(viewer, client.replica());
        }
    }
}

enum Mind {
    Follower { follower: TickFollower, played: Tick, turns: u32 },
    Client(Box<Client<Arena>>),
}

/// One member.
pub(crate) struct SwarmMember {
    index: usize,
    stream: TcpStream,
    inbox: Inbox,
    kind: MemberKind,
    mind: Mind,
    wander: Wander,
    brain: ArenaBrain,
    rng: Rng,
    joined: bool,
    closed: bool,
    stalled: bool,
    out: Vec<u8>,
}

impl SwarmMember {
    /// Connects, and asks to be upgraded.
    pub(crate) fn connect(address: SocketAddr, kind: MemberKind, index: usize, shared: &SwarmShared) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let role = if kind == MemberKind::Spectator { Role::Spectator } else { Role::Player };
        let hello = Hello { role, aspect: shared.aspect, ..Hello::player(format!("m{index}")) };
        let mind = match (kind, &shared.rules) {
            (MemberKind::Full, Some(rules)) => {
                let display_ticks = driver::display_ticks::<Arena, ArenaBrain>(shared.brain);
                let options = ClientOptions { display_ticks, ..ClientOptions::default() };
                Mind::Client(Box::new(Client::new(rules.clone(), hello.clone(), options)))
            }
            _ => Mind::Follower { follower: TickFollower::default(), played: Tick(0), turns: index as u32 },
        };
        let mut member = Self {
            index,
            stream,
            inbox: Inbox::new(),
            kind,
            mind,
            wander: Wander::default(),
            brain: ArenaBrain::new(shared.brain, Skill::Seasoned, index as u64),
            rng: Rng::new(index as u64, 1),
            joined: kind == MemberKind::Plain,
            closed: false,
            stalled: false,
            out: Vec::new(),
        };
        // The hello waits for the answer: not every server can take it with the request.
        match &mut member.mind {
            Mind::Client(_) => member.take_outgoing(),
            Mind::Follower { .. } if kind == MemberKind::Plain => {}
            Mind::Follower { .. } => member.say(&ClientMessage::Hello(hello)),
        }
        member.stream.write_all(UPGRADE)?;
        member.stream.set_nonblocking(true)?;
        Ok(member)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn has_joined(&self) -> bool {
        self.joined
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// It does nothing from now on, and leaves its socket open.
    pub(crate) fn stall(&mut self) {
        self.stalled = true;
    }

    /// The client of one who looks closely.
    pub(crate) fn client(&self) -> Option<&Client<Arena>> {
        if let Mind::Client(client) = &self.mind { Some(client) } else { None }
    }

    fn say(&mut self, message: &ClientMessage<Input>) {
        let mut payload = Vec::new();
        codec::encode(message, &mut payload);
        append_message(&mut self.out, &payload, true);
    }

    fn take_outgoing(&mut self) {
        if let Mind::Client(client) = &mut self.mind {
            while let Some(payload) = client.take_outgoing() {
                append_message(&mut self.out, &payload, true);
            }
        }
    }

    /// One `send` of what is to be said. A server that does not read its players has lost the bench.
    fn flush(&mut self) {
        if !self.inbox.is_upgraded() {
            return;
        }
        if !self.out.is_empty() && !self.closed && !self.stalled {
            self.closed = !matches!(self.stream.write(&self.out), Ok(len) if len == self.out.len());
        }
        self.out.clear();
    }

    /// Its turn in the tick: an input or an acknowledgement.
    pub(crate) fn play(&mut self, shared: &SwarmShared) {
        let Mind::Follower { follower, played, turns } = &mut self.mind else { return };
        let Some(newest) = follower.tick else { return };
        *turns += 1;
        let message = match self.kind {
            MemberKind::Quiet | MemberKind::Spectator if !turns.is_multiple_of(QUIET_TURNS) => return,
            MemberKind::Quiet | MemberKind::Spectator => ClientMessage::Ack(newest),
            _ => {
                let tick = newest.plus(AHEAD_TICKS).max(played.next());
                *played = tick;
                let mut input = self.wander.think(shared.rate, &mut self.rng);
                input.fire &= shared.fires;
                ClientMessage::Inputs(Inputs { ack: newest, tick, input })
            }
        };
        self.say(&message);
        self.flush();
    }

    /// Lets one who looks closely play by its own clock.
    pub(crate) fn advance(&mut self, now_us: u64) {
        let Mind::Client(client) = &mut self.mind else { return };
        if client.wake_us(now_us) > now_us {
            return;
        }
        driver::advance(&mut self.brain, client, now_us);
        self.take_outgoing();
        self.flush();
    }

    /// Reads what has come.
    pub(crate) fn read(&mut self, now_us: u64, buffer: &mut [u8], shared: &SwarmShared, tally: &mut MemberTally) {
        let len = match self.stream.read(buffer) {
            Ok(0) => {
                self.closed = true;
                return;
            }
            Ok(len) => len,
            Err(error) => {
                self.closed = error.kind() != ErrorKind::WouldBlock;
                return;
            }
        };
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.feed(&buffer[..len], |payload| self.handle_payload(now_us, payload, shared, tally));
        self.inbox = inbox;
        self.take_outgoing();
        self.flush();
    }

    fn handle_payload(&mut self, now_us: u64, payload: &[u8], shared: &SwarmShared, tally: &mut MemberTally) {
        let is_frame = payload.first().is_some_and(|first| first & FRAME_MARK != 0);
        match &mut self.mind {
            Mind::Client(client) => {
                self.closed |= client.receive(now_us, payload).is_err();
                while let Some(event) = client.take_event() {
                    match event {
                        Event::Welcome(_) => self.joined = true,
                        Event::Body { tick } => tally.body(now_us, tick),
                        Event::InputApplied { us } => tally.input_to_update(us),
                        Event::News(news) => {
                            self.brain.heard(&news);
                        }
                        _ => {}
                    }
                }
                if is_frame {
                    tally.frame(payload.len());
                    tally.view(self.index, client, shared.formats);
                }
            }
            Mind::Follower { follower, .. } if is_frame => match follower.follow(payload) {
                Ok(ticks) => {
                    tally.frame(payload.len());
                    (0..ticks.bodies).for_each(|body| tally.body(now_us, ticks.first.plus(body)));
                }
                Err(_) => self.closed = true,
            },
            Mind::Follower { .. } => {
                let message = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(payload);
                self.joined |= matches!(message, Ok(ServerMessage::Welcome(_)));
            }
        }
    }
}

/// Ships that a client knows of.
pub(crate) fn ships_seen(client: &Client<Arena>) -> usize {
    client.replica().known().iter().filter(|known| matches!(known.now, Entity::Ship(_))).count()
}
