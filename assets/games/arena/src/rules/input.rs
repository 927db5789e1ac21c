//! A player's input for one tick, and the controls that a ship holds until they change.

use fracas_protocol::WireError;
use fracas_protocol::fixed::{FineHeading, Heading};
use fracas_protocol::game::rules::Intent;
use fracas_protocol::tick::ViewTime;
use fracas_protocol::wire::bits::Coder;
use serde::{Deserialize, Serialize};

/// Which way a ship thrusts: not at all, or one of 16 headings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Thrust(u8);

impl Thrust {
    /// No thrust.
    pub const NONE: Self = Self(0);
    /// Headings a ship can thrust to.
    pub const HEADINGS: u8 = 16;
    const STEPS: u16 = Heading::TURN / Self::HEADINGS as u16;

    /// Thrust along the nearest of the 16 headings.
    pub fn towards(heading: Heading) -> Self {
        let nearest = (heading.steps() + Self::STEPS / 2) / Self::STEPS % u16::from(Self::HEADINGS);
        Self(nearest as u8 + 1)
    }

    /// Where it thrusts to, if it does.
    pub fn heading(self) -> Option<Heading> {
        self.0.checked_sub(1).map(|index| Heading::new(u16::from(index) * Self::STEPS))
    }

    /// 0 for none, else the heading's number plus one.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Thrust {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number <= Self::HEADINGS { Ok(Self(number)) } else { Err("thrust is 0 to 16") }
    }
}

impl From<Thrust> for u8 {
    fn from(thrust: Thrust) -> Self {
        thrust.0
    }
}

/// A player's input for one tick. It is quantised before it is used, so what is sent is what is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where to.
    pub thrust: Thrust,
    /// Where the weapons point.
    pub aim: Heading,
    /// Whether the trigger is held.
    pub fire: bool,
    /// To dash to where it thrusts, once.
    pub dash: bool,
    /// To fire the rail, once.
    pub rail: Option<RailShot>,
}

/// A shot of the rail, which hits what the shooter saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RailShot {
    /// Where to.
    pub aim: FineHeading,
    /// The moment at which the shooter's screen showed the others. The server judges the shot by it, within limits.
    pub view: ViewTime,
}

impl Intent for Input {
    fn held(self) -> Self {
        Self { dash: false, rail: None, ..self }
    }

    fn merge(&mut self, earlier: Self) {
        self.dash |= earlier.dash;
        self.rail = self.rail.or(earlier.rail);
    }
}

/// The controls that a ship holds from tick to tick. Viewers receive them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipControls {
    /// Where to.
    pub thrust: Thrust,
    /// Whether it fires as soon as it has reloaded.
    pub fire: bool,
}

impl ShipControls {
    /// Codes the controls: two bits, and four more with thrust.
    pub(super) fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.fire = coder.flag(self.fire)?;
        self.thrust = if coder.flag(self.thrust != Thrust::NONE)? {
            Thrust(coder.uint(u32::from(self.thrust.0).wrapping_sub(1) & 15, 4)? as u8 + 1)
        } else {
            Thrust::NONE
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thrust_takes_the_nearest_of_sixteen() {
        assert_eq!(Thrust::towards(Heading::new(31)).heading(), Some(Heading::new(0)));
        assert_eq!(Thrust::towards(Heading::new(32)).heading(), Some(Heading::new(64)));
        assert_eq!(Thrust::towards(Heading::new(1000)).heading(), Some(Heading::new(0)));
        assert_eq!(Thrust::NONE.heading(), None);
        assert!(Thrust::try_from(17).is_err());
    }
}
