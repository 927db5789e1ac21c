//! The game as what an event loop serves: between the rooms on the tick thread and the players on their lines.

use super::admission::{self, Network};
use super::easels::{Easel, RoomEasels};
use super::handshake::{Refusal, RoomNames};
use super::line::Line;
use super::policy::Policy;
use super::seat::{ClockTick, Desk, Seat};
use super::service::{Connections, Service, Turn};
use super::socket::Socket;
use super::writer::{Delivery, append_frame};
use crate::channel::{Admission, Asides, Audience, Batches, ConnectionKey, LoopDoors, Published, Request};
use crate::game::{Game, InputOf, PlayerKind};
use crate::session::Registry;
use crate::sim::overload::Round;
use crate::sim::roster::RoomId;
use crate::telemetry::LoopMetrics;
use fracas_protocol::close::CloseReason;
use fracas_protocol::codec;
use fracas_protocol::ids::Token;
use fracas_protocol::message::{Goodbye, Limits, ServerMessage, Welcome};
use fracas_protocol::rules::{MessageOf, Rules};
use fracas_protocol::tick::{Tick, TickRate};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// How long the tick may keep us waiting before we look at the sockets again without it.
const TICK_PATIENCE: Duration = Duration::from_millis(250);
/// How much earlier than it takes reading begins.
const READ_MARGIN: Duration = Duration::from_micros(500);
/// Fresh starts per tick: at least this many, and one in so many players.
const FRESH_STARTS_MIN: usize = 8;
const FRESH_STARTS_SHARE: usize = 64;

/// One event loop's side of the game.
pub struct GameService<G: Game> {
    index: u8,
    policy: Policy,
    doors: LoopDoors<G>,
    rooms: Arc<RoomNames>,
    registry: Arc<Registry>,
    /// Tells who is sent away when to come back.
    admission: Arc<admission::Admission>,
    metrics: LoopMetrics,
    batches: Batches<InputOf<G>>,
    /// The ticks that are being taken in.
    published: Vec<Published<G>>,
    /// By room.
    easels: Vec<RoomEasels<G>>,
    /// What is said beside the frames.
    news: Vec<Arc<Asides>>,
    /// The newest tick that was published to us.
    last: Option<LastTick>,
    /// When the first of the ticks that are being written was due, and how the last round went.
    due: Option<Instant>,
    round: Option<Round>,
    /// Who is to start afresh, in the order in which they became ready.
    fresh_starts: VecDeque<ConnectionKey>,
    /// Of the players written so far in this round.
    stale: u32,
    hidden: u32,
}

/// What is kept of a tick after it was written: not its outputs, which are the room's to use again.
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

    /// The clock of those who are shown everything so many ticks late.
    fn clock(&self, delay: u32) -> ClockTick {
        ClockTick { tick: Tick(self.tick.0.saturating_sub(delay)), due: self.due, work: self.work }
    }
}

impl<G: Game> GameService<G> {
    /// The side of the event loop with this index. `registry` knows which token belongs to which session.
    pub fn new(
        index: u8,
        doors: LoopDoors<G>,
        registry: Arc<Registry>,
        admission: Arc<admission::Admission>,
        metrics: LoopMetrics,
    ) -> Self {
        Self {
            index,
            policy: Policy::game(),
            doors,
            rooms: Arc::default(),
            registry,
            admission,
            metrics,
            batches: Batches::default(),
            published: Vec::new(),
            easels: vec![RoomEasels::default()],
            news: Vec::new(),
            last: None,
            due: None,
            round: None,
            fresh_starts: VecDeque::new(),
            stale: 0,
            hidden: 0,
        }
    }

    /// The same for rooms of these names; without it there is the one that clients ask for when they ask for none.
    #[must_use]
    pub fn of_rooms(mut self, rooms: Arc<RoomNames>) -> Self {
        self.easels.resize_with(rooms.count(), RoomEasels::default);
        self.rooms = rooms;
        self
    }

    /// What has been published and not been taken yet.
    pub fn take_published(&mut self) -> Vec<Published<G>> {
        self.doors.outbound.try_iter().collect()
    }

    /// Takes in ticks, for the next round of writing.
    pub fn publish(&mut self, ticks: Vec<Published<G>>) {
        self.published.extend(ticks);
    }

    /// If ticks were published that never came here, because the door was full: the index of the first tick after the
    /// last of them. The door may have filled and emptied while we were taking what it held.
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

    fn take_asides<S: Socket>(&mut self, connections: &mut Connections<Seat<G>, S>, tick: &Published<G>, now: Instant) {
        let (asides, index) = (&tick.asides, self.index);
        // Before the admissions, which may be to its next life.
        asides.failed.iter().for_each(|room| self.clear_room(connections, *room, now));
        for admission in asides.admissions.iter().filter(|admission| admission.connection.event_loop == index) {
            self.take_admission(connections, admission, tick, now);
        }
        for (key, reason) in &asides.evictions {
            if let Some(connection) = connections.get(*key) {
                connection.peer.leave();
                self.dismiss(&mut connection.peer, &mut connection.line, (*reason).into(), now);
            }
        }
        // Every loop hears of every end; the first one is enough to clear the registry.
        if index == 0 {
            asides.ended.iter().for_each(|session| self.registry.end(*session));
        }
    }

    /// Sends everybody away who is in a room that has ended, or waits to get in.
    fn clear_room<S: Socket>(&mut self, connections: &mut Connections<Seat<G>, S>, room: RoomId, now: Instant) {
        for connection in connections.iter_mut().filter(|connection| connection.peer.room() == Some(room)) {
            // It may have begun so late that the registry has been told of its end already.
            if let Some(session) = connection.peer.session() {
                self.registry.end(session);
            }
            connection.peer.leave();
            self.dismiss(
                &mut connection.peer,
                &mut connection.line,
                room_is_closed("This room had to begin anew."),
                now,
            );
        }
    }

    fn take_admission<S: Socket>(
        &mut self,
        connections: &mut Connections<Seat<G>, S>,
        admission: &Admission,
        published: &Published<G>,
        now: Instant,
    ) {
        let connection = connections.get(admission.connection).filter(|connection| connection.peer.is_asked());
        let (admitted, connection) = match (admission.verdict, connection) {
            (Ok(admitted), Some(connection)) => (admitted, connection),
            (Err(reason), Some(connection)) => {
                connection.peer.give_back_join();
                connection.peer.leave();
                return self.dismiss(&mut connection.peer, &mut connection.line, reason.into(), now);
            }
            (Err(_), None) => return,
            (Ok(admitted), None) => {
                // It left before the answer came, and never got the token of a session that began just now.
                let how = if admitted.resumed { Request::Lost } else { Request::Leave };
                let request = (admission.connection, how(admitted.session));
                return self.batches.of(admitted.session.room).requests.push(request);
            }
        };
        let room = admitted.session.room;
        if let Err(refusal) = connection.peer.pay_for(&admitted, now) {
            self.batches.of(room).requests.push((admission.connection, Request::Leave(admitted.session)));
            connection.peer.leave();
            return self.dismiss(&mut connection.peer, &mut connection.line, refusal, now);
        }
        let told = match admitted.own {
            Some(_) => published.outputs.get(room.index()).and_then(Option::as_ref).map(|output| (output, 0)),
            None => {
                let late = published.spectator_outputs.get(room.index()).and_then(Option::as_ref);
                late.map(|late| (&late.output, late.delay))
            }
        };
        let Some((rules, delay)) = told.map(|(output, delay)| (&output.rules, delay)) else {
            return self.dismiss(&mut connection.peer, &mut connection.line, CloseReason::Restarting.into(), now);
        };
        let welcome: MessageOf<G::Rules> = ServerMessage::Welcome(Welcome {
            tick_rate: rules.tick_rate(),
            clock: connection.peer.clock(now, LastTick::of(published).clock(delay)),
            own: admitted.own,
            // Of a spectator nothing waits for its player.
            token: admitted.own.map_or(Token::NONE, |_| self.registry.issue(&admitted, admission.connection)),
            resumed: admitted.resumed,
            map: rules.map_id(),
            world: rules.world(),
            limits: Limits::default(),
        });
        connection.peer.seat(&admitted, now);
        connection.line.say(|out| codec::encode(&welcome, out));
        self.metrics.sessions_resumed.increment(u64::from(admitted.resumed));
    }

    /// The tick that ran last, as far as this one may know.
    fn last_tick_for(&self, seat: &Seat<G>) -> Tick {
        match seat.watches() {
            Some(room) => self.easels[room.index()].spectators.ticks.newest(),
            None => self.last.map(|last| last.tick).unwrap_or_default(),
        }
    }

    /// Takes in the ticks of each room. Spectators whose delay changes start afresh.
    fn add_ticks<S: Socket>(
        &mut self,
        connections: &mut Connections<Seat<G>, S>,
        whole: &[Published<G>],
        is_gap: bool,
    ) {
        for (index, easels) in self.easels.iter_mut().enumerate() {
            if easels.add(index, whole, is_gap) {
                let watches = |seat: &Seat<G>| seat.watches().is_some_and(|room| room.index() == index);
                let spectators = connections.iter_mut().filter(|connection| watches(&connection.peer));
                spectators.for_each(|connection| connection.peer.set_stale());
            }
        }
    }

    /// Starts as many of those who are ready afresh as a tick may: when a whole loop was late, its players' fresh starts
    /// must not make it late again.
    fn start_afresh<S: Socket>(&mut self, connections: &mut Connections<Seat<G>, S>, now: Instant) {
        for _ in 0..FRESH_STARTS_MIN.max(connections.len() / FRESH_STARTS_SHARE) {
            let Some(key) = self.fresh_starts.pop_front() else { break };
            let Some(connection) = connections.get(key) else { continue };
            connection.peer.is_queued = false;
            if connection.peer.may_start_afresh(&connection.line, now) {
                connection.peer.start_afresh(now);
            }
        }
    }
}

fn room_is_closed(words: &'static str) -> Refusal {
    Refusal { words: words.into(), ..CloseReason::Restarting.into() }
}

impl<G: Game> Service for GameService<G> {
    type Peer = Seat<G>;

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn meet(&mut self, key: ConnectionKey, kind: PlayerKind, network: Option<Network>, now: Instant) -> Seat<G> {
        Seat::new(key, kind, network, now)
    }

    fn take(&mut self, seat: &mut Seat<G>, line: &mut Line, message: &Message, now: Instant) -> Result<(), Refusal> {
        let Message::Binary(bytes) = message else { return Ok(()) };
        let (tick, rate) = (self.last_tick_for(seat), self.last.map(|last| last.rate));
        let mut desk = Desk {
            batches: &mut self.batches,
            rooms: &self.rooms,
            registry: &self.registry,
            metrics: &self.metrics,
            tick,
            tick_hz: rate.map_or(1, TickRate::hz),
        };
        seat.take(line, bytes, now, &mut desk)
    }

    fn judge(&mut self, seat: &mut Seat<G>, line: &mut Line, now: Instant) {
        if let Some(reason) = seat.judge(line, now) {
            return self.dismiss(seat, line, reason.into(), now);
        }
        let Some(last) = &self.last else { return };
        if seat.is_ready_for_fresh_start(line, self.last_tick_for(seat), last.rate, now) && !seat.is_queued {
            seat.is_queued = true;
            self.fresh_starts.push_back(seat.key());
        }
    }

    fn part(&mut self, seat: &mut Seat<G>) {
        seat.lose(&mut self.batches, &self.registry);
    }

    fn dismiss(&mut self, seat: &mut Seat<G>, line: &mut Line, refusal: Refusal, now: Instant) {
        self.part(seat);
        if let Some(why) = refusal.join {
            self.metrics.join_refused(why);
        }
        if line.is_open() && refusal.reason.may_retry() {
            let pause = refusal.pause.unwrap_or_else(|| self.admission.turn(seat.asker(), now));
            // Rounded up: nobody comes before its turn.
            let retry_after_ms = pause.as_micros().div_ceil(1000) as u32;
            let goodbye = Goodbye { code: refusal.reason.code(), retry_after_ms };
            line.say(|out| codec::encode::<MessageOf<G::Rules>>(&ServerMessage::Goodbye(goodbye), out));
        }
        line.close(refusal, now);
    }

    /// Gives what was read to the tick thread; while that has no room, it grows here.
    fn hand_over(&mut self, reading: Duration) {
        if let Some(round) = self.round.take() {
            self.batches.round = Some(Round { reading, ..round });
        } else if self.batches.is_empty() {
            return;
        }
        let batches = std::mem::take(&mut self.batches);
        match self.doors.inbound.try_send(batches) {
            Ok(()) => self.batches = self.doors.spare.try_recv().unwrap_or_default(),
            Err(refused) => self.batches = refused.into_inner(),
        }
    }

    /// Just before the next tick is due.
    fn read_at(&self, reading: Duration) -> Instant {
        let Some(last) = &self.last else { return Instant::now() };
        let period = Duration::from_micros(last.rate.period_us());
        last.due + period - (reading + reading / 4 + READ_MARGIN).min(period)
    }

    fn wait(&mut self) -> Turn {
        match self.doors.outbound.recv_timeout(TICK_PATIENCE) {
            Ok(first) => self.published.push(first),
            // Late; what is pending is sent all the same.
            Err(flume::RecvTimeoutError::Timeout) => {}
            Err(flume::RecvTimeoutError::Disconnected) => return Turn::Over,
        }
        self.published.extend(self.doors.outbound.try_iter());
        let farewell = self.published.iter().find_map(|tick| tick.asides.farewell);
        farewell.map_or(Turn::Write, Turn::Farewell)
    }

    fn prepare<S: Socket>(&mut self, connections: &mut Connections<Seat<G>, S>, now: Instant) {
        let first_whole = self.after_last_gap();
        self.news.clear();
        self.due = self.published.first().map(|tick| tick.due);
        let mut published = std::mem::take(&mut self.published);
        self.add_ticks(connections, &published[first_whole.unwrap_or(0)..], first_whole.is_some());
        self.last = published.last().map(LastTick::of).or(self.last);
        for tick in published.drain(..) {
            self.take_asides(connections, &tick, now);
            if !tick.asides.notices.is_empty() {
                self.news.push(tick.asides);
            }
        }
        self.published = published;
        if first_whole.is_some() {
            connections.iter_mut().for_each(|connection| connection.peer.set_stale());
        }
        self.start_afresh(connections, now);
        (self.stale, self.hidden) = (0, 0);
    }

    fn compose(&mut self, seat: &mut Seat<G>, line: &mut Line, now: Instant, out: &mut Vec<u8>) -> u64 {
        let Some(last) = &self.last else { return 0 };
        let watched = seat.watches();
        seat.answer_pings(line, now, last.clock(watched.map_or(0, |room| self.easels[room.index()].delay)));
        // Who is stale does without news, as without frames.
        let Some((session, viewer)) = seat.audience() else { return 0 };
        let news = self.news.iter().flat_map(|asides| &asides.notices);
        let is_for = |to: Audience| to.includes(session, watched.is_some());
        for notice in news.filter(|notice| notice.room == session.room && is_for(notice.to)) {
            append_frame(out, |out| out.extend_from_slice(&notice.message));
        }
        let easels = &mut self.easels[session.room.index()];
        let Easel { composer, ticks } = if watched.is_some() { &mut easels.spectators } else { &mut easels.players };
        let (mut rest, mut bodies) = (ticks.due(u32::from(session.player.0), viewer), 0);
        while !rest.is_empty() {
            let mut used = 0;
            append_frame(out, |out| used = composer.frame(viewer, session.player, rest, out));
            bodies += used as u64;
            rest = &rest[used..];
        }
        bodies
    }

    fn sent(&mut self, seat: &mut Seat<G>, delivery: &Delivery) {
        seat.sent(delivery, &self.metrics);
        self.stale += u32::from(seat.is_stale());
        self.hidden += u32::from(seat.is_hidden());
    }

    fn written(&mut self, now: Instant) {
        for Easel { composer, ticks } in self.easels.iter_mut().flat_map(RoomEasels::roles) {
            ticks.end();
            self.metrics.encoded_bytes.increment(composer.take_entry_bytes() as u64);
        }
        if let Some(due) = self.due.take() {
            self.round = Some(Round { reading: Duration::ZERO, sent_after: now.saturating_duration_since(due) });
        }
        self.metrics.stale_players.set(f64::from(self.stale));
        self.metrics.hidden_players.set(f64::from(self.hidden));
    }
}
