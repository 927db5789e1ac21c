//! The own entity ahead of the server: played from the client's own inputs by the shared step, and replayed from the
//! server's word where that differs.

use crate::limits::INPUTS_AHEAD_MAX;
use crate::rules::Rules;
use crate::tick::Tick;
use std::collections::VecDeque;

/// Ticks remembered: more than a client may be ahead, and a second of round trip besides.
const STEPS_MAX: usize = 2 * INPUTS_AHEAD_MAX as usize;

/// One tick as it was predicted.
#[derive(Clone, Copy, Debug)]
struct Step<R: Rules> {
    tick: Tick,
    input: R::Input,
    /// Whether the input was sent. If not, it is the one before, still held.
    was_said: bool,
    entity: R::Entity,
    own: R::Own,
}

/// Whether the server's word agreed with the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It did, or differed only in what the server alone decides.
    Agreed,
    /// It did not. The prediction has been made anew.
    Corrected {
        /// Whether something that only the server could know came with it: a hit, a pick-up.
        outside: bool,
    },
}

/// The own entity as predicted from the inputs sent so far.
#[derive(Clone, Debug)]
pub struct Prediction<R: Rules> {
    /// By tick, without gaps but where the clock jumped.
    steps: VecDeque<Step<R>>,
    /// The server's last word, from which the first step is played.
    base: Option<(Tick, R::Entity, R::Own)>,
}

impl<R: Rules> Default for Prediction<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Rules> Prediction<R> {
    /// A prediction that waits for the server's first word.
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

    /// Whether an input was sent for `tick`, which is not settled yet.
    pub(super) fn was_said(&self, tick: Tick) -> bool {
        self.find(tick).is_some_and(|index| self.steps[index].was_said)
    }

    fn find(&self, tick: Tick) -> Option<usize> {
        self.steps.binary_search_by_key(&tick, |step| step.tick).ok()
    }

    /// Plays one tick further. Before the server's first word there is nothing to play.
    pub(super) fn play(&mut self, rules: &R, tick: Tick, input: R::Input, was_said: bool) {
        let Some((&entity, &own)) = self.newest() else { return };
        let mut step = Step { tick, input, was_said, entity, own };
        rules.play(&mut step.entity, &mut step.own, &input);
        if self.steps.len() == STEPS_MAX {
            // The server has not spoken for longer than it takes to be stale: a fresh start will follow.
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    /// Compares the server's word on `tick` with what was predicted for it, and replays the inputs since if need be.
    pub(super) fn reconcile(&mut self, rules: &R, tick: Tick, truth: &R::Entity, own: &R::Own) -> Agreement {
        let predicted = self.find(tick).map(|index| (self.steps[index].entity, self.steps[index].own));
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
        // What take_over brought, aim aside, is an outside effect; so is any change of the own state.
        let mut aimed = predicted;
        R::take_over(&mut aimed, truth);
        Agreement::Corrected { outside: aimed != predicted || predicted_own != *own }
    }

    fn replay(&mut self, rules: &R) {
        let Some((_, mut entity, mut own)) = self.base else { return };
        for step in &mut self.steps {
            rules.play(&mut entity, &mut own, &step.input);
            (step.entity, step.own) = (entity, own);
        }
    }
}
