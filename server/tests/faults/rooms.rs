//! A panic in one room ends that room alone; it begins anew, once.

use crate::poison::{Poisoned, RATE, poisoned};
use fracas_arena::rules::{Heading, Input, Thrust};
use fracas_protocol::name::Name;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::message::{Aspect, Role};
use fracas_server::ids::{ConnectionKey, PlayerKind, RoomId, SessionId};
use fracas_server::sim::channel::{self, Batches, Command, Request, RoomEvents};
use fracas_server::sim::clock::TickClock;
use fracas_server::sim::join_refusal::JoinRefusal;
use fracas_server::sim::rooms::{Failure, Rooms, RoomsResult};
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_loop::{self, TickEnd, TickTimes, TickWatch};
use fracas_server::sim::tick_params::TickParams;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

const CAPACITY: Capacity = Capacity { people: 40, bots: 0, spectators: 4 };
pub(crate) const SICK: RoomId = RoomId(0);
const SOUND: RoomId = RoomId(1);

/// Two rooms; the first panics on the ticks given. Whoever is in says something on every tick.
pub(crate) struct RoomsStage {
    pub(crate) rooms: Rooms<Poisoned>,
    pub(crate) sessions: Vec<SessionId>,
    /// All that ever got in.
    admitted: Vec<(ConnectionKey, SessionId)>,
    inbound: Batches<Input>,
    rng: Rng,
    connections: u32,
}

impl RoomsStage {
    pub(crate) fn new(seed: u64, panics_on: &'static [u32]) -> Self {
        announce(seed);
        let make = move |room: RoomId, _life| poisoned(seed, if room == SICK { panics_on } else { &[] });
        let (rooms, inbound) = (Rooms::new(2, RATE, CAPACITY, make), Batches::default());
        Self { rooms, sessions: Vec::new(), admitted: Vec::new(), inbound, rng: Rng::new(seed, 9), connections: 0 }
    }

    pub(crate) fn join(&mut self, room: RoomId) -> ConnectionKey {
        self.connections += 1;
        let connection = ConnectionKey { event_loop: 0, slot: self.connections, generation: 0 };
        let name = Name::parse(&format!("player {}", self.connections)).expect("a name");
        let (kind, role) = (PlayerKind::Person, Role::Player);
        // All from one network, so that those who come pay for those who left a fight.
        let network = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let join = Request::Join {
            name,
            kind,
            role,
            aspect: Aspect::default(),
            resume: None,
            may_idle: false,
            may_begin: Ok(()),
            network,
        };
        self.inbound.of(room).requests.push((connection, join));
        connection
    }

    pub(crate) fn leave(&mut self, session: SessionId) {
        let connection = self.connection(session);
        self.inbound.of(session.room).requests.push((connection, Request::Leave(session)));
    }

    fn connection(&self, session: SessionId) -> ConnectionKey {
        self.admitted.iter().find(|(_, other)| *other == session).expect("it has joined").0
    }

    pub(crate) fn tick(&mut self) -> RoomsResult<Poisoned> {
        let tick = self.rooms.last_tick().next();
        for session in self.sessions.clone() {
            let connection = self.connection(session);
            let thrust = Thrust::towards(Heading::new(self.rng.below(1024) as u16));
            let input = Input { thrust, fire: self.rng.chance(1, 2), ..Input::default() };
            let ack = Tick(tick.0.saturating_sub(3));
            self.inbound.of(session.room).commands.push(Command { connection, session, tick, ack: Some(ack), input });
        }
        let result = self.rooms.tick(TickParams::unrestrained(tick), std::slice::from_mut(&mut self.inbound), |_| ());
        self.sessions.retain(|session| !result.events.ended.contains(session));
        let join_answers = result.events.join_answers.iter();
        let admitted = join_answers.filter_map(|one| Some((one.connection, one.verdict.ok()?.session)));
        self.admitted.extend(admitted.clone());
        self.sessions.extend(admitted.map(|(_, session)| session));
        result
    }

    pub(crate) fn run(&mut self, ticks: u32) {
        (0..ticks).for_each(|_| drop(self.tick()));
    }

    pub(crate) fn of(&self, room: RoomId) -> Vec<SessionId> {
        self.sessions.iter().copied().filter(|session| session.room == room).collect()
    }
}

#[expect(clippy::print_stdout, reason = "a failed test shows it, and it is what repeats the failure")]
fn announce(seed: u64) {
    println!("seed {seed}");
}

#[test]
fn a_panic_in_one_room_costs_the_other_no_tick_and_the_room_begins_anew() {
    let mut stage = RoomsStage::new(1, &[100]);
    for _ in 0..20 {
        stage.join(SICK);
        stage.join(SOUND);
    }
    stage.run(99);
    let (before, waiting) = (stage.of(SICK), stage.join(SICK));
    assert_eq!((before.len(), stage.of(SOUND).len()), (20, 20));
    let mut result = stage.tick();
    assert!(result.outputs[SICK.index()].is_none());
    assert_eq!(result.events.failed, [SICK]);
    assert_eq!(result.events.ended[..20], before, "all tokens are void");
    assert_eq!(result.events.ended.len(), 21, "also of who came in on that very tick");
    assert!(result.events.join_answers.is_empty(), "the room's end is the answer to {waiting:?}, too");
    let failure = result.failures.pop().expect("one");
    assert!(failure.message.starts_with("poison among [(") && failure.reopens, "{}", failure.message);
    assert_eq!((failure.room, failure.tick), (SICK, Tick(100)));
    assert_eq!(result.outputs[SOUND.index()].as_ref().expect("it ran").tick, Tick(100));
    assert_eq!(stage.of(SOUND).len(), 20);
    stage.join(SICK);
    for tick in 101..400 {
        let result = stage.tick();
        assert_eq!(ticks(&result), [Some(Tick(tick)), Some(Tick(tick))], "both run");
    }
    let after = stage.of(SICK);
    assert_eq!(after.len(), 1, "it can be joined again");
    assert!(before.iter().all(|old| old.serial < after[0].serial), "nobody can be taken for one of its earlier life");
}

/// The tick that each room has run.
fn ticks(result: &RoomsResult<Poisoned>) -> Vec<Option<Tick>> {
    result.outputs.iter().map(|output| Some(output.as_ref()?.tick)).collect()
}

#[test]
fn a_room_that_panics_again_within_a_minute_stays_closed_and_says_so() {
    let mut stage = RoomsStage::new(2, &[100, 3000]);
    stage.join(SOUND);
    stage.run(2999);
    let result = stage.tick();
    assert!(!result.failures[0].reopens);
    assert!(stage.rooms.is_any_left());
    let late = stage.join(SICK);
    let result = stage.tick();
    let answer = result.events.join_answers.first().map(|admission| (admission.connection, admission.verdict.err()));
    assert_eq!(answer, Some((late, Some(JoinRefusal::Closed))));
    assert_eq!(ticks(&result), [None, Some(Tick(3001))]);
    assert_eq!(stage.rooms.open().map(|(id, _)| id).collect::<Vec<_>>(), [SOUND]);
}

#[test]
fn a_room_that_panics_again_after_more_than_a_minute_begins_anew_again() {
    let mut stage = RoomsStage::new(3, &[100, 101 + 60 * 60, 102 + 60 * 60]);
    stage.run(101 + 60 * 60 - 1);
    assert!(stage.tick().failures[0].reopens);
    assert!(!stage.tick().failures[0].reopens, "but not at once");
}

#[test]
fn a_game_that_cannot_even_be_made_again_stays_closed() {
    let make = |_room, life: u32| {
        assert!(life == 0, "no more of these");
        poisoned(4, &[5])
    };
    let mut rooms = Rooms::new(1, RATE, CAPACITY, make);
    let mut words = Vec::new();
    for tick in 1..=7 {
        let failures = rooms.tick(TickParams::unrestrained(Tick(tick)), &mut [], |_| ()).failures;
        words.extend(failures.into_iter().map(|failure| failure.message));
    }
    assert_eq!(words[1..], ["no more of these"]);
    assert!(!rooms.is_any_left());
}

/// Takes note of what a tick thread reports.
#[derive(Default)]
struct Notes {
    ticks: Vec<Tick>,
    failures: Vec<Failure<Poisoned>>,
}

impl TickWatch<Poisoned> for Notes {
    fn ticked(&mut self, _: &Rooms<Poisoned>, result: &RoomsResult<Poisoned>, _: &TickTimes) {
        self.ticks.push(result.tick);
    }

    fn failed(&mut self, failure: Failure<Poisoned>) {
        self.failures.push(failure);
    }

    fn farewell(&self) -> Option<CloseReason> {
        None
    }
}

#[test]
fn when_the_last_room_is_closed_everybody_is_told_and_the_tick_thread_ends() {
    let rooms = Rooms::new(1, RATE, CAPACITY, |_, _| poisoned(5, &[3, 6]));
    let (endpoints, ends) = channel::endpoints::<Poisoned>(1);
    let mut notes = Notes::default();
    let end = tick_loop::run(rooms, TickClock::new(Instant::now(), RATE), &endpoints, &mut notes);
    assert_eq!(end, TickEnd::NoRoomLeft);
    assert_eq!(notes.failures.iter().map(|failure| failure.reopens).collect::<Vec<_>>(), [true, false]);
    let mut said = RoomEvents::default();
    ends[0].outbound.try_iter().for_each(|published| said.extend(&published.events));
    assert_eq!(said.farewell, Some(CloseReason::Restarting));
    assert_eq!(said.failed, [RoomId(0)], "said once to a loop that was late");
    assert_eq!(notes.ticks.len(), 6);
}
