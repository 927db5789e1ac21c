//! Accepts connections, and closes those that must make room for new ones.

use crate::admission::control::AdmissionControl;
use crate::front::http::whole_seconds;
use crate::front::http_connections::{AddressCap, ConnectionCap, HttpConnection, HttpConnections};
use crate::front::http_exchange::serve_connection;
use crate::front::rejection::{Rejection, Shed};
use crate::front::shortage::{self, DescriptorShortage, Spare};
use crate::ops::FrontMetrics;
use axum::Router;
use socket2::SockRef;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Bytes that are read from a client that is turned away.
const UNHEARD_BYTES: usize = 2048;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Pause after an unknown error of accept.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// An address may have one in so many of a port's connections ...
const SHARE_PART: usize = 4;
/// ... and not less than this.
const SHARE_LEAST: usize = 2;
/// Least time between two log lines of the same kind.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// Opens a listening socket.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The rules for connections to a port.
#[derive(Clone, Debug)]
pub struct Reception {
    /// Limits the connections of one address.
    pub admission: Arc<AdmissionControl>,
    /// Counts refused connections.
    pub metrics: FrontMetrics,
    /// HTTP connections at the same time, without those of joined players. For one more another one is closed.
    pub connections_max: usize,
    /// Descriptors for HTTP connections and joined players together. None for a port that must stay reachable when
    /// descriptors or memory run out.
    pub descriptors: Option<usize>,
}

impl Reception {
    /// How many HTTP connections there may be now.
    fn places(&self) -> ConnectionCap {
        let descriptors = self.descriptors.map(|all| all.saturating_sub(self.admission.connections()));
        match descriptors.filter(|left| *left < self.connections_max) {
            Some(most) => ConnectionCap { most, bound: Shed::Descriptors },
            None => ConnectionCap { most: self.connections_max, bound: Shed::Port },
        }
    }

    /// How many of them an address may have. It is only a part, so that a few addresses cannot have all.
    fn share(&self, peer: IpAddr) -> Option<AddressCap> {
        let part = (self.connections_max / SHARE_PART).max(SHARE_LEAST);
        self.admission.http_share(peer).map(|share| AddressCap { most: share.most.min(part), ..share })
    }

    /// Answers without reading the request, as far as the kernel takes the answer at once.
    fn turn_away(&self, stream: &TcpStream, peer: IpAddr, why: Rejection) {
        self.metrics.rejected(why);
        let (status, message) = (why.status(), why.message());
        let pause = self.admission.retry_after(why, peer, Instant::now());
        let retry_after = pause.map(|pause| format!("Retry-After: {}\r\n", whole_seconds(pause))).unwrap_or_default();
        let len = message.len() + 1;
        let answer = format!(
            "HTTP/1.1 {status} Not Now\r\n{retry_after}Connection: close\r\nContent-Length: {len}\r\n\r\n{message}\n"
        );
        // A client that does not read it still sees that the connection ends.
        let _ = stream.try_write(answer.as_bytes());
        // Read what was sent already. Otherwise the kernel answers it with a reset, which would discard our message.
        let _ = (&*SockRef::from(stream)).read(&mut [0; UNHEARD_BYTES]);
    }
}

/// Serves `router` on all connections to `listener`, until the task is dropped. Accepting never waits for a connection
/// to end. If there is no room, the connection that has completed nothing for longest is closed, or the new one is
/// refused.
pub async fn serve(listener: TcpListener, router: Router, reception: Reception) {
    let connections = Arc::new(HttpConnections::new(reception.metrics.clone()));
    let mut doorman = Doorman { listener, router, connections, reception, spare: Spare::new(), complained: None };
    loop {
        match doorman.listener.accept().await {
            Ok((stream, peer)) => {
                let places = doorman.reception.places();
                doorman.receive(stream, peer.ip(), places);
            }
            Err(error) => doorman.take_failure(&error).await,
        }
        // What this one has sent is read before the next can take its place, and connections that were shed are gone.
        tokio::task::yield_now().await;
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    // The process's limit, and the system's.
    let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}

/// Accepts the connections of a port, and handles failures of accept.
struct Doorman {
    listener: TcpListener,
    router: Router,
    connections: Arc<HttpConnections>,
    reception: Reception,
    spare: Spare,
    complained: Option<Instant>,
}

impl Doorman {
    /// Serves a new connection, if there is room, or tells it why not.
    fn receive(&mut self, stream: TcpStream, peer: IpAddr, places: ConnectionCap) {
        let served = self.connections.len();
        if places.bound == Shed::Descriptors && served >= places.most {
            self.complain(Rejection::Descriptors);
        }
        match self.let_in(peer, places, served) {
            Ok(connection) => drop(tokio::spawn(serve_connection(stream, peer, self.router.clone(), connection))),
            Err(why) => self.reception.turn_away(&stream, peer, why),
        }
    }

    fn let_in(&self, peer: IpAddr, places: ConnectionCap, served: usize) -> Result<HttpConnection, Rejection> {
        // The operators' port must stay reachable when there is none left.
        if self.reception.descriptors.is_some() && !self.reception.admission.memory().may_serve(served) {
            return Err(Rejection::Memory);
        }
        self.connections.admit(self.reception.share(peer), places, tokio::time::Instant::now())
    }

    async fn take_failure(&mut self, error: &io::Error) {
        let metrics = self.reception.metrics.clone();
        metrics.accept_failed();
        if is_out_of_descriptors(error) {
            self.complain(Rejection::Descriptors);
            shortage::outlast(self, || metrics.accept_failed()).await;
        } else {
            tracing::warn!(%error, "accept failed; trying again in a moment");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
        }
    }

    /// Logs, now and then, what only an operator can change.
    fn complain(&mut self, why: Rejection) {
        let is_due = self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_PAUSE);
        if why == Rejection::Descriptors && is_due {
            self.complained = Some(Instant::now());
            tracing::warn!("no descriptor is left for a new connection; raise `ulimit -n` (the hard limit)");
        }
    }
}

impl DescriptorShortage for Doorman {
    async fn receive_one(&mut self) -> io::Result<()> {
        let (stream, peer) = self.listener.accept().await?;
        // Whatever the limits are, there is room only if another connection ends.
        let places = ConnectionCap { most: self.connections.len(), bound: Shed::Descriptors };
        self.receive(stream, peer.ip(), places);
        // Wait until it has ended.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn give_back(&mut self) {
        self.spare.give_back();
    }

    fn keep(&mut self) -> bool {
        self.spare.keep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::control::AdmissionConfig;
    use crate::admission::memory_budget::MemoryUse;
    use crate::front::guarded_stream::STALL_MAX;
    use crate::front::http_exchange::HEADER_DEADLINE;
    use crate::front::origin::HostNames;
    use crate::ops::Telemetry;
    use axum::routing::get;
    use fracas_protocol::tick::TickRate;
    use std::io::ErrorKind::WouldBlock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// More than the kernel keeps for a socket.
    const LARGE: usize = 64 << 20;

    const SMALL: &str = "GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    /// A port with a small page and a large one. One address may have 64 connections there.
    async fn port() -> SocketAddr {
        port_with(100).await.0
    }

    /// The same with so many descriptors, and what decides there.
    async fn port_with(descriptors: usize) -> (SocketAddr, Arc<AdmissionControl>) {
        let config = AdmissionConfig {
            connections_max: 8,
            per_address_max: 1,
            joins_per_address: Default::default(),
            limit_loopback: true,
            public_hosts: HostNames::default(),
            allow_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        };
        let telemetry = Telemetry::new(TickRate::HZ_30).expect("metrics");
        let admission = Arc::new(AdmissionControl::new(config));
        let reception = Reception {
            admission: Arc::clone(&admission),
            metrics: telemetry.for_front(),
            connections_max: 1000,
            descriptors: Some(descriptors),
        };
        let router = Router::new()
            .route("/small", get(|| async { "small" }))
            .route("/large", get(|| async { vec![b'x'; LARGE] }));
        let listener = bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = listener.local_addr().expect("it has one");
        tokio::spawn(serve(listener, router, reception));
        (address, admission)
    }

    async fn connect(address: SocketAddr, say: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.write_all(say.as_bytes()).await.expect("it is taken");
        stream
    }

    /// What comes until the end, whatever kind of end that is.
    async fn hear(mut stream: TcpStream) -> Vec<u8> {
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        heard
    }

    // Time stands still but when everybody waits: then it is at once what they wait for.
    #[tokio::test(start_paused = true)]
    async fn who_never_says_what_it_wants_is_let_go_after_five_seconds() {
        let address = port().await;
        let began = tokio::time::Instant::now();
        for say in ["", "GET /small", "GET /small HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
            let heard = hear(connect(address, say).await).await;
            assert!(!heard.starts_with(b"HTTP/1.1 200"), "{say:?}");
        }
        assert!(
            began.elapsed() >= 3 * HEADER_DEADLINE && began.elapsed() < 4 * HEADER_DEADLINE,
            "{:?}",
            began.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_takes_the_answer_is_let_go_too() {
        let address = port().await;
        let stream = connect(address, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stream.readable().await.expect("an answer begins");
        tokio::time::sleep(STALL_MAX + Duration::from_secs(1)).await;
        let heard = hear(stream).await;
        assert!(heard.starts_with(b"HTTP/1.1 200") && heard.len() < LARGE, "{} bytes", heard.len());
    }

    #[tokio::test]
    async fn one_address_cannot_hold_more_than_its_share_and_its_oldest_goes_for_its_newest() {
        let address = port().await;
        let mut held = Vec::new();
        for _ in 0..64 {
            held.push(connect(address, "GET /small").await);
        }
        wait_for_small(address).await;
        let rest = held.split_off(1);
        assert!(hear(held.remove(0)).await.is_empty(), "the oldest is gone, without a word");
        let is_open = |stream: &TcpStream| stream.try_read(&mut [0]).is_err_and(|error| error.kind() == WouldBlock);
        assert!(rest.iter().rev().take(32).all(is_open), "those that came last are not");
    }

    #[tokio::test]
    async fn half_requests_of_many_addresses_do_not_keep_anybody_out() {
        // Of three places a port knows no share that would help.
        let (address, _) = port_with(3).await;
        let mut held = Vec::new();
        for say in ["", "GET /small", "GET /small HTTP/1.1\r\nHost: a\r\n", "GET /small HTTP/1.1\r\nHost: a\r\n\r\n"] {
            for _ in 0..10 {
                held.push(connect(address, say).await);
            }
            // Once is enough: nothing is repeated here.
            let heard = hear(connect(address, SMALL).await).await;
            assert!(heard.ends_with(b"small"), "beside {say:?}: {}", String::from_utf8_lossy(&heard));
        }
    }

    #[tokio::test]
    async fn answers_that_nobody_takes_keep_nobody_out_either() {
        let (address, _) = port_with(3).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let stream = connect(address, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
            stream.readable().await.expect("an answer begins");
            held.push(stream);
        }
        let began = Instant::now();
        wait_for_small(address).await;
        assert!(began.elapsed() < STALL_MAX, "long before they are let go of anyway");
    }

    /// Waits until the small page is served.
    async fn wait_for_small(address: SocketAddr) {
        let again = async {
            loop {
                let heard = hear(connect(address, SMALL).await).await;
                if heard.ends_with(b"small") {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), again).await.expect("there is room again");
    }

    #[tokio::test]
    async fn where_players_have_all_descriptors_whoever_comes_is_told_so() {
        let (address, admission) = port_with(3).await;
        let enter = |last| admission.enter(IpAddr::from([192, 0, 2, last]), false, Instant::now()).expect("room");
        let mut players = vec![enter(1), enter(2)];
        wait_for_small(address).await;
        players.push(enter(3));
        let heard = hear(connect(address, "").await).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with("HTTP/1.1 503") && heard.contains("ulimit -n"), "{heard}");
        assert!(heard.contains("Retry-After: 1\r\n"), "{heard}");
        drop(players);
        wait_for_small(address).await;
    }

    #[tokio::test]
    async fn with_hardly_any_memory_nobody_is_served() {
        let (address, admission) = port_with(100).await;
        let look = |used| admission.memory().look(MemoryUse { used, limit: 100 << 20 }, 0);
        look(95 << 20);
        let (mut heard, mut stream) = (String::new(), connect(address, "GET /small HTTP/1.1\r\nHost: a\r\n\r\n").await);
        stream.read_to_string(&mut heard).await.expect("an end, and no reset");
        assert!(heard.starts_with("HTTP/1.1 503") && heard.contains("memory"), "{heard}");
        look(90 << 20);
        wait_for_small(address).await;
    }
}
