//! A room of hunters in memory and in virtual time: the real room, frames, clients and brains, without sockets. The same seed
//! plays the same again.

use fracas_arena::authority::{ArenaConfig, World, default_map};
use fracas_arena::brain::{ArenaBrain, HUNTER};
use fracas_arena::rules::{Arena, Entity, Input, slot_of};
use fracas_bots::bot::driver::{self, DISPLAY_TICKS};
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::DataId;
use fracas_protocol::ids::Token;
use fracas_protocol::name::Name;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{
    Aspect, ClientMessage, Hello, Inputs, Limits, Ping, Pong, Role, ServerClock, ServerMessage, Welcome,
};
use fracas_server::ids::{ConnectionKey, PlayerKind, SessionId};
use fracas_server::replication::{Composer, TickOutput, Viewer};
use fracas_server::sim::channel::{Batch, Command, Request, RoomEvents};
use fracas_server::sim::room::Room;
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_params::TickParams;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The server's own rate, if it is not told another.
pub(crate) const RATE: TickRate = TickRate::HZ_30;

/// The way of a message, in microseconds: less than a tick's period.
const DELAY_US: u64 = 20_000;
/// One hunter comes so long after the other.
const ARRIVES_US: u64 = 5_000;

/// One hunter, and both ends of its connection.
struct Hunter {
    connection: ConnectionKey,
    arrives_us: u64,
    now_us: u64,
    client: Client<Arena>,
    brain: ArenaBrain,
    /// Messages under way, and when each arrives.
    to_server: VecDeque<(u64, Vec<u8>)>,
    to_client: VecDeque<(u64, Vec<u8>)>,
    /// When its hello came, and the pings that wait for their answers.
    hello_us: u64,
    pings: Vec<(Ping, u64)>,
    seat: Option<(SessionId, Viewer<Arena>)>,
}

/// The room, and everybody in it.
pub(crate) struct Hunters {
    data: DataId,
    room: Room<World>,
    batch: Batch<Input>,
    composer: Composer<World>,
    hunters: Vec<Hunter>,
    /// Since when each ship lives, by slot.
    alive_since: Vec<Option<Tick>>,
    /// How many ticks each life took that has ended.
    lives: Vec<u32>,
}

impl Hunters {
    pub(crate) fn new(bots: u16, density: u32, seed: u64) -> Self {
        let config = ArenaConfig { rate: RATE, map: default_map(), density, arena_for: None, seed };
        let world = World::with(config);
        let mut rng = Rng::new(seed, 21);
        let rules = Arena::ruleset(RATE, world.rules().map());
        let data = rules.data().id();
        let hunters = (0..u32::from(bots)).map(|place| Hunter::new(place, rules.clone(), rng.word()));
        let hunters = hunters.collect();
        let room = Room::new(world, RATE, Capacity { people: bots, bots: 0, spectators: 0 });
        let (batch, composer) = (Batch::default(), Composer::default());
        Self { data, room, batch, composer, hunters, alive_since: Vec::new(), lives: Vec::new() }
    }

    /// Plays so long. Returns how many ticks each life took that ended.
    pub(crate) fn play(mut self, minutes: f64) -> Vec<u32> {
        let ticks = (minutes * 60.0 * f64::from(RATE.hz())) as u32;
        for tick in (1..=ticks).map(Tick) {
            let now_us = RATE.due_us(tick);
            for hunter in &mut self.hunters {
                hunter.play_until(now_us);
                hunter.heard_by(now_us, &mut self.batch);
            }
            let result = self.room.tick(TickParams::unrestrained(tick), std::iter::once(&mut self.batch), |_| ());
            self.follow(&result.output);
            self.welcome(&result.events, tick, now_us);
            self.deliver(&result.events, [result.output], tick, now_us);
        }
        self.lives
    }

    /// Takes note of who lives, and whose life has ended.
    fn follow(&mut self, output: &TickOutput<Arena>) {
        for (id, entity) in output.records.entities() {
            let (Entity::Ship(ship), Some(slot)) = (entity, slot_of(*id)) else { continue };
            let slot = usize::from(slot);
            self.alive_since.resize(self.alive_since.len().max(slot + 1), None);
            let since = &mut self.alive_since[slot];
            match (ship.is_alive(), *since) {
                (true, None) => *since = Some(output.tick),
                (false, Some(began)) => {
                    *since = None;
                    self.lives.push(output.tick.since(began) as u32);
                }
                _ => {}
            }
        }
    }

    fn welcome(&mut self, events: &RoomEvents, tick: Tick, now_us: u64) {
        let rules = self.room.game().rules();
        for admission in &events.join_answers {
            let Ok(admitted) = admission.verdict else { continue };
            let hunter = &mut self.hunters[admission.connection.slot as usize];
            hunter.seat =
                Some((admitted.session, Viewer::new(Aspect::default(), u32::from(admitted.session.player.0))));
            let hold_us = (now_us - hunter.hello_us) as u32;
            hunter.hear(
                &ServerMessage::Welcome(Welcome {
                    tick_rate: RATE,
                    clock: ServerClock { hold_us, tick, phase_us: 0 },
                    own: admitted.own,
                    token: Token([0; 16]),
                    resumed: false,
                    data: self.data,
                    world: rules.world(),
                    limits: Limits::default(),
                }),
                now_us,
            );
        }
    }

    /// News, answers and a frame for everybody.
    fn deliver(&mut self, events: &RoomEvents, outputs: [Arc<TickOutput<Arena>>; 1], tick: Tick, now_us: u64) {
        for hunter in &mut self.hunters {
            let Some((session, viewer)) = &mut hunter.seat else { continue };
            let session = *session;
            let mut frame = Vec::new();
            self.composer.frame(viewer, session.player, &outputs, &mut frame);
            let news = events.game_events.iter().filter(|event| event.to.includes(session, false));
            news.for_each(|event| hunter.to_client.push_back((now_us + DELAY_US, event.message.clone())));
            for (ping, came_us) in std::mem::take(&mut hunter.pings) {
                let clock = ServerClock { hold_us: (now_us - came_us) as u32, tick, phase_us: 0 };
                hunter.hear(&ServerMessage::Pong(Pong { stamp: ping.stamp, clock, work_us: 0 }), now_us);
            }
            hunter.to_client.push_back((now_us + DELAY_US, frame));
        }
    }
}

impl Hunter {
    fn new(place: u32, rules: Ruleset<Arena>, seed: u64) -> Self {
        let connection = ConnectionKey { event_loop: 0, slot: place, generation: 0 };
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        let client = Client::new(rules, Hello::player(format!("hunter {place}")), options);
        let brain = ArenaBrain::new(HUNTER, Skill::Seasoned, seed);
        let arrives_us = u64::from(place) * ARRIVES_US;
        let (to_server, to_client) = (VecDeque::new(), VecDeque::new());
        Self {
            connection,
            arrives_us,
            now_us: 0,
            client,
            brain,
            to_server,
            to_client,
            hello_us: 0,
            pings: Vec::new(),
            seat: None,
        }
    }

    /// Does all that is due before a moment, when it is due.
    fn play_until(&mut self, until_us: u64) {
        if self.now_us < self.arrives_us {
            if until_us < self.arrives_us {
                return;
            }
            self.now_us = self.arrives_us;
            self.advance();
        }
        loop {
            let wakes_us = self.client.wake_us(self.now_us).max(self.now_us + 1);
            let hears_us = self.to_client.front().map_or(u64::MAX, |(at_us, _)| *at_us);
            let next_us = wakes_us.min(hears_us);
            if next_us >= until_us {
                return;
            }
            self.now_us = next_us;
            while let Some((_, message)) = self.to_client.pop_front_if(|(at_us, _)| *at_us <= next_us) {
                self.client.receive(next_us, &message).expect("the room speaks well");
            }
            while let Some(event) = self.client.take_event() {
                if let Event::News(news) = event {
                    self.brain.heard(&news);
                }
            }
            self.advance();
        }
    }

    fn advance(&mut self) {
        driver::advance(&mut self.brain, &mut self.client, self.now_us);
        let said = std::iter::from_fn(|| self.client.take_outgoing());
        self.to_server.extend(said.map(|message| (self.now_us + DELAY_US, message)));
    }

    /// The room takes what has come by now.
    fn heard_by(&mut self, now_us: u64, batch: &mut Batch<Input>) {
        while let Some((came_us, bytes)) = self.to_server.pop_front_if(|(at_us, _)| *at_us <= now_us) {
            let message = codec::decode::<ClientMessage<Input>, CLIENT_MESSAGE_BYTES_MAX>(&bytes);
            match message.expect("a client speaks well") {
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
            name: Name::parse(&hello.name).expect("a name"),
            kind: PlayerKind::Person,
            role: Role::Player,
            aspect: Aspect::default(),
            resume: None,
            may_idle: false,
            may_begin: Ok(()),
            network: Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0001 + self.connection.slot))),
        }
    }

    /// The room says something to it.
    fn hear(&mut self, message: &MessageOf<Arena>, now_us: u64) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.to_client.push_back((now_us + DELAY_US, bytes));
    }
}
