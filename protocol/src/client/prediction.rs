//! The own entity ahead of the server. It is played from the client's inputs by the shared step. Where the server's
//! state differs, it is replayed from that.

use crate::game::rules::{Fate, Rules};
use crate::ids::EntityId;
use crate::replica::Replica;
use crate::tick::Tick;
use crate::wire::limits::INPUTS_AHEAD_MAX;
use std::collections::VecDeque;

/// Ticks that are remembered: as many as a client may be ahead, and a second of round trip.
const STEPS_MAX: usize = 2 * INPUTS_AHEAD_MAX as usize;

/// One tick as it was predicted.
#[derive(Clone, Copy, Debug)]
struct FlownTick<R: Rules> {
    tick: Tick,
    input: R::Input,
    /// Whether the input was sent. If not, it is the one before, still held.
    was_said: bool,
    entity: R::Entity,
    own: R::Own,
}

/// Whether the server's state agreed with the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It agreed, or differed only in what the server alone decides.
    Agreed,
    /// It did not agree. The prediction was replayed.
    Corrected {
        /// Whether the client could not know better. The server overruled the entity, or never sent the ticks in
        /// between.
        outside: bool,
    },
}

/// The own entity as predicted from the inputs sent so far.
#[derive(Clone, Debug)]
pub struct Prediction<R: Rules> {
    /// By tick. There are gaps only where the clock jumped.
    steps: VecDeque<FlownTick<R>>,
    /// The server's last state, from which the first step is played.
    base: Option<(Tick, R::Entity, R::Own)>,
}

impl<R: Rules> Default for Prediction<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Rules> Prediction<R> {
    /// A prediction that waits for the server's first state.
    pub fn new() -> Self {
        Self { steps: VecDeque::new(), base: None }
    }

    /// The own entity and state as of the last tick played.
    pub fn newest(&self) -> Option<(&R::Entity, &R::Own)> {
        match self.steps.back() {
            Some(step) => Some((&step.entity, &step.own)),
            None => self.base.as_ref().map(|(_, entity, own)| (entity, own)),
        }
    }

    /// The own entity one tick before [`Self::newest`], for drawing between the two.
    pub fn one_before(&self) -> Option<&R::Entity> {
        match self.steps.len() {
            0 => None,
            1 => self.base.as_ref().map(|(_, entity, _)| entity),
            len => Some(&self.steps[len - 2].entity),
        }
    }

    /// The own entity as predicted for a tick that is not settled yet.
    pub fn on(&self, tick: Tick) -> Option<&R::Entity> {
        self.find(tick).map(|index| &self.steps[index].entity)
    }

    /// The own entity's shots, as of the last tick played. The server knows some of them, and will know the others.
    /// Each comes with its state one tick before; none if it is new.
    pub fn children(&self, own: EntityId, replica: &Replica<R>) -> Vec<(EntityId, Option<R::Entity>, R::Entity)> {
        let rules = replica.rules();
        let known = replica.known().iter().filter(|known| R::IDS.parent(known.id) == Some(own));
        let mut children: Vec<_> = known.map(|known| (known.id, Some(known.before), known.now)).collect();
        for step in self.steps.iter().filter(|step| step.tick > replica.tick()) {
            children.retain_mut(|(_, before, now)| {
                *before = Some(*now);
                rules.predict(now) == Fate::Lives
            });
            if let Some((id, child)) = rules.spawned_by(own, &step.entity) {
                children.retain(|(other, ..)| *other != id);
                children.push((id, None, child));
            }
        }
        children
    }

    /// Whether an input was sent for `tick`, which is not settled yet.
    pub(super) fn was_said(&self, tick: Tick) -> bool {
        self.find(tick).is_some_and(|index| self.steps[index].was_said)
    }

    fn find(&self, tick: Tick) -> Option<usize> {
        self.steps.binary_search_by_key(&tick, |step| step.tick).ok()
    }

    /// Plays one more tick. Before the server's first state there is nothing to play.
    pub(super) fn play(&mut self, rules: &R, tick: Tick, input: R::Input, was_said: bool) {
        let Some((&entity, &own)) = self.newest() else { return };
        if self.base.is_some_and(|(last, ..)| tick <= last) {
            // The server has played this tick already. Another step after its state would be one too many.
            return;
        }
        let mut step = FlownTick { tick, input, was_said, entity, own };
        rules.play(&mut step.entity, &mut step.own, &input);
        if self.steps.len() == STEPS_MAX {
            // The server was silent for longer than it takes to be stale. A fresh start will follow.
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    /// Compares the server's state of `tick` with the prediction for it. If they differ, replays the inputs since.
    pub(super) fn reconcile(&mut self, rules: &R, tick: Tick, truth: &R::Entity, own: &R::Own) -> Agreement {
        let predicted = self.find(tick).map(|index| (self.steps[index].entity, self.steps[index].own));
        let has_gap = self.base.is_some_and(|(last, ..)| last.next() != tick);
        while self.steps.front().is_some_and(|step| step.tick <= tick) {
            self.steps.pop_front();
        }
        self.base = Some((tick, *truth, *own));
        let Some((predicted, predicted_own)) = predicted else {
            self.replay(rules);
            return Agreement::Agreed;
        };
        let mut expected = predicted;
        R::take_over(&mut expected, truth);
        if predicted != *truth || predicted_own != *own {
            self.replay(rules);
        }
        if expected == *truth {
            return Agreement::Agreed;
        }
        Agreement::Corrected { outside: has_gap || R::is_overruled(&predicted, truth) }
    }

    /// Replays the ticks since the server's last state.
    pub(super) fn replay(&mut self, rules: &R) {
        let Some((_, mut entity, mut own)) = self.base else { return };
        for step in &mut self.steps {
            rules.play(&mut entity, &mut own, &step.input);
            (step.entity, step.own) = (entity, own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{Heading, Vector};
    use crate::game::rules::Point;
    use crate::game::toy::{Breath, MIDDLE, Step, Thing, Wall, Yard};
    use crate::tick::TickRate;

    fn yard() -> Yard {
        Yard::ruleset(TickRate::HZ_30).rules().clone()
    }

    fn runs_right() -> Step {
        Step { run: Some(Heading::new(0)), ..Step::default() }
    }

    /// A runner in the open, predicted for ticks 1 to 4 from the server's state of tick 0. Also the server's state of
    /// tick 1.
    fn predicted(yard: &Yard) -> (Prediction<Yard>, Thing, Breath) {
        let (mut runner, mut own) = (Thing { position: MIDDLE, health: 100, ..Thing::default() }, Breath(100));
        let mut prediction = Prediction::new();
        prediction.reconcile(yard, Tick(0), &runner, &own);
        (1..=4).for_each(|tick| prediction.play(yard, Tick(tick), runs_right(), true));
        yard.play(&mut runner, &mut own, &runs_right());
        (prediction, runner, own)
    }

    /// The result if the server's state of tick 1 is changed in some way.
    fn word(change: impl FnOnce(&mut Thing, &mut Breath)) -> Agreement {
        let yard = yard();
        let (mut prediction, mut runner, mut own) = predicted(&yard);
        change(&mut runner, &mut own);
        prediction.reconcile(&yard, Tick(1), &runner, &own)
    }

    const FAULT: Agreement = Agreement::Corrected { outside: false };
    const PUSHED: Agreement = Agreement::Corrected { outside: true };

    #[test]
    fn what_is_told_late_or_decided_elsewhere_corrects_nothing() {
        assert_eq!(word(|_, _| ()), Agreement::Agreed);
        assert_eq!(word(|runner, _| runner.look = Heading::new(300)), Agreement::Agreed);
        assert_eq!(word(|runner, own| (runner.health, own.0) = (64, 3)), Agreement::Agreed);
    }

    #[test]
    fn a_prediction_that_is_wrong_is_no_push_because_the_aim_or_the_health_differs_as_well() {
        assert_eq!(word(|runner, _| runner.position.x += 1), FAULT);
        assert_eq!(word(|runner, _| (runner.position.x, runner.look) = (MIDDLE.x, Heading::new(300))), FAULT);
        assert_eq!(word(|runner, _| (runner.velocity.y, runner.health) = (1, 64)), FAULT);
        assert_eq!(
            word(|runner, own| (runner.timer, runner.thrown, own.0) = (9, 1, 0)),
            FAULT,
            "a throw nobody ordered"
        );
    }

    #[test]
    fn a_fall_a_rise_and_ticks_that_were_never_told_are_pushes() {
        assert_eq!(word(|runner, _| (runner.health, runner.velocity) = (0, Vector::default())), PUSHED);
        let yard = yard();
        let (mut prediction, runner, own) = predicted(&yard);
        let elsewhere = Thing { position: Point { x: runner.position.x + 6400, ..runner.position }, ..runner };
        assert_eq!(prediction.reconcile(&yard, Tick(3), &elsewhere, &own), PUSHED);
    }

    #[test]
    fn a_tick_that_the_server_has_played_already_is_not_predicted_once_more() {
        let yard = yard();
        let (_, mut runner, mut own) = predicted(&yard);
        let mut prediction = Prediction::new();
        prediction.reconcile(&yard, Tick(5), &runner, &own);
        // A client's clock may begin a little behind.
        (4..=6).for_each(|tick| prediction.play(&yard, Tick(tick), runs_right(), true));
        yard.play(&mut runner, &mut own, &runs_right());
        assert_eq!(prediction.reconcile(&yard, Tick(6), &runner, &own), Agreement::Agreed);
    }

    #[test]
    fn a_wall_that_goes_up_before_the_runner_is_in_the_prediction_at_once() {
        let mut yard = yard();
        let (mut prediction, runner, own) = predicted(&yard);
        prediction.reconcile(&yard, Tick(1), &runner, &own);
        let run = *prediction.newest().expect("a prediction").0;
        yard.set_world(Wall(0)).expect("a world");
        prediction.replay(&yard);
        let stopped = *prediction.newest().expect("a prediction").0;
        assert!(run.position.x > MIDDLE.x && stopped.position.x == MIDDLE.x, "it cannot run through a wall");
    }
}
