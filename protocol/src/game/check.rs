//! The test kit's first half: [`check`] holds a game to the laws of the seam, without a server. A developer's test is one line:
//!
//! ```ignore
//! fracas_protocol::game::check::check::<MyGame>().unwrap();
//! ```
//!
//! It plays a game with bots and with random inputs, players come and go, and every tick is looked at. The second half,
//! players on a bad line in virtual time, is the server's: it needs replication.

use super::authority::{Game, GameSetup, InputOf, Joiner, PlayerInput, ViewWindow};
use super::brain::{Brain, Sight, Skill};
use super::data::StartData;
use super::laws::{Broken, Law, LawWatch};
use super::rules::{Intent, Rules};
use super::settings::Settings;
use crate::client::{Arrival, Timeline};
use crate::ids::{EntityId, PlayerId};
use crate::name::Name;
use crate::replica::Replica;
use crate::rng::Rng;
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::bits::BitReader;
use crate::wire::codec;
use crate::wire::digest::Digest;
use crate::wire::message::Aspect;
use std::fmt;

/// How much [`check`] plays.
const SEEDS: u64 = 6;
const TICKS: u32 = 400;
/// Ticks after they have begun anew.
const TICKS_ANEW: u32 = 40;
const PLAYERS: u16 = 12;
/// A body arrives so long after it was due, in microseconds.
const DELAY_US: u64 = 30_000;
/// Snapshots that a bot's screen needs.
const DISPLAY_TICKS: usize = 8;
/// Most bytes of a game's state that is written and read back.
const STATE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A law that a game broke, and the seed that breaks it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The seed.
    pub seed: u64,
    /// The law, the tick, and what was seen.
    pub broken: Broken,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {}", self.seed, self.broken)
    }
}

impl std::error::Error for Fault {}

/// Plays a game, and holds every tick to the laws.
///
/// # Errors
/// The first law that it breaks, on which tick, with which seed.
///
/// # Panics
/// If the game itself does.
pub fn check<G: Game>() -> Result<(), Fault> {
    (1..=SEEDS).try_for_each(|seed| check_seed::<G>(seed))
}

/// The same with one seed.
///
/// # Errors
/// See [`check`].
pub fn check_seed<G: Game>(seed: u64) -> Result<(), Fault> {
    let rate = [TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_60][(seed % 3) as usize];
    let fault = |broken| Fault { seed, broken };
    // A second run meets other times, and hash maps of another order.
    let hashes = || -> Result<Vec<u32>, Broken> {
        let mut trial = Trial::<G>::new(seed, rate)?;
        Ok((1..=TICKS).map(|tick| trial.run(Tick(tick))).collect())
    };
    let (first, second) = (hashes().map_err(fault)?, hashes().map_err(fault)?);
    if let Some(index) = first.iter().zip(&second).position(|(one, other)| one != other) {
        let (law, tick) = (Law::IsDeterministic, Tick(index as u32 + 1));
        return Err(fault(Broken { law, tick, seen: "two runs of the same calls differ".into() }));
    }
    let mut trial = Trial::<G>::new(seed, rate).map_err(fault)?;
    (1..=TICKS).try_for_each(|tick| trial.watched(Tick(tick))).map_err(fault)?;
    trial.begin_anew();
    (1..=TICKS_ANEW).try_for_each(|tick| trial.watched(Tick(tick))).map_err(fault)
}

/// A player of a trial: a brain, and what its client would hold.
struct Player<G: Game> {
    brain: G::Brain,
    /// Acts at random instead.
    is_random: bool,
    timeline: Timeline<G::Rules>,
    arrival: Arrival,
    input: InputOf<G>,
}

/// A game that is played, and its twin.
struct Trial<G: Game> {
    rate: TickRate,
    rng: Rng,
    game: G,
    /// Gets the same calls, and is written and read back now and then.
    twin: G,
    watch: LawWatch<G::Rules>,
    players: Vec<Option<Player<G>>>,
    census: Vec<&'static str>,
    truth: Vec<(EntityId, <G::Rules as Rules>::Entity)>,
}

impl<G: Game> Trial<G> {
    fn new(seed: u64, rate: TickRate) -> Result<Self, Broken> {
        let broken = |law: Law, seen: String| Broken { law, tick: Tick(0), seen };
        let settings = Settings::defaults(G::SETTINGS);
        let data = G::start_data(&settings).map_err(|why| broken(Law::DataIsAccepted, why))?;
        let data = StartData::new(data);
        let rules = <G::Rules as Rules>::new(rate, data.bytes());
        let rules = rules.map_err(|why| broken(Law::DataIsAccepted, why.to_string()))?;
        let game = G::new(GameSetup { rules, rate, seed, settings: &settings });
        let (twin, watch) = (game.clone(), LawWatch::new(game.rules().clone()));
        let census = game.census().into_iter().map(|(kind, _)| kind).collect();
        let players = (0..PLAYERS).map(|_| None).collect();
        Ok(Self { rate, rng: Rng::new(seed, 31), game, twin, watch, players, census, truth: Vec::new() })
    }

    /// Runs a tick. Returns a hash of what came of it.
    fn run(&mut self, tick: Tick) -> u32 {
        self.come_and_go(tick);
        let inputs = self.inputs(tick);
        self.step(tick, &inputs);
        let mut digest = Digest::default();
        self.truth.iter().for_each(|(id, entity)| self.game.rules().digest(*id, entity, &mut digest));
        self.show(tick);
        digest.finish()
    }

    /// Runs a tick, and holds it to the laws.
    fn watched(&mut self, tick: Tick) -> Result<(), Broken> {
        self.come_and_go(tick);
        let inputs = self.inputs(tick);
        check_held::<G>(&inputs, tick)?;
        self.step(tick, &inputs);
        let mut of_twin = Vec::new();
        self.twin.truth(&mut of_twin);
        if self.truth != of_twin {
            let seen = "the game and one that was read back differ".into();
            return Err(Broken { law: Law::StateIsWhole, tick, seen });
        }
        let own: Vec<_> = inputs.iter().map(|input| self.game.own(input.player)).collect();
        self.watch.tick(self.game.rules(), tick, &inputs, &self.truth, &own)?;
        self.check_rest(tick)?;
        self.show(tick);
        Ok(())
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<InputOf<G>>]) {
        for game in [&mut self.game, &mut self.twin] {
            game.step(tick, inputs);
            game.news(tick, &mut Vec::new());
        }
        self.truth.clear();
        self.game.truth(&mut self.truth);
    }

    /// Ticks begin at 1 again.
    fn begin_anew(&mut self) {
        [&mut self.game, &mut self.twin].into_iter().for_each(Game::begin_anew);
        for player in self.players.iter_mut().flatten() {
            (player.timeline, player.arrival) = (Timeline::new(self.rate, DISPLAY_TICKS), Arrival::new(self.rate));
        }
    }

    /// Players join and leave.
    fn come_and_go(&mut self, tick: Tick) {
        for slot in 0..PLAYERS {
            let player = PlayerId(slot);
            let is_here = self.players[player.index()].is_some();
            if is_here && self.rng.chance(1, 150) && self.game.may_go(player) {
                let _ = self.game.debt(player, tick);
                [&mut self.game, &mut self.twin].into_iter().for_each(|game| game.leave(player));
                self.players[player.index()] = None;
            } else if !is_here && self.rng.chance(1, 10) {
                let name = Name::parse(&format!("player {slot}")).unwrap_or_else(|_| unreachable!("it is a name"));
                let joiner = Joiner::person(name);
                [&mut self.game, &mut self.twin].into_iter().for_each(|game| game.join(player, &joiner));
                let kind = self.rng.below(G::Brain::KINDS.len() as u32) as usize;
                self.players[player.index()] = Some(Player {
                    brain: G::Brain::new(kind, Skill::Seasoned, self.rng.word()),
                    is_random: self.rng.chance(1, 4),
                    timeline: Timeline::new(self.rate, DISPLAY_TICKS),
                    arrival: Arrival::new(self.rate),
                    input: InputOf::<G>::default(),
                });
            }
        }
    }

    /// What everybody does on a tick. Now and then nothing comes, and the last input is held.
    fn inputs(&mut self, tick: Tick) -> Vec<PlayerInput<InputOf<G>>> {
        let now_us = self.rate.due_us(tick);
        let replica = Replica::after(self.game.rules(), Tick(tick.0 - 1), &self.truth);
        let mut inputs = Vec::new();
        for (slot, player) in self.players.iter_mut().enumerate() {
            let (id, Some(player)) = (PlayerId(slot as u16), player) else { continue };
            let held = player.input.held();
            player.input = held;
            if player.is_random {
                player.input = random_input::<G>(&mut self.rng).unwrap_or(held);
            } else if self.rng.chance(9, 10) {
                let own_id = <G::Rules as Rules>::IDS.of_player(id);
                if let Some(known) = replica.get(own_id) {
                    let (own, state) = (known.now, self.game.own(id));
                    let (rate, aspect) = (self.rate, Aspect::default());
                    let sight = Sight { replica: &replica, own: &own, own_id, state: &state, tick, rate, aspect };
                    player.input = player.decide(&sight, now_us);
                }
            }
            let view = ViewWindow { earliest: ViewTime::default(), latest: ViewTime::from(Tick(tick.0 - 1)) };
            inputs.push(PlayerInput { player: id, input: player.input, view, aspect: Aspect::default() });
        }
        inputs
    }

    /// What no tick of the watch sees.
    fn check_rest(&mut self, tick: Tick) -> Result<(), Broken> {
        let broken = |law: Law, seen: String| Err(Broken { law, tick, seen });
        let kinds: Vec<_> = self.game.census().into_iter().map(|(kind, _)| kind).collect();
        if kinds != self.census {
            return broken(Law::CensusIsSteady, format!("{:?} became {kinds:?}", self.census));
        }
        if tick.is_phase(0, TWIN_EVERY) {
            let mut bytes = Vec::new();
            codec::encode(&self.twin, &mut bytes);
            match codec::decode::<G, STATE_BYTES_MAX>(&bytes) {
                Ok(twin) => self.twin = twin,
                Err(error) => return broken(Law::StateIsWhole, format!("it cannot be read back: {error}")),
            }
        }
        if tick.is_phase(TWIN_EVERY / 2, TWIN_EVERY) {
            read_anything(self.game.rules(), &mut self.rng);
        }
        Ok(())
    }

    /// Every client gets the tick's body.
    fn show(&mut self, tick: Tick) {
        let now_us = self.rate.due_us(tick) + DELAY_US;
        let replica = Replica::after(self.game.rules(), tick, &self.truth);
        for player in self.players.iter_mut().flatten() {
            player.arrival.record(now_us, tick);
            player.timeline.push(now_us, &replica);
        }
    }
}

/// How often the twin is written and read back, in ticks.
const TWIN_EVERY: u32 = 50;

impl<G: Game> Player<G> {
    fn decide(&mut self, sight: &Sight<'_, G::Rules>, now_us: u64) -> InputOf<G> {
        let input = self.brain.think(sight);
        if !self.brain.wants_screen() {
            return input;
        }
        match self.timeline.moment(now_us + DELAY_US, sight.rules(), &self.arrival) {
            Some(screen) => self.brain.aim(sight, &screen, input),
            None => input,
        }
    }
}

fn check_held<G: Game>(inputs: &[PlayerInput<InputOf<G>>], tick: Tick) -> Result<(), Broken> {
    let held = inputs.iter().map(|input| input.input.held());
    match held.map(|held| (held, held.held())).find(|(once, twice)| once != twice) {
        None => Ok(()),
        Some((once, twice)) => Err(Broken { law: Law::HeldStays, tick, seen: format!("{once:?} became {twice:?}") }),
    }
}

/// Any input that a client could send.
fn random_input<G: Game>(rng: &mut Rng) -> Option<InputOf<G>> {
    (0..8).find_map(|_| {
        let bytes: Vec<u8> = (0..32).map(|_| rng.below(if rng.clone().chance(1, 2) { 3 } else { 256 }) as u8).collect();
        (1..=bytes.len()).find_map(|len| codec::decode::<InputOf<G>, 1024>(&bytes[..len]).ok())
    })
}

/// A hostile server may send any bits: the rules must bear whatever their own decoder accepts.
fn read_anything<R: Rules>(rules: &R, rng: &mut Rng) {
    for _ in 0..64 {
        let bytes: Vec<u8> = (0..96).map(|_| rng.below(256) as u8).collect();
        let id = EntityId(rng.below(1 << 16) as u16);
        let mut entity = rules.blank(id);
        if rules.code(&mut entity, None, &mut BitReader::new(&bytes)).is_ok() {
            let mut own = R::Own::default();
            for _ in 0..3 {
                let _ = (rules.predict(&mut entity), rules.spawned_by(id, &entity), R::position(&entity));
                rules.play(&mut entity, &mut own, &R::Input::default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::toy::YardGame;

    #[test]
    fn the_toy_keeps_the_laws() {
        check::<YardGame>().unwrap_or_else(|fault| panic!("{fault}"));
    }
}
