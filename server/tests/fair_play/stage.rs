//! A room on open ground whose players say whatever a test makes them say.

use fracas_arena::authority::{ArenaConfig, World};
use fracas_arena::rules::{Arena, Entity, Input, Map, News, Ship};
use fracas_protocol::game::rules::{MessageOf, Point};
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::SERVER_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{Aspect, Role, ServerMessage};
use fracas_server::ids::{ConnectionKey, PlayerKind, SessionId};
use fracas_server::sim::channel::{Audience, Batch, Command, Request};
use fracas_server::sim::room::Room;
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_params::TickParams;
use std::collections::VecDeque;
use std::net::IpAddr;

pub(crate) const RATE: TickRate = TickRate::HZ_30;

/// The shape of every player's window: the one that shows most in each direction.
pub(crate) const ASPECT: Aspect = Aspect::Square;

/// Ticks of which it is remembered where ships were.
const REMEMBERED: usize = 64;

pub(crate) struct DuelStage {
    pub(crate) room: Room<World>,
    pub(crate) sessions: Vec<SessionId>,
    /// By player.
    connections: Vec<ConnectionKey>,
    batch: Batch<Input>,
    /// From another event loop, which is read first.
    taken_over: Batch<Input>,
    /// The ships after each of the last ticks, by player.
    past: VecDeque<(Tick, Vec<Ship>)>,
    /// What became of the rails of the last tick, by shooter.
    pub(crate) rails: Vec<(SessionId, Option<EntityId>)>,
}

impl DuelStage {
    /// A room of so many players, who are alive and no longer protected.
    pub(crate) fn new(seed: u64, players: usize) -> Self {
        announce(seed);
        let map = Map::new(&vec![vec![false; 16]; 16]).expect("a map");
        let config = ArenaConfig { rate: RATE, map, density: 20, arena_for: None, seed };
        let room = Room::new(World::with(config), RATE, Capacity { people: 100, bots: 0, spectators: 4 });
        let (batch, past) = (Batch::default(), VecDeque::new());
        let (sessions, connections, rails) = (Vec::new(), Vec::new(), Vec::new());
        let taken_over = Batch::default();
        let mut stage = Self { room, sessions, connections, batch, taken_over, past, rails };
        (0..players as u32).for_each(|place| stage.join(place));
        stage.run(RATE.ticks_in_ms(2100));
        stage
    }

    /// One more player, who comes with the next tick.
    pub(crate) fn join(&mut self, place: u32) {
        self.join_from(place, None);
    }

    /// The same from a network. Every connection has a place of its own.
    pub(crate) fn join_from(&mut self, place: u32, network: Option<IpAddr>) {
        self.come_from(place, Role::Player, network);
    }

    /// One more spectator from a network.
    pub(crate) fn watch_from(&mut self, place: u32, network: Option<IpAddr>) {
        self.come_from(place, Role::Spectator, network);
    }

    fn come_from(&mut self, place: u32, role: Role, network: Option<IpAddr>) {
        let connection = ConnectionKey { event_loop: 0, slot: place, generation: 0 };
        let name = Name::parse(&format!("player {place}")).expect("a name");
        let join = Request::Join {
            name,
            kind: PlayerKind::Person,
            role,
            aspect: ASPECT,
            resume: None,
            may_idle: false,
            may_begin: Ok(()),
            network,
        };
        self.batch.requests.push((connection, join));
    }

    /// A player says goodbye with the next tick, ...
    pub(crate) fn leave(&mut self, player: usize) {
        self.batch.requests.push((self.connections[player], Request::Leave(self.sessions[player])));
    }

    /// ... or its line is lost.
    pub(crate) fn lose(&mut self, player: usize) {
        self.batch.requests.push((self.connections[player], Request::Lost(self.sessions[player])));
    }

    /// A player's ship, if it is in the world.
    pub(crate) fn own_ship(&self, player: usize) -> Option<&Ship> {
        self.room.game().ship(self.sessions[player].player)
    }

    /// The tick that is about to run.
    pub(crate) fn next(&self) -> Tick {
        self.room.last_tick().next()
    }

    /// A player says something, true or not.
    pub(crate) fn say(&mut self, player: usize, tick: Tick, ack: Tick, input: Input) {
        let (connection, session) = (self.connections[player], self.sessions[player]);
        // The event loop gives on no acknowledgement of what was never sent.
        let ack = (ack < self.next()).then_some(ack);
        self.batch.commands.push(Command { connection, session, tick, ack, input });
    }

    /// Another connection, whose event loop is read before the player's, takes the player's session over with the next tick.
    pub(crate) fn take_over(&mut self, player: usize) {
        let connection = ConnectionKey { event_loop: 1, slot: player as u32, generation: 0 };
        let (name, resume) = (Name::parse("another tab").expect("a name"), Some(self.sessions[player]));
        let join = Request::Join {
            name,
            kind: PlayerKind::Person,
            role: Role::Player,
            aspect: ASPECT,
            resume,
            may_idle: false,
            may_begin: Ok(()),
            network: None,
        };
        self.taken_over.requests.push((connection, join));
    }

    /// A player whose line has a delay of `lag` ticks there and back says what it wants on the next tick.
    pub(crate) fn play(&mut self, player: usize, lag: u32, input: Input) {
        let next = self.next();
        self.say(player, next, Tick(next.0.saturating_sub(lag)), input);
    }

    pub(crate) fn tick(&mut self) {
        let tick = self.next();
        let params = TickParams::unrestrained(tick);
        let result = self.room.tick(params, [&mut self.taken_over, &mut self.batch].into_iter(), |_| ());
        for admission in &result.events.join_answers {
            self.sessions.push(admission.verdict.expect("a seat").session);
            self.connections.push(admission.connection);
        }
        self.rails.clear();
        for event in &result.events.game_events {
            let message = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&event.message);
            if let (Ok(ServerMessage::News(News::Rail { hit, .. })), Audience::One(to)) = (message, event.to) {
                self.rails.push((to, hit));
            }
        }
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        let ships = result.output.records.entities().iter().filter_map(|(_, entity)| match entity {
            Entity::Ship(ship) => Some(*ship),
            _ => None,
        });
        self.past.push_back((tick, ships.collect()));
    }

    pub(crate) fn run(&mut self, ticks: u32) {
        (0..ticks).for_each(|_| self.tick());
    }

    /// A player's ship as it was after a tick.
    pub(crate) fn ship_on(&self, player: usize, tick: Tick) -> &Ship {
        let (_, ships) = self.past.iter().find(|(other, _)| *other == tick).expect("not too long ago");
        &ships[player]
    }

    /// A player's ship.
    pub(crate) fn ship(&self, player: usize) -> &Ship {
        self.ship_on(player, self.room.last_tick())
    }

    pub(crate) fn place(&self, player: usize) -> Point {
        self.ship(player).position
    }
}

#[expect(clippy::print_stdout, reason = "a failed test shows it, and it is what repeats the failure")]
fn announce(seed: u64) {
    println!("seed {seed}");
}
