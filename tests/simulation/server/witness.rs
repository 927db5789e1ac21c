//! The arena behind a window: the game that the room plays, and the inputs it was given last, for a checker to see.

use fracas_protocol::arena::{Arena, Input, News};
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::Tick;
use fracas_server::arena::World;
use fracas_server::game::{Bulletin, EntityOf, Game, OwnOf, PlayerId, PlayerInput, PlayerKind};
use serde::{Deserialize, Serialize};

/// The arena, and what it was told last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Witness {
    world: World,
    inputs: Vec<PlayerInput<Input>>,
}

impl Witness {
    pub(crate) fn new(world: World) -> Self {
        Self { world, inputs: Vec::new() }
    }

    /// What the room applied on its last tick.
    pub(crate) fn inputs(&self) -> &[PlayerInput<Input>] {
        &self.inputs
    }
}

impl Game for Witness {
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
        self.inputs.clear();
        self.inputs.extend_from_slice(inputs);
        self.world.step(tick, inputs);
    }

    fn truth(&self, out: &mut Vec<(EntityId, EntityOf<Self>)>) {
        self.world.truth(out);
    }

    fn own(&self, player: PlayerId) -> OwnOf<Self> {
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
