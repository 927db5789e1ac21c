//! Who is beside the arena and keeps the inputs that it was given last, for a checker to see.

use fracas_protocol::arena::Input;
use fracas_protocol::tick::Tick;
use fracas_server::arena::World;
use fracas_server::game::PlayerInput;
use fracas_server::game::attended::{Attendant, Attended};
use serde::{Deserialize, Serialize};

/// The arena with a witness.
pub(crate) type Witnessed = Attended<World, Witness>;

/// What the room applied on its last tick.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Witness {
    pub(crate) inputs: Vec<PlayerInput<Input>>,
}

impl Attendant<World> for Witness {
    fn stepped(&mut self, _: &World, _: Tick, inputs: &[PlayerInput<Input>]) {
        self.inputs.clear();
        self.inputs.extend_from_slice(inputs);
    }
}
