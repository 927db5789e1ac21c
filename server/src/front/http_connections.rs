//! The HTTP connections of one port: their number, and which one is closed for a new one. That is the one that has
//! completed nothing for longest. No I/O in here.

use crate::front::rejection::{Rejection, Shed};
use crate::ops::FrontMetrics;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// If no connection is silent, one whose answer has not been taken for so long is closed for a new one.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);

/// How many connections a port may have now, and what limits them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionCap {
    pub(crate) most: usize,
    pub(crate) bound: Shed,
}

/// The network of a new connection, and how many connections it may have here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressCap {
    pub(crate) network: IpAddr,
    pub(crate) most: usize,
}

/// All connections of a port.
#[derive(Debug)]
pub(crate) struct HttpConnections {
    table: Mutex<ConnectionTable>,
    metrics: FrontMetrics,
}

/// When a connection last completed something, and its number.
type Age = (Instant, u64);

#[derive(Debug, Default)]
struct ConnectionTable {
    next_id: u64,
    entries: HashMap<u64, Entry>,
    /// Connections whose request is not complete, the oldest first.
    silent: BTreeSet<Age>,
    /// Connections that are being answered, the oldest first.
    answering: BTreeSet<Age>,
    by_network: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    network: Option<IpAddr>,
    since: Instant,
    is_answering: bool,
    shed: Arc<Notify>,
}

impl HttpConnections {
    pub(crate) fn new(metrics: FrontMetrics) -> Self {
        Self { table: Mutex::default(), metrics }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Adds a new connection. If its network or the port is full, the connection that has been silent for longest is
    /// shed. If none is silent, one whose answer is not taken is shed.
    pub(crate) fn admit(
        self: &Arc<Self>,
        share: Option<AddressCap>,
        places: ConnectionCap,
        now: Instant,
    ) -> Result<HttpConnection, Rejection> {
        let mut table = self.table();
        if let Some(AddressCap { network, most }) = share {
            let is_over = |table: &ConnectionTable| table.by_network.get(&network).is_some_and(|count| *count >= most);
            self.make_room(&mut table, is_over, Some(network), Shed::Address, now)?;
        }
        // Shed none if even shedding all would not be enough.
        if places.most == 0 {
            return Err(places.bound.rejection());
        }
        self.make_room(&mut table, |table| table.entries.len() >= places.most, None, places.bound, now)?;
        let (id, shed) = (table.next_id, Arc::<Notify>::default());
        table.insert(
            id,
            Entry {
                network: share.map(|share| share.network),
                since: now,
                is_answering: false,
                shed: Arc::clone(&shed),
            },
        );
        drop(table);
        let activity = HttpActivity { of: Arc::clone(self), id, state: Mutex::default() };
        Ok(HttpConnection { activity: Arc::new(activity), shed })
    }

    /// Sheds connections, of a network or of all, while there are too many.
    fn make_room(
        &self,
        table: &mut ConnectionTable,
        is_over: impl Fn(&ConnectionTable) -> bool,
        network: Option<IpAddr>,
        reason: Shed,
        now: Instant,
    ) -> Result<(), Rejection> {
        while is_over(table) {
            let id = table.dispensable(network, now).ok_or(reason.rejection())?;
            if let Some(entry) = table.remove(id) {
                entry.shed.notify_one();
                self.metrics.shed(reason);
            }
        }
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionTable {
    fn insert(&mut self, id: u64, entry: Entry) {
        self.next_id = id + 1;
        if let Some(network) = entry.network {
            *self.by_network.entry(network).or_insert(0) += 1;
        }
        self.queue(entry.is_answering).insert((entry.since, id));
        self.entries.insert(id, entry);
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.queue(entry.is_answering).remove(&(entry.since, id));
        if let Some(network) = entry.network {
            let left = self.by_network.get_mut(&network).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left == 0 {
                self.by_network.remove(&network);
            }
        }
        Some(entry)
    }

    fn queue(&mut self, is_answering: bool) -> &mut BTreeSet<Age> {
        if is_answering { &mut self.answering } else { &mut self.silent }
    }

    /// The next connection to shed, of a network or of all.
    fn dispensable(&self, network: Option<IpAddr>, now: Instant) -> Option<u64> {
        let is_of =
            |(_, id): &&Age| network.is_none() || self.entries.get(id).is_some_and(|entry| entry.network == network);
        let stalled = self.answering.iter().take_while(|(since, _)| now.duration_since(*since) >= ANSWER_PATIENCE);
        self.silent.iter().chain(stalled).find(is_of).map(|(_, id)| *id)
    }

    /// A connection is being answered, or not any more. `now` is set if it has completed something.
    fn update(&mut self, id: u64, is_answering: bool, now: Option<Instant>) {
        // It may have been shed already.
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let before = (entry.is_answering, (entry.since, id));
        entry.is_answering = is_answering;
        entry.since = now.unwrap_or(entry.since);
        let after = (entry.since, id);
        self.queue(before.0).remove(&before.1);
        self.queue(is_answering).insert(after);
    }
}

/// A connection; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    activity: Arc<HttpActivity>,
    shed: Arc<Notify>,
}

impl HttpConnection {
    /// Where its activity is reported.
    pub(crate) fn activity(&self) -> Arc<HttpActivity> {
        Arc::clone(&self.activity)
    }

    /// Waits until it is shed.
    pub(crate) async fn shed(&self) {
        self.shed.notified().await;
    }
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        self.activity.of.table().remove(self.activity.id);
    }
}

/// The activity of a connection.
#[derive(Debug)]
pub(crate) struct HttpActivity {
    of: Arc<HttpConnections>,
    id: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: usize,
    is_blocked: bool,
}

impl HttpActivity {
    /// A whole request has arrived. It is being answered until the returned value is dropped.
    pub(crate) fn begin_answer(self: &Arc<Self>) -> Answering {
        self.change(Some(Instant::now()), |state| state.answers += 1);
        Answering(Arc::clone(self))
    }

    /// The peer does not read the answer, or reads again.
    pub(crate) fn set_blocked(&self, is_blocked: bool) {
        self.change(None, |state| state.is_blocked = is_blocked);
    }

    fn change(&self, now: Option<Instant>, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        self.of.table().update(self.id, state.answers > 0 || state.is_blocked, now);
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(crate) struct Answering(Arc<HttpActivity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(Some(Instant::now()), |state| state.answers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Telemetry;
    use fracas_protocol::tick::TickRate;

    fn connections() -> Arc<HttpConnections> {
        Arc::new(HttpConnections::new(Telemetry::new(TickRate::HZ_30).expect("metrics").for_front()))
    }

    fn share(last: u8) -> Option<AddressCap> {
        Some(AddressCap { network: IpAddr::from([192, 0, 2, last]), most: 3 })
    }

    fn places(most: usize) -> ConnectionCap {
        ConnectionCap { most, bound: Shed::Port }
    }

    /// Whether it has been told to go, of which it is told once.
    async fn is_shed(connection: &HttpConnection) -> bool {
        tokio::time::timeout(Duration::ZERO, connection.shed()).await.is_ok()
    }

    async fn which_are_shed(all: &[HttpConnection]) -> Vec<usize> {
        let mut which = Vec::new();
        for (number, connection) in all.iter().enumerate() {
            if is_shed(connection).await {
                which.push(number);
            }
        }
        which
    }

    /// So many connections of one address each, a second apart.
    async fn come(connections: &Arc<HttpConnections>, count: u8) -> Vec<HttpConnection> {
        let mut all = Vec::new();
        for number in 0..count {
            all.push(connections.admit(share(number), places(count.into()), Instant::now()).expect("there is room"));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_been_silent_for_longest_goes_for_a_newcomer() {
        let connections = connections();
        let all = come(&connections, 4).await;
        // The first has asked for something since, and was answered.
        drop(all[0].activity().begin_answer());
        let _newcomer = connections.admit(share(9), places(4), Instant::now()).expect("the second goes");
        assert_eq!(which_are_shed(&all).await, [1]);
        assert_eq!(connections.len(), 4);
        drop(all);
        assert_eq!(connections.len(), 1, "who was shed does not count twice");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_being_answered_stays_until_the_answer_is_not_taken_for_half_a_second() {
        let connections = connections();
        let all = come(&connections, 2).await;
        let _first = all[0].activity().begin_answer();
        all[1].activity().set_blocked(true);
        drop(all[1].activity().begin_answer());
        let refused = connections.admit(share(9), places(2), Instant::now()).map(|_| ());
        assert_eq!(refused, Err(Rejection::Busy));
        tokio::time::advance(ANSWER_PATIENCE).await;
        let _newcomer = connections.admit(share(9), places(2), Instant::now()).expect("the first is stalled");
        assert_eq!(which_are_shed(&all).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_has_its_share_makes_room_for_itself_and_for_nobody_elses() {
        let connections = connections();
        let come = |last| connections.admit(share(last), places(100), Instant::now()).expect("there is room");
        let other = come(2);
        tokio::time::advance(Duration::from_secs(1)).await;
        let all: Vec<_> = (0..3).map(|_| come(1)).collect();
        let _more = come(1);
        assert!(!is_shed(&other).await, "although it is older");
        assert_eq!(which_are_shed(&all).await, [0]);
        let _answers: Vec<_> = all.iter().map(|connection| connection.activity().begin_answer()).collect();
        drop(_more);
        let _more = come(1);
        let _answer = _more.activity().begin_answer();
        let refused = connections.admit(share(1), places(100), Instant::now()).map(|_| ());
        assert_eq!(refused, Err(Rejection::Address));
    }

    #[tokio::test(start_paused = true)]
    async fn if_there_is_room_for_none_nobody_goes() {
        let connections = connections();
        let all = come(&connections, 3).await;
        let none = ConnectionCap { most: 0, bound: Shed::Descriptors };
        assert_eq!(connections.admit(share(9), none, Instant::now()).map(|_| ()), Err(Rejection::Descriptors));
        assert!(which_are_shed(&all).await.is_empty() && connections.len() == 3);
        let fewer = ConnectionCap { most: 2, bound: Shed::Descriptors };
        let _newcomer = connections.admit(share(9), fewer, Instant::now()).expect("two go");
        assert_eq!(which_are_shed(&all).await, [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_of_who_has_gone() {
        let connections = connections();
        drop(come(&connections, 9).await);
        let table = connections.table();
        assert!(table.entries.is_empty() && table.silent.is_empty());
        assert!(table.answering.is_empty() && table.by_network.is_empty());
    }
}
