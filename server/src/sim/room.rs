//! One world and its members. [`Room::tick`] is the whole tick on one page.

mod result;
mod telling;

use super::debts::{DEBT_MS, Debts};
use super::display_names::ReservedNames;
use super::game_tick::GameTick;
use super::idle::IdleLimit;
use super::input_buffer::Dropped;
use super::output_pool::OutputPool;
use super::phase::Phase;
use super::recorded_game::RecordedGame;
use super::recording::Recording;
use super::roster::{Capacity, Headcount, QUARANTINE_MS, RESUME_MS, Roster, SETTLED_MS};
use super::spectator_feed::SpectatorFeed;
use super::tick_params::TickParams;
use super::view_estimate::ViewTiming;
use crate::ids::{ConnectionKey, PlayerKind, SessionId};
use crate::replication::{Names, TickOutput};
use crate::sim::channel::{Admitted, Batch, JoinAnswer, Request, RoomEvents};
use crate::sim::join_refusal::JoinRefusal;
use fracas_protocol::game::authority::{Game, InputOf, Joiner, PlayerInput};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::name::Name;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::frame::InputReport;
use fracas_protocol::wire::message::Role;
use std::net::IpAddr;
use std::sync::Arc;

pub use result::{InputCounts, JoinCounts, TickResult};

/// One world and its members.
#[derive(Debug)]
pub struct Room<G: Game> {
    game: RecordedGame<G>,
    roster: Roster<InputOf<G>>,
    debts: Debts<G::Debt>,
    names: Arc<Names>,
    last: Arc<TickOutput<G::Rules>>,
    pool: OutputPool<G::Rules>,
    made: GameTick<G>,
    inputs: Vec<PlayerInput<InputOf<G>>>,
    reports: Vec<InputReport>,
    /// The delayed view of spectators while there are people in the room. None if spectators always see the present.
    feed: Option<SpectatorFeed<G::Rules>>,
    /// How many more may join on this tick; who comes back is not counted.
    joins_left: u32,
    joins: JoinCounts,
    idle_limit: IdleLimit,
    /// Whether a person was refused a seat since idle players were last looked for.
    seat_is_wanted: bool,
}

impl<G: Game> Room<G> {
    /// An empty room, the first of its process.
    pub fn new(game: G, rate: TickRate, capacity: Capacity) -> Self {
        Self::with_roster(game, rate, Roster::new(capacity))
    }

    /// An empty room with an empty roster.
    pub fn with_roster(game: G, rate: TickRate, roster: Roster<InputOf<G>>) -> Self {
        let last = Arc::new(TickOutput::empty(game.rules().clone(), rate));
        let names = Arc::new(vec![None; roster.slots()]);
        Self {
            game: RecordedGame::new(game, rate, roster.room()),
            debts: Debts::new(roster.slots()),
            roster,
            names,
            last,
            pool: OutputPool::default(),
            made: GameTick::default(),
            inputs: Vec::new(),
            reports: Vec::new(),
            feed: None,
            joins_left: 0,
            joins: JoinCounts::default(),
            idle_limit: IdleLimit::NEVER,
            seat_is_wanted: false,
        }
    }

    /// The same room, before its first tick. Spectators see it so many ticks late while there are people in it.
    #[must_use]
    pub fn with_spectator_delay(mut self, ticks: u32) -> Self {
        self.feed = (ticks > 0).then(|| SpectatorFeed::new(self.game.rules().clone(), self.game.rate(), ticks));
        self
    }

    /// From now on people do not get these names as they are.
    pub(super) fn reserve_names(&mut self, reserved: Arc<ReservedNames>) {
        self.roster.reserve_names(reserved);
    }

    /// The same room with an idle limit. Without it there is none.
    #[must_use]
    pub fn with_idle_limit(self, idle_limit: IdleLimit) -> Self {
        Self { idle_limit, ..self }
    }

    /// The same room in a developer's build, but its game is not held to the laws of the seam: for counting what a tick costs.
    #[must_use]
    pub fn without_law_watch(mut self) -> Self {
        self.made.trust();
        self
    }

    /// Runs one tick. `mark` is called as each phase ends.
    pub fn tick<'a>(
        &mut self,
        params: TickParams,
        batches: impl Iterator<Item = &'a mut Batch<InputOf<G>>>,
        mut mark: impl FnMut(Phase),
    ) -> TickResult<G::Rules> {
        let (mut events, mut counts) = (RoomEvents::default(), InputCounts::default());
        let tick = params.tick;
        self.joins_left = params.joins_left;
        self.game.begin_tick(tick);
        self.roster.release(tick);
        for batch in batches {
            // Commands first. A request may end or suspend their session, and nothing may be held then.
            self.take_commands(tick, batch, &mut counts);
            self.take_requests(tick, batch, &mut events);
        }
        self.end_lost_sessions(tick, &mut events);
        self.dismiss_idle(tick, &mut events);
        self.remove_who_left(tick);
        self.collect_inputs(tick);
        mark(Phase::Inbound);

        let mut output = self.pool.spare(self.game.rules(), self.game.rate());
        let out = Arc::get_mut(&mut output).unwrap_or_else(|| unreachable!("a spare output has one owner"));
        self.game.tick(tick, &self.inputs, &self.last.records, &mut self.made, out, &mut mark);

        let has_people = self.roster.headcount().people > 0;
        let is_live = self.feed.as_mut().is_none_or(|feed| feed.is_live(has_people));
        self.tell_players(out);
        if is_live {
            Self::tell_spectators(&mut self.roster, out, self.made.to_watch);
        }
        let news = self.tell_news(is_live, &mut events);
        let last = std::mem::replace(&mut self.last, Arc::clone(&output));
        mark(Phase::Players);

        let spectator_output = self.show_spectators(&last, is_live, news, &mut events);
        self.pool.keep(last);
        mark(Phase::Spectators);
        TickResult { output, spectator_output, events, inputs: counts, joins: std::mem::take(&mut self.joins) }
    }

    /// The tick that ran last.
    pub fn last_tick(&self) -> Tick {
        self.last.tick
    }

    /// How many members are in the room.
    pub fn headcount(&self) -> Headcount {
        self.roster.headcount()
    }

    /// People who play and have been here for a while.
    pub fn settled(&self) -> u16 {
        self.roster.settled(self.game.rate().ticks_in_ms(SETTLED_MS))
    }

    /// The game, to look at.
    pub fn game(&self) -> &G {
        &self.game
    }

    /// Bytes of the ticks that spectators have not been shown yet.
    pub fn spectator_delay_bytes(&self) -> usize {
        self.feed.as_ref().map_or(0, SpectatorFeed::bytes)
    }

    /// The sessions in the room.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.roster.members().map(|member| member.session)
    }

    /// The recording of the game. The rest of the room is dropped.
    pub fn into_recording(self) -> Option<Recording<G>> {
        self.game.into_recording()
    }

    /// The serial of the session that begins next.
    pub fn next_serial(&self) -> u64 {
        self.roster.next_serial()
    }

    /// Ticks restart at 0. Connections end, and entities wait for their players as after lost connections.
    pub(super) fn begin_anew(&mut self) -> RoomEvents {
        let mut events = RoomEvents::default();
        let members = self.roster.members().map(|member| (member.session, member.connection, member.left_at));
        for (session, connection, left_at) in members.collect::<Vec<_>>() {
            if let Some(connection) = connection {
                events.evictions.push((connection, CloseReason::Restarting));
            }
            match left_at {
                Some(_) => self.remove(session, Tick(0)),
                None => self.lose(session, Tick(0), &mut events),
            }
        }
        self.debts.forget(Tick(u32::MAX));
        self.roster.begin_anew(Tick(0).plus(self.game.rate().ticks_in_ms(QUARANTINE_MS)));
        self.game.begin_anew();
        self.last = Arc::new(TickOutput::empty(self.game.rules().clone(), self.game.rate()));
        self.feed =
            self.feed.take().map(|feed| SpectatorFeed::new(self.game.rules().clone(), self.game.rate(), feed.delay()));
        events
    }

    fn take_requests(&mut self, tick: Tick, batch: &mut Batch<InputOf<G>>, events: &mut RoomEvents) {
        for (connection, request) in batch.requests.drain(..) {
            match request {
                Request::Join { name, kind, role, aspect, resume, may_idle, may_begin, network } => {
                    let resumed = resume.and_then(|session| self.resume(session, connection, events));
                    let verdict = match resumed {
                        Some(admitted) => Ok(admitted),
                        None => may_begin.and_then(|()| self.join(tick, name, kind, role, connection, network)),
                    };
                    let rate = self.game.rate();
                    if let Ok(admitted) = verdict
                        && let Some(member) = self.roster.get(admitted.session)
                    {
                        member.aspect = aspect;
                        member.activity.connect(tick, rate, may_idle, admitted.resumed);
                    }
                    // A refusal by overload does not mean that seats are missing.
                    if matches!(verdict, Err(JoinRefusal::Full)) && kind == PlayerKind::Person {
                        self.make_room(tick, role, events);
                    }
                    events.join_answers.push(JoinAnswer { connection, verdict });
                }
                Request::Leave(session) => {
                    if self.holds(session, connection) {
                        self.end(session, tick, events);
                    }
                }
                Request::Lost(session) => {
                    if self.holds(session, connection) {
                        self.lose(session, tick, events);
                    }
                }
                Request::Rest(session) => {
                    if let Some(member) =
                        self.roster.get(session).filter(|member| member.connection == Some(connection))
                    {
                        member.inputs.clear();
                    }
                }
            }
        }
    }

    /// Whether the session is this connection's. If another connection has taken it over, this one's late end must not
    /// touch it.
    fn holds(&mut self, session: SessionId, connection: ConnectionKey) -> bool {
        self.roster.get(session).is_some_and(|member| member.connection == Some(connection))
    }

    fn join(
        &mut self,
        tick: Tick,
        name: Name,
        kind: PlayerKind,
        role: Role,
        connection: ConnectionKey,
        network: Option<IpAddr>,
    ) -> Result<Admitted, JoinRefusal> {
        if self.joins_left == 0 {
            return Err(JoinRefusal::Overload);
        }
        let member = self.roster.join(name, kind, role, connection, network)?;
        self.joins_left -= 1;
        self.joins.joined += 1;
        let session = member.session;
        if role == Role::Player {
            let (game, oldest) = (&*self.game, oldest_debt(tick, self.game.rate()));
            let ask = |left: SessionId, at| game.debt(left.player, at);
            let debt = network.and_then(|network| self.debts.pay(network, oldest, ask));
            self.joins.in_debt += u32::from(debt.is_some());
            member.own = Some(G::Rules::IDS.of_player(session.player));
            let joiner = Joiner { name: member.name.clone(), kind, debt };
            self.game.join(session.player, joiner);
        }
        let row = Some((session.serial, member.name.clone()));
        Arc::make_mut(&mut self.names)[session.player.index()] = row;
        Ok(Admitted { session, own: member.own, resumed: false, given: member.given })
    }

    /// Gives a session to a new connection, and cancels its debt. A connection that still has it is closed.
    fn resume(&mut self, session: SessionId, connection: ConnectionKey, events: &mut RoomEvents) -> Option<Admitted> {
        let member = self.roster.get(session).filter(|member| member.left_at.is_none())?;
        if let Some(old) = member.connection.replace(connection) {
            events.evictions.push((old, CloseReason::ResumedElsewhere));
        }
        // Its view estimate stays. Resuming must not give a free choice of the moment of a shot.
        if let (Some(at), Some(network)) = (member.lost_at.take(), member.network) {
            self.debts.cancel(network, session, at);
        }
        member.inputs.clear();
        member.given += 1;
        Some(Admitted { session, own: member.own, resumed: true, given: member.given })
    }

    /// A connection is lost. A person's entity waits. Built-in bots and spectators are removed.
    fn lose(&mut self, session: SessionId, tick: Tick, events: &mut RoomEvents) {
        let Some(member) = self.roster.get(session) else { return };
        if member.kind == PlayerKind::Bot || member.own.is_none() {
            return self.end(session, tick, events);
        }
        member.connection = None;
        member.lost_at = Some(tick);
        member.inputs.clear();
        if let Some(network) = member.network {
            self.debts.add(network, session, tick);
        }
    }

    /// A join was refused. Idle players have less time from now on. For a spectator, the one that has watched longest
    /// gives up its seat.
    fn make_room(&mut self, tick: Tick, role: Role, events: &mut RoomEvents) {
        let rate = self.game.rate();
        if role == Role::Player {
            self.seat_is_wanted = true;
        } else if self.idle_limit != IdleLimit::NEVER {
            let watching = self.roster.members().filter(|member| member.own.is_none() && member.connection.is_some());
            let longest =
                watching.filter_map(|m| Some((m.activity.watched(tick, rate)?, m.session))).max_by_key(|m| m.0);
            if let Some((_, session)) = longest {
                self.dismiss(session, tick, events);
            }
        }
    }

    /// Once a second, removes players that have been idle for too long.
    fn dismiss_idle(&mut self, tick: Tick, events: &mut RoomEvents) {
        let rate = self.game.rate();
        if !tick.is_phase(rate.hz() / 2, rate.hz()) {
            return;
        }
        let is_full = self.roster.is_full() || std::mem::take(&mut self.seat_is_wanted);
        let Some(limit) = self.idle_limit.ticks(is_full, rate) else { return };
        let game = &*self.game;
        let present = self.roster.members_mut().filter(|member| member.own.is_some() && member.connection.is_some());
        let idle = present.filter_map(|member| {
            let did_at = game.active_at(member.session.player);
            member.activity.is_idle(tick, limit, did_at).then_some(member.session)
        });
        for session in idle.collect::<Vec<_>>() {
            self.dismiss(session, tick, events);
        }
    }

    fn dismiss(&mut self, session: SessionId, tick: Tick, events: &mut RoomEvents) {
        let connection = self.roster.get(session).and_then(|member| member.connection);
        events.evictions.extend(connection.map(|connection| (connection, CloseReason::Idle)));
        self.end(session, tick, events);
    }

    fn end_lost_sessions(&mut self, tick: Tick, events: &mut RoomEvents) {
        let grace = i64::from(self.game.rate().ticks_in_ms(RESUME_MS));
        let over = |lost_at: Tick| tick.since(lost_at) >= grace;
        let ended: Vec<_> = self.roster.members().filter(|m| m.lost_at.is_some_and(over)).map(|m| m.session).collect();
        for session in ended {
            self.end(session, tick, events);
        }
    }

    /// Ends a session. Its token is void, and its held controls are released. Its entity stays in the room as long as
    /// the game says.
    fn end(&mut self, session: SessionId, tick: Tick, events: &mut RoomEvents) {
        let Some(member) = self.roster.get(session).filter(|member| member.left_at.is_none()) else { return };
        member.connection = None;
        member.left_at = Some(tick);
        member.inputs.clear();
        events.ended.push(session);
        // A player that lost its connection has left long before its session ends.
        if let (Some(network), Some(_), None) = (member.network, member.own, member.lost_at.take()) {
            self.debts.add(network, session, tick);
        }
        if member.own.is_none_or(|_| self.game.may_go(session.player)) {
            self.remove(session, tick);
        }
    }

    fn remove_who_left(&mut self, tick: Tick) {
        let rate = self.game.rate();
        if tick.is_phase(0, rate.hz()) {
            self.debts.forget(oldest_debt(tick, rate));
        }
        let left = self.roster.members().filter(|member| member.left_at.is_some());
        let gone = left.filter(|member| self.game.may_go(member.session.player)).map(|member| member.session);
        for session in gone.collect::<Vec<_>>() {
            self.remove(session, tick);
        }
    }

    /// Frees the slot of a player that has left, and removes its entity.
    fn remove(&mut self, session: SessionId, tick: Tick) {
        let until = tick.plus(self.game.rate().ticks_in_ms(QUARANTINE_MS));
        let Some(member) = self.roster.leave(session, until) else { return };
        if member.own.is_some() {
            if let (Some(network), Some(left)) = (member.network, member.left_at) {
                let debt = self.game.debt(session.player, left);
                self.debts.settle(network, session, left, debt);
            }
            self.game.leave(session.player);
        }
        Arc::make_mut(&mut self.names)[session.player.index()] = None;
    }

    fn take_commands(&mut self, tick: Tick, batch: &mut Batch<InputOf<G>>, counts: &mut InputCounts) {
        let timing = ViewTiming::new(self.game.rate());
        for command in batch.commands.drain(..) {
            // Inputs of a connection that has lost its session, without knowing yet, are dropped.
            let member = self.roster.get(command.session);
            let member = member.filter(|member| member.connection == Some(command.connection));
            let Some(member) = member else {
                counts.orphaned += 1;
                continue;
            };
            match member.inputs.push(tick, command.tick, command.input) {
                Ok(()) => {
                    counts.taken += 1;
                    member.activity.say(tick, command.input);
                    if let Some(ack) = command.ack {
                        member.view.record(tick, command.tick, ack, &timing);
                    }
                }
                Err(Dropped::Early) => counts.early += 1,
                Err(Dropped::Old | Dropped::Duplicate) => counts.old += 1,
            }
        }
    }

    fn collect_inputs(&mut self, tick: Tick) {
        self.inputs.clear();
        self.reports.clear();
        let timing = ViewTiming::new(self.game.rate());
        for member in self.roster.members_mut() {
            let (input, report) = member.inputs.pop(tick);
            self.reports.push(report);
            if member.own.is_some() {
                let view = member.view.window(tick, &timing);
                let player = member.session.player;
                self.inputs.push(PlayerInput { player, input, view, aspect: member.aspect });
            }
        }
    }
}

/// The oldest leaving whose debt must still be paid on a tick.
fn oldest_debt(tick: Tick, rate: TickRate) -> Tick {
    Tick(tick.0.saturating_sub(rate.ticks_in_ms(DEBT_MS)))
}
