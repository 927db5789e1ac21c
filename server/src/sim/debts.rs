//! The debts of players that left in the middle of something. They are kept by network, until the next session from
//! there pays.

use crate::ids::SessionId;
use fracas_protocol::tick::Tick;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// How long a debt is kept.
pub(super) const DEBT_MS: u32 = 10_000;

/// Debts that one slot can leave within [`DEBT_MS`]. After each the slot rests for [`super::roster::QUARANTINE_MS`].
const DEBTS_PER_SLOT: usize = (DEBT_MS / super::roster::QUARANTINE_MS) as usize + 1;

/// A player that left, or lost its connection.
#[derive(Clone, Debug)]
struct Leaving<D> {
    session: SessionId,
    at: Tick,
    /// What it owes, by the last state of its entity. None while the entity is in the room; then the game is asked.
    debt: Option<D>,
}

/// All debts of a room.
#[derive(Clone, Debug)]
pub(super) struct Debts<D> {
    /// By network, oldest first.
    leavings: BTreeMap<IpAddr, VecDeque<Leaving<D>>>,
    count: usize,
    /// The most debts that can exist while slots rest. Further ones are forgiven.
    most: usize,
}

impl<D: Clone> Debts<D> {
    /// The debts of a room with so many slots.
    pub(super) fn new(slots: usize) -> Self {
        Self { leavings: BTreeMap::new(), count: 0, most: slots * DEBTS_PER_SLOT }
    }

    /// A session from a network has left or lost its connection. The game is asked for its debt later.
    pub(super) fn add(&mut self, network: IpAddr, session: SessionId, at: Tick) {
        if self.count < self.most {
            self.count += 1;
            self.leavings.entry(network).or_default().push_back(Leaving { session, at, debt: None });
        }
    }

    /// Its entity goes, and its debt is final. Does nothing if it was not added or is paid already.
    pub(super) fn settle(&mut self, network: IpAddr, session: SessionId, at: Tick, debt: Option<D>) {
        match debt {
            Some(debt) => {
                let Some(index) = self.find(network, session, at) else { return };
                if let Some(leaving) = self.leavings.get_mut(&network).and_then(|queue| queue.get_mut(index)) {
                    leaving.debt = Some(debt);
                }
            }
            None => self.cancel(network, session, at),
        }
    }

    /// It resumed its session, and owes nothing more.
    pub(super) fn cancel(&mut self, network: IpAddr, session: SessionId, at: Tick) {
        let Some(index) = self.find(network, session, at) else { return };
        let Some(queue) = self.leavings.get_mut(&network) else { return };
        self.count -= usize::from(queue.remove(index).is_some());
        if queue.is_empty() {
            self.leavings.remove(&network);
        }
    }

    fn find(&self, network: IpAddr, session: SessionId, at: Tick) -> Option<usize> {
        let queue = self.leavings.get(&network)?;
        let first = queue.partition_point(|leaving| leaving.at < at);
        let then = queue.iter().skip(first).take_while(|leaving| leaving.at == at);
        then.zip(first..).find(|(leaving, _)| leaving.session == session).map(|(_, index)| index)
    }

    /// A new session from a network begins. Takes the network's oldest debt that is not from before `oldest`. `ask`
    /// returns what a session owes whose entity is still in the room, given when it left. Sessions that owe nothing any
    /// more are forgotten on the way.
    pub(super) fn pay(
        &mut self,
        network: IpAddr,
        oldest: Tick,
        ask: impl Fn(SessionId, Tick) -> Option<D>,
    ) -> Option<D> {
        let queue = self.leavings.get_mut(&network)?;
        let (count, leavings) = (&mut self.count, std::iter::from_fn(|| queue.pop_front()));
        let mut kept = leavings.inspect(|_| *count -= 1).filter(|leaving| leaving.at >= oldest);
        let paid = kept.find_map(|Leaving { session, at, debt }| debt.or_else(|| ask(session, at)));
        if queue.is_empty() {
            self.leavings.remove(&network);
        }
        paid
    }

    /// Forgets all debts from before `oldest`.
    pub(super) fn forget(&mut self, oldest: Tick) {
        let count = &mut self.count;
        self.leavings.retain(|_, queue| {
            while queue.pop_front_if(|leaving| leaving.at < oldest).is_some() {
                *count -= 1;
            }
            !queue.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PlayerId;
    use crate::ids::RoomId;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const NOW: Tick = Tick(100);

    fn session(serial: u64) -> SessionId {
        SessionId { room: RoomId(0), player: PlayerId(serial as u16), serial }
    }

    #[test]
    fn of_several_debts_the_oldest_is_paid_first_and_each_once() {
        let mut debts = Debts::new(10);
        for serial in 1..=4 {
            debts.add(HERE, session(serial), NOW);
            debts.settle(HERE, session(serial), NOW, Some(serial));
        }
        debts.cancel(HERE, session(2), NOW);
        let elsewhere = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(debts.pay(elsewhere, NOW, |_, _| Some(9)), None);
        let paid: Vec<_> = (0..4).map(|_| debts.pay(HERE, NOW, |_, _| None)).collect();
        assert_eq!(paid, [Some(1), Some(3), Some(4), None]);
        assert!(debts.leavings.is_empty() && debts.count == 0);
    }

    #[test]
    fn who_is_still_in_the_room_is_asked_and_whoever_owes_nothing_by_then_keeps_nobody_from_paying() {
        let mut debts = Debts::new(10);
        (1..=3).for_each(|serial| debts.add(HERE, session(serial), NOW));
        let ask = |session: SessionId, at: Tick| (session.serial == 2).then_some(at);
        assert_eq!(debts.pay(HERE, NOW, ask), Some(NOW));
        assert_eq!((debts.pay(HERE, NOW, ask), debts.count), (None, 0));
    }

    #[test]
    fn what_is_too_old_is_neither_paid_nor_kept() {
        let mut debts = Debts::new(10);
        debts.add(HERE, session(1), Tick(99));
        debts.add(HERE, session(2), NOW);
        assert_eq!(debts.pay(HERE, NOW, |session, _| Some(session.serial)), Some(2));
        debts.add(HERE, session(3), NOW);
        debts.forget(NOW.next());
        assert!(debts.leavings.is_empty() && debts.count == 0);
    }

    #[test]
    fn more_than_slots_can_leave_are_forgiven() {
        let mut debts: Debts<u32> = Debts::new(2);
        (0..1000).for_each(|serial| debts.add(HERE, session(serial), NOW));
        assert_eq!(debts.count, 2 * DEBTS_PER_SLOT);
    }
}
