//! Who may open a connection: the origin of the page, how many there are, whether there is memory for one more, and how many
//! from one address, before and after they have said what they want. No I/O in here.

use super::join_budget::{JoinBudget, JoinRate};
use super::memory::Memory;
use super::pace::{Asker, Pace};
use super::rejection::Rejection;
use super::shares::{Guesses, Share, Shares, network_of};
use crate::join_refusal::JoinRefusal;
use crate::session::TokenHash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Of one address so many connections that have not said yet what they want are served, for each that may play ...
const WAITING_PER_PLAYER: usize = 4;
/// ... and not less than this: a page comes over six at a time.
const WAITING_LEAST: usize = 64;

/// An address that has too many connections should wait so long before it tries again.
pub(super) const TOO_MANY_PAUSE: Duration = Duration::from_secs(5);

/// An address that has begun too many connections of late may begin one again after so long.
const HANDSHAKE_PAUSE: Duration = Duration::from_secs(1);

/// What admission goes by.
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
    /// Origins that may connect beside the server's own.
    pub allow_origins: Vec<Origin>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// A web origin: scheme, host and port, compared as browsers compare them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `http://host[:port]` or `https://host[:port]`, with nothing behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: axum::http::Uri = text.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains(['@', '#']) {
            return None;
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Some(Self { secure, host: uri.host()?.to_ascii_lowercase(), port })
    }

    /// Whether a request with this `Host` header went to this origin's own server, by the same scheme as the page's.
    fn is_host(&self, host: &str) -> bool {
        let scheme = if self.secure { "https" } else { "http" };
        Self::parse(&format!("{scheme}://{host}")).as_ref() == Some(self)
    }
}

/// Counts connections and decides about new ones.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    connections: AtomicUsize,
    /// Connections that play or are about to.
    players: Arc<Shares>,
    /// Ships that wait for their players.
    kept: Arc<Shares>,
    /// Connections that have not said yet what they want.
    waiting: Arc<Shares>,
    guesses: Guesses,
    joins: JoinBudget,
    memory: Memory,
    pace: Pace,
    draining: AtomicBool,
    warned_of_proxy: AtomicBool,
}

impl Admission {
    /// Admission with nobody there yet.
    pub fn new(config: AdmissionConfig) -> Self {
        Self {
            guesses: Guesses::new(config.per_address_max, config.connections_max),
            joins: JoinBudget::new(config.joins_per_address),
            config,
            connections: AtomicUsize::new(0),
            players: Arc::default(),
            kept: Arc::default(),
            waiting: Arc::default(),
            memory: Memory::default(),
            pace: Pace::default(),
            draining: AtomicBool::new(false),
            warned_of_proxy: AtomicBool::new(false),
        }
    }

    /// From now on nobody is admitted.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Checks the `Origin` headers of a handshake that went to `host`. None is fine: only browsers send it, and a browser
    /// always does. More than one is not.
    pub fn check_origin(&self, origins: &[&str], host: Option<&str>) -> Result<(), Rejection> {
        let origin = match origins {
            [] => return Ok(()),
            [origin] => Origin::parse(origin).ok_or(Rejection::Origin)?,
            _ => return Err(Rejection::Origin),
        };
        let own = host.is_some_and(|host| origin.is_host(host));
        if own || self.config.allow_origins.contains(&origin) { Ok(()) } else { Err(Rejection::Origin) }
    }

    /// The address a connection counts for: the peer's, or what a trusted proxy says it is. `forwarded` is the last
    /// `X-Forwarded-For` header. The second value is true when an untrusted peer sent one, the first time only.
    pub fn address(&self, peer: IpAddr, forwarded: Option<&str>) -> (IpAddr, bool) {
        let peer = peer.to_canonical();
        let Some(forwarded) = forwarded else { return (peer, false) };
        if !self.config.trusted_proxies.contains(&peer) {
            return (peer, !self.warned_of_proxy.swap(true, Ordering::Relaxed));
        }
        // The last entry is the one our own proxy added; those before it are the client's claims.
        let last = forwarded.rsplit(',').next().and_then(|address| address.trim().parse::<IpAddr>().ok());
        (last.map_or(peer, |address| address.to_canonical()), false)
    }

    /// Admits a connection from `address`, and counts it until the ticket is dropped. The server's own bots are not
    /// counted for their address.
    pub fn enter(self: &Arc<Self>, address: IpAddr, is_ours: bool, now: Instant) -> Result<Ticket, Rejection> {
        if self.is_draining() {
            return Err(Rejection::Draining);
        }
        let mut network = (!is_ours).then(|| Network {
            admission: Arc::clone(self),
            address: network_of(address),
            is_exempt: self.is_exempt(address),
            only_returns: false,
        });
        if let Some(network) = &network {
            if !self.guesses.may_enter(network.address, network.is_exempt, now) {
                return Err(Rejection::Guesses);
            }
            // From where a ship was lost somebody may come who wants it back, whatever others there do.
            let is_limited = !network.is_exempt && self.kept.count(network.address) == 0;
            if is_limited && self.joins.take_handshake(network.address, now).is_err() {
                return Err(Rejection::JoinBudget);
            }
        }
        if !self.memory.may_enter(self.connections()) {
            // From where a ship was lost somebody may come who wants it back.
            let has_ship = |network: &&mut Network| self.kept.count(network.address) > 0;
            let network = network.as_mut().filter(has_ship).ok_or(Rejection::Memory)?;
            network.only_returns = true;
            if !self.memory.may_return() {
                return Err(Rejection::Memory);
            }
        }
        let share = match network.as_ref().filter(|network| !network.is_exempt) {
            Some(network) => {
                Some(self.players.take(network.address, self.config.per_address_max).ok_or(Rejection::Address)?)
            }
            None => None,
        };
        // The ticket gives back what was counted, also when the next check refuses.
        let ticket = Ticket { admission: Arc::clone(self), network, _share: share };
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        if before >= self.config.connections_max { Err(Rejection::Full) } else { Ok(ticket) }
    }

    /// Lets a connection from `peer` say what it wants, and counts it until what is returned is dropped: None for one that
    /// does not count. A trusted proxy does not, since all come through it.
    pub fn knock(&self, peer: IpAddr) -> Result<Option<Share>, Rejection> {
        let peer = peer.to_canonical();
        if self.is_exempt(peer) || self.config.trusted_proxies.contains(&peer) {
            return Ok(None);
        }
        let most = (WAITING_PER_PLAYER * self.config.per_address_max).max(WAITING_LEAST);
        self.waiting.take(network_of(peer), most).map(Some).ok_or(Rejection::Address)
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        address.is_loopback() && !self.config.limit_loopback
    }

    /// How long somebody from `address` who is sent away at `now` is to stay away, if coming back makes sense. Only who is not
    /// to blame takes a turn.
    pub fn retry_after(&self, why: Rejection, address: IpAddr, now: Instant) -> Option<Duration> {
        let asker = || Asker { network: Some(network_of(address.to_canonical())), client: None };
        match (why, why.status()) {
            (_, 503) => Some(self.turn(asker(), now)),
            (Rejection::JoinBudget, _) => Some(HANDSHAKE_PAUSE),
            (_, 429) => Some(TOO_MANY_PAUSE),
            _ => None,
        }
    }

    /// How long somebody who is sent away at `now` is to stay away.
    pub fn turn(&self, asker: Asker, now: Instant) -> Duration {
        self.pace.turn(asker, now)
    }

    /// Forgets what is not needed any more of what networks have done. To be called about once a second.
    pub fn sweep(&self, now: Instant) {
        self.guesses.sweep(now);
        self.joins.sweep(now);
    }

    /// Networks that are remembered for what they have done of late, and turns to come back that are still to come.
    pub fn remembered(&self, now: Instant) -> (usize, usize) {
        (self.guesses.len().max(self.joins.len()), self.pace.waiting(now))
    }

    /// Addresses that have a share of something now: of connections that play or wait, or of ships that are kept.
    pub fn shares(&self) -> usize {
        self.players.len() + self.kept.len() + self.waiting.len()
    }

    /// What there is of memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Connections that are counted now.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A counted connection; it counts until this is dropped.
#[derive(Debug)]
pub struct Ticket {
    admission: Arc<Admission>,
    network: Option<Network>,
    _share: Option<Share>,
}

impl Ticket {
    /// Where the connection comes from. None for the server's own bots.
    pub fn network(&self) -> Option<Network> {
        self.network.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.admission.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a connection comes from: an address, or an IPv6 /64, and what it may do beside connecting.
#[derive(Clone, Debug)]
pub struct Network {
    admission: Arc<Admission>,
    address: IpAddr,
    is_exempt: bool,
    /// The connection was let in for a ship that its network has lost, although there is no memory for a new one.
    only_returns: bool,
}

impl Network {
    /// Whether the connection may have a new ship, or why not. Ships that its network has lost and that still fly count like
    /// connections, lest who connects and cuts over and over fills the room with them.
    pub fn may_begin(&self) -> Result<(), JoinRefusal> {
        let Admission { players, kept, config, .. } = &*self.admission;
        if self.only_returns {
            return Err(JoinRefusal::Memory);
        }
        let is_within = players.count(self.address) + kept.count(self.address) <= config.per_address_max;
        if self.is_exempt || is_within { Ok(()) } else { Err(JoinRefusal::Address) }
    }

    /// Takes a join from the network's budget; or how long until there is one.
    pub(crate) fn take_join(&self, now: Instant) -> Result<(), Duration> {
        if self.is_exempt { Ok(()) } else { self.admission.joins.take_join(self.address, now) }
    }

    /// Gives back a join that the room refused.
    pub(crate) fn give_back_join(&self) {
        if !self.is_exempt {
            self.admission.joins.give_back_join(self.address);
        }
    }

    /// Its address; of an IPv6 /64 the first.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts a ship that waits for its player, until what is returned is dropped.
    pub fn keep(&self) -> Option<Share> {
        self.admission.kept.take(self.address, usize::MAX)
    }

    /// Takes note of a token that nobody knows. Whether that may be a mistake: it is a guess if there were more of them than
    /// the network may have connections, which is as many as can have lost their sessions.
    pub(crate) fn may_err(&self, token: &TokenHash, now: Instant) -> bool {
        self.admission.guesses.take(self.address, self.is_exempt, token.short(), now)
    }
}

#[cfg(test)]
mod join_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::memory::MemoryUse;
    use fracas_protocol::ids::Token;

    fn make(change: impl FnOnce(&mut AdmissionConfig)) -> Arc<Admission> {
        let mut config = AdmissionConfig {
            connections_max: 4,
            per_address_max: 2,
            joins_per_address: JoinRate::default(),
            limit_loopback: false,
            allow_origins: vec![Origin::parse("https://play.example").expect("an origin")],
            trusted_proxies: vec![IpAddr::from([10, 0, 0, 1])],
        };
        change(&mut config);
        Arc::new(Admission::new(config))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_our_own_page_and_allowed_ones_may_connect() {
        let admission = make(|_| ());
        let check = |origins: &[&str]| admission.check_origin(origins, Some("game.example:8080")).is_ok();
        assert!(check(&[]), "no browser");
        assert!(check(&["http://game.example:8080"]) && check(&["http://GAME.example:8080"]));
        assert!(check(&["https://play.example"]) && check(&["https://play.example:443"]));
        assert!(!check(&["null"]) && !check(&["http://game.example"]) && !check(&["http://game.example.evil:8080"]));
        assert!(!check(&["http://game.example:8081"]) && !check(&["http://play.example"]));
        assert!(!check(&["http://game.example:8080", "http://game.example:8080"]));
        assert!(!check(&["http://user@game.example:8080"]) && !check(&["http://game.example:8080/path"]));
        let default_port = admission.check_origin(&["https://game.example"], Some("game.example"));
        assert!(default_port.is_ok(), "behind a proxy that speaks TLS");
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
        let one = ip("192.0.2.1");
        let waiting: Vec<_> = (0..64).map(|_| admission.knock(one).expect("its share")).collect();
        assert_eq!(admission.knock(one).map(|_| ()), Err(Rejection::Address));
        assert!(admission.knock(ip("192.0.2.2")).is_ok_and(|share| share.is_some()), "another address");
        assert!(admission.enter(one, false, Instant::now()).is_ok(), "whoever is through has a share of its own");
        drop(waiting);
        assert!(admission.knock(one).is_ok() && admission.waiting.is_empty());
        let proxy: Vec<_> = (0..100).map(|_| admission.knock(ip("10.0.0.1"))).collect();
        assert!(proxy.iter().all(|share| matches!(share, Ok(None))), "all come through it");
    }

    #[test]
    fn lost_ships_hold_their_addresss_share_but_whoever_comes_for_one_is_let_in() {
        let admission = make(|_| ());
        let one = ip("192.0.2.1");
        let lost: Vec<_> = (0..2)
            .map(|_| {
                admission.enter(one, false, Instant::now()).expect("its share").network().expect("a person's").keep()
            })
            .collect();
        let back = admission.enter(one, false, Instant::now()).expect("it may want its ship back");
        let may_begin = |ticket: &Ticket| ticket.network().expect("a person's").may_begin();
        assert_eq!(may_begin(&back), Err(JoinRefusal::Address), "but it may not have a third one");
        let other = admission.enter(ip("192.0.2.2"), false, Instant::now()).expect("its share");
        assert_eq!(may_begin(&other), Ok(()), "another address");
        drop(lost);
        assert!(may_begin(&back).is_ok() && admission.kept.is_empty());
    }

    #[test]
    fn loopback_keeps_as_many_ships_as_it_likes_but_guesses_no_more_than_others() {
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
    fn without_memory_only_they_are_let_in_who_may_have_lost_a_ship_and_they_get_no_new_one() {
        let admission = make(|_| ());
        let enter = |address: &str| admission.enter(ip(address), false, Instant::now());
        let lost = enter("192.0.2.1").expect("room").network().expect("a person's").keep();
        let fill = |used| admission.memory().look(MemoryUse { used, limit: 100 << 20 }, admission.connections());
        assert!(fill(90 << 20));
        assert_eq!(enter("192.0.2.2").map(|_| ()), Err(Rejection::Memory));
        let house = admission.enter(ip("127.0.0.1"), true, Instant::now());
        assert_eq!(house.map(|_| ()), Err(Rejection::Memory), "nor our own bots");
        let back = enter("192.0.2.1").expect("it may want its ship back");
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
    fn a_forwarded_address_is_believed_only_from_a_trusted_proxy() {
        let admission = make(|_| ());
        let claim = Some("6.6.6.6, 203.0.113.7");
        assert_eq!(admission.address(ip("10.0.0.1"), claim), (ip("203.0.113.7"), false));
        assert_eq!(admission.address(ip("192.0.2.1"), claim), (ip("192.0.2.1"), true));
        assert_eq!(admission.address(ip("192.0.2.1"), claim), (ip("192.0.2.1"), false), "one warning is enough");
        assert_eq!(admission.address(ip("10.0.0.1"), Some("nonsense")), (ip("10.0.0.1"), false));
    }
}
