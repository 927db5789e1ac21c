//! Hostile sockets of every kind: what each costs, how soon it is gone, and whether anybody notices.

use crate::stand::{Cohort, Peak, TickSamples, median, seconds};
use crate::{Size, kernel};
use anyhow::{Context, Result};
use fracas_arena::rules::Input;
use fracas_protocol::rng::Rng;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, connect, frame, loopback, message};
use fracas_tests::verdict::VerdictRow;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Whoever is not gone by then is taken for one that stays.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks at who is gone.
const LOOK: Duration = Duration::from_millis(50);
/// While the kernel takes no more.
const BLOCKED: Duration = Duration::from_millis(5);
/// Bots whose updates tell whether anybody notices, and for how long in each run.
const BESIDE: usize = 100;
const BESIDE_TIME: Duration = Duration::from_secs(8);
/// One comes so often, if the last is gone.
const COME_EVERY: Duration = Duration::from_secs(3);
/// So many at once.
const CROWD: usize = 200;
const MIB: f64 = 1024.0 * 1024.0;

/// How far a socket goes before it becomes hostile.
#[derive(Clone, Copy)]
enum Opening {
    Tcp,
    Upgraded,
    Joined,
}

/// A kind of hostile socket.
struct Hostile {
    what: &'static str,
    opening: Opening,
    /// What it puts on the line next, by how often it has done so.
    chunk: fn(u32) -> Vec<u8>,
    /// And then it waits so many milliseconds.
    pause_ms: u64,
}

const fn hostile(what: &'static str, opening: Opening, pause_ms: u64, chunk: fn(u32) -> Vec<u8>) -> Hostile {
    Hostile { what, opening, chunk, pause_ms }
}

/// All kinds.
const KINDS: [Hostile; 15] = [
    hostile("connects and says nothing", Opening::Tcp, 1000, |_| Vec::new()),
    hostile("half a handshake, a header a second", Opening::Tcp, 1000, |round| match round {
        0 => b"GET /ws HTTP/1.1\r\nHost: game\r\n".to_vec(),
        _ => format!("X-Slow-{round}: {round}\r\n").into_bytes(),
    }),
    hostile("a body, a byte a second", Opening::Tcp, 1000, |round| match round {
        0 => b"POST / HTTP/1.1\r\nHost: game\r\nContent-Length: 1000000\r\n\r\n".to_vec(),
        _ => b"x".to_vec(),
    }),
    hostile("asks for the page over and over and takes no answer", Opening::Tcp, 1, |_| {
        b"GET /core.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(16)
    }),
    hostile("upgrades and says nothing", Opening::Upgraded, 1000, |_| Vec::new()),
    hostile("a hello, a byte at a time", Opening::Upgraded, 300, |round| {
        let hello = message(&ClientMessage::<Input>::Hello(Hello::player("slow")));
        hello.get(round as usize).map(|byte| vec![*byte]).unwrap_or_default()
    }),
    hostile("pings before the hello", Opening::Upgraded, 0, |_| frame(0x89, &[0; 125]).repeat(64)),
    hostile("pings and does not read", Opening::Joined, 0, |_| frame(0x89, &[0; 125]).repeat(64)),
    hostile("empty continuations", Opening::Joined, 0, |round| match round {
        0 => frame(0x02, &[]),
        _ => frame(0x00, &[]).repeat(1000),
    }),
    hostile("a message in parts of one byte", Opening::Joined, 0, |round| match round {
        0 => frame(0x02, &[1]),
        _ => frame(0x00, &[1]).repeat(4),
    }),
    hostile("10,000 inputs a second", Opening::Joined, 5, |round| {
        let input = |number: u32| {
            let tick = Tick(round * 50 + number);
            message(&ClientMessage::Inputs(Inputs { ack: Tick(0), tick, input: Input::default() }))
        };
        (0..50).flat_map(input).collect()
    }),
    hostile("random bytes", Opening::Joined, 0, |round| {
        let mut rng = Rng::new(u64::from(round), 1);
        (0..1024).flat_map(|_| rng.word().to_le_bytes()).collect()
    }),
    hostile("a bad frame and no end of more", Opening::Joined, 0, |round| match round {
        0 => vec![0x82, 1, 0],
        _ => vec![0x55; 4096],
    }),
    hostile("says goodbye and does not close", Opening::Joined, 1000, |round| match round {
        0 => message(&ClientMessage::Goodbye),
        _ => Vec::new(),
    }),
    hostile("hellos over and over", Opening::Joined, 0, |_| {
        message(&ClientMessage::Hello(Hello::player("again"))).repeat(16)
    }),
];

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let mut rows = one_by_one(size)?;
    rows.extend(crowd(size)?);
    if !size.short {
        rows.extend(beside(size.rounds)?);
    }
    Ok(rows)
}

/// Each kind alone: what the server's process and the kernel hold for it at most, and how soon it is gone.
fn one_by_one(size: Size) -> Result<Vec<VerdictRow>> {
    let server = Server::start(&["--fill", "20"]);
    server.wait_for("the built-in bots are in", |server| server.metric("fracas_connections") >= 20.0);
    // The first of everything makes the process grow for good: what is measured is what each costs after it.
    for kind in ["connects and says nothing", "pings before the hello", "hellos over and over"] {
        let kind = KINDS.iter().find(|other| other.what == kind).context("no such kind")?;
        attack_alone(&server, kind)?;
    }
    let mut rows = Vec::new();
    for kind in KINDS.iter().step_by(size.pick(1, 4)) {
        let (bytes, gone_s) = attack_alone(&server, kind)?;
        rows.push(VerdictRow::at_most(format!("{}: memory", kind.what), bytes / MIB, 1.0, "MiB"));
        rows.push(VerdictRow::exactly(
            format!("{}: let go of", kind.what),
            u64::from(gone_s < PATIENCE.as_secs_f64()),
            1,
        ));
        rows.push(VerdictRow::at_most(format!("{}: gone after", kind.what), gone_s, 6.0, "s").speed());
    }
    Ok(rows)
}

fn attack_alone(server: &Server, kind: &'static Hostile) -> Result<(f64, f64)> {
    let before = server.anonymous_bytes() as f64;
    let watch = Watch::new(server.game);
    std::thread::scope(|scope| {
        let process = Peak::follow(scope, || server.anonymous_bytes() as f64);
        let kernel = Peak::follow(scope, || watch.kernel_bytes());
        let attack = scope.spawn(|| watch.attack(kind, 0));
        watch.follow(|| attack.is_finished());
        let gone_s = attack.join().map_err(|_| anyhow::anyhow!("an attacker failed"))??;
        Ok((process.end()? - before + kernel.end()?, gone_s))
    })
}

/// Many of all kinds at once.
fn crowd(size: Size) -> Result<Vec<VerdictRow>> {
    let count = size.pick(CROWD, 30);
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, 30, Duration::from_secs(10), &[]);
    cohort.wait(&server);
    let before = server.anonymous_bytes() as f64;
    let watch = Watch::new(server.game);
    let mut rows = std::thread::scope(|scope| -> Result<Vec<VerdictRow>> {
        let process = Peak::follow(scope, || server.anonymous_bytes() as f64);
        let watch = &watch;
        let attacks: Vec<ScopedJoinHandle<'_, Result<f64>>> =
            (0..count).map(|number| scope.spawn(move || watch.attack(&KINDS[number % KINDS.len()], number))).collect();
        watch.follow(|| attacks.iter().all(ScopedJoinHandle::is_finished));
        let (mut longest_s, mut gone): (f64, u64) = (0.0, 0);
        for attack in attacks {
            let gone_s = attack.join().map_err(|_| anyhow::anyhow!("an attacker failed"))??;
            longest_s = longest_s.max(gone_s);
            gone += u64::from(gone_s < PATIENCE.as_secs_f64());
        }
        let grown = (process.end()? - before) / MIB;
        Ok(vec![
            VerdictRow::at_most(format!("{count} of all kinds at once: memory of the process"), grown, 64.0, "MiB"),
            VerdictRow::exactly(format!("{count} of all kinds at once: let go of"), gone, count as u64),
            VerdictRow::at_most(format!("{count} of all kinds at once: the last is gone after"), longest_s, 6.0, "s")
                .speed(),
        ])
    })?;
    rows.extend(cohort.finish()?.unharmed());
    Ok(rows)
}

/// One of a kind, again and again, and none: what bots beside see of it.
fn beside(rounds: u32) -> Result<Vec<VerdictRow>> {
    let (mut late, mut work) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for (number, kind) in KINDS.iter().enumerate() {
            // Which comes first changes, lest one has the warmer machine.
            let attacked_first = (number + round as usize).is_multiple_of(2);
            let (first, second) = (seen(attacked_first.then_some(kind))?, seen((!attacked_first).then_some(kind))?);
            let (with, without) = if attacked_first { (first, second) } else { (second, first) };
            late.push(with.late_ms / without.late_ms);
            work.push(with.work_us / without.work_us);
        }
    }
    let what = |what: &str| format!("{what} with one hostile socket / without, median over all kinds");
    Ok(vec![
        VerdictRow::ratio(what("a tick's work on all threads,"), median(work), 1.05).speed(),
        VerdictRow::ratio(what(&format!("lateness of {BESIDE} bots' updates, p99,")), median(late), 1.05).speed(),
    ])
}

/// What was seen in one run.
struct Seen {
    late_ms: f64,
    /// Per tick.
    work_us: f64,
}

fn seen(attacker: Option<&'static Hostile>) -> Result<Seen> {
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, BESIDE, BESIDE_TIME, &[]);
    cohort.wait(&server);
    let (before, until) = (TickSamples::of(&server)?, Instant::now() + BESIDE_TIME - COME_EVERY);
    while Instant::now() < until {
        // Nobody looks who is gone: to ask the kernel for its sockets would be noticed more than any of them.
        let next = (Instant::now() + COME_EVERY).min(until);
        if let Some(kind) = attacker {
            Attacker::begin(kind, server.game, 0)?.go_on(|| Instant::now() >= next);
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let work_us = TickSamples::of(&server)?.work_us(&before);
    Ok(Seen { late_ms: cohort.finish()?.ms("update_late_ms", "p99"), work_us })
}

/// Who attacks, and whose connections the server has ended.
struct Watch {
    server: SocketAddr,
    /// When each began, and when it was gone.
    peers: Mutex<HashMap<SocketAddr, (Instant, Option<Instant>)>>,
}

impl Watch {
    fn new(server: SocketAddr) -> Self {
        Self { server, peers: Mutex::default() }
    }

    fn peers(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, (Instant, Option<Instant>)>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks who is gone until it is `over`.
    fn follow(&self, over: impl Fn() -> bool) {
        while !over() {
            std::thread::sleep(LOOK);
            let Ok(held) = kernel::held(self.server) else { continue };
            let now = Instant::now();
            for (peer, (_, gone)) in self.peers().iter_mut().filter(|(_, (_, gone))| gone.is_none()) {
                *gone = (!held.contains(peer)).then_some(now);
            }
        }
    }

    /// What the kernel holds for all who attack.
    fn kernel_bytes(&self) -> f64 {
        let memory = kernel::memory(self.server).unwrap_or_default();
        self.peers().keys().filter_map(|peer| memory.get(peer)).sum::<u64>() as f64
    }

    fn gone_s(&self, peer: SocketAddr) -> Option<f64> {
        let (began, gone) = *self.peers().get(&peer)?;
        Some((gone? - began).as_secs_f64())
    }

    /// Attacks until it is gone. Returns the seconds that took, or those that it was waited for.
    fn attack(&self, kind: &'static Hostile, number: usize) -> Result<f64> {
        let attacker = Attacker::begin(kind, self.server, number)?;
        let (peer, began) = (attacker.stream.local_addr()?, attacker.began);
        self.peers().insert(peer, (began, None));
        attacker.go_on(|| self.gone_s(peer).is_some() || began.elapsed() >= PATIENCE);
        Ok(self.gone_s(peer).unwrap_or_else(|| seconds(began)))
    }
}

/// A hostile socket that is open.
struct Attacker {
    kind: &'static Hostile,
    stream: TcpStream,
    began: Instant,
}

impl Attacker {
    fn begin(kind: &'static Hostile, address: SocketAddr, number: usize) -> Result<Self> {
        let from = loopback(number);
        let stream = match kind.opening {
            Opening::Tcp => connect(address, from)?,
            Opening::Upgraded => Raw::open(address, from)?.stream,
            Opening::Joined => Raw::join(address, from, "hostile")?.0.stream,
        };
        stream.set_nonblocking(true)?;
        Ok(Self { kind, stream, began: Instant::now() })
    }

    /// Does what its kind does until it is `over`.
    fn go_on(mut self, over: impl Fn() -> bool) {
        let (mut pending, mut round, mut next) = (Vec::new(), 0, self.began);
        while !over() {
            if pending.is_empty() && Instant::now() >= next {
                pending = (self.kind.chunk)(round);
                round += 1;
                next = self.began + Duration::from_millis(self.kind.pause_ms) * round;
            }
            match put(&mut self.stream, &mut pending) {
                Ok(true) if next <= Instant::now() => {}
                Ok(is_all) => std::thread::sleep(if is_all { LOOK.min(next - Instant::now()) } else { BLOCKED }),
                // Broken: what is left is to see when it is gone.
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }
}

/// Puts as much as the kernel takes on the line. Whether that was all.
fn put(stream: &mut TcpStream, pending: &mut Vec<u8>) -> std::io::Result<bool> {
    while !pending.is_empty() {
        match stream.write(pending) {
            Ok(len) => drop(pending.drain(..len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
