//! What the player's controls mean for a ship.

use crate::rules::{Arena, FineHeading, Heading, Input, RailShot, Thrust};
use fracas_protocol::client::Client;
use fracas_protocol::game::look::Controls;

/// What is remembered between two inputs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steering {
    /// Where the player aims, in turns.
    pub(super) aim: f32,
    /// Where a dash goes that was begun without thrust, until it was sent.
    dash_thrust: Thrust,
}

impl Steering {
    /// The input that the controls ask for: the trigger is the first button, a rail the second, a dash the boost.
    pub(super) fn input(&mut self, controls: &Controls, client: &Client<Arena>) -> Input {
        let aim = nearest(controls.aim);
        self.aim = f32::from(controls.aim.steps()) / f32::from(FineHeading::TURN);
        let mut thrust = controls.direction.map_or(Thrust::NONE, Thrust::towards);
        // What is pressed while waiting to come back is not done then, from a place nobody knows yet.
        let flies = client.prediction().newest().is_some_and(|(own, _)| own.flying().is_some());
        let (dash, rail) = (controls.boost && flies, controls.secondary && flies);
        let view = controls.view.filter(|_| rail);
        let rail = view.map(|view| RailShot { aim: controls.aim, view });
        // Whoever dashes without flying means to where they look, until that was sent.
        if dash {
            self.dash_thrust = Thrust::towards(aim);
        }
        if thrust == Thrust::NONE && (dash || client.input().dash) {
            thrust = self.dash_thrust;
        }
        Input { thrust, aim, fire: controls.primary, dash, rail }
    }
}

/// The heading nearest to a finer one.
fn nearest(aim: FineHeading) -> Heading {
    let fineness = FineHeading::TURN / Heading::TURN;
    Heading::new((aim.steps() + fineness / 2) / fineness)
}
