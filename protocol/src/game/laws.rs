//! The laws of the seam that one tick of a game can break, and what finds that out. [`check`](super::check) holds a game to
//! them in a developer's test, and a server's debug build while it plays.

use super::authority::PlayerInput;
use super::rules::{Coded, Fate, Rules};
use crate::ids::{EntityId, PlayerId};
use crate::point::Point;
use crate::tick::Tick;
use crate::wire::bits::{BitReader, BitWriter};
use crate::wire::digest::Digest;
use crate::wire::limits::DELTA_BITS_MAX;
use std::fmt;

/// A law, as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// What the server plays with an input is what the client predicts with it.
    StepIsPlay,
    /// What expires by [`Rules::predict`] is gone.
    ExpiredIsGone,
    /// What is written is read back equal.
    CodeReadsWhatItWrites,
    /// A delta makes the target of the prediction, in few bits.
    DeltaReachesTarget,
    /// Entities that differ have different hashes.
    HashSeesEveryField,
    /// The truth comes by ascending id.
    TruthIsSorted,
    /// Every id belongs to nobody or to a player who is there, whose own entity is there too.
    IdsBelong,
    /// What an entity spawns is in the truth as it was derived.
    ChildIsAsDerived,
    /// The world state is taken over as it is.
    WorldIsTakenOver,
    /// Equal calls on equal games do the same.
    IsDeterministic,
    /// A game that is written and read back goes on as it would have.
    StateIsWhole,
    /// An input that is held stays as it is.
    HeldStays,
    /// The rules accept the start-up data that the game makes.
    DataIsAccepted,
    /// The kinds that are counted, and their order, are always the same.
    CensusIsSteady,
}

impl Law {
    /// What the law asks, and what to look at.
    pub fn text(self) -> &'static str {
        match self {
            Self::StepIsPlay => {
                "`step` must do with an input exactly what `play` does, but for what `take_over` copies and \
                 `is_overruled` declares"
            }
            Self::ExpiredIsGone => "an entity for which `predict` says `Expires` must be gone from the truth",
            Self::CodeReadsWhatItWrites => {
                "`code` must read back what it writes, every field, with an anchor and without"
            }
            Self::DeltaReachesTarget => "`code_delta` must make the target of the prediction, in at most 256 bits",
            Self::HashSeesEveryField => "`digest` must see every field: entities that differ had one hash",
            Self::TruthIsSorted => "`truth` must list each id once, in ascending order",
            Self::IdsBelong => {
                "`truth` must have an entity for every player who is there, and none for others: see `Rules::IDS`"
            }
            Self::ChildIsAsDerived => "what `spawned_by` derives must be in the truth of the same tick, exactly so",
            Self::WorldIsTakenOver => "`set_world` must take over what `world` gives, and `Coded` must read it back",
            Self::IsDeterministic => {
                "`step` must depend on the state and the inputs alone: no clock, no hash map's order, no float that differs"
            }
            Self::StateIsWhole => "a game that was serialized and read back must go on as before: a field is skipped",
            Self::HeldStays => "`held` must change nothing about an input that is held already",
            Self::DataIsAccepted => "`Rules::new` must accept what `Game::start_data` makes",
            Self::CensusIsSteady => "`census` must give the same kinds in the same order",
        }
    }
}

/// A law that a game broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: Law,
    /// On which tick.
    pub tick: Tick,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on tick {}: {}; seen: {}", self.tick, self.law.text(), self.seen)
    }
}

/// Watches the ticks of one game. It knows the last truth, and compares the next one with it.
#[derive(Clone, Debug)]
pub struct LawWatch<R: Rules> {
    rules: R,
    truth: Vec<(EntityId, R::Entity)>,
    own: Vec<R::Own>,
    players: Vec<PlayerId>,
    /// One of so many entities is read back on each tick.
    share: u32,
}

impl<R: Rules> LawWatch<R> {
    /// Begins with a game that has no players yet.
    pub fn new(rules: R) -> Self {
        Self { rules, truth: Vec::new(), own: Vec::new(), players: Vec::new(), share: 1 }
    }

    /// The same, but of the entities that were there before only one in `share` (at least 1) is read back on each tick. So a
    /// whole room can be watched while it is played.
    #[must_use]
    pub fn sampling(self, share: u32) -> Self {
        Self { share: share.max(1), ..self }
    }

    /// A tick has run, from these inputs (one for each player, by id), to these rules, this truth, and these own states,
    /// in the order of the inputs.
    ///
    /// # Errors
    /// The first law that it broke.
    pub fn tick(
        &mut self,
        rules: &R,
        tick: Tick,
        inputs: &[PlayerInput<R::Input>],
        truth: &[(EntityId, R::Entity)],
        own: &[R::Own],
    ) -> Result<(), Broken> {
        let broken = |law: Law| move |seen: String| Broken { law, tick, seen };
        check_ids::<R>(inputs, truth).map_err(|(law, seen)| broken(law)(seen))?;
        check_world(rules).map_err(broken(Law::WorldIsTakenOver))?;
        check_children(rules, truth).map_err(broken(Law::ChildIsAsDerived))?;
        for (index, (id, entity)) in truth.iter().enumerate() {
            if !tick.is_phase(u32::from(id.0), self.share) && find(&self.truth, *id).is_some() {
                continue;
            }
            let anchor = R::position(&truth[(index * 7 + 1) % truth.len()].1);
            check_code(rules, *id, entity, anchor).map_err(broken(Law::CodeReadsWhatItWrites))?;
        }
        self.check_motion(rules, tick, inputs, truth)?;
        self.check_play(rules, inputs, truth).map_err(broken(Law::StepIsPlay))?;
        self.rules.clone_from(rules);
        self.truth.clear();
        self.own.clear();
        self.players.clear();
        self.truth.extend_from_slice(truth);
        self.own.extend_from_slice(own);
        self.players.extend(inputs.iter().map(|input| input.player));
        Ok(())
    }

    /// What everybody who knows the last truth makes of this one.
    fn check_motion(
        &self,
        rules: &R,
        tick: Tick,
        inputs: &[PlayerInput<R::Input>],
        truth: &[(EntityId, R::Entity)],
    ) -> Result<(), Broken> {
        let broken = |law, seen| Err(Broken { law, tick, seen });
        for (id, before) in &self.truth {
            let now = find(truth, *id);
            let mut predicted = *before;
            let fate = rules.predict(&mut predicted);
            let is_played = R::IDS.is_player(*id) && R::IDS.owner(*id).is_some_and(|owner| is_there(inputs, owner));
            let Some(now) = now else { continue };
            if fate == Fate::Expires {
                if now == before || (!is_played && *now == predicted) {
                    return broken(Law::ExpiredIsGone, format!("{id:?} stays as {now:?}"));
                }
                continue;
            }
            let target = rules.settle(tick, *id, &predicted, now);
            if target != predicted && R::is_corrected(*id) {
                check_delta(rules, before, &predicted, &target)
                    .or_else(|seen| broken(Law::DeltaReachesTarget, format!("{id:?}: {seen}")))?;
            }
            if now != before && digest_of(rules, *id, now) == digest_of(rules, *id, before) {
                return broken(Law::HashSeesEveryField, format!("{id:?} was {before:?} and is {now:?}"));
            }
        }
        Ok(())
    }

    /// What each player's client predicts of its own entity.
    fn check_play(
        &self,
        rules: &R,
        inputs: &[PlayerInput<R::Input>],
        truth: &[(EntityId, R::Entity)],
    ) -> Result<(), String> {
        if rules.world() != self.rules.world() {
            // A client learns of it with this tick, and counts what follows as the server's doing.
            return Ok(());
        }
        for input in inputs {
            let id = R::IDS.of_player(input.player);
            let Ok(place) = self.players.binary_search(&input.player) else { continue };
            let (Some(before), Some(now)) = (find(&self.truth, id), find(truth, id)) else { continue };
            let (mut predicted, mut own) = (*before, self.own[place]);
            rules.play(&mut predicted, &mut own, &input.input);
            let mut expected = predicted;
            R::take_over(&mut expected, now);
            if expected != *now && !R::is_overruled(&predicted, now) {
                return Err(format!("{id:?} with {:?} was predicted as {expected:?} and is {now:?}", input.input));
            }
        }
        Ok(())
    }
}

fn is_there<I>(inputs: &[PlayerInput<I>], player: PlayerId) -> bool {
    inputs.binary_search_by_key(&player, |input| input.player).is_ok()
}

fn find<E>(truth: &[(EntityId, E)], id: EntityId) -> Option<&E> {
    truth.binary_search_by_key(&id, |(id, _)| *id).ok().map(|index| &truth[index].1)
}

fn digest_of<R: Rules>(rules: &R, id: EntityId, entity: &R::Entity) -> u32 {
    let mut digest = Digest::default();
    rules.digest(id, entity, &mut digest);
    digest.finish()
}

fn check_ids<R: Rules>(inputs: &[PlayerInput<R::Input>], truth: &[(EntityId, R::Entity)]) -> Result<(), (Law, String)> {
    if let Some(pair) = truth.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err((Law::TruthIsSorted, format!("{:?} before {:?}", pair[0].0, pair[1].0)));
    }
    let stranger = truth.iter().find(|(id, _)| R::IDS.owner(*id).is_some_and(|owner| !is_there(inputs, owner)));
    if let Some((id, entity)) = stranger {
        return Err((Law::IdsBelong, format!("{id:?} of a player who is not there: {entity:?}")));
    }
    match inputs.iter().find(|input| find(truth, R::IDS.of_player(input.player)).is_none()) {
        Some(input) => Err((Law::IdsBelong, format!("no entity for {:?}", input.player))),
        None => Ok(()),
    }
}

fn check_world<R: Rules>(rules: &R) -> Result<(), String> {
    let (mut copy, world) = (rules.clone(), rules.world());
    let taken = copy.set_world(world);
    if taken.is_err() || copy.world() != world {
        return Err(format!("{world:?} became {:?}", copy.world()));
    }
    let (mut writer, mut written) = (BitWriter::new(), world);
    let wrote = written.code(&mut writer);
    let (bytes, mut read) = (writer.finish(), R::World::default());
    let has_read = read.code(&mut BitReader::new(&bytes));
    if wrote.is_err() || has_read.is_err() || read != world {
        return Err(format!("{world:?} was read back as {read:?}"));
    }
    Ok(())
}

fn check_children<R: Rules>(rules: &R, truth: &[(EntityId, R::Entity)]) -> Result<(), String> {
    for (id, entity) in truth {
        let Some((child_id, child)) = rules.spawned_by(*id, entity) else { continue };
        if R::IDS.parent(child_id) != Some(*id) {
            return Err(format!("{child_id:?} is no id of a child of {id:?}"));
        }
        if find(truth, child_id) != Some(&child) {
            return Err(format!("{id:?} spawned {child_id:?} as {child:?}"));
        }
    }
    Ok(())
}

/// Writes an entity and reads it back, relative to somewhere near it and absolutely.
pub fn check_code<R: Rules>(rules: &R, id: EntityId, entity: &R::Entity, anchor: Point) -> Result<(), String> {
    let near = Some(anchor).filter(|anchor| R::position(entity).is_near(*anchor));
    for anchor in [None, near.or(Some(R::position(entity)))] {
        let mut writer = BitWriter::new();
        let mut written = *entity;
        let wrote = rules.code(&mut written, anchor, &mut writer);
        let len = writer.bit_len();
        let bytes = writer.finish();
        let (mut reader, mut read) = (BitReader::new(&bytes), rules.blank(id));
        let has_read = rules.code(&mut read, anchor, &mut reader);
        if wrote.is_err() || has_read.is_err() || reader.finish().is_err() || read != *entity || written != *entity {
            return Err(format!("{entity:?}, written in {len} bits (anchor {anchor:?}), was read back as {read:?}"));
        }
    }
    Ok(())
}

fn check_delta<R: Rules>(
    rules: &R,
    before: &R::Entity,
    predicted: &R::Entity,
    target: &R::Entity,
) -> Result<(), String> {
    let mut writer = BitWriter::new();
    let mut written = *predicted;
    let wrote = rules.code_delta(before, &mut written, target, &mut writer);
    let len = writer.bit_len();
    let bytes = writer.finish();
    let mut read = *predicted;
    // A reader has no target; any will do.
    let has_read = rules.code_delta(before, &mut read, predicted, &mut BitReader::new(&bytes));
    if wrote.is_err() || has_read.is_err() || written != *target || read != *target {
        return Err(format!("from {predicted:?} to {target:?} it made {read:?}"));
    }
    if len > DELTA_BITS_MAX {
        return Err(format!("from {predicted:?} to {target:?} it takes {len} bits"));
    }
    Ok(())
}
