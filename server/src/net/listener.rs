//! Accepts connections and serves HTTP on them, with deadlines for whoever is slow to say what it wants or to take the answer.

use super::admission::Admission;
use super::guarded::Guarded;
use super::http::{Peer, whole_seconds};
use super::rejection::Rejection;
use super::shares::Share;
use super::shortage::{self, Door, Spare};
use super::socket::set_up_http;
use crate::telemetry::FrontMetrics;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;

/// Time for a request's header, and for another request on the same connection.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// A request's header in bytes.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// An HTTP connection ends after so long, whatever is still to be taken: the whole page has 70 KB.
const HTTP_DEADLINE: Duration = Duration::from_secs(30);
/// As much as is taken of what somebody says who is turned away.
const UNHEARD_BYTES: usize = 2048;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Pause after an error of accept for which nothing better is known.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// Between two complaints of the same.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// Opens a listening socket.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Who is let in to a port.
#[derive(Clone, Debug)]
pub struct Reception {
    /// How many of one address.
    pub admission: Arc<Admission>,
    /// What counts those who are not.
    pub metrics: FrontMetrics,
    /// HTTP connections at the same time, those of joined players not counted. More wait in the kernel's queue.
    pub connections_max: usize,
    /// Descriptors for HTTP connections and joined players together. None for a port that is to be reached also when those
    /// have none left, nor memory.
    pub descriptors: Option<usize>,
}

impl Reception {
    /// Lets somebody say what it wants, being one of `served`.
    fn let_in(&self, peer: IpAddr, served: usize) -> Result<Option<Share>, Rejection> {
        if let Some(descriptors) = self.descriptors {
            if served + self.admission.connections() > descriptors {
                return Err(Rejection::Descriptors);
            }
            if !self.admission.memory().may_serve(served) {
                return Err(Rejection::Memory);
            }
        }
        self.admission.knock(peer)
    }

    /// Answers without having read what is wanted, as far as the kernel takes it at once.
    fn turn_away(&self, stream: &TcpStream, peer: IpAddr, why: Rejection) {
        self.metrics.rejected(why);
        let (status, words) = (why.status(), why.words());
        let pause = self.admission.retry_after(why, peer, Instant::now());
        let retry_after = pause.map(|pause| format!("Retry-After: {}\r\n", whole_seconds(pause))).unwrap_or_default();
        let len = words.len() + 1;
        let answer = format!(
            "HTTP/1.1 {status} Not Now\r\n{retry_after}Connection: close\r\nContent-Length: {len}\r\n\r\n{words}\n"
        );
        // Who does not take it sees that the connection ends.
        let _ = stream.try_write(answer.as_bytes());
        // What was said already is taken, lest the kernel answers it with a reset that overtakes the words.
        let _ = (&*SockRef::from(stream)).read(&mut [0; UNHEARD_BYTES]);
    }
}

/// Serves `router` on everything that comes to `listener`, until the task is dropped.
pub async fn serve(listener: TcpListener, router: Router, reception: Reception) {
    let places = Arc::new(Semaphore::new(reception.connections_max));
    let mut doorman = Doorman { listener, reception, spare: Spare::new(), complained: None };
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = doorman.listener.accept().await;
        // Only now: while nobody came others have left.
        let served = doorman.reception.connections_max - places.available_permits();
        match accepted {
            Ok((stream, peer)) => match doorman.reception.let_in(peer.ip(), served) {
                Ok(share) => {
                    let router = router.clone();
                    tokio::spawn(async move {
                        serve_connection(stream, peer.ip(), router).await;
                        drop((place, share));
                    });
                }
                Err(why) => {
                    doorman.complain(why);
                    doorman.reception.turn_away(&stream, peer.ip(), why);
                }
            },
            Err(error) => doorman.take_failure(&error).await,
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    // The process's limit, and the system's.
    let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}

/// What stands at a port: it knows what to do when accept fails.
struct Doorman {
    listener: TcpListener,
    reception: Reception,
    spare: Spare,
    complained: Option<Instant>,
}

impl Doorman {
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

    /// Tells the operator, now and then, of what only an operator can change.
    fn complain(&mut self, why: Rejection) {
        let is_due = self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_PAUSE);
        if why == Rejection::Descriptors && is_due {
            self.complained = Some(Instant::now());
            tracing::warn!("no descriptor is left for a new connection; raise `ulimit -n` (the hard limit)");
        }
    }
}

impl Door for Doorman {
    async fn turn_one_away(&mut self) -> io::Result<()> {
        let (stream, peer) = self.listener.accept().await?;
        self.reception.turn_away(&stream, peer.ip(), Rejection::Descriptors);
        Ok(())
    }

    fn give_back(&mut self) {
        self.spare.give_back();
    }

    fn keep(&mut self) -> bool {
        self.spare.keep()
    }
}

async fn serve_connection(stream: TcpStream, peer: IpAddr, router: Router) {
    if let Err(error) = set_up_http(&stream) {
        return tracing::debug!(%error, %peer, "an HTTP connection could not be set up");
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        tower_service::Service::call(&mut router.clone(), request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(Guarded::new(stream)), service)
        .with_upgrades();
    match tokio::time::timeout(HTTP_DEADLINE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, %peer, "an HTTP connection ended"),
        Err(_) => tracing::debug!(%peer, "an HTTP connection took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::admission::AdmissionConfig;
    use crate::net::guarded::STALL_MAX;
    use crate::net::memory::MemoryUse;
    use crate::telemetry::Telemetry;
    use axum::routing::get;
    use fracas_protocol::tick::TickRate;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// More than the kernel keeps for a socket.
    const LARGE: usize = 64 << 20;

    /// A port with a small page and a large one. One address may have 64 connections there.
    async fn port() -> SocketAddr {
        port_with(100).await.0
    }

    /// The same with so many descriptors, and what decides there.
    async fn port_with(descriptors: usize) -> (SocketAddr, Arc<Admission>) {
        let config = AdmissionConfig {
            connections_max: 8,
            per_address_max: 1,
            joins_per_address: Default::default(),
            limit_loopback: true,
            allow_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        };
        let telemetry = Telemetry::new(TickRate::HZ_30).expect("metrics");
        let admission = Arc::new(Admission::new(config));
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
    async fn one_address_cannot_hold_all_places_and_is_told_so() {
        let address = port().await;
        let mut held = Vec::new();
        for _ in 0..64 {
            held.push(connect(address, "GET /small").await);
        }
        let heard = hear(connect(address, "").await).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with("HTTP/1.1 429") && heard.contains("--max-per-address"), "{heard}");
        drop(held);
        wait_for_small(address).await;
    }

    /// Waits until the small page is served.
    async fn wait_for_small(address: SocketAddr) {
        let again = async {
            loop {
                let heard =
                    hear(connect(address, "GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await).await;
                if heard.ends_with(b"small") {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), again).await.expect("there is room again");
    }

    #[tokio::test]
    async fn beyond_its_descriptors_whoever_comes_is_told_so_and_players_have_theirs_among_them() {
        let (address, admission) = port_with(5).await;
        let player = admission.enter(IpAddr::from([192, 0, 2, 1]), false, Instant::now());
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(connect(address, "GET /small").await);
        }
        let heard = hear(connect(address, "").await).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.starts_with("HTTP/1.1 503") && heard.contains("ulimit -n"), "{heard}");
        assert!(heard.contains("Retry-After: 1\r\n"), "{heard}");
        drop((held, player));
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
