//! The arena's world, but for a step that panics on ticks that a test has chosen.

use fracas_protocol::arena::{Arena, Entity, Input, Map, News, Own};
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_server::arena::{ArenaConfig, World};
use fracas_server::game::{Bulletin, Game, PlayerId, PlayerInput, PlayerKind};
use serde::{Deserialize, Serialize};

pub(crate) const RATE: TickRate = TickRate::HZ_60;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Poisoned {
    world: World,
    panics_on: Vec<Tick>,
}

impl Poisoned {
    pub(crate) fn new(seed: u64, panics_on: &[u32]) -> Self {
        let map = Map::new(&vec![vec![false; 16]; 16]).expect("a map");
        let config = ArenaConfig { rate: RATE, map, density: 20, arena_for: None, seed };
        Self { world: World::new(config), panics_on: panics_on.iter().copied().map(Tick).collect() }
    }
}

impl Game for Poisoned {
    type Rules = Arena;

    fn rules(&self) -> &Arena {
        self.world.rules()
    }

    fn owner(id: EntityId) -> Option<PlayerId> {
        World::owner(id)
    }

    fn join(&mut self, player: PlayerId, name: &Name, kind: PlayerKind) -> EntityId {
        self.world.join(player, name, kind)
    }

    fn leave(&mut self, player: PlayerId) {
        self.world.leave(player);
    }

    fn step(&mut self, tick: Tick, inputs: &[PlayerInput<Input>]) {
        self.world.step(tick, inputs);
        if self.panics_on.contains(&tick) {
            // What it says depends on all that came before, so that only the same game says the same.
            let ships = inputs.iter().filter_map(|input| self.world.ship(input.player));
            let places: Vec<_> = ships.map(|ship| (ship.position.x, ship.position.y, ship.hull)).collect();
            panic!("poison among {places:?}");
        }
    }

    fn truth(&self, out: &mut Vec<(EntityId, Entity)>) {
        self.world.truth(out);
    }

    fn own(&self, player: PlayerId) -> Own {
        self.world.own(player)
    }

    fn news(&mut self, tick: Tick, out: &mut Vec<Bulletin<News>>) {
        self.world.news(tick, out);
    }

    fn census(&self) -> Vec<(&'static str, usize)> {
        self.world.census()
    }

    fn to_watch(&self) -> Option<EntityId> {
        self.world.to_watch()
    }
}
