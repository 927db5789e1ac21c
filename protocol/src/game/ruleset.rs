//! A game's rules with the tick rate and the start-up data that they were made for, which the engine owns.

use super::data::{DataError, StartData};
use super::rules::Rules;
use crate::tick::TickRate;

/// A game's rules, and what they were made of. It makes them anew when the welcome tells another tick rate.
#[derive(Clone, Debug)]
pub struct Ruleset<R> {
    rules: R,
    rate: TickRate,
    data: StartData,
}

impl<R: Rules> Ruleset<R> {
    /// The rules for a tick rate and start-up data.
    ///
    /// # Errors
    /// If the data is not this game's.
    pub fn new(rate: TickRate, data: StartData) -> Result<Self, DataError> {
        Ok(Self { rules: R::new(rate, data.bytes())?, rate, data })
    }

    /// The same for another rate.
    ///
    /// # Errors
    /// If the game cannot be played at that rate.
    pub fn at_rate(&self, rate: TickRate) -> Result<Self, DataError> {
        if rate == self.rate { Ok(self.clone()) } else { Self::new(rate, self.data.clone()) }
    }

    /// The rules.
    pub fn rules(&self) -> &R {
        &self.rules
    }

    /// The tick rate they were made for.
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// What they were made of.
    pub fn data(&self) -> &StartData {
        &self.data
    }
}
