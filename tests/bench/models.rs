//! The same room served in other ways, so that a reader sees why Fracas is built as it is. The game, the views and the
//! frames are the real ones; only who reads and writes the sockets differs.

use crate::stand::TICK_HZ;
use crate::wire::{Inbox, append_message, upgrade};
use anyhow::{Context as _, Result};
use fracas_arena::authority::{ArenaConfig, World, default_map};
use fracas_arena::rules::{Arena, Input};
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::data::StartData;
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::name::Name;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{ClientMessage, Inputs, Limits, ServerClock, ServerMessage, Welcome};
use fracas_server::ids::{ConnectionKey, PlayerKind, SessionId};
use fracas_server::replication::{Composer, Viewer};
use fracas_server::sim::channel::{Batch, Command, Request};
use fracas_server::sim::room::Room;
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_params::TickParams;
use futures_util::{SinkExt, StreamExt};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// Who reads and writes the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Model {
    /// One thread does everything: reads all, steps, writes all.
    OneThread,
    /// A blocking thread reads each player; the tick writes.
    ThreadPerPlayer,
    /// A tokio task reads and writes each player, by tokio-tungstenite as its examples do.
    TaskPerPlayer,
}

impl Model {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneThread => "one-thread",
            Self::ThreadPerPlayer => "thread-per-player",
            Self::TaskPerPlayer => "task-per-player",
        }
    }

    /// As in the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::OneThread => "one thread for everything",
            Self::ThreadPerPlayer => "a thread per player",
            Self::TaskPerPlayer => "a tokio task per player",
        }
    }
}

/// Serves a room of so many players until it is killed.
#[expect(clippy::print_stderr, reason = "the bench that started it reads this")]
pub(crate) fn serve(model: Model, players: u16) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("listening game={}", listener.local_addr()?);
    let hall = Hall::new(players);
    // The swarm asks for the start-up data first, as every client does.
    answer_data(&listener, default_map().to_text().as_bytes())?;
    match model {
        Model::OneThread => one_thread(&listener, hall),
        Model::ThreadPerPlayer => thread_per_player(&listener, hall),
        Model::TaskPerPlayer => task_per_player(listener, hall),
    }
}

/// Answers one request for the map.
fn answer_data(listener: &TcpListener, map: &[u8]) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        let len = stream.read(&mut buffer)?;
        anyhow::ensure!(len > 0, "the request for the map ended early");
        head.extend_from_slice(&buffer[..len]);
    }
    let length = map.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    Ok(stream.write_all(map)?)
}

/// A room and its viewers: everything but the sockets.
struct Hall {
    room: Room<World>,
    batch: Batch<Input>,
    composer: Composer<World>,
    /// By place.
    seats: Vec<Option<(SessionId, Viewer<Arena>)>>,
    message: Vec<u8>,
    payload: Vec<u8>,
    start: Instant,
}

impl Hall {
    fn new(players: u16) -> Self {
        let config = ArenaConfig { rate: TickRate::HZ_20, map: default_map(), density: 9, arena_for: None, seed: 1 };
        let capacity = Capacity { people: players, bots: 0, spectators: 0 };
        Self {
            room: Room::new(World::with(config), TickRate::HZ_20, capacity),
            batch: Batch::default(),
            composer: Composer::default(),
            seats: Vec::new(),
            message: Vec::new(),
            payload: Vec::new(),
            start: Instant::now(),
        }
    }

    /// Sleeps until the next tick is due.
    fn wait(&self) {
        let due = self.start + Duration::from_secs(1) / TICK_HZ * self.room.last_tick().next().0;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }

    /// Takes what a player says.
    fn hear(&mut self, place: usize, payload: &[u8]) {
        let connection = ConnectionKey { event_loop: 0, slot: place as u32, generation: 0 };
        match codec::decode::<ClientMessage<Input>, CLIENT_MESSAGE_BYTES_MAX>(payload) {
            Ok(ClientMessage::Hello(hello)) => {
                let Ok(name) = Name::parse(&hello.name) else { return };
                let join = Request::Join {
                    name,
                    kind: PlayerKind::Person,
                    role: hello.role,
                    aspect: hello.aspect,
                    resume: None,
                    may_idle: false,
                    may_begin: Ok(()),
                    network: None,
                };
                self.batch.requests.push((connection, join));
            }
            Ok(ClientMessage::Inputs(inputs)) => {
                if let Some(Some((session, _))) = self.seats.get(place) {
                    let Inputs { ack, tick, input } = inputs;
                    let command = Command { connection, session: *session, tick, ack: Some(ack), input };
                    self.batch.commands.push(command);
                }
            }
            _ => {}
        }
    }

    /// Runs a tick, and calls `send` with the bytes that each player gets.
    fn tick(&mut self, mut send: impl FnMut(usize, &[u8])) {
        let tick = self.room.last_tick().next();
        let result = self.room.tick(TickParams::unrestrained(tick), std::iter::once(&mut self.batch), |_| ());
        let rules = self.room.game().rules();
        for admission in &result.events.join_answers {
            let Ok(admitted) = admission.verdict else { continue };
            let place = admission.connection.slot as usize;
            self.seats.resize_with(self.seats.len().max(place + 1), || None);
            let viewer = Viewer::new(fracas_protocol::wire::message::Aspect::default(), place as u32);
            self.seats[place] = Some((admitted.session, viewer));
            let welcome: MessageOf<Arena> = ServerMessage::Welcome(Welcome {
                tick_rate: TickRate::HZ_20,
                clock: ServerClock { tick, ..ServerClock::default() },
                own: admitted.own,
                token: fracas_protocol::ids::Token([0; 16]),
                resumed: false,
                data: StartData::new(rules.map().to_text().into_bytes()).id(),
                world: rules.world(),
                limits: Limits::default(),
            });
            self.payload.clear();
            codec::encode(&welcome, &mut self.payload);
            self.message.clear();
            append_message(&mut self.message, &self.payload, false);
            send(place, &self.message);
        }
        let outputs = [result.output];
        for (place, seat) in self.seats.iter_mut().enumerate() {
            let Some((session, viewer)) = seat else { continue };
            self.payload.clear();
            self.composer.frame(viewer, session.player, &outputs, &mut self.payload);
            self.message.clear();
            append_message(&mut self.message, &self.payload, false);
            send(place, &self.message);
        }
    }
}

fn one_thread(listener: &TcpListener, mut hall: Hall) -> Result<()> {
    listener.set_nonblocking(true)?;
    let mut players: Vec<(TcpStream, Inbox)> = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        hall.wait();
        while let Ok((stream, _)) = listener.accept() {
            let place = players.len();
            players.push(upgrade(stream, |payload| hall.hear(place, payload))?);
        }
        for (place, (stream, inbox)) in players.iter_mut().enumerate() {
            if let Ok(len) = stream.read(&mut buffer) {
                inbox.feed(&buffer[..len], |payload| hall.hear(place, payload));
            }
        }
        hall.tick(|place, bytes| {
            // Who does not take it misses it: the bench has no slow readers here.
            let _ = players[place].0.write(bytes);
        });
    }
}

fn thread_per_player(listener: &TcpListener, mut hall: Hall) -> Result<()> {
    let (said, heard) = flume::unbounded::<(usize, Vec<u8>)>();
    let (joined, joining) = flume::unbounded::<TcpStream>();
    let accepting = listener.try_clone()?;
    std::thread::spawn(move || {
        for (place, stream) in accepting.incoming().map_while(Result::ok).enumerate() {
            let said = said.clone();
            let Ok((stream, inbox)) = upgrade(stream, |payload| drop(said.send((place, payload.to_vec())))) else {
                return;
            };
            let Ok(reading) = stream.try_clone() else { return };
            if stream.set_nonblocking(false).is_err() || joined.send(stream).is_err() {
                return;
            }
            std::thread::spawn(move || read_blocking(reading, inbox, place, &said));
        }
    });
    let mut players: Vec<TcpStream> = Vec::new();
    loop {
        hall.wait();
        players.extend(joining.try_iter());
        heard.try_iter().for_each(|(place, payload)| hall.hear(place, &payload));
        hall.tick(|place, bytes| {
            let _ = players[place].write_all(bytes);
        });
    }
}

fn read_blocking(mut stream: TcpStream, mut inbox: Inbox, place: usize, said: &flume::Sender<(usize, Vec<u8>)>) {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(len) => inbox.feed(&buffer[..len], |payload| drop(said.send((place, payload.to_vec())))),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Frames that may wait for a task.
const FRAMES_MAX: usize = 16;

fn task_per_player(listener: TcpListener, mut hall: Hall) -> Result<()> {
    let (said, heard) = flume::unbounded::<(usize, Vec<u8>)>();
    let (joined, joining) = flume::unbounded::<mpsc::Sender<Vec<u8>>>();
    listener.set_nonblocking(true)?;
    std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            for place in 0.. {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let (frames, sending) = mpsc::channel(FRAMES_MAX);
                joined.send(frames).context("the tick is gone")?;
                tokio::spawn(serve_player(stream, place, said.clone(), sending));
            }
            Ok(())
        })
    });
    let mut players: Vec<mpsc::Sender<Vec<u8>>> = Vec::new();
    loop {
        hall.wait();
        players.extend(joining.try_iter());
        heard.try_iter().for_each(|(place, payload)| hall.hear(place, &payload));
        hall.tick(|place, message| {
            let header = if message[1] < 126 { 2 } else { 4 };
            // A full queue is a slow reader, of which the bench has none here.
            let _ = players[place].try_send(message[header..].to_vec());
        });
    }
}

async fn serve_player(
    stream: tokio::net::TcpStream,
    place: usize,
    said: flume::Sender<(usize, Vec<u8>)>,
    mut sending: mpsc::Receiver<Vec<u8>>,
) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(payload))) => drop(said.send((place, payload.to_vec()))),
                Some(Ok(_)) => {}
                _ => return,
            },
            frame = sending.recv() => {
                let Some(frame) = frame else { return };
                if socket.send(Message::Binary(frame.into())).await.is_err() {
                    return;
                }
            }
        }
    }
}
