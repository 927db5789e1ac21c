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
        let steps = |turns: f32, turn: u16| (turns.rem_euclid(1.0) * f32::from(turn)).round() as u16;
        let heading = |turns: f32| Heading::new(steps(turns, Heading::TURN));
        let aim = controls.aim;
        self.aim = aim;
        let mut thrust = controls.direction.map_or(Thrust::NONE, |turns| Thrust::towards(heading(turns)));
        // What is pressed while waiting to come back is not done then, from a place nobody knows yet.
        let flies = client.prediction().newest().is_some_and(|(own, _)| own.flying().is_some());
        let (dash, rail) = (controls.boost && flies, controls.secondary && flies);
        let view = controls.view.filter(|_| rail);
        let rail = view.map(|view| RailShot { aim: FineHeading::new(steps(aim, FineHeading::TURN)), view });
        // Whoever dashes without flying means to where they look, until that was sent.
        if dash {
            self.dash_thrust = Thrust::towards(heading(aim));
        }
        if thrust == Thrust::NONE && (dash || client.input().dash) {
            thrust = self.dash_thrust;
        }
        Input { thrust, aim: heading(aim), fire: controls.primary, dash, rail }
    }
}
