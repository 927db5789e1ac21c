//! The game as the service of an event loop. It connects the rooms on the tick thread with the clients.

use crate::admission::control::{AdmissionControl, Network};
use crate::ids::{ConnectionKey, PlayerKind, RoomId};
use crate::io::close::{CloseRequest, ConnectionEnd};
use crate::io::connection::Connection;
use crate::io::service::{Addressee, ConnectionEvent, LoopStep, Service};
use crate::io::writer::{Delivery, append_frame};
use crate::ops::LoopMetrics;
use crate::session::Registry;
use crate::session::addressed::{self, Addressed};
use crate::session::client_conn::{ClientConn, ClockTick, InboundCtx};
use crate::session::fresh_start::FreshStartQueue;
use crate::session::hello::RoomNames;
use crate::session::room_composer::{RoomComposer, RoomComposers};
use crate::sim::channel::{Admitted, Audience, Batches, JoinAnswer, LoopEndpoints, Published, Request, RoomEvents};
use crate::sim::overload::Round;
use fracas_protocol::game::authority::{Game, InputOf};
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::ids::{DataId, Token};
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::message::{Goodbye, Limits, ServerMessage, Welcome};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// How long we wait for the tick before we serve the sockets without it.
const TICK_PATIENCE: Duration = Duration::from_millis(250);
/// How much earlier reading begins than its duration requires.
const READ_MARGIN: Duration = Duration::from_micros(500);

/// One event loop's side of the game.
pub struct GameService<G: Game> {
    index: u8,
    endpoints: LoopEndpoints<G>,
    rooms: Arc<RoomNames>,
    registry: Arc<Registry>,
    /// Gives refused clients their retry times.
    admission: Arc<AdmissionControl>,
    /// The game's start-up data.
    data: DataId,
    metrics: LoopMetrics,
    batches: Batches<InputOf<G>>,
    /// Those who are connected.
    clients: usize,
    /// The ticks of this round, what they say to single connections, and what of that is being told.
    published: Vec<Published<G>>,
    addressed: VecDeque<Addressed>,
    telling: Option<Addressed>,
    /// By room.
    composers: Vec<RoomComposers<G>>,
    /// Messages beside the frames.
    news: Vec<Arc<RoomEvents>>,
    /// The newest published tick.
    last: Option<LastTick>,
    /// When the first of the ticks that are being written was due, and how the last round went.
    due: Option<Instant>,
    round: Option<Round>,
    fresh_starts: FreshStartQueue,
    /// Totals of the players written so far in this round.
    stale: u32,
    hidden: u32,
}

/// What is kept of a tick after it was written. Its outputs are not kept, so that the room can reuse them.
#[derive(Clone, Copy)]
struct LastTick {
    sequence: u64,
    tick: Tick,
    rate: TickRate,
    due: Instant,
    work: Duration,
}

impl LastTick {
    fn of<G: Game>(published: &Published<G>) -> Self {
        let Published { sequence, tick, rate, due, work, .. } = *published;
        Self { sequence, tick, rate, due, work }
    }

    /// The clock of spectators that are so many ticks late.
    fn clock(&self, delay: u32) -> ClockTick {
        ClockTick { tick: Tick(self.tick.0.saturating_sub(delay)), due: self.due, work: self.work }
    }
}

impl<G: Game> GameService<G> {
    /// The side of the event loop with this index. `registry` knows which token belongs to which session; `data` is the
    /// id of the game's start-up data.
    pub fn new(
        index: u8,
        endpoints: LoopEndpoints<G>,
        registry: Arc<Registry>,
        admission: Arc<AdmissionControl>,
        data: DataId,
        metrics: LoopMetrics,
    ) -> Self {
        Self {
            index,
            endpoints,
            rooms: Arc::default(),
            registry,
            admission,
            data,
            metrics,
            batches: Batches::default(),
            clients: 0,
            published: Vec::new(),
            addressed: VecDeque::new(),
            telling: None,
            composers: vec![RoomComposers::default()],
            news: Vec::new(),
            last: None,
            due: None,
            round: None,
            fresh_starts: FreshStartQueue::default(),
            stale: 0,
            hidden: 0,
        }
    }

    /// The same for rooms of these names. Without it there is only the default room.
    #[must_use]
    pub fn of_rooms(mut self, rooms: Arc<RoomNames>) -> Self {
        self.composers.resize_with(rooms.count(), RoomComposers::default);
        self.rooms = rooms;
        self
    }

    /// The published ticks that have not been taken yet.
    pub fn take_published(&mut self) -> Vec<Published<G>> {
        self.endpoints.outbound.try_iter().collect()
    }

    /// Takes in the ticks of the next round of writing.
    pub fn publish(&mut self, ticks: Vec<Published<G>>) {
        self.published.extend(ticks);
        self.begin_round();
    }

    fn begin_round(&mut self) {
        let first_whole = self.after_last_gap();
        let whole = &self.published[first_whole.unwrap_or(0)..];
        for (index, composers) in self.composers.iter_mut().enumerate() {
            if composers.add(index, whole, first_whole.is_some()) {
                self.addressed.push_back(Addressed::DelayChanged(RoomId(index as u8)));
            }
        }
        for (index, tick) in self.published.iter().enumerate() {
            addressed::add_events(&mut self.addressed, &tick.events, index, self.index);
            if !tick.events.game_events.is_empty() {
                self.news.push(Arc::clone(&tick.events));
            }
        }
        if first_whole.is_some() {
            self.addressed.push_back(Addressed::TicksMissed);
        }
        self.due = self.published.first().map(|tick| tick.due);
        self.last = self.published.last().map(LastTick::of).or(self.last);
        self.fresh_starts.begin_tick(self.clients);
    }

    /// The index of the first tick after the last gap, if ticks were missed because the channel was full. The channel
    /// may have filled and emptied while we were reading it.
    fn after_last_gap(&self) -> Option<usize> {
        let mut before = self.last.as_ref().map(|last| last.sequence);
        let mut after_gap = None;
        for (index, tick) in self.published.iter().enumerate() {
            if before.is_some_and(|before| tick.sequence != before + 1) {
                after_gap = Some(index);
            }
            before = Some(tick.sequence);
        }
        after_gap
    }

    fn handle_message(
        &mut self,
        client: &mut ClientConn<G>,
        message: &Message,
        now: Instant,
    ) -> Result<(), CloseRequest> {
        let Message::Binary(bytes) = message else { return Ok(()) };
        let (tick, rate) = (self.last_tick_for(client), self.last.map(|last| last.rate));
        let mut ctx = InboundCtx {
            batches: &mut self.batches,
            rooms: &self.rooms,
            registry: &self.registry,
            metrics: &self.metrics,
            tick,
            tick_hz: rate.map_or(1, TickRate::hz),
        };
        client.handle_message(bytes, now, &mut ctx)
    }

    /// Nothing more came from the client for now: it may be silent or slow.
    fn check(
        &mut self,
        client: &mut ClientConn<G>,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), CloseRequest> {
        client.check_deadlines(connection, now)?;
        if let Some(last) = &self.last {
            let tick = (self.last_tick_for(client), last.rate);
            client.check_staleness(connection, tick, &mut self.fresh_starts, now);
        }
        Ok(())
    }

    /// Tells the client what was [`Addressed`] to it, or to everybody.
    fn handle_addressed(
        &mut self,
        client: &mut ClientConn<G>,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), CloseRequest> {
        match self.telling {
            Some(Addressed::JoinAnswer(tick, answer)) => {
                // It has found its client.
                self.telling = None;
                return self.handle_join_answer(client, connection, (tick, &answer), now);
            }
            Some(Addressed::Evicted(_, reason)) => {
                client.leave();
                return Err(reason.into());
            }
            Some(Addressed::RoomFailed(room)) if client.room() == Some(room) => {
                // The session may have begun so late that the registry knows of its end already.
                if let Some(session) = client.session() {
                    self.registry.end(session);
                }
                client.leave();
                return Err(room_is_closed("This room had to begin anew."));
            }
            Some(Addressed::DelayChanged(room)) if client.watches() == Some(room) => client.set_stale(),
            Some(Addressed::TicksMissed) => client.set_stale(),
            Some(Addressed::FreshStart(_)) => client.start_afresh(connection, now),
            _ => {}
        }
        Ok(())
    }

    /// It left before the answer came, and never got the token of the new session.
    fn give_back_seat(&mut self, key: ConnectionKey, admitted: &Admitted) {
        let how = if admitted.resumed { Request::Lost } else { Request::Leave };
        self.batches.of(admitted.session.room).requests.push((key, how(admitted.session)));
    }

    fn handle_join_answer(
        &mut self,
        client: &mut ClientConn<G>,
        connection: &mut Connection,
        (tick, answer): (usize, &JoinAnswer),
        now: Instant,
    ) -> Result<(), CloseRequest> {
        let admitted = match answer.verdict {
            Ok(admitted) if client.is_asked() => admitted,
            Ok(admitted) => {
                self.give_back_seat(answer.connection, &admitted);
                return Ok(());
            }
            Err(reason) if client.is_asked() => {
                client.give_back_join();
                client.leave();
                return Err(reason.into());
            }
            Err(_) => return Ok(()),
        };
        let room = admitted.session.room;
        if let Err(refusal) = client.pay_for(&admitted, now) {
            self.batches.of(room).requests.push((answer.connection, Request::Leave(admitted.session)));
            client.leave();
            return Err(refusal);
        }
        let published = &self.published[tick];
        let told = match admitted.own {
            Some(_) => published.outputs.get(room.index()).and_then(Option::as_ref).map(|output| (output, 0)),
            None => {
                let late = published.spectator_outputs.get(room.index()).and_then(Option::as_ref);
                late.map(|late| (&late.output, late.delay))
            }
        };
        let Some((rules, delay)) = told.map(|(output, delay)| (&output.rules, delay)) else {
            return Err(CloseReason::Restarting.into());
        };
        let welcome: MessageOf<G::Rules> = ServerMessage::Welcome(Welcome {
            tick_rate: published.rate,
            clock: client.clock(now, LastTick::of(published).clock(delay)),
            own: admitted.own,
            // Of a spectator nothing waits for its player.
            token: admitted.own.map_or(Token::NONE, |_| self.registry.issue(&admitted, answer.connection)),
            resumed: admitted.resumed,
            data: self.data,
            world: rules.world(),
            limits: Limits::default(),
        });
        client.join(&admitted, now);
        connection.say(|out| codec::encode(&welcome, out));
        self.metrics.sessions_resumed.increment(u64::from(admitted.resumed));
        Ok(())
    }

    fn handle_sent(&mut self, client: &mut ClientConn<G>, delivery: &Delivery) {
        client.handle_sent(delivery, &self.metrics);
        self.stale += u32::from(client.is_stale());
        self.hidden += u32::from(client.is_hidden());
    }

    /// The client's connection ends. One that may come back is told when.
    fn handle_end(
        &mut self,
        client: &mut ClientConn<G>,
        connection: &mut Connection,
        ending: &ConnectionEnd,
        now: Instant,
    ) {
        self.clients -= 1;
        client.lose(&mut self.batches, &self.registry);
        let ConnectionEnd::Closed(request) = ending else { return };
        if let Some(why) = request.join {
            self.metrics.join_refused(why);
        }
        if request.reason.may_retry() {
            let pause = request.pause.unwrap_or_else(|| self.admission.turn(client.retry_client(), now));
            // Rounded up, so that no client retries too early.
            let retry_after_ms = pause.as_micros().div_ceil(1000) as u32;
            let goodbye = Goodbye { code: request.reason.code(), retry_after_ms };
            connection.say(|out| codec::encode::<MessageOf<G::Rules>>(&ServerMessage::Goodbye(goodbye), out));
        }
    }

    /// The last tick that this client may know of.
    fn last_tick_for(&self, client: &ClientConn<G>) -> Tick {
        match client.watches() {
            Some(room) => self.composers[room.index()].spectators.ticks.newest(),
            None => self.last.map(|last| last.tick).unwrap_or_default(),
        }
    }

    /// Gives what was read to the tick thread. While that has no room, it grows here.
    pub fn hand_over(&mut self, reading: Duration) {
        if let Some(round) = self.round.take() {
            self.batches.round = Some(Round { reading, ..round });
        } else if self.batches.is_empty() {
            return;
        }
        let batches = std::mem::take(&mut self.batches);
        match self.endpoints.inbound.try_send(batches) {
            Ok(()) => self.batches = self.endpoints.spare.try_recv().unwrap_or_default(),
            Err(refused) => self.batches = refused.into_inner(),
        }
    }

    /// When to read next, if reading takes so long: just before the next tick is due.
    pub fn read_at(&self, reading: Duration, now: Instant) -> Instant {
        let Some(last) = &self.last else { return now };
        let period = Duration::from_micros(last.rate.period_us());
        last.due + period - (reading + reading / 4 + READ_MARGIN).min(period)
    }
}

fn room_is_closed(message: &'static str) -> CloseRequest {
    CloseRequest { message: message.into(), ..CloseReason::Restarting.into() }
}

impl<G: Game> Service for GameService<G> {
    type Client = ClientConn<G>;

    fn open(&mut self, key: ConnectionKey, kind: PlayerKind, network: Option<Network>, now: Instant) -> ClientConn<G> {
        self.clients += 1;
        ClientConn::new(key, kind, network, now)
    }

    fn handle(
        &mut self,
        client: &mut ClientConn<G>,
        connection: &mut Connection,
        event: ConnectionEvent<'_>,
        now: Instant,
    ) -> Result<(), CloseRequest> {
        match event {
            ConnectionEvent::Message(message) => return self.handle_message(client, message, now),
            ConnectionEvent::Read => return self.check(client, connection, now),
            ConnectionEvent::Addressed => return self.handle_addressed(client, connection, now),
            ConnectionEvent::Sent(delivery) => self.handle_sent(client, delivery),
            ConnectionEvent::Ended(ending) => self.handle_end(client, connection, ending, now),
        }
        Ok(())
    }

    fn exchange(&mut self, reading: Duration) -> LoopStep {
        self.hand_over(reading);
        match self.endpoints.outbound.recv_timeout(TICK_PATIENCE) {
            Ok(first) => self.published.push(first),
            // The tick is late. Pending bytes are sent all the same.
            Err(flume::RecvTimeoutError::Timeout) => {}
            Err(flume::RecvTimeoutError::Disconnected) => return LoopStep::Over,
        }
        self.published.extend(self.endpoints.outbound.try_iter());
        self.begin_round();
        let farewell = self.published.iter().find_map(|tick| tick.events.farewell);
        farewell.map_or(LoopStep::Write, LoopStep::Farewell)
    }

    fn next_addressed(&mut self, _now: Instant) -> Option<Addressee> {
        if let Some(Addressed::JoinAnswer(_, JoinAnswer { connection, verdict: Ok(admitted) })) = self.telling.take() {
            self.give_back_seat(connection, &admitted);
        }
        loop {
            let fresh_start = || self.fresh_starts.pop().map(Addressed::FreshStart);
            let next = self.addressed.pop_front().or_else(fresh_start)?;
            if let Addressed::SessionEnded(session) = next {
                self.registry.end(session);
            }
            if let Some(addressee) = next.addressee() {
                self.telling = Some(next);
                return Some(addressee);
            }
        }
    }

    fn compose(
        &mut self,
        client: &mut ClientConn<G>,
        connection: &mut Connection,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> u64 {
        let Some(last) = &self.last else { return 0 };
        let watched = client.watches();
        client.answer_pings(connection, now, last.clock(watched.map_or(0, |room| self.composers[room.index()].delay)));
        // A stale client gets no news and no frames.
        let Some((session, viewer)) = client.audience() else { return 0 };
        let news = self.news.iter().flat_map(|events| &events.game_events);
        let is_for = |to: Audience| to.includes(session, watched.is_some());
        for event in news.filter(|event| event.room == session.room && is_for(event.to)) {
            append_frame(out, |out| out.extend_from_slice(&event.message));
        }
        let composers = &mut self.composers[session.room.index()];
        let RoomComposer { composer, ticks } =
            if watched.is_some() { &mut composers.spectators } else { &mut composers.players };
        let (mut rest, mut bodies) = (ticks.due(u32::from(session.player.0), viewer), 0);
        while !rest.is_empty() {
            let mut used = 0;
            append_frame(out, |out| used = composer.frame(viewer, session.player, rest, out));
            bodies += used as u64;
            rest = &rest[used..];
        }
        bodies
    }

    fn written(&mut self, reading: Duration, now: Instant) -> Instant {
        self.published.clear();
        self.news.clear();
        for RoomComposer { composer, ticks } in self.composers.iter_mut().flat_map(RoomComposers::roles) {
            ticks.end();
            self.metrics.encoded_bytes.increment(composer.take_entry_bytes() as u64);
        }
        if let Some(due) = self.due.take() {
            self.round = Some(Round { reading: Duration::ZERO, sent_after: now.saturating_duration_since(due) });
        }
        self.metrics.stale_players.set(f64::from(std::mem::take(&mut self.stale)));
        self.metrics.hidden_players.set(f64::from(std::mem::take(&mut self.hidden)));
        self.read_at(reading, now)
    }
}
