//! A ship: how it moves, fires and waits by its held controls alone, and how it is encoded.

use super::bolt::Bolt;
use super::input::{ShipControls, Thrust};
use super::map::{self, Map};
use super::tuning::{HULL_MAX, MUZZLE, SHIP_HALF_SIDE, Tuning};
use fracas_protocol::WireError;
use fracas_protocol::fixed::{FineHeading, Heading, QUANTA_PER_UNIT, SUBQUANTA_PER_QUANTUM, Vector};
use fracas_protocol::game::rules::{Point, code_point};
use fracas_protocol::wire::bits::Coder;
use fracas_protocol::wire::digest::Digest;
use serde::{Deserialize, Serialize};

/// Half the side of a ship's square for collisions with walls, in quanta.
pub const HALF_SIDE: i32 = SHIP_HALF_SIDE * QUANTA_PER_UNIT;

/// Bolts of one ship that can have an id at the same time.
pub const SHOTS: u8 = 7;

/// A player's ship, alive or waiting to respawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ship {
    /// Its centre.
    pub position: Point,
    /// Its velocity in sub-quanta.
    pub velocity: Vector,
    /// What its player holds.
    pub controls: ShipControls,
    /// Where its weapons point.
    pub aim: Heading,
    /// Ticks until it may fire again. On the tick of a shot this is the whole reload time.
    pub reload: u8,
    /// Number of its next bolt, 0 to 6, which gives the bolt its id.
    pub shots: u8,
    /// Hit points; 0 is destroyed.
    pub hull: u8,
    /// Ticks left: of protection if it is alive, until respawn if not.
    pub timer: u8,
    /// Its player's score.
    pub score: u16,
    /// Ticks of dash left. On the first tick this is the whole time of a dash.
    pub dash: u8,
    /// Where its rail was fired to on this tick.
    pub rail: Option<FineHeading>,
}

/// A ship's one-time actions of one tick, beside its held controls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    /// Begins a dash to where it thrusts. Without thrust it does not.
    pub dash: bool,
    /// Fires its rail.
    pub rail: Option<FineHeading>,
}

const RELOAD_BITS: u32 = 5;
const SHOTS_BITS: u32 = 3;
const HULL_BITS: u32 = 7;
const TIMER_BITS: u32 = 7;
const SCORE_BITS: u32 = 16;
const SMALL_SCORE_BITS: u32 = 6;
const DASH_BITS: u32 = 5;
const SMALL_TURN_BITS: u32 = 5;

impl Ship {
    /// Whether it flies; if not it waits to respawn.
    pub fn is_alive(&self) -> bool {
        self.hull > 0
    }

    /// Whether it cannot be hurt.
    pub fn is_protected(&self) -> bool {
        self.is_alive() && self.timer > 0
    }

    /// Whether it fired a bolt on the tick that it is at.
    pub fn has_fired(&self, tuning: &Tuning) -> bool {
        self.reload == tuning.reload
    }

    /// Whether it began a dash on the tick that it is at.
    pub fn has_dashed(&self, tuning: &Tuning) -> bool {
        self.dash == tuning.dash
    }

    /// One tick from its own state. It moves by its thrust or its dash, slides along walls, reloads, and fires if it
    /// holds the trigger.
    pub fn advance(&mut self, tuning: &Tuning, map: &Map, open: u16) {
        self.act(Acts::default(), tuning, map, open);
    }

    /// One tick with one-time actions.
    pub fn act(&mut self, acts: Acts, tuning: &Tuning, map: &Map, open: u16) {
        self.rail = None;
        self.timer = self.timer.saturating_sub(1);
        self.reload = self.reload.saturating_sub(1);
        if !self.is_alive() {
            self.dash = self.dash.saturating_sub(1);
            return;
        }
        self.accelerate(acts.dash, tuning);
        self.fly(map, open);
        if self.controls.fire && self.reload == 0 {
            self.reload = tuning.reload;
            self.shots = (self.shots + 1) % SHOTS;
            self.timer = 0;
        }
        if acts.rail.is_some() {
            self.rail = acts.rail;
            self.timer = 0;
        }
    }

    /// A dash has its own speed and cannot be steered. At its end the ship is at top speed and can be steered again.
    fn accelerate(&mut self, dashes: bool, tuning: &Tuning) {
        let (was_dashing, heading) = (self.dash > 0, self.controls.thrust.heading());
        self.dash = self.dash.saturating_sub(1);
        if let Some(heading) = heading.filter(|_| dashes) {
            self.dash = tuning.dash;
            self.velocity = heading.vector(tuning.dash_speed);
        } else if self.dash == 0 {
            if was_dashing {
                self.velocity = self.velocity.scaled(tuning.top_speed, tuning.dash_speed);
            }
            self.velocity = match heading {
                Some(heading) => self.velocity.approach(heading.vector(tuning.top_speed), tuning.thrust),
                None => self.velocity.approach(Vector::default(), tuning.brake),
            };
        }
    }

    /// Moves by the velocity, first along x, then along y; a wall stops the ship against it.
    fn fly(&mut self, map: &Map, open: u16) {
        let Point { x, y } = self.position;
        let to = x + self.velocity.x / SUBQUANTA_PER_QUANTUM;
        if fits(map, open, to, y) {
            self.position.x = to;
        } else {
            self.position.x = against_wall(x, to, |at| fits(map, open, at, y));
            self.velocity.x = 0;
        }
        let x = self.position.x;
        let to = y + self.velocity.y / SUBQUANTA_PER_QUANTUM;
        if fits(map, open, x, to) {
            self.position.y = to;
        } else {
            self.position.y = against_wall(y, to, |at| fits(map, open, x, at));
            self.velocity.y = 0;
        }
    }

    /// The bolt it fired on this tick. It starts at the muzzle, or in the ship's centre if a wall is between.
    pub fn fired(&self, tuning: &Tuning, map: &Map, open: u16) -> Option<Bolt> {
        if !self.has_fired(tuning) {
            return None;
        }
        let muzzle = self.aim.vector(MUZZLE * QUANTA_PER_UNIT);
        let mut position = Point { x: self.position.x + muzzle.x, y: self.position.y + muzzle.y };
        if map.is_wall(position.x, position.y, open) {
            position = self.position;
        }
        Some(Bolt { position, heading: self.aim, life: tuning.bolt_life })
    }

    /// The number of the bolt it fired last, 0 to 6.
    pub fn last_shot(&self) -> u8 {
        (self.shots + SHOTS - 1) % SHOTS
    }

    /// Destroys it: it lies still where it was until `respawn` ticks are over.
    pub fn destroy(&mut self, respawn: u8) {
        self.hull = 0;
        self.timer = respawn;
        self.velocity = Vector::default();
        self.controls = ShipControls::default();
        self.reload = 0;
        self.dash = 0;
        self.rail = None;
    }

    /// See [`fracas_protocol::game::rules::Rules::code_delta`]. Most deltas change only the aim. The last fields are rare.
    pub(super) fn code_delta<C: Coder>(
        &mut self,
        before: &Self,
        target: &Self,
        ground: (&Tuning, &Map, u16),
        coder: &mut C,
    ) -> Result<(), WireError> {
        if coder.flag(Self { aim: target.aim, ..*self } == *target)? {
            return self.code_aim(target.aim, coder);
        }
        let (tuning, map, open) = ground;
        let mut acts = Acts { dash: target.has_dashed(tuning), rail: target.rail };
        let decided = self.controls != target.controls || acts != Acts::default();
        if coder.flag(decided && target.is_alive())? {
            let mut controls = target.controls;
            controls.code(coder)?;
            acts.code(coder)?;
            // Replay the tick with the player's true controls.
            *self = Self { controls, ..*before };
            self.act(acts, tuning, map, open);
        }
        if coder.flag(self.hull != target.hull || self.timer != target.timer)? {
            let hull = coder.ranged(u32::from(target.hull), HULL_BITS, u32::from(HULL_MAX))? as u8;
            let timer = coder.uint(u32::from(target.timer), TIMER_BITS)? as u8;
            if hull == 0 && self.is_alive() {
                self.destroy(timer);
            }
            (self.hull, self.timer) = (hull, timer);
        }
        if coder.flag(self.aim != target.aim)? {
            self.code_aim(target.aim, coder)?;
        }
        if coder.flag(self.score != target.score)? {
            self.score = coder.uint(u32::from(target.score), SCORE_BITS)? as u16;
        }
        if coder.flag(*self != *target)? {
            self.code_rest(target, coder)?;
        }
        Ok(())
    }

    /// The rest, which controls and the shared step do not explain: the position of a respawn, a weapon out of step.
    fn code_rest<C: Coder>(&mut self, target: &Self, coder: &mut C) -> Result<(), WireError> {
        if coder.flag(self.position != target.position)? {
            self.position = target.position;
            code_point(&mut self.position, None, 0, coder)?;
        }
        if coder.flag(self.velocity != target.velocity)? {
            self.velocity = target.velocity;
            code_velocity(&mut self.velocity, coder)?;
        }
        self.controls = target.controls;
        self.controls.code(coder)?;
        self.reload = coder.uint(u32::from(target.reload), RELOAD_BITS)? as u8;
        self.shots = coder.ranged(u32::from(target.shots), SHOTS_BITS, u32::from(SHOTS) - 1)? as u8;
        self.dash = target.dash;
        self.rail = target.rail;
        self.code_special(coder)
    }

    /// Codes an aim: within 16 steps of the one before in five bits, else in full.
    fn code_aim<C: Coder>(&mut self, target: Heading, coder: &mut C) -> Result<(), WireError> {
        let turn = target.turn_from(self.aim);
        let reach = 1 << (SMALL_TURN_BITS - 1);
        if coder.flag((-reach..reach).contains(&turn))? {
            let turn = coder.int(turn, SMALL_TURN_BITS)?;
            self.aim = self.aim.turned(turn);
        } else {
            self.aim = Heading::new(coder.uint(u32::from(target.steps()), Heading::BITS)? as u16);
        }
        Ok(())
    }

    fn code_special<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.dash = coder.seldom(u32::from(self.dash), DASH_BITS)? as u8;
        code_rail(&mut self.rail, coder)
    }

    pub(super) fn code_entry<C: Coder>(
        &mut self,
        anchor: Option<Point>,
        tuning: &Tuning,
        coder: &mut C,
    ) -> Result<(), WireError> {
        code_point(&mut self.position, anchor, 0, coder)?;
        self.controls.code(coder)?;
        let cruise = cruise(self.controls.thrust, tuning);
        if coder.flag(self.velocity == cruise)? {
            self.velocity = cruise;
        } else {
            code_velocity(&mut self.velocity, coder)?;
        }
        self.aim = Heading::new(coder.uint(u32::from(self.aim.steps()), Heading::BITS)? as u16);
        self.reload = coder.seldom(u32::from(self.reload), RELOAD_BITS)? as u8;
        self.shots = coder.ranged(u32::from(self.shots), SHOTS_BITS, u32::from(SHOTS) - 1)? as u8;
        let whole = coder.flag(self.hull == HULL_MAX)?;
        self.hull = match whole {
            true => HULL_MAX,
            false => coder.ranged(u32::from(self.hull), HULL_BITS, u32::from(HULL_MAX))? as u8,
        };
        self.timer = coder.seldom(u32::from(self.timer), TIMER_BITS)? as u8;
        let small = coder.flag(self.score < 1 << SMALL_SCORE_BITS)?;
        let score_bits = if small { SMALL_SCORE_BITS } else { SCORE_BITS };
        self.score = coder.uint(u32::from(self.score), score_bits)? as u16;
        self.code_special(coder)
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.word(self.position.x as u32);
        digest.word(self.position.y as u32);
        digest.word(self.velocity.x as u32);
        digest.word(self.velocity.y as u32);
        let thrust = u32::from(self.controls.thrust.number());
        digest.word(thrust | u32::from(self.controls.fire) << 8 | u32::from(self.aim.steps()) << 16);
        let bytes = [self.reload, self.shots, self.hull, self.timer];
        digest.word(u32::from_le_bytes(bytes));
        digest.word(u32::from(self.score) | u32::from(self.dash) << 16);
        digest.word(self.rail.map_or(0, |rail| u32::from(rail.steps()) + 1));
    }
}

/// The velocity that a held thrust leads to: top speed, or rest.
fn cruise(thrust: Thrust, tuning: &Tuning) -> Vector {
    thrust.heading().map_or(Vector::default(), |heading| heading.vector(tuning.top_speed))
}

fn code_velocity<C: Coder>(velocity: &mut Vector, coder: &mut C) -> Result<(), WireError> {
    velocity.x = coder.int(velocity.x, Vector::BITS)?;
    velocity.y = coder.int(velocity.y, Vector::BITS)?;
    Ok(())
}

impl Acts {
    /// One flag, since mostly there are none. Then one flag for each action, and the rail's heading.
    fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        if !coder.flag(*self != Self::default())? {
            *self = Self::default();
            return Ok(());
        }
        self.dash = coder.flag(self.dash)?;
        code_rail(&mut self.rail, coder)
    }
}

fn code_rail<C: Coder>(rail: &mut Option<FineHeading>, coder: &mut C) -> Result<(), WireError> {
    *rail = match coder.flag(rail.is_some())? {
        true => {
            Some(FineHeading::new(coder.uint(u32::from(rail.unwrap_or_default().steps()), FineHeading::BITS)? as u16))
        }
        false => None,
    };
    Ok(())
}

/// Whether a ship centred there touches no wall. Its square is smaller than a cell, so checking its corners is enough.
fn fits(map: &Map, open: u16, x: i32, y: i32) -> bool {
    let (left, right) = (map::cell(x - HALF_SIDE), map::cell(x + HALF_SIDE));
    let (top, bottom) = (map::cell(y - HALF_SIDE), map::cell(y + HALF_SIDE));
    !map.is_wall_cell(left, top, open)
        && (left == right || !map.is_wall_cell(right, top, open))
        && (top == bottom
            || (!map.is_wall_cell(left, bottom, open) && (left == right || !map.is_wall_cell(right, bottom, open))))
}

/// The coordinate at which a ship that moves from `from` to a blocked `to` rests against the wall. `from` if there is
/// none.
fn against_wall(from: i32, to: i32, fits: impl Fn(i32) -> bool) -> i32 {
    let at = if to > from {
        map::cell_start(map::cell(to + HALF_SIDE)) - HALF_SIDE - 1
    } else {
        map::cell_start(map::cell(to - HALF_SIDE) + 1) + HALF_SIDE
    };
    if fits(at) { at } else { from }
}

#[cfg(test)]
mod tests;
