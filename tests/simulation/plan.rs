//! What a seed decides: who plays how and over which line, how the threads of the server wake, and what fails when.

use crate::line::{Direction, Quality};
use crate::strategies::{AdversaryPlan, Strategy};
use fracas_arena::brain::{CROWD, HUNTER, WANDER};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::message::Aspect;

/// Players, at least and at most.
pub(crate) const PLAYERS: (i32, i32) = (8, 12);
/// Spectators, beside those of a strategy.
const SPECTATORS: usize = 4;
/// Failures, at least and at most.
const FAULTS: (i32, i32) = (4, 9);
/// Nothing is made to fail after that, in microseconds, and what fails has ended half a second later.
pub(crate) const FAULTS_END_US: u64 = 9_500_000;

/// Everything that a seed decides before it begins.
#[derive(Clone, Debug)]
pub(crate) struct RunPlan {
    pub(crate) seed: u64,
    pub(crate) rate: TickRate,
    pub(crate) loops: Vec<LoopPlan>,
    pub(crate) players: Vec<PlayerPlan>,
    /// Those beside them who follow a strategy.
    pub(crate) adversaries: Vec<AdversaryPlan>,
    /// In the order of their times.
    pub(crate) faults: Vec<LineFault>,
    /// Connections from one address.
    pub(crate) per_address_max: usize,
    /// Connections in all, and people in the room.
    pub(crate) connections_max: usize,
    pub(crate) people: u16,
    pub(crate) spectators: u16,
    /// Ships to a view: how much there is to see.
    pub(crate) density: u32,
    /// How many ticks late spectators are shown the room.
    pub(crate) spectator_delay: u32,
}

/// How an event loop's thread behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopPlan {
    /// How long it takes its reading to take, which decides how long before the tick it reads.
    pub(crate) reading_us: u64,
    /// At most so much later than it should it wakes.
    pub(crate) oversleep_us: u64,
}

/// How a player and its computer behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlayerPlan {
    pub(crate) seed: u64,
    pub(crate) address: [u8; 4],
    pub(crate) quality: Quality,
    pub(crate) arrives_us: u64,
    pub(crate) brain: usize,
    pub(crate) is_spectator: bool,
    /// How many ticks late it is shown the room; none for who plays.
    pub(crate) delay: u32,
    pub(crate) aspect: Aspect,
    /// How far its clock is ahead of the world's.
    pub(crate) clock_us: u64,
    /// Having heard nothing for so long it takes its line for dead.
    pub(crate) patience_us: u64,
}

/// Something that fails, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineFault {
    pub(crate) at_us: u64,
    pub(crate) what: What,
}

/// What fails. Whoever it should happen to and who is not there hands it on to the next player who is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// A line is cut, and both ends are told.
    Cut { player: usize },
    /// Nothing passes in either direction for a while, and neither end is told.
    Partition { player: usize, us: u64 },
    /// A line is dead for good, and neither end is told.
    Vanish { player: usize },
    /// Nothing passes in one direction for a while.
    Stall { player: usize, direction: Direction, us: u64 },
    /// A line holds and carries little for a while.
    Narrow { player: usize, capacity: usize, bytes_per_s: u64, us: u64 },
    /// A player's computer stands still.
    Freeze { player: usize, us: u64 },
    /// A player looks at another tab.
    Hide { player: usize, us: u64 },
    /// A player leaves, and comes again with the token that it had.
    Leave { player: usize, away_us: u64 },
    /// A player's line is cut, and it comes back twice at once with the same token.
    Race { player: usize, apart_us: u64 },
    /// A player takes its ship over from a connection that is fine, as another tab does.
    TakeOver { player: usize },
    /// A player's program says something that it may not.
    BadMessage { player: usize, text: bool },
    /// An event loop's thread does not get to run.
    LoopStall { event_loop: usize, us: u64 },
    /// The tick thread does not get to run.
    TickStall { us: u64 },
}

impl RunPlan {
    /// What a seed decides; all adversaries follow `only`, if one is named.
    pub(crate) fn new(seed: u64, only: Option<Strategy>) -> Self {
        let mut rng = Rng::new(seed, 10);
        let rates = [TickRate::HZ_20, TickRate::HZ_20, TickRate::HZ_30, TickRate::HZ_30, TickRate::HZ_60];
        let rate = rates[rng.below(rates.len() as u32) as usize];
        let loops = (0..2 + rng.below(2)).map(|_| LoopPlan::new(&mut rng)).collect::<Vec<_>>();
        let count = rng.between(PLAYERS.0, PLAYERS.1) as usize;
        let mut players: Vec<_> = (0..count).map(|index| PlayerPlan::new(index, &mut rng)).collect();
        let spectator_delay = [0, 1, 40, 90][(seed % 4) as usize];
        players.iter_mut().filter(|player| player.is_spectator).for_each(|player| player.delay = spectator_delay);
        let mut faults: Vec<_> = (0..rng.between(FAULTS.0, FAULTS.1))
            .map(|number| LineFault::new(number as usize, players.len(), loops.len(), &mut rng))
            .collect();
        faults.sort_by_key(|fault| fault.at_us);
        // Now and then there is room for hardly more than those who play, so that some are sent away.
        let spare = if rng.chance(1, 4) { 1 } else { 12 };
        let per_address_max = if rng.chance(1, 3) { 4 } else { 8 };
        let mut adversaries = AdversaryPlan::draw(seed, spare == 1, per_address_max, only);
        let their_spectators = adversaries.iter_mut().filter(|adversary| adversary.member.is_spectator);
        their_spectators.for_each(|adversary| adversary.member.delay = spectator_delay);
        let their_seats: usize = adversaries.iter().map(|adversary| adversary.seats(per_address_max)).sum();
        let watching = adversaries.iter().filter(|adversary| adversary.member.is_spectator).count();
        Self {
            seed,
            rate,
            loops,
            per_address_max,
            connections_max: players.len() + spare + their_seats + watching,
            // In a tight room those who follow a strategy take places that others want.
            people: (players.len() + if spare == 1 { 1 } else { spare + their_seats }) as u16,
            spectators: (SPECTATORS + watching) as u16,
            players,
            adversaries,
            faults,
            density: if rng.chance(1, 4) { 60 } else { 20 },
            spectator_delay,
        }
    }
}

impl LoopPlan {
    fn new(rng: &mut Rng) -> Self {
        Self { reading_us: u64::from(rng.below(8_000)), oversleep_us: u64::from(rng.below(1_500)) }
    }
}

impl PlayerPlan {
    fn new(index: usize, rng: &mut Rng) -> Self {
        let kinds = [HUNTER, HUNTER, WANDER, CROWD];
        let late = index > 5 && rng.chance(1, 3);
        Self {
            seed: rng.word(),
            // Three households.
            address: [192, 0, 2, 1 + (index % 3) as u8],
            quality: Quality {
                delay_us: u64::from(1_000 + rng.below(70_000)),
                jitter_us: u64::from(rng.below(25_000)),
            },
            arrives_us: u64::from(rng.below(if late { 7_000_000 } else { 1_000_000 })),
            brain: kinds[rng.below(4) as usize],
            is_spectator: index > 7 && rng.chance(1, 2),
            delay: 0,
            aspect: Aspect::ALL[rng.below(4) as usize],
            clock_us: rng.word() % 1_000_000_000,
            patience_us: u64::from(3_000_000 + rng.below(9_000_000)),
        }
    }
}

impl LineFault {
    /// The first one is a cut, so that each seed has somebody who comes back.
    fn new(number: usize, players: usize, loops: usize, rng: &mut Rng) -> Self {
        let at_us = 1_500_000 + u64::from(rng.below((FAULTS_END_US - 1_500_000) as u32));
        let player = rng.below(players as u32) as usize;
        let kind = rng.below(28);
        let mut ms = |least: u32, most: u32| u64::from(least + rng.below(most - least)) * 1000;
        let what = match (number, kind) {
            (0, _) | (_, 0..=2) => What::Cut { player },
            (_, 3..=5) => What::Partition { player, us: ms(1_000, 8_000) },
            (_, 6 | 7) => What::Vanish { player },
            (_, 8 | 9) => What::Stall { player, direction: Direction::ToClient, us: ms(200, 3_000) },
            (_, 10) => What::Stall { player, direction: Direction::ToServer, us: ms(200, 3_000) },
            (_, 11 | 12) => {
                let (us, capacity) = (ms(800, 4_000), 200 + rng.below(3_000) as usize);
                What::Narrow { player, capacity, bytes_per_s: u64::from(400 + rng.below(4_000)), us }
            }
            (_, 13 | 14) => What::Freeze { player, us: ms(300, 6_000) },
            (_, 15 | 16) => What::Hide { player, us: ms(100, 4_000) },
            (_, 17 | 18) => What::Leave { player, away_us: ms(100, 2_500) },
            (_, 19..=21) => What::Race { player, apart_us: ms(0, 120) },
            (_, 22) => What::TakeOver { player },
            (_, 23) => What::BadMessage { player, text: rng.chance(1, 2) },
            (_, 24 | 25) => What::LoopStall { event_loop: rng.below(loops as u32) as usize, us: loop_stall_us(rng) },
            _ => What::TickStall { us: ms(40, 700) },
        };
        // What lasts has ended when the calm begins, but for what only ends when somebody game_events.
        let end_us = FAULTS_END_US + 500_000;
        let what = if rng.chance(1, 16) { what.beyond_bearing(rng) } else { what.ending_by(end_us - at_us) };
        Self { at_us, what }
    }
}

/// Mostly some ticks; sometimes more than an event loop's channel holds.
fn loop_stall_us(rng: &mut Rng) -> u64 {
    let ms = if rng.chance(1, 3) { 900 + rng.below(800) } else { 40 + rng.below(500) };
    u64::from(ms) * 1000
}

impl What {
    /// For longer than the server bears it.
    fn beyond_bearing(mut self, rng: &mut Rng) -> Self {
        if let Self::Partition { us, .. } | Self::Stall { us, .. } | Self::Freeze { us, .. } = &mut self {
            *us = u64::from(10_500 + rng.below(3_000)) * 1000;
        }
        self
    }

    fn ending_by(mut self, most_us: u64) -> Self {
        match &mut self {
            Self::Partition { us, .. }
            | Self::Stall { us, .. }
            | Self::Narrow { us, .. }
            | Self::Freeze { us, .. }
            | Self::Hide { us, .. }
            | Self::LoopStall { us, .. }
            | Self::TickStall { us } => *us = (*us).min(most_us),
            _ => {}
        }
        self
    }
}
