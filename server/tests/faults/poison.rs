//! The arena's world, but for a step that panics on ticks that a test has chosen.

use fracas_arena::authority::{ArenaConfig, World};
use fracas_arena::rules::{Input, Map};
use fracas_protocol::game::attended::{Attendant, Attended};
use fracas_protocol::game::authority::PlayerInput;
use fracas_protocol::tick::{Tick, TickRate};
use serde::{Deserialize, Serialize};

pub(crate) const RATE: TickRate = TickRate::HZ_60;

pub(crate) type Poisoned = Attended<World, Poison>;

/// The ticks on which it panics.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Poison(Vec<Tick>);

pub(crate) fn poisoned(seed: u64, panics_on: &[u32]) -> Poisoned {
    let map = Map::new(&vec![vec![false; 16]; 16]).expect("a map");
    let game = World::with(ArenaConfig { rate: RATE, map, density: 20, arena_for: None, seed });
    Attended { game, attendant: Poison(panics_on.iter().copied().map(Tick).collect()) }
}

impl Attendant<World> for Poison {
    fn stepped(&mut self, world: &World, tick: Tick, inputs: &[PlayerInput<Input>]) {
        if self.0.contains(&tick) {
            // What it says depends on all that came before, so that only the same game says the same.
            let ships = inputs.iter().filter_map(|input| world.ship(input.player));
            let places: Vec<_> = ships.map(|ship| (ship.position.x, ship.position.y, ship.hull)).collect();
            panic!("poison among {places:?}");
        }
    }
}
