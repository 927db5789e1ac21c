//! An input for games that want none of their own: where to go, and an act that is judged by what the screen showed.

use super::look::Controls;
use super::rules::Intent;
use crate::fixed::Heading;
use crate::tick::ViewTime;
use serde::{Deserialize, Serialize};

/// Where to go, and whether to act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steer {
    /// Where to go. It is held.
    pub heading: Option<Heading>,
    /// To act once, on what the screen shows at this moment. The server bounds the moment: see
    /// [`ViewWindow`](super::authority::ViewWindow).
    pub act: Option<ViewTime>,
}

impl Intent for Steer {
    fn held(self) -> Self {
        Self { act: None, ..self }
    }

    fn merge(&mut self, earlier: Self) {
        self.act = self.act.or(earlier.act);
    }
}

impl From<&Controls> for Steer {
    fn from(controls: &Controls) -> Self {
        Self { heading: controls.direction, act: controls.view.filter(|_| controls.primary) }
    }
}
