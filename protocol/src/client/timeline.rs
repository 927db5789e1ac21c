//! Others, shown a little in the past between two known ticks. When a body is late they move on by the shared step.
//! They return to the received state without a jump.

use super::arrival::Arrival;
use crate::game::rules::{Fate, Point, QUANTA_PER_UNIT, Rules};
use crate::ids::EntityId;
use crate::replica::Replica;
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::limits::DISPLAY_DELAY_TICKS_MAX;
use std::collections::VecDeque;

/// The least delay at which others are shown, in half ticks. One tick is needed to be between two.
const DELAY_HALF_TICKS_MIN: i64 = 3;
/// Delay beyond the jitter of the line, in microseconds.
const MARGIN_US: i64 = 4_000;
/// Percentage of bodies that are to arrive in time.
const IN_TIME_PERCENT: usize = 98;

/// Ticks that others move on without a body. Then they stand still.
const FORETOLD_MAX: usize = 15;
/// How long the difference to the foretold position is eased out, in microseconds.
const EASE_US: u64 = 100_000;
/// An entity farther than this from its foretold position was placed anew: a respawn. In units.
const EASE_UNITS_MAX: i64 = 150;

/// If the moment shown is more ticks behind than this, it jumps to where it should be.
const BEHIND_TICKS_MAX: i64 = 6;

/// Everything known on one tick.
#[derive(Clone, Debug)]
pub struct Snapshot<R: Rules> {
    /// The tick.
    pub tick: Tick,
    /// By id.
    pub entities: Vec<(EntityId, R::Entity)>,
}

impl<R: Rules> Snapshot<R> {
    /// How an entity was.
    pub fn get(&self, id: EntityId) -> Option<&R::Entity> {
        self.entities.binary_search_by_key(&id, |(id, _)| *id).ok().map(|index| &self.entities[index].1)
    }
}

/// The state that is shown at one moment.
#[derive(Debug)]
pub struct Moment<'a, R: Rules> {
    /// The moment, by which the server judges a shot.
    pub view: ViewTime,
    /// The tick it is at or after ...
    pub from: &'a Snapshot<R>,
    /// ... the tick that follows (the same, if there is none) ...
    pub to: &'a Snapshot<R>,
    /// ... and how far it is from the one to the other, 0 to 1.
    pub fraction: f64,
    eases: &'a [Ease],
    now_us: u64,
}

impl<R: Rules> Moment<'_, R> {
    /// Where an entity is shown, in quanta. Judged to a sixteenth of a tick, as the server judges it.
    pub fn place(&self, id: EntityId) -> Option<Point> {
        let place = match (self.from.get(id).map(R::position), self.to.get(id).map(R::position)) {
            (Some(from), Some(to)) => from.towards(to, self.view.sixteenth()),
            (Some(only), None) if self.view.sixteenth() == 0 => only,
            (None, Some(only)) => only,
            (_, None) => return None,
        };
        let (dx, dy) = self.eased(id);
        Some(Point { x: place.x + dx as i32, y: place.y + dy as i32 })
    }

    /// How far from its position an entity is still shown, in quanta, because it was foretold there.
    pub fn eased(&self, id: EntityId) -> (f64, f64) {
        match self.eases.binary_search_by_key(&id, |ease| ease.id) {
            Ok(index) => self.eases[index].at(self.now_us),
            Err(_) => (0.0, 0.0),
        }
    }
}

/// A difference that is eased out.
#[derive(Clone, Copy, Debug)]
struct Ease {
    id: EntityId,
    dx: i32,
    dy: i32,
    since_us: u64,
}

impl Ease {
    fn at(&self, now_us: u64) -> (f64, f64) {
        let gone = now_us.saturating_sub(self.since_us).min(EASE_US);
        let left = (EASE_US - gone) as f64 / EASE_US as f64;
        (f64::from(self.dx) * left, f64::from(self.dy) * left)
    }
}

/// The last snapshots, and the moment between them that is shown.
#[derive(Clone, Debug)]
pub struct Timeline<R: Rules> {
    rate: TickRate,
    len_max: usize,
    told: VecDeque<Snapshot<R>>,
    /// The foretold ticks after the newest received one, by the shared step. Only while they are needed.
    foretold: VecDeque<Snapshot<R>>,
    /// The moment last shown, in microseconds of the server's time, and when that was.
    shown: Option<(i64, u64)>,
    /// Where everything was shown when a late body arrived.
    before_told: Vec<(EntityId, Point)>,
    eases: Vec<Ease>,
    /// Moments that were shown, and how many of them lacked a body.
    moments: u64,
    starved: u64,
}

impl<R: Rules> Timeline<R> {
    /// Keeps the last `len_max` snapshots; none at all if that is 0.
    pub fn new(rate: TickRate, len_max: usize) -> Self {
        Self {
            rate,
            len_max,
            told: VecDeque::new(),
            foretold: VecDeque::new(),
            shown: None,
            before_told: Vec::new(),
            eases: Vec::new(),
            moments: 0,
            starved: 0,
        }
    }

    /// Forgets everything but its counters. What comes next does not continue what was before.
    pub(super) fn start_afresh(&mut self) {
        self.told.clear();
        self.foretold.clear();
        (self.shown, self.before_told, self.eases) = (None, Vec::new(), Vec::new());
    }

    /// Takes the replica after a body.
    pub(crate) fn push(&mut self, now_us: u64, replica: &Replica<R>) {
        if self.len_max == 0 {
            return;
        }
        if !self.foretold.is_empty() {
            // A client that does not draw all the time sees no jump.
            let is_seen = self.shown.is_some_and(|(_, at_us)| now_us.saturating_sub(at_us) < EASE_US);
            if is_seen && self.before_told.is_empty() {
                self.before_told = self.shown_places(now_us);
            }
            self.foretold.clear();
        }
        let oldest = if self.told.len() == self.len_max { self.told.pop_front() } else { None };
        let mut snapshot = oldest.unwrap_or(Snapshot { tick: replica.tick(), entities: Vec::new() });
        snapshot.tick = replica.tick();
        snapshot.entities.clear();
        snapshot.entities.extend(replica.known().iter().map(|known| (known.id, known.now)));
        self.told.push_back(snapshot);
    }

    /// What to show now. Time here never goes back. It runs at most a tenth faster or slower to keep its delay.
    pub(crate) fn moment(&mut self, now_us: u64, rules: &R, arrival: &Arrival) -> Option<Moment<'_, R>> {
        let shown_us = self.move_on(now_us, arrival)?;
        self.foretell(shown_us, rules);
        self.moments += 1;
        self.starved += u64::from(!self.foretold.is_empty());
        if !self.before_told.is_empty() {
            self.ease(now_us);
        }
        self.eases.retain(|ease| now_us.saturating_sub(ease.since_us) < EASE_US);
        Some(self.at(now_us, shown_us))
    }

    /// How far behind the quickest body others should be shown, in microseconds.
    fn delay_us(&self, arrival: &Arrival) -> i64 {
        let period_us = self.rate.period_us() as i64;
        let wanted_us = period_us + arrival.late_us(IN_TIME_PERCENT) + MARGIN_US;
        wanted_us.clamp(period_us * DELAY_HALF_TICKS_MIN / 2, period_us * i64::from(DISPLAY_DELAY_TICKS_MAX))
    }

    /// Moves the moment shown towards where it should be, as far as allowed.
    fn move_on(&mut self, now_us: u64, arrival: &Arrival) -> Option<i64> {
        let goal_us = now_us as i64 - arrival.quickest_us(now_us)? - self.delay_us(arrival);
        let shown_us = match self.shown {
            None => goal_us,
            Some((shown_us, at_us)) => {
                let elapsed_us = now_us.saturating_sub(at_us) as i64;
                let (period_us, error_us) = (self.rate.period_us() as i64, goal_us - shown_us - elapsed_us);
                if error_us > BEHIND_TICKS_MAX * period_us {
                    goal_us
                } else {
                    // On a line that got slower there is nothing to show: time runs at half speed.
                    let slowest = if error_us < -period_us { elapsed_us / 2 } else { elapsed_us / 10 };
                    shown_us + elapsed_us + error_us.clamp(-slowest, elapsed_us / 10)
                }
            }
        };
        self.shown = Some((shown_us, now_us));
        Some(shown_us)
    }

    /// Makes the foretold ticks that the moment shown needs.
    fn foretell(&mut self, shown_us: i64, rules: &R) {
        while let Some(newest) = self.foretold.back().or(self.told.back())
            && self.rate.due_us(newest.tick) as i64 <= shown_us
            && self.foretold.len() < FORETOLD_MAX
        {
            let mut next = newest.clone();
            next.tick = next.tick.next();
            next.entities.retain_mut(|(_, entity)| rules.predict(entity) == Fate::Lives);
            let spawned = next.entities.iter().filter_map(|(id, entity)| rules.spawned_by(*id, entity));
            let spawned: Vec<_> = spawned.filter(|(id, _)| next.get(*id).is_none()).collect();
            if !spawned.is_empty() {
                next.entities.extend(spawned);
                next.entities.sort_unstable_by_key(|(id, _)| *id);
            }
            self.foretold.push_back(next);
        }
    }

    fn at(&self, now_us: u64, shown_us: i64) -> Moment<'_, R> {
        let due = |snapshot: &Snapshot<R>| self.rate.due_us(snapshot.tick) as i64;
        let all = || self.told.iter().chain(&self.foretold);
        let Some(newest) = all().next_back() else { unreachable!("who asks has seen a body come") };
        let to = all().find(|snapshot| due(snapshot) > shown_us).unwrap_or(newest);
        let from = all().take_while(|snapshot| due(snapshot) <= shown_us).last().unwrap_or(to);
        let fraction = match due(to) - due(from) {
            0 => 0.0,
            between_us => (shown_us - due(from)) as f64 / between_us as f64,
        };
        let part = (fraction * ViewTime::PARTS as f64) as i64;
        let view = ViewTime::from_sixteenths(i64::from(from.tick.0) * ViewTime::PARTS + part);
        Moment { view, from, to, fraction, eases: &self.eases, now_us }
    }

    /// Where everything was shown last.
    fn shown_places(&self, now_us: u64) -> Vec<(EntityId, Point)> {
        let Some((shown_us, _)) = self.shown else { return Vec::new() };
        let moment = self.at(now_us, shown_us);
        moment.to.entities.iter().filter_map(|(id, _)| Some((*id, moment.place(*id)?))).collect()
    }

    /// Entities are seen to move from where they were shown to where they are now known to be.
    fn ease(&mut self, now_us: u64) {
        let before = std::mem::take(&mut self.before_told);
        self.eases.clear();
        let after = self.shown_places(now_us);
        let mut after = after.into_iter().peekable();
        for (id, shown) in before {
            while after.next_if(|(other, _)| *other < id).is_some() {}
            let Some((_, place)) = after.next_if(|(other, _)| *other == id) else { continue };
            let reach = EASE_UNITS_MAX * i64::from(QUANTA_PER_UNIT);
            if shown != place && shown.distance_squared(place) < reach * reach {
                self.eases.push(Ease { id, dx: shown.x - place.x, dy: shown.y - place.y, since_us: now_us });
            }
        }
    }

    /// The received states of the last ticks, in order.
    pub fn decided_ticks(&self) -> impl Iterator<Item = &Snapshot<R>> {
        self.told.iter()
    }

    /// How many moments were shown, and how many of them lacked a body.
    pub fn starved(&self) -> (u64, u64) {
        (self.moments, self.starved)
    }

    /// The newest tick received.
    pub fn newest(&self) -> Option<Tick> {
        self.told.back().map(|snapshot| snapshot.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Heading;
    use crate::game::toy::{MIDDLE, Thing, Wall, Yard};
    use crate::ids::PlayerId;

    const RATE: TickRate = TickRate::HZ_30;
    const PERIOD: u64 = 33_333;
    const RUNNER: EntityId = Yard::IDS.of_player(PlayerId(0));

    /// A yard that nobody comes to the end of.
    fn yard() -> Yard {
        let mut yard = Yard::ruleset(RATE).rules().clone();
        yard.set_world(Wall(20_000)).expect("a world");
        yard
    }

    /// Where a runner is that runs to the right, and from tick `turns` on downwards.
    fn truth(yard: &Yard, ticks: u32, turns: u32) -> Vec<Thing> {
        let mut runner = Thing { position: MIDDLE, health: 100, ..Thing::default() };
        let mut runners = vec![runner];
        for tick in 1..=ticks {
            runner.run = Some(Heading::new(if tick < turns { 0 } else { 256 }));
            yard.predict(&mut runner);
            runners.push(runner);
        }
        runners
    }

    /// What is shown once a millisecond when each tick's body arrives `late_us(tick)` late: the view, the position
    /// shown, and whether it was foretold.
    fn show(runners: &[Thing], late_us: impl Fn(u32) -> u64) -> Vec<(ViewTime, Point, bool)> {
        let (yard, mut timeline, mut arrival) = (yard(), Timeline::<Yard>::new(RATE, 12), Arrival::new(RATE));
        let (mut shown, mut next) = (Vec::new(), 0);
        for now_us in (0..runners.len() as u64 * PERIOD).step_by(1000) {
            while (next as usize) < runners.len() && RATE.due_us(Tick(next)) + late_us(next) <= now_us {
                let known = [(RUNNER, runners[next as usize])];
                arrival.record(now_us, Tick(next));
                timeline.push(now_us, &Replica::after(&yard, Tick(next), &known));
                next += 1;
            }
            if timeline.newest().is_some() {
                let starved = timeline.starved().1;
                let moment = timeline.moment(now_us, &yard, &arrival).expect("a body has come");
                let (view, place) = (moment.view, moment.place(RUNNER).expect("it is there"));
                shown.push((view, place, timeline.starved().1 > starved));
            }
        }
        shown
    }

    fn at(runners: &[Thing], view: ViewTime) -> Point {
        let on = |tick: Tick| runners[tick.0 as usize].position;
        if view.sixteenth() == 0 {
            on(view.tick())
        } else {
            on(view.tick()).towards(on(view.tick().next()), view.sixteenth())
        }
    }

    #[test]
    fn others_are_shown_exactly_as_they_were_a_tick_and_a_half_ago_on_a_good_line() {
        let runners = truth(&yard(), 300, 100);
        let shown = show(&runners, |_| 20_000);
        for (millisecond, (view, place, is_foretold)) in shown.iter().enumerate().skip(500) {
            assert_eq!(*place, at(&runners, *view), "{view:?}");
            assert!(!is_foretold, "{view:?}");
            let delay_us = millisecond as i64 * 1000 - view.in_sixteenths() * PERIOD as i64 / 16;
            assert!((48_000..=56_000).contains(&delay_us), "{delay_us} us behind the newest body at {view:?}");
        }
    }

    #[test]
    fn on_a_line_with_jitter_they_are_shown_later_and_still_as_they_were() {
        let runners = truth(&yard(), 600, 100);
        let shown = show(&runners, |tick| 20_000 + u64::from(tick * 7 % 20) * 1000);
        let late = &shown[5000..];
        let foretold = late.iter().filter(|(.., is_foretold)| *is_foretold).count();
        assert!(foretold * 100 <= late.len(), "{foretold} of {}", late.len());
        assert!(late.iter().all(|(view, place, is_foretold)| *is_foretold || *place == at(&runners, *view)));
    }

    #[test]
    fn when_a_body_is_late_they_fly_on_and_rejoin_without_a_jump() {
        // A line that stalls for a third of a second, while the runner turns off its course.
        let runners = truth(&yard(), 300, 152);
        let shown =
            show(&runners, |tick| 20_000 + if (150..160).contains(&tick) { u64::from(160 - tick) * PERIOD } else { 0 });
        let foretold = shown.iter().filter(|(.., is_foretold)| *is_foretold).count();
        assert!((200..400).contains(&foretold), "{foretold} ms");
        // Top speed is 0.28 units a millisecond; what was foretold wrong is eased out beside that, in a tenth of a second.
        let steps = shown.windows(2).map(|pair| pair[0].1.distance_squared(pair[1].1));
        let longest = (steps.max().expect("moments") as f64).sqrt() / f64::from(QUANTA_PER_UNIT);
        assert!(longest < 1.5, "{longest} units in a millisecond");
        assert!(shown.windows(2).all(|pair| pair[0].0 <= pair[1].0), "time does not go back");
        let (view, place, _) = shown.last().expect("moments");
        assert_eq!(*place, at(&runners, *view), "and nothing is left of it");
    }

    #[test]
    fn after_a_long_silence_they_stand_still_instead_of_flying_away() {
        let runners = truth(&yard(), 120, 1000);
        let shown = show(&runners, |tick| if tick < 60 { 20_000 } else { 10_000_000 });
        let (view, place, _) = shown.last().expect("moments");
        assert_eq!(view.tick(), Tick(59 + FORETOLD_MAX as u32));
        assert_eq!(*place, at(&runners, *view));
    }
}
