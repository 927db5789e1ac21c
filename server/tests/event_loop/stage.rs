//! A room, an event loop, and peers over pipes in memory, one tick at a time.

use fracas_arena::authority::{ArenaConfig, World, default_map};
use fracas_arena::rules::{Arena, Input, News};
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::FRAME_MARK;
use fracas_protocol::wire::limits::SERVER_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{ClientMessage, Hello, Welcome};
use fracas_server::admission::control::{AdmissionConfig, AdmissionControl, AdmissionPermit};
use fracas_server::front::origin::HostNames;
use fracas_server::front::rejection::Rejection;
use fracas_server::ids::PlayerKind;
use fracas_server::io::event_loop::{EventLoop, LoopShared, Newcomer};
use fracas_server::io::policy::Policy;
use fracas_server::io::socket::Socket;
use fracas_server::ops::Telemetry;
use fracas_server::session::Registry;
use fracas_server::session::game_service::GameService;
use fracas_server::session::hello::RoomNames;
use fracas_server::sim::channel::{self, Published, TickEndpoints};
use fracas_server::sim::idle::IdleLimit;
use fracas_server::sim::overload::Level;
use fracas_server::sim::room::Room;
use fracas_server::sim::rooms::Rooms;
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_params::TickParams;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

pub(crate) const RATE: TickRate = TickRate::HZ_20;

/// The rules of all stages, as a client has them.
fn ruleset() -> Ruleset<Arena> {
    Arena::ruleset(RATE, &default_map())
}

/// One direction of a connection: bytes on their way, as many as the receiver's buffers would hold.
#[derive(Default)]
struct Lane {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The sender said that nothing more comes.
    finished: bool,
    /// Nobody will ever read it.
    broken: bool,
}

impl Lane {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.bytes.is_empty() {
            return if self.finished { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        self.bytes.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = bytes.len().min(self.capacity.saturating_sub(self.bytes.len()));
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.bytes.extend(&bytes[..len]);
        Ok(len)
    }
}

fn lock(lane: &Arc<Mutex<Lane>>) -> MutexGuard<'_, Lane> {
    // A test that panicked while it held one has failed anyway.
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection.
pub(crate) struct PipeEnd {
    inbound: Arc<Mutex<Lane>>,
    outbound: Arc<Mutex<Lane>>,
    sends: Arc<AtomicUsize>,
}

/// The two ends of a new connection.
pub(crate) fn connection(capacity: usize) -> (PipeEnd, PipeEnd) {
    let lane = || Arc::new(Mutex::new(Lane { capacity, ..Lane::default() }));
    let (there, back, sends) = (lane(), lane(), Arc::new(AtomicUsize::new(0)));
    let end = |inbound: &Arc<Mutex<Lane>>, outbound: &Arc<Mutex<Lane>>| PipeEnd {
        inbound: Arc::clone(inbound),
        outbound: Arc::clone(outbound),
        sends: Arc::clone(&sends),
    };
    (end(&there, &back), end(&back, &there))
}

impl Socket for PipeEnd {
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.inbound).read(buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sends.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        lock(&self.outbound).write(bytes)
    }

    fn finish(&mut self) {
        lock(&self.outbound).finished = true;
    }

    fn abort(&mut self) {
        let mut lane = lock(&self.outbound);
        lane.bytes.clear();
        lane.broken = true;
    }
}

/// Dropping a socket ends both directions.
impl Drop for PipeEnd {
    fn drop(&mut self) {
        lock(&self.outbound).finished = true;
        lock(&self.inbound).broken = true;
    }
}

impl Read for PipeEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv(buffer)
    }
}

impl Write for PipeEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.outbound).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A peer's end: a WebSocket client that looks only when it is told to.
pub(crate) struct LoopPeer {
    pub(crate) socket: WebSocket<PipeEnd>,
    /// The close code and words, once they came.
    pub(crate) closed: Option<(u16, String)>,
}

impl LoopPeer {
    /// The peer at this end of a connection.
    pub(crate) fn new(end: PipeEnd) -> Self {
        Self { socket: WebSocket::from_raw_socket(end, Role::Client, None), closed: None }
    }

    pub(crate) fn say(&mut self, message: &ClientMessage<Input>) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.say_bytes(bytes);
    }

    pub(crate) fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::Binary(bytes.into())).expect("the pipe has room");
    }

    /// Puts raw bytes on the stream, below the WebSocket layer.
    pub(crate) fn say_raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).expect("the pipe has room");
    }

    /// Everything that has come.
    pub(crate) fn hear(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => {
                    self.closed = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                }
                Ok(message) => messages.push(message),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return messages,
                Err(_) => return messages,
            }
        }
    }

    /// The control messages and the number of frames that have come.
    pub(crate) fn hear_control(&mut self) -> (Vec<MessageOf<Arena>>, usize) {
        let (mut control, mut frames) = (Vec::new(), 0);
        for message in self.hear() {
            let bytes = message.into_data();
            if bytes[0] & FRAME_MARK != 0 {
                frames += 1;
            } else {
                let message = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&bytes);
                control.push(message.expect("the server speaks well"));
            }
        }
        (control, frames)
    }

    /// The code that it was closed with, as far as it has heard.
    pub(crate) fn code(&self) -> Option<u16> {
        self.closed.as_ref().map(|(code, _)| *code)
    }

    /// Whether the server has let go of the socket.
    pub(crate) fn is_dropped(&self) -> bool {
        lock(&self.socket.get_ref().inbound).finished
    }

    /// Bytes on their way to it.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.socket.get_ref().inbound).bytes.len()
    }

    /// `send` calls of the server's end so far.
    pub(crate) fn sends(&self) -> usize {
        self.socket.get_ref().sends.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// It says nothing more.
    pub(crate) fn finish(&mut self) {
        lock(&self.socket.get_ref().outbound).finished = true;
    }

    /// Nothing gets to it any more.
    pub(crate) fn go_deaf(&mut self) {
        lock(&self.socket.get_ref().inbound).broken = true;
    }

    /// The line is cut: neither side hears of the other again.
    pub(crate) fn cut(&mut self) {
        self.go_deaf();
        lock(&self.socket.get_ref().outbound).broken = true;
    }
}

/// A peer that plays by the protocol's client.
pub(crate) struct LoopPlayer {
    pub(crate) peer: LoopPeer,
    pub(crate) client: Client<Arena>,
    pub(crate) welcome: Option<Welcome<<Arena as Rules>::World>>,
    /// What it heard, and when.
    pub(crate) news: Vec<(u64, News)>,
    pub(crate) reads: bool,
    /// Its program stands still; only its WebSocket layer goes on, if it reads.
    pub(crate) is_frozen: bool,
}

impl LoopPlayer {
    /// Says what there is to say, and hears what came if it reads.
    pub(crate) fn step(&mut self, now_us: u64) {
        if self.reads {
            for message in self.peer.hear().into_iter().filter(Message::is_binary) {
                self.client.receive(now_us, &message.into_data()).expect("the server speaks well");
            }
        }
        if self.is_frozen {
            return;
        }
        while let Some(event) = self.client.take_event() {
            match event {
                Event::Welcome(welcome) => self.welcome = Some(welcome),
                Event::News(news) => self.news.push((now_us, news)),
                _ => {}
            }
        }
        self.client.advance(now_us);
        while let Some(message) = self.client.take_outgoing() {
            // A server that has closed does not listen any more.
            let _ = self.peer.socket.send(Message::Binary(message.into()));
        }
    }
}

pub(crate) struct LoopStage {
    pub(crate) rooms: Rooms<World>,
    event_loop: EventLoop<GameService<World>, PipeEnd>,
    endpoints: TickEndpoints<World>,
    newcomers: flume::Sender<Newcomer<PipeEnd>>,
    admission: Arc<AdmissionControl>,
    telemetry: Telemetry,
    start: Instant,
    sequence: u64,
    /// Ticks that are skipped before each, as when the machine let none run.
    pub(crate) skips: u32,
    /// What is given up for want of time.
    pub(crate) level: Level,
    /// What the inputs of the last tick counted as acknowledging.
    pub(crate) acknowledged: Vec<Option<Tick>>,
    pub(crate) players: Vec<LoopPlayer>,
}

impl LoopStage {
    pub(crate) fn new() -> Self {
        Self::with_people(100)
    }

    pub(crate) fn with_people(people: u16) -> Self {
        Self::with_rooms(&["main"], people)
    }

    /// A stage with rooms of these names, each for so many people.
    pub(crate) fn with_rooms(names: &[&str], people: u16) -> Self {
        Self::with_idle_limit(names, people, IdleLimit::NEVER)
    }

    /// The same, where players may be idle for so long.
    pub(crate) fn with_idle_limit(names: &[&str], people: u16, idle: IdleLimit) -> Self {
        let config = ArenaConfig { rate: RATE, map: default_map(), density: 20, arena_for: None, seed: 1 };
        let capacity = Capacity { people, bots: 0, spectators: 4 };
        let rooms = Rooms::with_idle_limit(names.len(), RATE, capacity, idle, move |_, _| World::with(config.clone()));
        let names = RoomNames::new(names.iter().map(|name| String::from(*name)).collect());
        let (endpoints, mut loops) = channel::endpoints(1);
        let (newcomers, waiting) = flume::bounded(1000);
        let telemetry = Telemetry::new(RATE).expect("metrics");
        let connections = Arc::new(AtomicUsize::new(0));
        let metrics = telemetry.for_loop();
        let admission = Arc::new(AdmissionControl::new(AdmissionConfig {
            connections_max: 1000,
            per_address_max: 4,
            joins_per_address: Default::default(),
            limit_loopback: false,
            public_hosts: HostNames::default(),
            allow_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        }));
        let (registry, loop_endpoints) = (Arc::new(Registry::default()), loops.remove(0));
        let service = GameService::new(
            0,
            loop_endpoints,
            registry,
            Arc::clone(&admission),
            ruleset().data().id(),
            metrics.clone(),
        );
        let service = service.of_rooms(Arc::new(names));
        let shared = LoopShared { connections, metrics };
        let event_loop = EventLoop::new(0, service, Policy::game(), waiting, shared);
        let start = Instant::now();
        Self {
            rooms,
            event_loop,
            endpoints,
            newcomers,
            admission,
            telemetry,
            start,
            sequence: 0,
            skips: 0,
            level: Level::Normal,
            acknowledged: Vec::new(),
            players: Vec::new(),
        }
    }

    /// The same stage, which has not run yet, with spectators who are so many ticks late.
    pub(crate) fn late(mut self, ticks: u32) -> Self {
        self.rooms = self.rooms.with_spectator_delay(ticks);
        self
    }

    /// Connects somebody whose pipe holds so many bytes in each direction.
    pub(crate) fn connect_through(&mut self, capacity: usize, leftover: &[u8]) -> LoopPeer {
        self.connect_with(capacity, leftover, None)
    }

    /// Joins with a wide pipe from an address that may have four connections; the index among the players.
    pub(crate) fn join_from(&mut self, address: [u8; 4], hello: Hello) -> usize {
        self.try_join_from(address, hello).expect("it has fewer than four")
    }

    /// The same for one that may be refused.
    pub(crate) fn try_join_from(&mut self, address: [u8; 4], hello: Hello) -> Result<usize, Rejection> {
        let permit = self.admission.enter(IpAddr::from(address), false, self.now())?;
        let peer = self.connect_with(1 << 20, &[], Some(permit));
        Ok(self.seat(peer, hello))
    }

    fn connect_with(&mut self, capacity: usize, leftover: &[u8], permit: Option<AdmissionPermit>) -> LoopPeer {
        let (theirs, ours) = connection(capacity);
        let newcomer = Newcomer { socket: ours, leftover: leftover.to_vec(), kind: PlayerKind::Person, permit };
        self.newcomers.send(newcomer).expect("the loop is there");
        LoopPeer::new(theirs)
    }

    pub(crate) fn connect(&mut self) -> LoopPeer {
        self.connect_through(1 << 20, &[])
    }

    /// Connects somebody who plays from now on; returns the index among the players.
    pub(crate) fn join(&mut self, hello: Hello, capacity: usize) -> usize {
        let peer = self.connect_through(capacity, &[]);
        self.seat(peer, hello)
    }

    fn seat(&mut self, peer: LoopPeer, hello: Hello) -> usize {
        let client = Client::new(ruleset(), hello, ClientOptions::default());
        self.players.push(LoopPlayer { peer, client, welcome: None, news: Vec::new(), reads: true, is_frozen: false });
        self.players.len() - 1
    }

    /// Joins so many players with wide pipes.
    pub(crate) fn join_many(&mut self, count: usize) {
        for number in 0..count {
            self.join(Hello::player(format!("player {number}")), 1 << 20);
        }
    }

    pub(crate) fn room(&self) -> &Room<World> {
        self.room_at(0)
    }

    /// The room of this number.
    pub(crate) fn room_at(&self, number: u8) -> &Room<World> {
        self.rooms.open().find(|(id, _)| id.0 == number).expect("it is open").1
    }

    /// The present of the stage's clock.
    pub(crate) fn now_us(&self) -> u64 {
        RATE.due_us(self.rooms.last_tick())
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us())
    }

    /// Reads, ticks once, writes.
    pub(crate) fn tick(&mut self) {
        self.tick_room();
        let published = self.publish_to_loop();
        self.write(published);
    }

    /// Ticks with the loop asleep: what is published waits at its channel.
    pub(crate) fn tick_room(&mut self) {
        let now = self.now();
        let reading = self.event_loop.read_all(|| now);
        self.event_loop.service().hand_over(reading);
        let tick = self.rooms.last_tick().next().plus(self.skips);
        let mut batches: Vec<_> = self.endpoints.inbound.try_iter().collect();
        let commands = batches.iter().flat_map(|batches| &batches.rooms).flat_map(|batch| &batch.commands);
        self.acknowledged = commands.map(|command| command.ack).collect();
        let joins_left = if self.level == Level::Normal { u32::MAX } else { 0 };
        let params = TickParams { tick, joins_left };
        let result = self.rooms.tick(params, &mut batches, |_| ());
        let due = self.start + Duration::from_micros(RATE.due_us(tick));
        let events = Arc::new(result.events);
        let (sequence, rate, pack) = (self.sequence, result.rate, self.level.pack());
        let (outputs, spectator_outputs) = (result.outputs, result.spectator_outputs);
        let work = Duration::ZERO;
        let published = Published { sequence, tick, rate, outputs, spectator_outputs, events, due, work, pack };
        self.sequence += 1;
        // A full channel is the loop's loss, as in the tick thread.
        let _ = self.endpoints.outbound[0].try_send(published);
    }

    pub(crate) fn publish_to_loop(&mut self) -> Vec<Published<World>> {
        self.event_loop.service().take_published()
    }

    pub(crate) fn write(&mut self, published: Vec<Published<World>>) {
        let now = self.now();
        self.event_loop.service().publish(published);
        self.event_loop.write_all(|| now);
    }

    /// Ticks, and lets all players hear and speak in between.
    pub(crate) fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            let now_us = self.now_us();
            for player in &mut self.players {
                player.step(now_us);
            }
            self.tick();
        }
    }

    /// The value of a metric, as an operator would see it.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.telemetry.render();
        let line = text.lines().find(|line| line.starts_with(name) && line[name.len()..].starts_with(' '));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }
}
