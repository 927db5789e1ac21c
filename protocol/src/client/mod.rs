//! A client as a state machine: bytes and the time go in, bytes and events come out. The bots and the page drive it.
//!
//! The host calls [`Client::receive`] with each message and [`Client::advance`] at each [`Client::wake_us`]. Then it
//! sends what [`Client::take_outgoing`] gives. The first call of all is just before the hello goes out. A host whose
//! timers do not run also calls [`Client::acknowledge`]. Times are microseconds of the host's monotonic clock.

mod arrival;
mod clock_sync;
mod host;
mod inputs;
mod prediction;
#[cfg(test)]
mod tests;
mod timeline;
mod unapplied;

pub use arrival::Arrival;
pub use clock_sync::ClockSync;
pub use host::{ClientError, ClientOptions, Counters, Event};
pub use inputs::InputClock;
pub use prediction::{Agreement, Prediction};
pub use timeline::{Moment, Snapshot, Timeline};

use crate::game::rules::{ClientMessageOf, Intent, MessageOf, Rules};
use crate::game::ruleset::Ruleset;
use crate::ids::EntityId;
use crate::replica::{BodySummary, Replica};
use crate::tick::{Tick, TickRate};
use crate::wire::codec;
use crate::wire::frame::{FRAME_MARK, TickFollower};
use crate::wire::limits::{CLIENT_SILENCE_MAX_MS, FRESH_START_INTERVAL_MS, SERVER_MESSAGE_BYTES_MAX};
use crate::wire::message::{Aspect, ClientMessage, Hello, Inputs, Ping, ServerClock, ServerMessage, Welcome};
use std::collections::VecDeque;
use unapplied::Unapplied;

/// A client of a game with rules `R`.
#[derive(Debug)]
pub struct Client<R: Rules> {
    ruleset: Ruleset<R>,
    replica: Replica<R>,
    prediction: Prediction<R>,
    timeline: Timeline<R>,
    arrival: Arrival,
    clock: ClockSync,
    input_clock: InputClock,
    /// Counts the ticks of all frames, also of unusable ones. The server waits until they are acknowledged.
    received: TickFollower,
    /// The last tick acknowledged.
    acknowledged: Option<Tick>,
    /// The player's input, and the input that was last sent.
    input: R::Input,
    said: R::Input,
    options: ClientOptions,
    /// The aspect that the hello sent.
    aspect: Aspect,
    /// The own entity; none before the welcome and for a spectator.
    own: Option<EntityId>,
    joined: bool,
    /// When the host first called [`Self::advance`], which it does just before it sends the hello.
    hello_us: Option<u64>,
    hidden: bool,
    /// How long the work of the server's last tick took, by its last pong.
    work_us: u32,
    /// Whether bodies are late just now.
    is_stalled: bool,
    unapplied: Unapplied,
    counters: Counters,
    events: VecDeque<Event<R>>,
    outgoing: VecDeque<Vec<u8>>,
    /// When a message was last sent.
    sent_us: u64,
    /// Whether the replica is lost, and when a fresh start was last asked for.
    wants_fresh_start: bool,
    fresh_start_us: Option<u64>,
}

impl<R: Rules> Client<R> {
    /// A client that says `hello` first. The rules' tick rate does not matter: the welcome tells the server's.
    pub fn new(ruleset: Ruleset<R>, hello: Hello, options: ClientOptions) -> Self {
        let rate = ruleset.rate();
        let mut client = Self {
            replica: Replica::new(ruleset.rules().clone()),
            ruleset,
            prediction: Prediction::new(),
            timeline: Timeline::new(rate, options.display_ticks),
            arrival: Arrival::new(rate),
            clock: ClockSync::new(rate),
            input_clock: InputClock::new(rate),
            received: TickFollower::default(),
            acknowledged: None,
            input: R::Input::default(),
            said: R::Input::default(),
            options,
            aspect: hello.aspect,
            own: None,
            joined: false,
            hello_us: None,
            hidden: false,
            work_us: 0,
            is_stalled: false,
            unapplied: Unapplied::default(),
            counters: Counters::default(),
            events: VecDeque::new(),
            outgoing: VecDeque::new(),
            sent_us: 0,
            wants_fresh_start: false,
            fresh_start_us: None,
        };
        client.send(&ClientMessage::Hello(hello), 0);
        client
    }

    /// Ticks in a second: the server's, once its welcome has told them.
    pub fn rate(&self) -> TickRate {
        self.ruleset.rate()
    }

    /// The aspect that the server knows.
    pub fn aspect(&self) -> Aspect {
        self.aspect
    }

    /// Takes a message from the server.
    ///
    /// # Errors
    /// After an error the host closes the connection. After [`ClientError::OtherData`] it fetches that data and reconnects.
    pub fn receive(&mut self, now_us: u64, message: &[u8]) -> Result<(), ClientError> {
        if message.first().is_some_and(|first| first & FRAME_MARK != 0) {
            return self.receive_frame(now_us, message);
        }
        match codec::decode::<MessageOf<R>, SERVER_MESSAGE_BYTES_MAX>(message)? {
            ServerMessage::Welcome(welcome) => self.join(now_us, welcome),
            ServerMessage::Pong(pong) => {
                self.work_us = pong.work_us;
                if let Some(us) = self.clock.record_pong(now_us, &pong) {
                    self.events.push_back(Event::RoundTrip { us });
                }
                Ok(())
            }
            ServerMessage::News(news) => {
                self.events.push_back(Event::News(news));
                Ok(())
            }
            ServerMessage::Goodbye(goodbye) => {
                self.events.push_back(Event::Goodbye(goodbye));
                Ok(())
            }
        }
    }

    fn join(&mut self, now_us: u64, welcome: Welcome<R::World>) -> Result<(), ClientError> {
        if std::mem::replace(&mut self.joined, true) {
            return Err(ClientError::OutOfPlace);
        }
        if welcome.data != self.ruleset.data().id() {
            return Err(ClientError::OtherData);
        }
        let rate = welcome.tick_rate;
        self.ruleset = self.ruleset.at_rate(rate).map_err(|_| ClientError::OtherRate)?;
        self.replica = Replica::new(self.ruleset.rules().clone());
        self.replica.set_world(welcome.world)?;
        self.timeline = Timeline::new(rate, self.options.display_ticks);
        (self.clock, self.input_clock) = (ClockSync::new(rate), InputClock::new(rate));
        self.arrival = Arrival::new(rate);
        self.own = welcome.own;
        self.clock.start(now_us, self.hello_us, &welcome.clock);
        self.events.push_back(Event::Welcome(welcome));
        Ok(())
    }

    fn receive_frame(&mut self, now_us: u64, frame: &[u8]) -> Result<(), ClientError> {
        if !self.joined {
            return Err(ClientError::OutOfPlace);
        }
        // A header that cannot be read is counted as a desync below.
        let _ = self.received.follow(frame);
        let was_live = self.replica.is_live();
        let opened = self.replica.open(frame);
        let mut bodies = match opened {
            Ok(bodies) => bodies,
            // More broken frames may be on their way. The request for a fresh start is already sent.
            Err(_) if !was_live => return Ok(()),
            Err(_) => {
                self.lose_sync(now_us);
                return Ok(());
            }
        };
        if bodies.is_fresh() {
            self.wants_fresh_start = false;
            self.timeline.start_afresh();
            self.is_stalled = true;
            self.counters.resyncs += u64::from(self.counters.bodies > 0);
            if self.own.is_none() {
                self.forget_clocks(now_us);
            }
        }
        let is_packed = !bodies.is_last();
        loop {
            match self.replica.apply(&mut bodies) {
                Ok(Some(body)) => {
                    self.judge_stall(now_us, is_packed);
                    self.follow_body(now_us, body);
                }
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.lose_sync(now_us);
                    return Ok(());
                }
            }
        }
    }

    /// A spectator's fresh start may have another delay. So what was measured of the server's clock is void.
    fn forget_clocks(&mut self, now_us: u64) {
        let rate = self.rate();
        (self.arrival, self.clock) = (Arrival::new(rate), ClockSync::new(rate));
        self.clock.start(now_us, None, &ServerClock::default());
    }

    /// Counts whose fault it is, if a body is the first late one. A fresh start is nobody's fault.
    fn judge_stall(&mut self, now_us: u64, is_packed: bool) {
        let rate = self.rate();
        let Some(quickest_us) = self.arrival.quickest_us(now_us) else { return };
        let late_us = now_us as i64 - rate.due_us(self.replica.tick()) as i64 - quickest_us;
        let usual_us = rate.period_us() as i64 + self.arrival.late_us(50);
        let was_stalled = std::mem::replace(&mut self.is_stalled, late_us > usual_us);
        if self.is_stalled && !was_stalled {
            if is_packed { self.counters.stalls_of_server += 1 } else { self.counters.stalls_of_network += 1 }
        }
    }

    /// After a body: checks, prediction, clocks.
    fn follow_body(&mut self, now_us: u64, body: BodySummary) {
        let tick = self.replica.tick();
        self.counters.bodies += 1;
        self.arrival.record(now_us, tick);
        self.timeline.push(now_us, &self.replica);
        let events = &mut self.events;
        let is_late = self.unapplied.record_report(tick, self.replica.report(), |sent_us| {
            events.push_back(Event::InputApplied { us: now_us.saturating_sub(sent_us) });
        });
        if let Some(own) = self.own.and_then(|own| self.replica.get(own)).map(|known| known.now) {
            let report = self.replica.report();
            if self.prediction.was_said(tick) {
                self.input_clock.record_report(now_us, report);
                self.counters.inputs_late += u64::from(report.age > 0);
            }
            let outcome = self.prediction.reconcile(self.replica.rules(), tick, &own, self.replica.own());
            if body.world_changed {
                // A prediction that agreed on this tick may still fly into a new wall, or through an old one, on the
                // next.
                self.prediction.replay(self.replica.rules());
            }
            if let Agreement::Corrected { outside } = outcome {
                self.counters.corrections += 1;
                if outside || body.world_changed {
                    self.counters.corrections_pushed += 1;
                } else if is_late {
                    self.counters.corrections_late += 1;
                }
            }
        }
        self.events.push_back(Event::Body { tick });
        if let Some(agrees) = body.hash_agrees {
            self.counters.view_checks += 1;
            if !agrees {
                self.counters.view_mismatches += 1;
                self.lose_sync(now_us);
            }
        }
    }

    fn lose_sync(&mut self, now_us: u64) {
        self.counters.desyncs += 1;
        self.wants_fresh_start = true;
        self.ask_for_fresh_start(now_us);
    }

    /// Asks for a fresh start, as often as allowed, until a frame starts afresh.
    fn ask_for_fresh_start(&mut self, now_us: u64) {
        let interval_us = u64::from(FRESH_START_INTERVAL_MS) * 1000;
        let may_ask = self.fresh_start_us.is_none_or(|asked| now_us.saturating_sub(asked) >= interval_us);
        if self.wants_fresh_start && may_ask {
            self.fresh_start_us = Some(now_us);
            self.send(&ClientMessage::FreshStart, now_us);
        }
    }

    /// Sets the player's input from now on. One-time actions of an earlier input that was not sent yet are still sent.
    pub fn set_input(&mut self, mut input: R::Input) {
        input.merge(self.input);
        self.input = input;
    }

    /// The page is hidden. The server releases the held controls, and sends no frames until [`Self::show`].
    pub fn hide(&mut self, now_us: u64) {
        if self.joined && !std::mem::replace(&mut self.hidden, true) {
            self.input = R::Input::default();
            self.send(&ClientMessage::Hide, now_us);
        }
    }

    /// The page is visible again. The server starts afresh, and until then there is nothing to play.
    pub fn show(&mut self, now_us: u64) {
        if self.joined && std::mem::replace(&mut self.hidden, false) {
            self.replica.lose();
            self.send(&ClientMessage::Show, now_us);
        }
    }

    /// Whether the page is hidden.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Plays the ticks that have passed, and prepares the messages that are due.
    pub fn advance(&mut self, now_us: u64) {
        if !self.joined {
            self.hello_us.get_or_insert(now_us);
            return;
        }
        self.ask_for_fresh_start(now_us);
        if self.hidden {
            return self.acknowledge(now_us);
        }
        if let Some(stamp) = self.clock.ping_due(now_us) {
            self.send(&ClientMessage::Ping(Ping { stamp }), now_us);
        }
        if self.is_playing()
            && let Some(arrival_us) = self.clock.arrival_us(now_us)
        {
            self.input_clock.update_slack(&self.arrival);
            // Ticks that the server has sent already are past. The clock may start a little behind them.
            let told = self.replica.tick();
            let ticks = self.input_clock.advance(now_us, arrival_us + self.clock.read_lead_us());
            for tick in ticks.filter(|tick| *tick > told) {
                self.play(now_us, tick);
            }
        }
        if now_us.saturating_sub(self.sent_us) >= SILENCE_US {
            self.send_ack(now_us);
        }
    }

    /// Whether there is something of our own to play.
    fn is_playing(&self) -> bool {
        self.own.is_some() && self.replica.is_live() && !self.hidden
    }

    /// Acknowledges the last tick received at once, if that was not done yet. For a host that does not know when it
    /// will call [`Self::advance`] again. The server sends nothing more to a client that fell behind until it has
    /// acknowledged.
    pub fn acknowledge(&mut self, now_us: u64) {
        if self.joined && self.acknowledged != self.received.tick {
            self.send_ack(now_us);
        }
    }

    fn play(&mut self, now_us: u64, tick: Tick) {
        if !self.speaks_on(tick) {
            // No input is sent for this tick. The last one stays in effect, here and on the server.
            self.prediction.play(self.replica.rules(), tick, self.said, false);
            return;
        }
        let input = self.input;
        self.input = input.held();
        self.said = self.input;
        self.prediction.play(self.replica.rules(), tick, input, true);
        self.unapplied.sent(tick, now_us);
        self.counters.inputs_sent += 1;
        let ack = self.ack();
        self.send(&ClientMessage::Inputs(Inputs { ack, tick, input }), now_us);
    }

    /// Whether an input is sent for `tick`. Without [`ClientOptions::input_hz`] one is sent for every tick.
    pub fn speaks_on(&self, tick: Tick) -> bool {
        let hz = u64::from(self.rate().hz());
        let input_hz = self.options.input_hz.map_or(hz, |input_hz| u64::from(input_hz).min(hz));
        let inputs_by = |tick: Tick| u64::from(tick.0) * input_hz / hz;
        inputs_by(tick) > inputs_by(Tick(tick.0.saturating_sub(1)))
    }

    fn send_ack(&mut self, now_us: u64) {
        let ack = self.ack();
        self.send(&ClientMessage::Ack(ack), now_us);
    }

    /// The last tick received, which is acknowledged now.
    fn ack(&mut self) -> Tick {
        self.acknowledged = self.received.tick;
        self.acknowledged.unwrap_or_default()
    }

    /// Whether [`Self::advance`] would play a tick now, for which an input should be set before.
    pub fn is_tick_due(&self, now_us: u64) -> bool {
        self.is_playing() && self.input_clock.wake_us(now_us) <= now_us
    }

    /// When [`Self::advance`] should be called next.
    pub fn wake_us(&self, now_us: u64) -> u64 {
        if !self.joined {
            // Nothing may be sent before the welcome, so no call is needed.
            return now_us + SILENCE_US;
        }
        let silence = self.sent_us + SILENCE_US;
        if self.hidden {
            return silence.max(now_us + SILENCE_US);
        }
        let tick = if self.is_playing() { self.input_clock.wake_us(now_us) } else { silence };
        tick.min(silence).min(self.clock.ping_at_us()).max(now_us)
    }

    /// Says that the player leaves for good.
    pub fn leave(&mut self, now_us: u64) {
        self.send(&ClientMessage::Goodbye, now_us);
    }

    fn send(&mut self, message: &ClientMessageOf<R>, now_us: u64) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.outgoing.push_back(bytes);
        self.sent_us = now_us;
    }

    /// The next message to send, if there is one.
    pub fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// The next event, if there is one.
    pub fn take_event(&mut self) -> Option<Event<R>> {
        self.events.pop_front()
    }

    /// The state that the server has sent.
    pub fn replica(&self) -> &Replica<R> {
        &self.replica
    }

    /// The own entity's id; none before the welcome and for a spectator.
    pub fn own_id(&self) -> Option<EntityId> {
        self.own
    }

    /// The own entity as predicted.
    pub fn prediction(&self) -> &Prediction<R> {
        &self.prediction
    }

    /// What to show of others at this moment; none before the first body, or with [`ClientOptions::display_ticks`] of 0.
    pub fn moment(&mut self, now_us: u64) -> Option<Moment<'_, R>> {
        self.moment_and_state(now_us).map(|(moment, ..)| moment)
    }

    /// The same, and beside it what is known and what is predicted.
    pub fn moment_and_state(&mut self, now_us: u64) -> Option<(Moment<'_, R>, &Replica<R>, &Prediction<R>)> {
        self.timeline.newest()?;
        let moment = self.timeline.moment(now_us, self.replica.rules(), &self.arrival)?;
        Some((moment, &self.replica, &self.prediction))
    }

    /// Where others are shown, and how often their bodies were late.
    pub fn timeline(&self) -> &Timeline<R> {
        &self.timeline
    }

    /// How late bodies arrive.
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// The clocks, for measures and a net graph.
    pub fn clock(&self) -> &ClockSync {
        &self.clock
    }

    /// How far the client's own ticks are, for drawing between them.
    pub fn input_clock(&self) -> &InputClock {
        &self.input_clock
    }

    /// How long the work of the server's last tick took, in microseconds, by its last pong.
    pub fn work_us(&self) -> u32 {
        self.work_us
    }

    /// The input that will be sent next.
    pub fn input(&self) -> &R::Input {
        &self.input
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// How long a client may be silent before it acknowledges, in microseconds. It is half of what the server allows, so
/// one late timer does no harm.
pub const SILENCE_US: u64 = CLIENT_SILENCE_MAX_MS as u64 * 1000 / 2;
