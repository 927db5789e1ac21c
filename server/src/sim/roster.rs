//! The members of a room: its players and spectators, each in a slot of the room's tables.

use super::display_names::{DisplayNames, ReservedNames};
use super::idle::Activity;
use super::input_buffer::InputBuffer;
use super::view_estimate::ViewEstimate;
use crate::ids::{ConnectionKey, PlayerId, PlayerKind, RoomId, SessionId};
use crate::sim::join_refusal::JoinRefusal;
use fracas_protocol::game::rules::Intent;
use fracas_protocol::ids::EntityId;
use fracas_protocol::name::Name;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::message::{Aspect, Role};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// How long a freed slot rests if there are others. Nothing of its last holder can be on its way for longer.
pub const QUARANTINE_MS: u32 = 2000;

/// How long a slot must stay empty. On the tick of the leaving, all who knew its entity are told that it is gone. On the
/// next tick nobody has it. Late messages of its last holder carry the old session, which is over. So no join is
/// refused because slots rest: when they run out, the one that has rested longest is used.
pub const REST_TICKS: u32 = 2;

/// How long a person must be here before a built-in bot leaves. People who come and go push no bots out.
pub const SETTLED_MS: u32 = 5_000;

/// How long the entity of a lost connection is kept.
pub const RESUME_MS: u32 = 60_000;

/// Slots beyond the seats, in a small room.
const SPARE: u32 = 512;

/// How many seats a room has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Of people who play, those whose entity is kept for them included.
    pub people: u16,
    /// Of the server's own bots.
    pub bots: u16,
    /// Of spectators.
    pub spectators: u16,
}

impl Capacity {
    /// Whether a game with ids for `players_max` players has one for each slot, and each slot has a number.
    pub fn fits(self, players_max: u16) -> bool {
        let players = with_spare(u32::from(self.people) + u32::from(self.bots));
        players <= players_max.into() && players + with_spare(self.spectators.into()) <= u16::MAX.into()
    }

    /// Slots of players.
    pub const fn player_slots(self) -> u16 {
        with_spare(self.people as u32 + self.bots as u32) as u16
    }

    /// Slots of players, and those of spectators after them.
    pub fn slots(self) -> u16 {
        self.player_slots() + with_spare(self.spectators.into()) as u16
    }
}

/// Adds spare slots, so that a slot can rest between two holders. Large rooms have an eighth of those that may be taken,
/// and 16 more. Small rooms have up to [`SPARE`], of which half can be used on one tick without delay.
const fn with_spare(filled: u32) -> u32 {
    let (large, small) = (filled / 8 + 16, SPARE.saturating_sub(filled / 8));
    filled + if large > small { large } else { small }
}

/// A member of the room.
#[derive(Debug)]
pub struct Member<I> {
    /// The member's session.
    pub session: SessionId,
    /// The name by which it is shown.
    pub name: Name,
    /// A person or a built-in bot.
    pub kind: PlayerKind,
    /// Its entity; a spectator has none.
    pub own: Option<EntityId>,
    /// The entity that a spectator watches.
    pub watches: Option<EntityId>,
    /// The network that it first came from. None for built-in bots.
    pub network: Option<IpAddr>,
    /// Its connection. None while it is lost.
    pub connection: Option<ConnectionKey>,
    /// How many connections have had the session.
    pub given: u32,
    /// When it joined.
    pub joined_at: Tick,
    /// When the connection was lost.
    pub lost_at: Option<Tick>,
    /// When it left for good, if its entity may not go yet. The session cannot be resumed.
    pub left_at: Option<Tick>,
    /// Its inputs.
    pub inputs: InputBuffer<I>,
    /// The estimate of what its screen shows.
    pub(super) view: ViewEstimate,
    /// Its aspect.
    pub(super) aspect: Aspect,
    /// When it was last active.
    pub(super) activity: Activity<I>,
}

/// How many members are in the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headcount {
    /// People who play, or whose entity is kept for them.
    pub people: u16,
    /// Built-in bots.
    pub bots: u16,
    /// Spectators.
    pub spectators: u16,
}

impl Headcount {
    /// All members.
    pub fn total(self) -> usize {
        usize::from(self.people) + usize::from(self.bots) + usize::from(self.spectators)
    }

    /// The sum with another room's.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            people: self.people.saturating_add(other.people),
            bots: self.bots.saturating_add(other.bots),
            spectators: self.spectators.saturating_add(other.spectators),
        }
    }
}

/// A slot that rests.
#[derive(Clone, Copy, Debug)]
struct Resting {
    player: PlayerId,
    left: Tick,
    /// When it is free again.
    until: Tick,
    /// The network of its last holder.
    network: Option<IpAddr>,
}

/// All members of a room, by slot.
#[derive(Debug)]
pub struct Roster<I> {
    room: RoomId,
    capacity: Capacity,
    members: Vec<Option<Member<I>>>,
    display_names: DisplayNames,
    free_player_slots: VecDeque<PlayerId>,
    free_spectator_slots: VecDeque<PlayerId>,
    /// Slots that rest, in the order in which they were freed.
    resting: VecDeque<Resting>,
    now: Tick,
    headcount: Headcount,
    next_serial: u64,
}

impl<I: Intent> Roster<I> {
    /// An empty roster, of the process's first room.
    pub fn new(capacity: Capacity) -> Self {
        let members = std::iter::repeat_with(|| None).take(usize::from(capacity.slots())).collect();
        Self {
            room: RoomId::default(),
            capacity,
            members,
            display_names: DisplayNames::default(),
            free_player_slots: (0..capacity.player_slots()).map(PlayerId).collect(),
            free_spectator_slots: (capacity.player_slots()..capacity.slots()).map(PlayerId).collect(),
            resting: VecDeque::new(),
            now: Tick(0),
            headcount: Headcount::default(),
            next_serial: 1,
        }
    }

    /// People with these names get a number added.
    pub fn reserve_names(&mut self, reserved: Arc<ReservedNames>) {
        self.display_names.reserve(reserved);
    }

    /// The same for another room, with serials from `first_serial` on.
    #[must_use]
    pub fn of(self, room: RoomId, first_serial: u64) -> Self {
        Self { room, next_serial: first_serial, ..self }
    }

    /// The serial of the session that begins next.
    pub fn next_serial(&self) -> u64 {
        self.next_serial
    }

    /// How many members are in the room.
    pub fn headcount(&self) -> Headcount {
        self.headcount
    }

    /// Gives somebody from `network` a seat, and a slot that nobody has.
    ///
    /// # Errors
    /// [`JoinRefusal::Full`] if no seat is free. [`JoinRefusal::Overload`] if more have left on the last two ticks than
    /// there are spare slots.
    pub fn join(
        &mut self,
        name: Name,
        kind: PlayerKind,
        role: Role,
        connection: ConnectionKey,
        network: Option<IpAddr>,
    ) -> Result<&mut Member<I>, JoinRefusal> {
        let (taken, most) = match (role, kind) {
            (Role::Spectator, _) => (self.headcount.spectators, self.capacity.spectators),
            (Role::Player, PlayerKind::Person) => (self.headcount.people, self.capacity.people),
            (Role::Player, PlayerKind::Bot) => (self.headcount.bots, self.capacity.bots),
        };
        if taken >= most {
            return Err(JoinRefusal::Full);
        }
        let player = self.pop_slot(role == Role::Spectator, network).ok_or(JoinRefusal::Overload)?;
        *self.count_of(player, kind) += 1;
        let session = SessionId { room: self.room, player, serial: self.next_serial };
        self.next_serial += 1;
        // Spectators are not shown to others.
        let name = if role == Role::Player { self.display_names.join(player, kind, &name) } else { name };
        Ok(self.members[player.index()].insert(Member {
            session,
            name,
            kind,
            own: None,
            watches: None,
            network,
            connection: Some(connection),
            given: 1,
            joined_at: self.now,
            lost_at: None,
            left_at: None,
            inputs: InputBuffer::default(),
            view: ViewEstimate::default(),
            aspect: Aspect::default(),
            activity: Activity::default(),
        }))
    }

    /// Takes a free slot. If there is none, takes a resting one that has been empty for long enough. One that the same
    /// network had comes first, so that a network that comes and goes uses up its own slots.
    fn pop_slot(&mut self, is_spectator: bool, network: Option<IpAddr>) -> Option<PlayerId> {
        let free = if is_spectator { &mut self.free_spectator_slots } else { &mut self.free_player_slots };
        if let Some(player) = free.pop_front() {
            return Some(player);
        }
        let (now, player_slots) = (self.now, self.capacity.player_slots());
        let is_empty = |slot: &Resting| {
            (slot.player.0 >= player_slots) == is_spectator && now.since(slot.left) >= i64::from(REST_TICKS)
        };
        let own = self.resting.iter().position(|slot| slot.network == network && is_empty(slot));
        let index = own.or_else(|| self.resting.iter().position(is_empty))?;
        self.resting.remove(index).map(|slot| slot.player)
    }

    /// The counter of members with a slot like this one.
    fn count_of(&mut self, player: PlayerId, kind: PlayerKind) -> &mut u16 {
        match (self.is_spectator(player), kind) {
            (true, _) => &mut self.headcount.spectators,
            (false, PlayerKind::Person) => &mut self.headcount.people,
            (false, PlayerKind::Bot) => &mut self.headcount.bots,
        }
    }

    /// How many people with an entity have been here for so many ticks and are connected.
    pub fn settled(&self, ticks: u32) -> u16 {
        let is_settled = |member: &&Member<I>| {
            let is_player = member.kind == PlayerKind::Person && !self.is_spectator(member.session.player);
            let is_here = member.connection.is_some() && self.now.since(member.joined_at) >= i64::from(ticks);
            is_player && is_here
        };
        self.members().filter(is_settled).count() as u16
    }

    /// Frees a member's slot. It rests until `until`, or for less if there is no other.
    pub fn leave(&mut self, session: SessionId, until: Tick) -> Option<Member<I>> {
        self.get(session)?;
        let member = self.members[session.player.index()].take()?;
        *self.count_of(session.player, member.kind) -= 1;
        self.display_names.leave(session.player);
        self.resting.push_back(Resting { player: session.player, left: self.now, until, network: member.network });
        Some(member)
    }

    /// Ticks restart. Slots rest until this tick at most, and all members count as having joined just now.
    pub fn begin_anew(&mut self, until: Tick) {
        self.now = Tick(0);
        self.resting.iter_mut().for_each(|slot| (slot.left, slot.until) = (Tick(0), until));
        self.members_mut().for_each(|member| {
            member.joined_at = Tick(0);
            member.activity.begin_anew();
        });
    }

    /// A tick begins. Slots whose rest is over are free again.
    pub fn release(&mut self, now: Tick) {
        self.now = now;
        while let Some(Resting { player, .. }) = self.resting.pop_front_if(|slot| slot.until <= now) {
            if self.is_spectator(player) {
                self.free_spectator_slots.push_back(player);
            } else {
                self.free_player_slots.push_back(player);
            }
        }
    }

    /// Whether no seat for a person is free now.
    pub fn is_full(&self) -> bool {
        self.headcount.people >= self.capacity.people
    }

    fn is_spectator(&self, player: PlayerId) -> bool {
        player.0 >= self.capacity.player_slots()
    }

    /// The member of a session, if it is still in the room.
    pub fn get(&mut self, session: SessionId) -> Option<&mut Member<I>> {
        self.members.get_mut(session.player.index())?.as_mut().filter(|member| member.session == session)
    }

    /// The room of this roster.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// All members by slot.
    pub fn members(&self) -> impl Iterator<Item = &Member<I>> {
        self.members.iter().flatten()
    }

    /// All members by slot.
    pub fn members_mut(&mut self) -> impl Iterator<Item = &mut Member<I>> {
        self.members.iter_mut().flatten()
    }

    /// Slots of players; those of spectators come after them.
    pub fn player_slots(&self) -> usize {
        usize::from(self.capacity.player_slots())
    }

    /// All slots.
    pub fn slots(&self) -> usize {
        self.members.len()
    }
}

#[cfg(test)]
mod slot_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::game::toy::Step;

    fn roster() -> Roster<Step> {
        Roster::new(Capacity { people: 2, bots: 1, spectators: 1 })
    }

    fn join(roster: &mut Roster<Step>, kind: PlayerKind, role: Role) -> Result<SessionId, JoinRefusal> {
        let name = Name::parse("somebody").expect("a name");
        roster.join(name, kind, role, ConnectionKey::default(), None).map(|member| member.session)
    }

    #[test]
    fn each_kind_has_its_own_limit() {
        let mut roster = roster();
        for _ in 0..2 {
            assert!(join(&mut roster, PlayerKind::Person, Role::Player).is_ok());
        }
        assert_eq!(join(&mut roster, PlayerKind::Person, Role::Player), Err(JoinRefusal::Full));
        assert!(join(&mut roster, PlayerKind::Bot, Role::Player).is_ok(), "bots take nobody's seat");
        assert_eq!(join(&mut roster, PlayerKind::Bot, Role::Player), Err(JoinRefusal::Full));
        assert!(join(&mut roster, PlayerKind::Person, Role::Spectator).is_ok());
        assert_eq!(join(&mut roster, PlayerKind::Person, Role::Spectator), Err(JoinRefusal::Full));
        assert_eq!(roster.headcount(), Headcount { people: 2, bots: 1, spectators: 1 });
    }

    #[test]
    fn a_freed_slot_rests_before_somebody_else_gets_it() {
        let mut roster = roster();
        let first = join(&mut roster, PlayerKind::Person, Role::Player).expect("a seat");
        for round in 0..100 {
            let now = Tick(round * 100);
            roster.release(now);
            let session = join(&mut roster, PlayerKind::Person, Role::Player).expect("a seat");
            assert!(roster.leave(session, now.plus(60)).is_some());
            let next = join(&mut roster, PlayerKind::Person, Role::Player).expect("a seat");
            assert_ne!(next.player, session.player, "its last holder has just left");
            assert!(roster.leave(next, now.plus(60)).is_some());
        }
        assert!(roster.get(first).is_some());
    }

    #[test]
    fn an_old_session_cannot_touch_who_has_its_slot_now() {
        let mut roster = roster();
        let old = join(&mut roster, PlayerKind::Person, Role::Player).expect("a seat");
        roster.leave(old, Tick(0));
        roster.release(Tick(0));
        while join(&mut roster, PlayerKind::Person, Role::Player).is_ok() {}
        assert!(roster.get(old).is_none());
        assert!(roster.leave(old, Tick(9)).is_none());
    }
}
