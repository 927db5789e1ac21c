//! Connections that complete nothing, from twenty addresses on both ports, and opened again when they are let go of: whether health,
//! the word to stop, and who comes to play are still heard.

use crate::Size;
use crate::stand::{Cohort, percentile, seconds};
use anyhow::{Result, anyhow};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, loopback};
use fracas_tests::verdict::VerdictRow;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TOKEN: &str = "a-secret-of-some-length";
const ADDRESSES: usize = 20;
/// Between two bytes of those who drip, and two looks at who was let go of.
const ROUND: Duration = Duration::from_secs(1);
/// The kernel takes a connection at once, unless its queue is full.
const CONNECT_MAX: Duration = Duration::from_millis(20);
/// Between two who ask.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Whoever is not answered by then is not.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// A kind of connection that completes nothing more.
struct Kind {
    what: &'static str,
    /// What it puts on the line first.
    opening: &'static str,
    /// What it adds each round.
    more: &'static str,
}

const HALF: &str = "GET /livez HTTP/1.1\r\nX-Slow: ";
const WHOLE: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

const KINDS: [Kind; 4] = [
    Kind { what: "half requests", opening: HALF, more: "" },
    Kind { what: "nothing said", opening: "", more: "" },
    Kind { what: "a byte a second", opening: HALF, more: "x" },
    Kind { what: "idle after a whole request", opening: WHOLE, more: "" },
];

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let each = size.pick(256, 40);
    let time = Duration::from_secs(size.pick(6, 2) as u64);
    let arguments = ["--fill", "0", "--limit-loopback", "--ops-token", TOKEN];
    // Few attackers fill the ports only of a small server.
    let server = if size.short { Server::start_within(400, &arguments) } else { Server::start(&arguments) };
    let cohort = Cohort::start(&server, 30, time * KINDS.len() as u32 + ROUND, &[]);
    while server_connections(&server) < 30.0 {
        std::thread::sleep(ASK_EVERY);
    }
    let mut rows = Vec::new();
    for kind in &KINDS {
        rows.extend(attack(&server, kind, each, time)?);
    }
    let shed = metric(&server, "fracas_http_connections_shed_total");
    rows.push(VerdictRow::at_least("connections let go of for newcomers, all in all", shed, each as f64, ""));
    rows.extend(cohort.finish()?.unharmed());
    rows.extend(drain(server, each)?);
    Ok(rows)
}

/// Attacks both ports for a while, and asks meanwhile.
fn attack(server: &Server, kind: &Kind, each: usize, time: Duration) -> Result<Vec<VerdictRow>> {
    let is_over = AtomicBool::new(false);
    let ports = [server.game, server.ops];
    let (asked, joins) = std::thread::scope(|scope| -> Result<_> {
        let is_over = &is_over;
        for port in ports {
            scope.spawn(move || hold(port, kind, each, is_over));
        }
        let until = Instant::now() + time;
        let askers = ports.map(|port| scope.spawn(move || ask(port, until)));
        let joiner = scope.spawn(move || join(server.game, until));
        let asked = askers.map(|asker| asker.join().map_err(|_| anyhow!("nobody could ask")));
        let joins = joiner.join().map_err(|_| anyhow!("nobody could join"));
        is_over.store(true, Ordering::Relaxed);
        let [game, operators] = asked;
        Ok(([game?, operators?], joins?))
    })?;
    let what = |what: &str| format!("{} x {each} with {}: {what}", ADDRESSES, kind.what);
    let mut rows = Vec::new();
    for (name, asked_ms) in ["game port", "operators' port"].iter().zip(asked) {
        let unanswered = asked_ms.iter().filter(|ms| ms.is_infinite()).count() as u64;
        let slowest = asked_ms.iter().copied().fold(0.0, f64::max);
        rows.push(VerdictRow::exactly(
            what(&format!("health on the {name}, unanswered of {}", asked_ms.len())),
            unanswered,
            0,
        ));
        rows.push(
            VerdictRow::at_most(what(&format!("health on the {name}, the slowest")), slowest, 1000.0, "ms").speed(),
        );
    }
    let (lost, count) = (joins.iter().filter(|ms| ms.is_infinite()).count() as u64, joins.len());
    rows.push(VerdictRow::exactly(what(&format!("who came to play, not let in of {count}")), lost, 0));
    rows.push(
        VerdictRow::at_most(what("who came to play, to the welcome, p99"), percentile(joins, 99), 1000.0, "ms").speed(),
    );
    Ok(rows)
}

/// Opens connections of a kind from each address, and then opens some again, each round, of those that were let go of: all of them
/// would be a flood, which tells how fast the machine is.
fn hold(port: SocketAddr, kind: &Kind, each: usize, is_over: &AtomicBool) {
    let mut held: Vec<Option<TcpStream>> = (0..ADDRESSES * each).map(|_| None).collect();
    let (mut first, count) = (0, held.len());
    let mut may_open = count;
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        for number in (first..count).chain(0..first) {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let stream = &mut held[number];
            if stream.as_mut().is_none_or(|stream| has_ended(stream, kind)) {
                *stream = None;
                if may_open > 0 {
                    *stream = open(port, loopback(number % ADDRESSES), kind.opening, CONNECT_MAX).ok();
                    (may_open, first) = (may_open - 1, number + 1);
                }
            }
        }
        may_open = each;
        std::thread::sleep((began + ROUND).saturating_duration_since(Instant::now()).min(ROUND));
    }
}

/// Connects, if the kernel takes it in that time, and says the first of it.
fn open(port: SocketAddr, from: Ipv4Addr, opening: &str, patience: Duration) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&port.into(), patience)?;
    socket.set_nonblocking(true)?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(opening.as_bytes())?;
    Ok(stream)
}

/// Puts more on the line. Whether the connection has ended.
fn has_ended(stream: &mut TcpStream, kind: &Kind) -> bool {
    let waits = |error: std::io::Error| error.kind() != ErrorKind::WouldBlock;
    if !kind.more.is_empty() && stream.write(kind.more.as_bytes()).is_err_and(waits) {
        return true;
    }
    stream.read(&mut [0; 512]).map_or_else(waits, |len| len == 0)
}

/// How long health takes to be told, in milliseconds, each time; for ever, if it is not. By turns from an address that nobody
/// attacks from, and from one of the attackers'.
fn ask(port: SocketAddr, until: Instant) -> Vec<f64> {
    let mut asked_ms = Vec::new();
    while Instant::now() < until {
        let from = loopback(if asked_ms.len() % 2 == 0 { 99 } else { 0 });
        asked_ms.push(answered_ms(port, from, "GET /livez", "HTTP/1.1 200"));
        std::thread::sleep(ASK_EVERY);
    }
    asked_ms
}

fn answered_ms(port: SocketAddr, from: Ipv4Addr, what: &str, expected: &str) -> f64 {
    let began = Instant::now();
    let answer = || -> std::io::Result<bool> {
        let request =
            format!("{what} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n");
        let mut stream = open(port, from, &request, ANSWER_MAX)?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut first = [0; 12];
        stream.read_exact(&mut first)?;
        Ok(first == expected.as_bytes())
    };
    if answer().unwrap_or(false) { seconds(began) * 1000.0 } else { f64::INFINITY }
}

/// How long it takes to come in, in milliseconds, each time. Each goes at once.
fn join(game: SocketAddr, until: Instant) -> Vec<f64> {
    let mut joins_ms = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let is_in = Raw::join(game, loopback(100 + joins_ms.len() % 50), "newcomer").is_ok();
        joins_ms.push(if is_in { seconds(began) * 1000.0 } else { f64::INFINITY });
        std::thread::sleep(2 * ASK_EVERY);
    }
    joins_ms
}

/// Half requests on both ports once more, and the word to stop in the middle of them.
fn drain(server: Server, each: usize) -> Result<Vec<VerdictRow>> {
    let is_over = AtomicBool::new(false);
    let drained_ms = std::thread::scope(|scope| {
        let is_over = &is_over;
        for port in [server.game, server.ops] {
            scope.spawn(move || hold(port, &KINDS[0], each, is_over));
        }
        std::thread::sleep(ROUND);
        let drained_ms = answered_ms(server.ops, loopback(99), "POST /drain", "HTTP/1.1 202");
        is_over.store(true, Ordering::Relaxed);
        drained_ms
    });
    let mut rows = vec![VerdictRow::at_most("the word to stop is taken after", drained_ms, 1000.0, "ms")];
    if drained_ms.is_finite() {
        rows.push(VerdictRow::exactly("... and the server ends with", server.wait().0.unwrap_or(1) as u64, 0));
    }
    Ok(rows)
}

fn server_connections(server: &Server) -> f64 {
    metric(server, "fracas_connections ")
}

/// The sum of a metric over its labels; nothing, if there is none of that name.
fn metric(server: &Server, name: &str) -> f64 {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Host", "localhost"), ("Authorization", &*bearer)];
    let text = fracas_tests::http::request(server.ops, "GET", "/metrics", &headers).body;
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
