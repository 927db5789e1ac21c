//! The arena's numbers in units and seconds, and converted for one tick.

use fracas_protocol::fixed::SUBQUANTA_PER_UNIT;
use fracas_protocol::tick::TickRate;
use serde::{Deserialize, Serialize};

/// Top speed of a ship, in units a second.
pub const TOP_SPEED: i32 = 280;
/// Time from rest to top speed, in milliseconds.
pub const TIME_TO_TOP_MS: u32 = 300;
/// Time from top speed to rest with no thrust, in milliseconds.
pub const TIME_TO_REST_MS: u32 = 700;
/// A ship's radius for hits, in units.
pub const SHIP_RADIUS: i32 = 14;
/// Half the side of a ship's square for collisions with walls, in units.
pub const SHIP_HALF_SIDE: i32 = 12;
/// Hit points of a whole ship.
pub const HULL_MAX: u8 = 100;

/// Speed of a bolt, in units a second.
pub const BOLT_SPEED: i32 = 640;
/// How long a bolt flies, in milliseconds.
pub const BOLT_LIFE_MS: u32 = 1000;
/// Time between two bolts of one ship, in milliseconds. Times are multiples of 100 ms, which is whole ticks at every rate.
pub const RELOAD_MS: u32 = 300;
/// Hit points a bolt takes.
pub const BOLT_DAMAGE: u8 = 18;
/// How far from a ship's centre its bolts start, in units.
pub const MUZZLE: i32 = 16;
/// A bolt's radius for hits, in units.
pub const BOLT_RADIUS: i32 = 3;

/// Speed of a ship in a dash, in units a second.
pub const DASH_SPEED: i32 = 640;
/// How long a dash takes, in milliseconds.
pub const DASH_MS: u32 = 200;
/// Time from one dash to the next, in milliseconds.
pub const DASH_PAUSE_MS: u32 = 3000;

/// How far a rail reaches, in units.
pub const RAIL_RANGE: i32 = 720;
/// Half a rail's width, in units.
pub const RAIL_RADIUS: i32 = 2;
/// Hit points a rail takes.
pub const RAIL_DAMAGE: u8 = 40;
/// What a rail costs, in points of energy.
pub const RAIL_ENERGY: u16 = 45;
/// Time from one rail to the next, in milliseconds.
pub const RAIL_PAUSE_MS: u32 = 1000;

/// A ship's store of energy, in points.
pub const ENERGY_MAX: u16 = 100;
/// What a bolt costs, in points.
pub const BOLT_ENERGY: u16 = 5;
/// What comes back by itself, in points a second.
pub const ENERGY_PER_S: u16 = 10;
/// A drained ship may fire again from here, in points.
pub const ENERGY_RESUME: u16 = 25;

/// Time between destruction and respawn, in milliseconds.
pub const RESPAWN_MS: u32 = 2000;
/// How long a new ship cannot be hurt unless it fires, in milliseconds.
pub const PROTECTION_MS: u32 = 2000;

/// How near a ship's centre must come to a pick-up, in units.
pub const PICKUP_REACH: i32 = 26;
/// Hit points from a repair.
pub const REPAIR_HULL: u8 = 35;
/// Points of energy from an energy cell.
pub const CELL_ENERGY: u16 = 50;
/// Score from a shard.
pub const SHARD_SCORE: u16 = 3;
/// Score from a kill, beside a tenth of the victim's.
pub const KILL_SCORE: u16 = 10;

/// Parts of a point in which energy is counted. So the energy that comes back in a tick is whole at every rate.
pub const ENERGY_PARTS: u16 = 60;

/// The numbers of one tick, made from the ones above by one function for both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// The rate they are for.
    pub rate: TickRate,
    /// Top speed in sub-quanta.
    pub top_speed: i32,
    /// How much thrust may change the velocity in a tick, in sub-quanta.
    pub thrust: i32,
    /// How much coasting slows in a tick, in sub-quanta.
    pub brake: i32,
    /// A bolt's speed in sub-quanta.
    pub bolt_speed: i32,
    /// Ticks a bolt flies.
    pub bolt_life: u8,
    /// Ticks between two bolts.
    pub reload: u8,
    /// Speed in a dash, in sub-quanta.
    pub dash_speed: i32,
    /// Ticks of a dash.
    pub dash: u8,
    /// Ticks from one dash to the next.
    pub dash_pause: u8,
    /// Ticks from one rail to the next.
    pub rail_pause: u8,
    /// Ticks until respawn.
    pub respawn: u8,
    /// Ticks of protection.
    pub protection: u8,
    /// Energy that comes back in a tick, in parts.
    pub energy: u16,
}

impl Tuning {
    /// The numbers for `rate`.
    pub fn new(rate: TickRate) -> Self {
        let hz = rate.hz() as i32;
        let speed = |units_per_s: i32| (units_per_s * SUBQUANTA_PER_UNIT + hz / 2) / hz;
        // Rounded up, and two more. Rounding both parts toward zero loses at most the square root of two in a tick. So
        // the last tick never has a tiny rest to cover.
        let steps_to = |speed: i32, ms: u32| {
            let ticks = rate.ticks_in_ms(ms) as i32;
            (speed + ticks - 1) / ticks + 2
        };
        let ticks = |ms: u32| rate.ticks_in_ms(ms) as u8;
        let top_speed = speed(TOP_SPEED);
        Self {
            rate,
            top_speed,
            thrust: steps_to(top_speed, TIME_TO_TOP_MS),
            brake: steps_to(top_speed, TIME_TO_REST_MS),
            bolt_speed: speed(BOLT_SPEED),
            bolt_life: ticks(BOLT_LIFE_MS),
            reload: ticks(RELOAD_MS),
            dash_speed: speed(DASH_SPEED),
            dash: ticks(DASH_MS),
            dash_pause: ticks(DASH_PAUSE_MS),
            rail_pause: ticks(RAIL_PAUSE_MS),
            respawn: ticks(RESPAWN_MS),
            protection: ticks(PROTECTION_MS),
            energy: ENERGY_PER_S * ENERGY_PARTS / rate.hz() as u16,
        }
    }
}
