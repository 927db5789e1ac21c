//! Flies about: a new direction every second or so, now and then with a dash, a sweeping aim, fire in bursts. It looks at
//! nothing.

use crate::rules::{Heading, Input, Thrust};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::TickRate;

/// Flies about without looking.
#[derive(Clone, Debug, Default)]
pub struct Wander {
    input: Input,
    /// Steps by which the aim turns in a tick.
    sweep: i32,
    turn_in: u32,
    trigger_in: u32,
}

impl Wander {
    /// What to do on the next tick.
    pub fn think(&mut self, rate: TickRate, rng: &mut Rng) -> Input {
        let turns = self.turn_in == 0;
        if turns {
            self.turn_in = rate.ticks_in_ms(300 + rng.below(1200));
            self.sweep = rng.between(-8, 8);
            self.input.thrust = match rng.chance(1, 6) {
                true => Thrust::NONE,
                false => Thrust::towards(Heading::new(rng.below(u32::from(Heading::TURN)) as u16)),
            };
        }
        if self.trigger_in == 0 {
            self.input.fire = !self.input.fire && rng.chance(1, 2);
            self.trigger_in = rate.ticks_in_ms(400 + rng.below(1600));
        }
        self.turn_in -= 1;
        self.trigger_in -= 1;
        self.input.aim = self.input.aim.turned(self.sweep);
        let dash = turns && self.input.thrust != Thrust::NONE && rng.chance(1, 6);
        Input { dash, ..self.input }
    }
}
