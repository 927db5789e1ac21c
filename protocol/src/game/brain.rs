//! A game's brains: what decides for a bot. A brain sees only what its client holds, like a person sees only the screen.

use super::rules::Rules;
use crate::client::Moment;
use crate::ids::EntityId;
use crate::point::Point;
use crate::replica::Replica;
use crate::tick::{Tick, TickRate};
use crate::wire::message::Aspect;
use std::fmt::Debug;

/// What a brain sees.
#[derive(Debug)]
pub struct Sight<'a, R: Rules> {
    /// Everything known.
    pub replica: &'a Replica<R>,
    /// The own entity, as far ahead as it is predicted.
    pub own: &'a R::Entity,
    /// The own entity's id.
    pub own_id: EntityId,
    /// What only this player is told.
    pub state: &'a R::Own,
    /// The tick that is to be played.
    pub tick: Tick,
    /// Ticks in a second.
    pub rate: TickRate,
    /// The aspect that the server knows.
    pub aspect: Aspect,
}

impl<'a, R: Rules> Sight<'a, R> {
    /// The rules as they are now.
    pub fn rules(&self) -> &'a R {
        self.replica.rules()
    }

    /// Every other known entity, by id.
    pub fn others(&self) -> impl Iterator<Item = (EntityId, &'a R::Entity)> + use<'a, R> {
        let own = self.own_id;
        let known = self.replica.known().iter().map(|known| (known.id, &known.now));
        known.filter(move |(id, _)| *id != own)
    }

    /// Where the nearest other entity is of those that `is_wanted`.
    pub fn nearest(&self, is_wanted: impl Fn(&R::Entity) -> bool) -> Option<Point> {
        let wanted = self.others().filter(|(_, entity)| is_wanted(entity)).map(|(_, entity)| R::position(entity));
        let from = R::position(self.own);
        wanted.min_by_key(|at| (from.distance_squared(*at), at.x, at.y))
    }
}

/// How well a bot plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skill {
    /// Like somebody who has played for a while: what a load test should look like.
    #[default]
    Seasoned,
    /// Like somebody who has just come: what a person should meet first.
    Casual,
}

/// A kind of brain, by the name that it has on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrainKind {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Whether it may ask for the screen: see [`Brain::wants_screen`]. Only then its client keeps what a screen shows.
    pub looks_at_screen: bool,
    /// Whether it has to look before it can play without looking.
    pub looks_first: bool,
    /// Whether it does nothing. A server sends away who does nothing, unless the client says so from the server's machine.
    pub is_idle: bool,
}

impl BrainKind {
    /// A kind that plays by what is known.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, looks_at_screen: false, looks_first: false, is_idle: false }
    }

    /// The same, but it looks at the screen.
    pub const fn looking(self) -> Self {
        Self { looks_at_screen: true, ..self }
    }
}

/// What decides for a bot. Equal seeds decide alike on what is alike.
///
/// Before each tick the bot calls [`Self::think`]. If its input goes out on that tick and the brain wants the screen,
/// [`Self::aim`] follows. After the tick was played it calls [`Self::played`].
pub trait Brain<R: Rules>: Debug + Send + Sized + 'static {
    /// The kinds there are, at least one. The first is the swarm's default, and fills rooms.
    const KINDS: &'static [BrainKind];

    /// A brain of the kind with this index in [`Self::KINDS`].
    fn new(kind: usize, skill: Skill, seed: u64) -> Self;

    /// What to do on the next tick.
    fn think(&mut self, sight: &Sight<'_, R>) -> R::Input;

    /// Whether what it has just decided depends on what the screen shows, which is not what the replica holds. It is
    /// asked if its kind looks at the screen: see [`BrainKind::looks_at_screen`]. The default then always looks.
    fn wants_screen(&self) -> bool {
        true
    }

    /// Completes an input with what the screen shows at this moment. The server can judge such an input by
    /// [`Moment::view`]. The default changes nothing.
    fn aim(&mut self, sight: &Sight<'_, R>, screen: &Moment<'_, R>, input: R::Input) -> R::Input {
        let _ = (sight, screen);
        input
    }

    /// A tick was played: the own entity is predicted to be so after it. The default takes no note.
    fn played(&mut self, tick: Tick, rules: &R, own: &R::Entity, aspect: Aspect) {
        let _ = (tick, rules, own, aspect);
    }

    /// The game has news. The default takes no note.
    fn heard(&mut self, news: &R::News) {
        let _ = news;
    }

    /// The next of the server's judgements that it has learned of: whether it was what the screen had promised. The bot
    /// asks after each of the other calls until there is none, and a swarm counts them. The default learns of none.
    fn take_verdict(&mut self) -> Option<bool> {
        None
    }

    /// What to do on the next tick for a bot that does not look. The default does nothing.
    fn think_blind(&mut self, rate: TickRate) -> R::Input {
        let _ = rate;
        R::Input::default()
    }

    /// Whether a bot with this own entity may stop to look. The default may at any time.
    fn can_look_away(&self, rules: &R, own: Option<&R::Entity>) -> bool {
        let _ = (rules, own);
        true
    }
}

/// A brain that does nothing, for a game that has no other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle;

impl<R: Rules> Brain<R> for Idle {
    const KINDS: &'static [BrainKind] = &[BrainKind { is_idle: true, ..BrainKind::new("idle", "Does nothing.") }];

    fn new(_kind: usize, _skill: Skill, _seed: u64) -> Self {
        Self
    }

    fn think(&mut self, _sight: &Sight<'_, R>) -> R::Input {
        R::Input::default()
    }
}
