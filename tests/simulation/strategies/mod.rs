//! Players who try to get more than others by what they do rather than by what fails: drawn by the seed, beside the ordinary
//! players, each from a network of its own.
//!
//! - `adversary`: one of them across its connections
//! - `trigger`, `duelist`: what drives a client instead of a brain
//! - `hopper`: leaves after a shot or when it is hurt, and joins again at once
//! - `liar`: acknowledges what it has not received, or less than it has
//! - `crowd`: many connections of one network that say hello and cut
//! - `roles`: one network that plays and watches
//! - `idler`: is hidden, or does nothing

pub(crate) mod adversary;
mod crowd;
pub(crate) mod duelist;
mod hopper;
mod idler;
pub(crate) mod liar;
mod roles;
pub(crate) mod trigger;

use crate::hand::Hand;
use crate::line::Quality;
use crate::peer::SimPeer;
use crate::plan::PlayerPlan;
use duelist::Duelist;
use fracas_arena::brain::{ArenaBrain, HUNTER, IDLE};
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::message::Aspect;
use liar::Lies;
use trigger::Trigger;

/// The strategies there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strategy {
    /// Leaves and joins again, so that what belongs to a session begins anew.
    Hopper,
    /// Lies about what it has received, so that its shots are judged at a moment that it chooses.
    Liar,
    /// Says hello and cuts, over and over, on as many connections as its network may have.
    Crowd,
    /// Plays, and watches the same room as a spectator.
    Roles,
    /// Takes a seat and does nothing.
    Idler,
    /// Two who fire rails at each other on the same ticks.
    Duel,
}

impl Strategy {
    /// Of one of so many seats no more than these are ever taken: the others leave ships behind that wait.
    const OF_ONE_SEAT: [Self; 4] = [Self::Liar, Self::Roles, Self::Idler, Self::Duel];
    const ALL: [Self; 6] = [Self::Hopper, Self::Liar, Self::Crowd, Self::Roles, Self::Idler, Self::Duel];
}

/// One who follows a strategy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdversaryPlan {
    pub(crate) strategy: Strategy,
    /// Its line, its address and its clock.
    pub(crate) member: PlayerPlan,
    /// Connections that it has at the same time.
    pub(crate) connections: usize,
    /// Who it fires at, by its place among the adversaries.
    pub(crate) partner: Option<usize>,
}

impl AdversaryPlan {
    /// Those of one seed. `tight`: the room has hardly more places than there are players.
    pub(crate) fn draw(seed: u64, tight: bool, per_address_max: usize, only: Option<Strategy>) -> Vec<Self> {
        let mut rng = Rng::new(seed, 14);
        let mut all = Vec::new();
        for network in 0..1 + rng.below(2) {
            let choice: &[Strategy] = if tight { &Strategy::OF_ONE_SEAT } else { &Strategy::ALL };
            let drawn = choice[rng.below(choice.len() as u32) as usize];
            let strategy = only.filter(|only| choice.contains(only)).unwrap_or(drawn);
            let members = if matches!(strategy, Strategy::Roles | Strategy::Duel) { 2 } else { 1 };
            let first = all.len();
            for member in 0..members {
                let mut plan = Self::new(strategy, network as u8, &mut rng);
                match strategy {
                    Strategy::Crowd => plan.connections = per_address_max,
                    Strategy::Roles => plan.member.is_spectator = member == 1,
                    Strategy::Duel => {
                        plan.member.address[3] += 100 * member as u8;
                        plan.partner = Some(first + 1 - member);
                    }
                    Strategy::Hopper | Strategy::Liar | Strategy::Idler => {}
                }
                all.push(plan);
            }
        }
        all
    }

    fn new(strategy: Strategy, network: u8, rng: &mut Rng) -> Self {
        let is_near = matches!(strategy, Strategy::Hopper | Strategy::Crowd) || rng.chance(1, 2);
        let member = PlayerPlan {
            seed: rng.word(),
            address: [198, 51, 100, 1 + network],
            quality: Quality {
                delay_us: u64::from(1_000 + rng.below(if is_near { 15_000 } else { 70_000 })),
                jitter_us: u64::from(rng.below(if is_near { 3_000 } else { 20_000 })),
            },
            arrives_us: u64::from(300_000 + rng.below(1_200_000)),
            brain: HUNTER,
            is_spectator: false,
            delay: 0,
            aspect: Aspect::ALL[rng.below(4) as usize],
            clock_us: rng.word() % 1_000_000_000,
            patience_us: 6_000_000,
        };
        Self { strategy, member, connections: 1, partner: None }
    }

    /// Places in the room that its network may take at the same time.
    pub(crate) fn seats(&self, per_address_max: usize) -> usize {
        match self.strategy {
            // Its ships wait for it where it left them without a word.
            Strategy::Hopper | Strategy::Crowd => per_address_max,
            _ => usize::from(!self.member.is_spectator),
        }
    }

    /// What drives the client of one of its connections.
    fn hand(&self, number: u32, rng: &mut Rng) -> Hand {
        let brain = |kind| ArenaBrain::new(kind, Skill::Seasoned, self.member.seed ^ u64::from(number));
        match self.strategy {
            Strategy::Hopper => Hand::Trigger(Trigger::new(rng.word(), rng.chance(1, 2), 0)),
            Strategy::Liar => Hand::Trigger(Trigger::new(rng.word(), false, rng.below(12))),
            Strategy::Duel => Hand::Duelist(Duelist::new(rng.word())),
            Strategy::Idler | Strategy::Crowd => Hand::Brain(brain(IDLE)),
            Strategy::Roles => Hand::Brain(brain(HUNTER)),
        }
    }

    /// What it says instead of the truth.
    fn lies(&self, rng: &mut Rng) -> Option<Lies> {
        (self.strategy == Strategy::Liar).then(|| Lies::new(rng.word()))
    }

    fn conduct(&self, rng: &mut Rng) -> Box<dyn Conduct> {
        match self.strategy {
            Strategy::Hopper => Box::new(hopper::Hopper::new(rng)),
            Strategy::Crowd => Box::new(crowd::CrowdStrategy::new(rng)),
            Strategy::Idler => Box::new(idler::Idler::new(rng)),
            Strategy::Roles => Box::new(roles::Roles),
            Strategy::Liar | Strategy::Duel => Box::new(Stays),
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionEnd {
    /// It says goodbye.
    Goodbye,
    /// Its line is cut.
    Cut,
}

/// What an adversary does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It ends it. The next one begins so much later, with its token or without.
    ConnectionEnd { how: ConnectionEnd, away_us: u64, with_token: bool },
    /// Nobody looks any more.
    Hide,
}

/// What decides about the connections of an adversary.
pub(crate) trait Conduct {
    /// Whether a connection says nothing after its hello.
    fn is_mute(&self) -> bool {
        false
    }

    /// Looks at a connection that goes on, after each of its steps.
    fn look(&mut self, peer: &SimPeer, now_us: u64, rng: &mut Rng) -> Option<Move>;
}

/// One that never leaves.
struct Stays;

impl Conduct for Stays {
    fn look(&mut self, _: &SimPeer, _: u64, _: &mut Rng) -> Option<Move> {
        None
    }
}
