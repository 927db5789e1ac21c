//! A chaser that touches only whom its screen shows in reach, and compares what becomes of it with what the screen promised.

use fracas_protocol::prelude::*;
use fracas_tag::{REACH, Runner, Tag};

#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// The tick of a touch that is under way.
    touched: Option<Tick>,
    verdict: Option<bool>,
}

impl Brain<Tag> for Judge {
    const KINDS: &'static [BrainKind] =
        &[BrainKind { looks_at_screen: true, ..BrainKind::new("judge", "Touches whom the screen shows in reach.") }];

    fn new(_kind: usize, _skill: Skill, _seed: u64) -> Self {
        Self::default()
    }

    fn think(&mut self, sight: &Sight<'_, Tag>) -> Steer {
        if let Some(tick) = self.touched
            && sight.replica.tick() >= tick
        {
            // It is it no more, if the touch met somebody.
            let own = sight.replica.get(sight.own_id).map(|known| known.now);
            self.verdict = own.map(|own| !own.is_it);
            self.touched = None;
        }
        let me = Tag::position(sight.own);
        let nearest = sight.nearest(|other| other.is_it != sight.own.is_it);
        let heading = nearest.map(|at| me.heading_to(at).turned(if sight.own.is_it { 0 } else { 512 }));
        Steer { heading, act: None }
    }

    fn wants_screen(&self) -> bool {
        self.touched.is_none()
    }

    fn aim(&mut self, sight: &Sight<'_, Tag>, screen: &Moment<'_, Tag>, input: Steer) -> Steer {
        // From where it will be on the tick that is to be played.
        let mut me = *sight.own;
        sight.rules().play(&mut me, &mut (), &input);
        let is_free = |runner: Option<&Runner>| runner.is_some_and(|runner| !runner.is_it);
        let is_near = |id: EntityId| {
            let between = screen.view.sixteenth() > 0;
            let is_free = is_free(screen.from.get(id)) && (!between || is_free(screen.to.get(id)));
            is_free && screen.place(id).is_some_and(|at| at.distance(Tag::position(&me)) <= REACH)
        };
        let others = screen.from.entities.iter().map(|(id, _)| *id).filter(|id| *id != sight.own_id);
        if !me.is_it || !others.clone().any(is_near) {
            return input;
        }
        self.touched = Some(sight.tick);
        Steer { act: Some(screen.view), ..input }
    }

    fn take_verdict(&mut self) -> Option<bool> {
        self.verdict.take()
    }
}
