//! Breaks the server on purpose, as `FRACAS_SABOTAGE` says: no test can kill one thread of a process from outside. A release
//! build has none of this.
//!
//! `thread:tick@2s` and `thread:loop-0@2s` have that thread panic so long after the start, `room:main@2s` that room's game in a
//! step on a tick; `clock:end@2s` begins so long before the last tick there can be. Several are parted by commas.

use crate::arena::World;
use crate::game::PlayerInput;
use crate::game::attended::{Attendant, Attended};
use anyhow::{Context, bail};
use fracas_protocol::arena::Input;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::limits::TICK_LAST;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The game that is played.
pub(super) type PlayedGame = Attended<World, Bursts>;

/// What is to break, and when.
#[derive(Clone, Debug)]
pub(super) struct Sabotage {
    start: Instant,
    threads: Vec<(String, Duration)>,
    rooms: Vec<(String, Duration)>,
    /// How long before its end the clock begins.
    end: Option<Duration>,
}

impl Sabotage {
    /// Reads the environment.
    pub(super) fn read() -> anyhow::Result<Self> {
        let mut sabotage = Self { start: Instant::now(), threads: Vec::new(), rooms: Vec::new(), end: None };
        let text = std::env::var("FRACAS_SABOTAGE").unwrap_or_default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let usage =
                || format!("FRACAS_SABOTAGE: {part}: write it like thread:tick@2s, room:main@2s or clock:end@2s");
            let (what, when) = part.split_once('@').with_context(usage)?;
            let seconds = when.trim_end_matches('s').parse().with_context(usage)?;
            let after = Duration::try_from_secs_f64(seconds).with_context(usage)?;
            match what.split_once(':') {
                Some(("thread", name)) => sabotage.threads.push((name.into(), after)),
                Some(("room", name)) => sabotage.rooms.push((name.into(), after)),
                Some(("clock", "end")) => sabotage.end = Some(after),
                _ => bail!(usage()),
            }
        }
        Ok(sabotage)
    }

    /// Panics if it is time for this thread.
    pub(super) fn inject(&self) {
        let thread = std::thread::current();
        let is_due =
            |(name, after): &(String, Duration)| thread.name() == Some(name.as_str()) && self.start.elapsed() >= *after;
        assert!(!self.threads.iter().any(is_due), "sabotage");
    }

    /// The tick before the first.
    pub(super) fn begins_after(&self, rate: TickRate) -> Tick {
        self.end.map_or(Tick(0), |left| Tick(TICK_LAST - rate.ticks_in_ms(left.as_millis() as u32)))
    }

    /// A room's game, which may be sabotaged.
    pub(super) fn game(&self, room: &str, rate: TickRate, world: World) -> PlayedGame {
        let due = self.rooms.iter().filter(|(name, _)| name == room);
        let ticks = due.map(|(_, after)| Tick(rate.ticks_in_ms(after.as_millis() as u32))).collect();
        Attended { game: world, attendant: Bursts(ticks) }
    }
}

/// The ticks on which the game's step panics.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bursts(Vec<Tick>);

impl Attendant<World> for Bursts {
    fn stepped(&mut self, world: &World, tick: Tick, inputs: &[PlayerInput<Input>]) {
        if self.0.contains(&tick) {
            let places = inputs.iter().filter_map(|input| world.ship(input.player)).map(|ship| ship.position);
            // So that only the same ships at the same places say the same.
            let sum = places.fold(0, |sum, place| sum ^ (i64::from(place.x) << 32 | i64::from(place.y)));
            panic!("sabotage among {} players: {sum:x}", inputs.len());
        }
    }
}
