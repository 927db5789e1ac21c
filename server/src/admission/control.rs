//! Which connections are admitted: by the page's origin, their number, memory, and the quota of an address, before and
//! after the upgrade. No I/O in here.

use crate::admission::address_quota::{AddressQuota, QuotaGuard, network_of};
use crate::admission::join_budget::{JoinBudget, JoinRate};
use crate::admission::memory_budget::MemoryBudget;
use crate::admission::retry_scheduler::{RetryClient, RetryScheduler};
use crate::admission::token_abuse::TokenAbuse;
use crate::front::forwarded::{ForwardedClient, Forwarding, TrustedProxy};
use crate::front::http_connections::AddressCap;
use crate::front::origin::{HostNames, Origin, OriginPolicy};
use crate::front::rejection::{Rejection, RejectionResponse};
use crate::session::TokenHash;
use crate::sim::join_refusal::JoinRefusal;
use axum::http::HeaderMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// HTTP connections of one address, for each connection that may play ...
const WAITING_PER_PLAYER: usize = 4;
/// ... and not less than this, since a browser loads a page over six at a time.
const WAITING_LEAST: usize = 64;

/// How long an address with too many connections should wait before it tries again.
pub(crate) const TOO_MANY_PAUSE: Duration = Duration::from_secs(5);

/// How long an address that has begun too many connections should wait before it tries again.
const HANDSHAKE_PAUSE: Duration = Duration::from_secs(1);

/// The settings of admission.
#[derive(Clone, Debug)]
pub struct AdmissionConfig {
    /// Connections in all.
    pub connections_max: usize,
    /// Connections from one address; for IPv6 from one /64.
    pub per_address_max: usize,
    /// New players that one address may bring; for IPv6 one /64.
    pub joins_per_address: JoinRate,
    /// Whether these limits hold for loopback addresses too.
    pub limit_loopback: bool,
    /// Names by which browsers may reach the server, beside addresses and localhost.
    pub public_hosts: HostNames,
    /// Origins that may connect beside the server's own.
    pub allow_origins: Vec<Origin>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<TrustedProxy>,
}

/// Counts connections and decides about new ones.
#[derive(Debug)]
pub struct AdmissionControl {
    config: AdmissionConfig,
    connections: AtomicUsize,
    /// Connections that play, or are about to.
    players: Arc<AddressQuota>,
    /// Entities that wait for their players.
    kept: Arc<AddressQuota>,
    token_abuse: TokenAbuse,
    joins: JoinBudget,
    memory: MemoryBudget,
    retries: RetryScheduler,
    draining: AtomicBool,
    origins: OriginPolicy,
    forwarding: Forwarding,
}

impl AdmissionControl {
    /// An admission control without connections.
    pub fn new(config: AdmissionConfig) -> Self {
        let forwarding = Forwarding::new(config.trusted_proxies.clone());
        let origins = OriginPolicy::new(config.public_hosts.clone(), config.allow_origins.clone());
        Self {
            token_abuse: TokenAbuse::new(config.per_address_max, config.connections_max),
            joins: JoinBudget::new(config.joins_per_address),
            config,
            connections: AtomicUsize::new(0),
            players: Arc::default(),
            kept: Arc::default(),
            memory: MemoryBudget::default(),
            retries: RetryScheduler::default(),
            draining: AtomicBool::new(false),
            origins,
            forwarding,
        }
    }

    /// From now on no connection is admitted.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The names and the pages by which the game may be reached.
    pub(crate) fn origins(&self) -> &OriginPolicy {
        &self.origins
    }

    /// Which client a connection from `peer` with these headers counts for.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<ForwardedClient, RejectionResponse> {
        Ok(self.forwarding.client(peer, headers)?)
    }

    /// Admits a connection of `client`, and counts it until the permit is dropped. Built-in bots are not counted for
    /// their address.
    pub fn enter(
        self: &Arc<Self>,
        client: impl Into<ForwardedClient>,
        is_ours: bool,
        now: Instant,
    ) -> Result<AdmissionPermit, Rejection> {
        let ForwardedClient { address, is_forwarded } = client.into();
        if self.is_draining() {
            return Err(Rejection::Draining);
        }
        let mut network = (!is_ours).then(|| Network {
            admission: Arc::clone(self),
            address: network_of(address),
            is_exempt: !is_forwarded && self.is_exempt(address),
            only_returns: false,
            may_idle: false,
        });
        if let Some(network) = &network {
            if !self.token_abuse.may_enter(network.address, network.is_exempt, now) {
                return Err(Rejection::TokenAbuse);
            }
            // An address with a lost entity may connect to resume it, whatever its other connections do.
            let is_limited = !network.is_exempt && self.kept.count(network.address) == 0;
            if is_limited && self.joins.take_handshake(network.address, now).is_err() {
                return Err(Rejection::JoinBudget);
            }
        }
        if !self.memory.may_enter(self.connections()) {
            // An address with a lost entity may connect to resume it.
            let has_entity = |network: &&mut Network| self.kept.count(network.address) > 0;
            let network = network.as_mut().filter(has_entity).ok_or(Rejection::Memory)?;
            network.only_returns = true;
            if !self.memory.may_return() {
                return Err(Rejection::Memory);
            }
        }
        let share = match network.as_ref().filter(|network| !network.is_exempt) {
            Some(network) => {
                Some(self.players.try_acquire(network.address, self.config.per_address_max).ok_or(Rejection::Address)?)
            }
            None => None,
        };
        // The permit gives back what was counted, also when the next check refuses.
        let permit = AdmissionPermit { admission: Arc::clone(self), network, _share: share };
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        if before >= self.config.connections_max { Err(Rejection::Full) } else { Ok(permit) }
    }

    /// How many HTTP connections the network of `peer` may have at the same time. None for no limit. A trusted proxy is
    /// not limited, since many clients come through it.
    pub(crate) fn http_share(&self, peer: IpAddr) -> Option<AddressCap> {
        let peer = peer.to_canonical();
        if self.is_exempt(peer) || self.forwarding.is_trusted(peer) {
            return None;
        }
        let most = (WAITING_PER_PLAYER * self.config.per_address_max).max(WAITING_LEAST);
        Some(AddressCap { network: network_of(peer), most })
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        address.is_loopback() && !self.config.limit_loopback
    }

    /// How long a client from `address` that is refused at `now` should wait. None if retrying is useless. Only a
    /// client that is not to blame gets a place in the retry queue.
    pub fn retry_after(&self, why: Rejection, address: IpAddr, now: Instant) -> Option<Duration> {
        let retry_client = || RetryClient { network: Some(network_of(address.to_canonical())), client: None };
        match (why, why.status()) {
            (_, 503) => Some(self.turn(retry_client(), now)),
            (Rejection::JoinBudget, _) => Some(HANDSHAKE_PAUSE),
            (_, 429) => Some(TOO_MANY_PAUSE),
            _ => None,
        }
    }

    /// How long a client that is refused at `now` should wait.
    pub fn turn(&self, retry_client: RetryClient, now: Instant) -> Duration {
        self.retries.turn(retry_client, now)
    }

    /// Drops state about networks that is not needed any more. To be called about once a second.
    pub fn sweep(&self, now: Instant) {
        self.token_abuse.sweep(now);
        self.joins.sweep(now);
    }

    /// How many networks are remembered, and how many retry times are still to come.
    pub fn remembered(&self, now: Instant) -> (usize, usize) {
        (self.token_abuse.len().max(self.joins.len()), self.retries.waiting(now))
    }

    /// Addresses with a quota in use: of connections that play, or of kept entities.
    pub fn shares(&self) -> usize {
        self.players.len() + self.kept.len()
    }

    /// The memory budget.
    pub fn memory(&self) -> &MemoryBudget {
        &self.memory
    }

    /// How many connections are counted now.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A counted connection; it counts until this is dropped.
#[derive(Debug)]
pub struct AdmissionPermit {
    admission: Arc<AdmissionControl>,
    network: Option<Network>,
    _share: Option<QuotaGuard>,
}

impl AdmissionPermit {
    /// The network of the connection. None for built-in bots.
    pub fn network(&self) -> Option<Network> {
        self.network.clone()
    }

    /// The connection declares that its player is idle on purpose. That is believed only from addresses that are exempt
    /// from the limits.
    pub fn declare_idle(&mut self) {
        if let Some(network) = &mut self.network {
            network.may_idle = network.is_exempt;
        }
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        self.admission.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The network of a connection (an address, or an IPv6 /64), and what the connection may do.
#[derive(Clone, Debug)]
pub struct Network {
    admission: Arc<AdmissionControl>,
    address: IpAddr,
    is_exempt: bool,
    /// The connection was admitted for an entity that its network has lost, although there is no memory for a new one.
    only_returns: bool,
    /// The connection is a load generator's, with an idle player.
    may_idle: bool,
}

impl Network {
    /// Whether the connection may have a new session, or why not. Lost entities that still wait count like connections.
    /// Otherwise one client could fill the room by connecting and disconnecting in a loop.
    pub fn may_begin(&self) -> Result<(), JoinRefusal> {
        let AdmissionControl { players, kept, config, .. } = &*self.admission;
        if self.only_returns {
            return Err(JoinRefusal::Memory);
        }
        let is_within = players.count(self.address) + kept.count(self.address) <= config.per_address_max;
        if self.is_exempt || is_within { Ok(()) } else { Err(JoinRefusal::Address) }
    }

    /// Takes a join from the network's budget. The error is how long until there is one.
    pub(crate) fn take_join(&self, now: Instant) -> Result<(), Duration> {
        if self.is_exempt { Ok(()) } else { self.admission.joins.take_join(self.address, now) }
    }

    /// Gives back a join that the room refused.
    pub(crate) fn give_back_join(&self) {
        if !self.is_exempt {
            self.admission.joins.give_back_join(self.address);
        }
    }

    /// Whether the connection's player is exempt from the idle limit.
    pub fn may_idle(&self) -> bool {
        self.may_idle
    }

    /// Its address; of an IPv6 /64 the first.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts an entity that waits for its player, until the returned value is dropped.
    pub fn keep(&self) -> Option<QuotaGuard> {
        self.admission.kept.try_acquire(self.address, usize::MAX)
    }

    /// Records an unknown token. Returns whether it may be a mistake. It is a guess if there were more of them than the
    /// network may have connections, since as many can have lost their sessions.
    pub(crate) fn may_err(&self, token: &TokenHash, now: Instant) -> bool {
        self.admission.token_abuse.may_show(self.address, self.is_exempt, token.short(), now)
    }
}

#[cfg(test)]
mod join_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::memory_budget::MemoryUse;
    use fracas_protocol::ids::Token;

    fn make(change: impl FnOnce(&mut AdmissionConfig)) -> Arc<AdmissionControl> {
        let mut config = AdmissionConfig {
            connections_max: 4,
            per_address_max: 2,
            joins_per_address: JoinRate::default(),
            limit_loopback: false,
            public_hosts: HostNames::default(),
            allow_origins: Vec::new(),
            trusted_proxies: vec!["10.0.0.1".parse().expect("a proxy")],
        };
        change(&mut config);
        Arc::new(AdmissionControl::new(config))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_has_its_share_until_its_connections_end() {
        let admission = make(|_| ());
        let one = ip("192.0.2.1");
        let tickets = [
            admission.enter(one, false, Instant::now()).expect("first"),
            admission.enter(one, false, Instant::now()).expect("second"),
        ];
        assert_eq!(admission.enter(one, false, Instant::now()).map(|_| ()), Err(Rejection::Address));
        let other = admission.enter(ip("192.0.2.2"), false, Instant::now());
        assert!(other.is_ok());
        drop(tickets);
        assert!(admission.enter(one, false, Instant::now()).is_ok());
        drop(other);
        assert!(admission.players.is_empty() && admission.connections() == 0);
    }

    #[test]
    fn who_has_not_said_what_they_want_has_a_share_too() {
        let admission = make(|_| ());
        let share = |address: &str| admission.http_share(ip(address)).map(|share| (share.network, share.most));
        assert_eq!(share("192.0.2.1"), Some((ip("192.0.2.1"), 64)));
        assert_eq!(share("2001:db8::9"), Some((ip("2001:db8::"), 64)));
        assert_eq!((share("10.0.0.1"), share("::ffff:10.0.0.1")), (None, None), "all come through a proxy");
        assert_eq!(share("127.0.0.1"), None);
        let limited = make(|config| (config.limit_loopback, config.per_address_max) = (true, 20));
        assert_eq!(limited.http_share(ip("127.0.0.1")).map(|share| share.most), Some(80));
    }

    #[test]
    fn lost_entities_hold_their_addresss_share_but_whoever_comes_for_one_is_let_in() {
        let admission = make(|_| ());
        let one = ip("192.0.2.1");
        let lost: Vec<_> = (0..2)
            .map(|_| {
                admission.enter(one, false, Instant::now()).expect("its share").network().expect("a person's").keep()
            })
            .collect();
        let back = admission.enter(one, false, Instant::now()).expect("it may want its entity back");
        let may_begin = |permit: &AdmissionPermit| permit.network().expect("a person's").may_begin();
        assert_eq!(may_begin(&back), Err(JoinRefusal::Address), "but it may not have a third one");
        let other = admission.enter(ip("192.0.2.2"), false, Instant::now()).expect("its share");
        assert_eq!(may_begin(&other), Ok(()), "another address");
        drop(lost);
        assert!(may_begin(&back).is_ok() && admission.kept.is_empty());
    }

    #[test]
    fn loopback_keeps_as_many_entities_as_it_likes_but_token_abuse_no_more_than_others() {
        let admission = make(|config| config.connections_max = 20);
        let network =
            admission.enter(ip("127.0.0.1"), false, Instant::now()).expect("room").network().expect("a person's");
        let kept: Vec<_> = (0..100).map(|_| network.keep()).collect();
        assert!(kept.len() == 100 && network.may_begin().is_ok());
        let now = Instant::now();
        let may_err = |number: u8| network.may_err(&TokenHash::of(&Token([number; 16])), now);
        assert_eq!((0..100).filter(|number| may_err(*number)).count(), 20, "as many as can have lost their sessions");
    }

    #[test]
    fn all_of_an_ipv6_network_is_one_address() {
        let admission = make(|_| ());
        let _tickets: Vec<_> =
            (1..=2).map(|i| admission.enter(ip(&format!("2001:db8::{i}")), false, Instant::now())).collect();
        assert_eq!(admission.enter(ip("2001:db8::99"), false, Instant::now()).map(|_| ()), Err(Rejection::Address));
        assert!(admission.enter(ip("2001:db8:0:1::1"), false, Instant::now()).is_ok());
    }

    #[test]
    fn loopback_is_limited_only_on_request_and_our_bots_never() {
        let admission = make(|config| config.connections_max = 8);
        let _many: Vec<_> =
            (0..3).map(|_| admission.enter(ip("127.0.0.1"), false, Instant::now()).expect("exempt")).collect();
        let limited = make(|config| config.limit_loopback = true);
        let _two: Vec<_> =
            (0..2).map(|_| limited.enter(ip("127.0.0.1"), false, Instant::now()).expect("its share")).collect();
        assert_eq!(limited.enter(ip("127.0.0.1"), false, Instant::now()).map(|_| ()), Err(Rejection::Address));
        assert!(limited.enter(ip("127.0.0.1"), true, Instant::now()).is_ok());
    }

    #[test]
    fn a_full_server_and_a_stopping_one_refuse_and_count_nothing() {
        let admission = make(|_| ());
        let tickets: Vec<_> = (0..4)
            .map(|i| admission.enter(ip(&format!("192.0.2.{i}")), false, Instant::now()).expect("room"))
            .collect();
        assert_eq!(admission.enter(ip("192.0.2.9"), false, Instant::now()).map(|_| ()), Err(Rejection::Full));
        assert_eq!(admission.connections(), 4);
        drop(tickets);
        admission.drain();
        assert_eq!(admission.enter(ip("192.0.2.9"), false, Instant::now()).map(|_| ()), Err(Rejection::Draining));
        assert_eq!(admission.connections(), 0);
    }

    #[test]
    fn without_memory_only_they_are_let_in_who_may_have_lost_an_entity_and_they_get_no_new_one() {
        let admission = make(|_| ());
        let enter = |address: &str| admission.enter(ip(address), false, Instant::now());
        let lost = enter("192.0.2.1").expect("room").network().expect("a person's").keep();
        let fill = |used| admission.memory().look(MemoryUse { used, limit: 100 << 20 }, admission.connections());
        assert!(fill(90 << 20));
        assert_eq!(enter("192.0.2.2").map(|_| ()), Err(Rejection::Memory));
        let house = admission.enter(ip("127.0.0.1"), true, Instant::now());
        assert_eq!(house.map(|_| ()), Err(Rejection::Memory), "nor our own bots");
        let back = enter("192.0.2.1").expect("it may want its entity back");
        assert_eq!(back.network().expect("a person's").may_begin(), Err(JoinRefusal::Memory));
        assert!(fill(95 << 20));
        assert_eq!(enter("192.0.2.1").map(|_| ()), Err(Rejection::Memory), "by now there is too little for that");
        drop((lost, back));
        assert!(!fill(20 << 20) && enter("192.0.2.2").is_ok() && admission.connections() == 0);
    }

    #[test]
    fn who_is_to_blame_takes_no_turn_and_others_take_theirs_by_network() {
        let (admission, now) = (make(|_| ()), Instant::now());
        let retry_after = |why, address| admission.retry_after(why, ip(address), now);
        for _ in 0..10_000 {
            assert_eq!(retry_after(Rejection::Handshake, "192.0.2.1"), None);
            assert_eq!(retry_after(Rejection::Address, "192.0.2.1"), Some(TOO_MANY_PAUSE));
        }
        let asked =
            [(Rejection::Full, "192.0.2.1"), (Rejection::Draining, "192.0.2.2"), (Rejection::Full, "192.0.2.1")];
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(asked.map(|(why, address)| retry_after(why, address)), [ms(1000), ms(1004), ms(1000)]);
    }

    #[test]
    fn a_forwarded_address_is_never_exempt_whatever_it_claims() {
        let admission = make(|config| config.connections_max = 100);
        for claim in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"] {
            let headers =
                HeaderMap::from_iter([("x-forwarded-for".parse().expect("a name"), claim.parse().expect("a value"))]);
            let enter = || {
                let client = admission.client(ip("10.0.0.1"), &headers).expect("it can be read");
                admission.enter(client, false, Instant::now())
            };
            let _two: Vec<_> = (0..2).map(|_| enter().expect("its share")).collect();
            assert_eq!(enter().map(|_| ()), Err(Rejection::Address), "{claim}");
        }
        let unread = admission.client(ip("10.0.0.1"), &HeaderMap::new()).expect_err("nobody knows whom it is for");
        assert_eq!((unread.why, unread.status), (Rejection::Forwarded, 400));
        assert!(
            unread.message.contains("X-Forwarded-For") && unread.message.contains("--trusted-proxy"),
            "{}",
            unread.message
        );
    }
}
