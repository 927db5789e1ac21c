//! One player on the line, as it experiences the game: what its client counts, and what its screen shows when.

use crate::board::{Board, Watch};
use crate::far::FarShared;
use anyhow::{Context, Result};
use fracas_arena::brain::{ArenaBrain, HUNTER};
use fracas_arena::rules::{Arena, Thrust};
use fracas_bots::bot::driver::{self, DISPLAY_TICKS};
use fracas_bots::conditioner::LongLink;
use fracas_bots::link::{Link, LinkEvent};
use fracas_protocol::client::{Client, ClientOptions, Counters, Event};
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::{Tick, ViewTime};
use fracas_protocol::wire::frame::FRAME_MARK;
use fracas_protocol::wire::message::Hello;

/// Between two looks at the screen, in microseconds.
const LOOK_US: u64 = 4_000;
/// Between two looks at the clock.
const CLOCK_US: u64 = 100_000;
/// What the screen shows counts from so long after joining.
const SETTLED_US: u64 = 5_000_000;
/// After hiding, frames that were under way still come for so long.
const UNDER_WAY_US: u64 = 1_000_000;

/// A tab that is hidden for a while, in microseconds of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absence {
    pub(crate) from_us: u64,
    pub(crate) until_us: u64,
}

/// How one came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Return {
    /// From looking again to the first body, in microseconds.
    pub(crate) took_us: Option<u64>,
    pub(crate) fresh_starts: u64,
    pub(crate) frames_while_hidden: u64,
}

/// What one player experienced. Times without more are the run's, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) joined_us: Option<u64>,
    /// The connection ended before it was to.
    pub(crate) was_closed: bool,
    pub(crate) counters: Counters,
    /// How many inputs were read how many ticks early: of each body.
    pub(crate) leads: Vec<i64>,
    /// Looks at the clock: how long after joining, and the server's time by this client less the machine's.
    pub(crate) clock: Vec<(u64, i64)>,
    /// Looks at the screen: when, and the machine's time less the moment shown (the newest told, if that is older).
    pub(crate) shown: Vec<(u64, i64)>,
    /// When frames came.
    pub(crate) frames: Vec<u64>,
    /// From others' keys to this screen.
    pub(crate) actions: Vec<i64>,
    pub(crate) rails: u64,
    pub(crate) rails_agreed: u64,
    pub(crate) came_back: Option<Return>,
}

/// Plays until the run ends or the connection does.
pub(crate) async fn play(shared: &FarShared, number: u64, absence: Option<Absence>) -> Result<Sample> {
    let seed = Rng::new(shared.seed, number).word();
    let link = Link::connect(&shared.target, None).await.context("a player finds no server")?;
    let mut link = LongLink::new(link, shared.line, seed);
    let mut player = Player::new(shared, number, seed, absence);
    loop {
        let now_us = shared.clock.now_us();
        if now_us >= shared.until_us {
            player.client.leave(now_us);
        } else {
            player.advance(now_us);
        }
        std::iter::from_fn(|| player.client.take_outgoing()).for_each(|message| link.send(now_us, message));
        if now_us >= shared.until_us {
            link.close().await;
            break;
        }
        let wake_us = player.client.wake_us(now_us).min(player.look_us).min(shared.until_us);
        match link.receive(shared.clock, wake_us).await {
            Some(LinkEvent::Message(message)) => player.receive(shared.clock.now_us(), &message)?,
            Some(LinkEvent::Closed(_)) => {
                player.sample.was_closed = true;
                break;
            }
            None => {}
        }
    }
    Ok(player.finish())
}

struct Player<'a> {
    shared: &'a FarShared,
    client: Client<Arena>,
    brain: ArenaBrain,
    rng: Rng,
    absence: Option<Absence>,
    /// When it looked again, and the fresh starts before.
    returns: Option<(u64, u64)>,
    thrust: Option<Thrust>,
    watch: Watch,
    look_us: u64,
    clock_us: u64,
    sample: Sample,
}

impl<'a> Player<'a> {
    fn new(shared: &'a FarShared, number: u64, seed: u64, absence: Option<Absence>) -> Self {
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        let hello = Hello::player(format!("player {number}"));
        Self {
            shared,
            client: Client::new(shared.rules.clone(), hello, options),
            brain: ArenaBrain::new(HUNTER, Skill::Seasoned, seed),
            rng: Rng::new(seed, 8),
            absence,
            returns: None,
            thrust: None,
            watch: Watch::default(),
            look_us: 0,
            clock_us: 0,
            sample: Sample::default(),
        }
    }

    fn advance(&mut self, now_us: u64) {
        self.hide_or_show(now_us);
        let played = |client: &Client<Arena>| client.input_clock().tick_and_fraction(now_us).0.0;
        let before = played(&self.client);
        driver::advance(&mut self.brain, &mut self.client, now_us);
        (before + 1..=played(&self.client)).for_each(|tick| self.note_action(Tick(tick), now_us));
        if now_us >= self.look_us {
            self.look_us = now_us + LOOK_US;
            self.look(now_us);
        }
        if now_us >= self.clock_us
            && let Some(joined_us) = self.sample.joined_us
        {
            self.clock_us = now_us + CLOCK_US;
            let server_us = self.client.clock().server_us(now_us);
            let difference_us = server_us.map(|server_us| server_us - self.shared.machine_us(now_us));
            self.sample.clock.extend(difference_us.map(|difference_us| (now_us - joined_us, difference_us)));
        }
    }

    fn hide_or_show(&mut self, now_us: u64) {
        let Some(absence) = self.absence else { return };
        let is_away = (absence.from_us..absence.until_us).contains(&now_us);
        if is_away && !self.client.is_hidden() {
            self.sample.came_back = Some(Return::default());
            self.client.hide(now_us);
        } else if !is_away && self.client.is_hidden() {
            self.returns = Some((now_us, self.client.counters().resyncs));
            self.client.show(now_us);
        }
    }

    /// If the own thrust was changed for a tick that was just played: a key went down at some moment of the tick before.
    fn note_action(&mut self, tick: Tick, now_us: u64) {
        let own = self.client.own_id().zip(self.client.prediction().on(tick));
        let Some((id, ship)) = own.and_then(|(id, entity)| Some((id, entity.flying()?))) else {
            self.thrust = None;
            return;
        };
        let thrust = ship.controls.thrust;
        if self.thrust.replace(thrust).is_some_and(|before| before != thrust) {
            let period_us = self.client.rate().period_us() as u32;
            let at_us = now_us - u64::from(self.rng.below(period_us));
            self.shared.board.borrow_mut().note(id, tick, thrust, at_us);
        }
    }

    fn look(&mut self, now_us: u64) {
        let (own, rate) = (self.client.own_id(), self.client.rate());
        // Hidden, or not told anything yet since.
        let is_blank = self.client.is_hidden() || !self.client.replica().is_live();
        let Some(newest) = self.client.timeline().newest().filter(|_| !is_blank) else { return };
        self.watch.look();
        let Some(moment) = self.client.moment(now_us) else { return };
        if self.sample.joined_us.is_some_and(|joined_us| now_us >= joined_us + SETTLED_US) {
            let view_us = moment.view.in_sixteenths() * rate.period_us() as i64 / ViewTime::PARTS;
            let shown_us = view_us.min(rate.due_us(newest) as i64);
            self.sample.shown.push((now_us, self.shared.machine_us(now_us) - shown_us));
        }
        let board: &Board = &self.shared.board.borrow();
        for (id, entity) in &moment.from.entities {
            if let Some(ship) = entity.flying().filter(|_| own != Some(*id))
                && let Some(at_us) = self.watch.show(board, *id, moment.from.tick, ship.controls.thrust)
            {
                self.sample.actions.push((now_us - at_us) as i64);
            }
        }
    }

    fn receive(&mut self, now_us: u64, message: &[u8]) -> Result<()> {
        let is_frame = message.first().is_some_and(|first| first & FRAME_MARK != 0);
        self.client.receive(now_us, message)?;
        if is_frame {
            self.sample.frames.push(now_us);
            self.shared.note_size(message.len());
            if self.absence.is_some_and(|away| (away.from_us + UNDER_WAY_US..away.until_us).contains(&now_us)) {
                self.sample.came_back.get_or_insert_default().frames_while_hidden += 1;
            }
        }
        while let Some(event) = self.client.take_event() {
            match event {
                Event::Welcome(_) => self.sample.joined_us = Some(now_us),
                Event::Body { .. } => {
                    self.sample.leads.push(i64::from(self.client.replica().report().lead));
                    if let (Some((since_us, _)), Some(back)) = (self.returns, &mut self.sample.came_back) {
                        back.took_us.get_or_insert(now_us - since_us);
                    }
                }
                Event::News(news) => {
                    self.brain.heard(&news);
                    if let Some(agreed) = self.brain.take_verdict() {
                        self.sample.rails += 1;
                        self.sample.rails_agreed += u64::from(agreed);
                    }
                }
                Event::InputApplied { .. } | Event::RoundTrip { .. } | Event::Goodbye(_) => {}
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Sample {
        self.sample.counters = *self.client.counters();
        if let (Some((_, before)), Some(back)) = (self.returns, &mut self.sample.came_back) {
            back.fresh_starts = self.sample.counters.resyncs - before;
        }
        self.sample
    }
}
