//! Who is beside the arena and keeps the inputs that it was given last, for a checker to see; or changes them, as a bug would.

use fracas_arena::authority::World;
use fracas_arena::rules::Input;
use fracas_protocol::game::attended::{Attendant, Attended};
use fracas_protocol::game::authority::PlayerInput;
use fracas_protocol::tick::Tick;
use serde::{Deserialize, Serialize};

/// The arena with a witness.
pub(crate) type Witnessed = Attended<World, Witness>;

/// A bug between the room and its game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GameBug {
    /// A rail is judged at whatever moment it claims, if that is long ago.
    BelievedView,
    /// Of those who fire rails on the same tick only the one in the first place does.
    FirstSlotShoots,
}

/// What the room applied on its last tick.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Witness {
    pub(crate) inputs: Vec<PlayerInput<Input>>,
    bug: Option<GameBug>,
}

impl Witness {
    pub(crate) fn new(bug: Option<GameBug>) -> Self {
        Self { inputs: Vec::new(), bug }
    }
}

impl Attendant<World> for Witness {
    fn intervene(&mut self, _: Tick, inputs: &[PlayerInput<Input>]) -> Option<Vec<PlayerInput<Input>>> {
        let (bug, mut changed, mut is_first) = (self.bug?, inputs.to_vec(), true);
        for input in &mut changed {
            let Some(shot) = input.input.rail else { continue };
            match bug {
                GameBug::BelievedView => input.view.earliest = input.view.earliest.min(shot.view),
                GameBug::FirstSlotShoots if !std::mem::take(&mut is_first) => input.input.rail = None,
                GameBug::FirstSlotShoots => {}
            }
        }
        Some(changed)
    }

    fn stepped(&mut self, _: &World, _: Tick, inputs: &[PlayerInput<Input>]) {
        self.inputs.clear();
        self.inputs.extend_from_slice(inputs);
    }
}
