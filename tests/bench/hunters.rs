//! A room of hunters in memory and in virtual time: who lives there, and how long. The same seed plays the same again.

use fracas_arena::authority::World;
use fracas_arena::brain::{ArenaBrain, HUNTER};
use fracas_arena::rules::{Arena, Entity, slot_of};
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::game::settings::{SettingValue, Settings};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_server::replication::TickOutput;
use fracas_server::testkit::{Line, Match};

/// The server's own rate, if it is not told another.
pub(crate) const RATE: TickRate = TickRate::HZ_30;

/// The way of a message: less than a tick's period.
const LINE: Line = Line { delay_ms: 20, jitter_ms: 0 };

/// Plays so many minutes with so many hunters. Returns how many ticks each life took that ended.
pub(crate) fn play(bots: u16, density: u32, seed: u64, minutes: f64) -> Vec<u32> {
    let settings = Settings::defaults(World::SETTINGS).with("density", SettingValue::Number(density));
    let mut played = Match::<World>::with_settings(seed, RATE, &settings).on_line(LINE);
    let mut rng = Rng::new(seed, 21);
    for _ in 0..bots {
        played.brain(ArenaBrain::new(HUNTER, Skill::Seasoned, rng.word()));
    }
    let mut lives = Lives::default();
    played.run_ms_watched((minutes * 60_000.0) as u32, |output| lives.follow(output));
    lives.ended
}

/// Who lives since when, and the lives that have ended.
#[derive(Default)]
struct Lives {
    /// Since when each ship lives, by slot.
    alive_since: Vec<Option<Tick>>,
    /// How many ticks each life took that has ended.
    ended: Vec<u32>,
}

impl Lives {
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
                    self.ended.push(output.tick.since(began) as u32);
                }
                _ => {}
            }
        }
    }
}
