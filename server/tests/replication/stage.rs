//! A room of players that fly and fire at random, each with a viewer and a replica, stepped tick by tick.

use fracas_arena::authority::{ArenaConfig, World, default_map};
use fracas_arena::rules::{Arena, FineHeading, Heading, Input, RailShot, Thrust};
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::rules::{Point, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::replica::Replica;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::message::{Aspect, Role};
use fracas_server::ids::{ConnectionKey, PlayerKind, SessionId};
use fracas_server::replication::{Composer, SpectatorOutput, TickOutput, Viewer};
use fracas_server::sim::channel::{Batch, Command, Request};
use fracas_server::sim::room::Room;
use fracas_server::sim::roster::Capacity;
use fracas_server::sim::tick_params::TickParams;
use std::sync::Arc;

pub(crate) const RATE: TickRate = TickRate::HZ_30;

/// One player: who it is, what it holds, and both ends of its connection.
pub(crate) struct StagePlayer {
    pub(crate) session: SessionId,
    pub(crate) viewer: Viewer<Arena>,
    pub(crate) replica: Replica<Arena>,
    input: Input,
    connection: ConnectionKey,
}

pub(crate) struct ReplicationStage {
    pub(crate) room: Room<World>,
    pub(crate) players: Vec<StagePlayer>,
    pub(crate) composer: Composer<World>,
    pub(crate) output: Arc<TickOutput<Arena>>,
    /// What spectators are shown, if there are any.
    pub(crate) spectator_output: Option<SpectatorOutput<Arena>>,
    pub(crate) rng: Rng,
    seed: u64,
    batch: Batch<Input>,
    connections: u32,
    /// Everybody flies to the first player's ship.
    pub(crate) gathers: bool,
    /// Ticks that are skipped before the next one.
    pub(crate) skips: u32,
    /// The first player's inputs do not come in time: they wait here, and all come with the first that does.
    pub(crate) is_late: bool,
    late: Vec<Command<Input>>,
    /// The first player's inputs, each with the tick before which it was read.
    pub(crate) said: Vec<(Tick, Tick, Input)>,
}

impl ReplicationStage {
    /// An empty room with tight quarters, so that there is always a fight.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_density(seed, 400, 20)
    }

    /// An empty room for so many people, with `density` ships to a view.
    pub(crate) fn with_density(seed: u64, people: u16, density: u32) -> Self {
        announce(seed);
        let config = ArenaConfig { rate: RATE, map: default_map(), density, arena_for: None, seed };
        let world = World::with(config);
        let output = Arc::new(TickOutput::empty(world.rules().clone(), RATE));
        let room = Room::new(world, RATE, Capacity { people, bots: 0, spectators: 8 });
        let (composer, batch) = (Composer::default(), Batch::default());
        let rng = Rng::new(seed, 2);
        Self {
            room,
            players: Vec::new(),
            composer,
            output,
            spectator_output: None,
            rng,
            seed,
            batch,
            connections: 0,
            gathers: false,
            skips: 0,
            is_late: false,
            late: Vec::new(),
            said: Vec::new(),
        }
    }

    /// The same room, which has not run yet, with spectators who are so many ticks late. Step it, but compose nothing for them.
    pub(crate) fn late(mut self, ticks: u32) -> Self {
        self.room = self.room.with_spectator_delay(ticks);
        self
    }

    /// Asks to let somebody in with the next tick.
    pub(crate) fn request_join(&mut self, role: Role) {
        self.connections += 1;
        let connection = ConnectionKey { event_loop: 0, slot: self.connections, generation: 0 };
        let name = Name::parse(&format!("player {}", self.connections)).expect("a name");
        let join = Request::Join {
            name,
            kind: PlayerKind::Person,
            role,
            aspect: Aspect::default(),
            resume: None,
            may_idle: false,
            may_begin: Ok(()),
            network: None,
        };
        self.batch.requests.push((connection, join));
    }

    pub(crate) fn request_leave(&mut self, index: usize) {
        let player = self.players.swap_remove(index);
        self.batch.requests.push((player.connection, Request::Leave(player.session)));
    }

    /// Runs a tick in which everybody does something at random; frames are not composed yet.
    pub(crate) fn step(&mut self) {
        let tick = self.room.last_tick().next().plus(std::mem::take(&mut self.skips));
        let first = self.players.first().and_then(|player| player.replica.follow());
        let meeting_place = first.filter(|_| self.gathers).and_then(|id| self.place_of(id));
        let places: Vec<_> = self.players.iter().map(|player| self.place_of(player.replica.follow()?)).collect();
        for (index, (player, place)) in self.players.iter_mut().zip(places).enumerate() {
            vary(&mut player.input, tick, &mut self.rng);
            if let (Some(meeting_place), Some(place)) = (meeting_place, place) {
                let heading = Heading::towards(meeting_place.x - place.x, meeting_place.y - place.y);
                player.input =
                    Input { thrust: Thrust::towards(heading), fire: false, dash: false, rail: None, ..player.input };
            }
            let (connection, session, ack) = (player.connection, player.session, player.replica.tick());
            let command = Command { connection, session, tick, ack: Some(ack), input: player.input };
            if index > 0 {
                self.batch.commands.push(command);
                continue;
            }
            self.late.push(command);
            if !self.is_late {
                self.said.extend(self.late.iter().map(|command| (tick, command.tick, command.input)));
                self.batch.commands.append(&mut self.late);
            }
        }
        // An event loop has written it by now.
        self.spectator_output = None;
        let params = TickParams::unrestrained(tick);
        let result = self.room.tick(params, std::iter::once(&mut self.batch), |_| ());
        (self.output, self.spectator_output) = (result.output, result.spectator_output);
        for admission in result.events.join_answers {
            let admitted = admission.verdict.expect("a seat");
            let aspect = Aspect::ALL[admitted.session.player.index() % 4];
            self.players.push(StagePlayer {
                session: admitted.session,
                viewer: Viewer::new(aspect, self.rng.below(RATE.hz())),
                replica: Replica::new(self.output.rules.clone()),
                input: Input::default(),
                connection: admission.connection,
            });
        }
    }

    fn place_of(&self, id: EntityId) -> Option<Point> {
        self.output.records.get(id).map(Arena::position)
    }

    /// Composes this tick's frame for one player.
    pub(crate) fn frame(&mut self, index: usize) -> Vec<u8> {
        let outputs = [Arc::clone(&self.output)];
        let mut frame = Vec::new();
        let player = &mut self.players[index];
        let used = self.composer.frame(&mut player.viewer, player.session.player, &outputs, &mut frame);
        assert_eq!(used, 1);
        frame
    }

    /// A tick, and a frame for everybody, applied and compared.
    pub(crate) fn run(&mut self, ticks: u32) -> ViewTally {
        let mut tally = ViewTally::default();
        for _ in 0..ticks {
            self.step();
            for index in 0..self.players.len() {
                let frame = self.frame(index);
                self.deliver(index, &frame, &mut tally);
            }
        }
        tally
    }

    /// Applies a frame to the player's replica and compares the two ends.
    pub(crate) fn deliver(&mut self, index: usize, frame: &[u8], tally: &mut ViewTally) {
        let (seed, tick) = (self.seed, self.output.tick);
        let player = &mut self.players[index];
        let body = player.replica.apply_frame(frame);
        let body = body.unwrap_or_else(|error| panic!("seed {seed}, tick {tick}, player {index}: {error}"));
        tally.frames += 1;
        tally.bytes += frame.len();
        tally.largest = tally.largest.max(frame.len());
        tally.visible += player.replica.known().len();
        if let Some(agrees) = body.hash_agrees {
            assert!(agrees, "seed {seed}, tick {tick}, player {index}: the hash differs");
            tally.checks += 1;
        }
        let ours: Vec<_> = player.viewer.known().to_vec();
        let theirs: Vec<_> = player.replica.known().iter().map(|known| known.id).collect();
        assert_eq!(ours, theirs, "seed {seed}, tick {tick}, player {index}");
        for known in player.replica.known() {
            let record = self.output.records.get(known.id);
            assert_eq!(record, Some(&known.now), "seed {seed}, tick {tick}, player {index}, {:?}", known.id);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a failed test shows it, and it is what repeats the failure")]
fn announce(seed: u64) {
    println!("seed {seed}");
}

/// What was seen on the way, to be sure that there was something to see.
#[derive(Default, Debug)]
pub(crate) struct ViewTally {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
    pub(crate) largest: usize,
    pub(crate) visible: usize,
    pub(crate) checks: usize,
}

/// Changes the direction now and then, sweeps the aim, fires in bursts; now and then a dash, or a rail anywhere.
fn vary(input: &mut Input, tick: Tick, rng: &mut Rng) {
    if rng.chance(1, 20) {
        input.thrust =
            if rng.chance(1, 5) { Thrust::NONE } else { Thrust::towards(Heading::new(rng.below(1024) as u16)) };
    }
    if rng.chance(1, 2) {
        input.aim = input.aim.turned(rng.between(-20, 20));
    }
    if rng.chance(1, 30) {
        input.fire = !input.fire;
    }
    input.dash = rng.chance(1, 60);
    let aim = FineHeading::new(rng.below(u32::from(FineHeading::TURN)) as u16);
    input.rail = rng.chance(1, 40).then_some(RailShot { aim, view: Tick(tick.0.saturating_sub(4)).into() });
}
