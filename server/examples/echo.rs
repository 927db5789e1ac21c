//! An echo over the game's own sockets: its listener, admission, event loop, limits and writer, with another service. For outside
//! WebSocket conformance suites, and to see what a [`Service`] is.
//!
//! `cargo run --release -p fracas-server --example echo -- --listen 127.0.0.1:9001 --max-message 33554432`, then speak with
//! `ws://127.0.0.1:9001/ws`.

use anyhow::Context;
use clap::Parser;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use fracas_server::admission::control::{AdmissionConfig, AdmissionControl, Network};
use fracas_server::front::http::{Front, Health, LoopEntrance, upgrade_route};
use fracas_server::front::listener::{self, Reception};
use fracas_server::front::origin::HostNames;
use fracas_server::ids::{ConnectionKey, PlayerKind};
use fracas_server::io::close::CloseRequest;
use fracas_server::io::connection::Connection;
use fracas_server::io::event_loop::{EventLoop, LoopShared, NEWCOMERS_MAX};
use fracas_server::io::policy::{Policy, Replies};
use fracas_server::io::service::{Addressee, ConnectionEvent, LoopStep, Service};
use fracas_server::ops::Telemetry;
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Between two rounds of reading and writing everybody: a suite waits for each answer.
const ROUND: Duration = Duration::from_millis(1);
/// A peer that says nothing for so long is asked whether it is there, and is closed if it says nothing for longer still.
const PROBE_AFTER: Duration = Duration::from_secs(20);
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often each connection is looked at for that.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// As much is taken of a peer at once.
const READ_BYTES: usize = 16 * 1024;
const CONNECTIONS_MAX: usize = 1024;

/// Echoes what WebSocket clients say.
#[derive(Parser, Clone, Debug)]
pub(crate) struct EchoOptions {
    /// Where clients connect, at the path /ws.
    #[arg(long, default_value = "127.0.0.1:9001", value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
    /// The largest message, in bytes; a larger one is closed with 1009. The game's is the default.
    #[arg(long, default_value_t = CLIENT_MESSAGE_BYTES_MAX, value_name = "BYTES")]
    pub(crate) max_message: usize,
}

#[expect(clippy::print_stderr, reason = "whoever starts it reads this")]
fn main() -> anyhow::Result<()> {
    let interrupt = async {
        // Without the signal it is ended in another way.
        let _ = tokio::signal::ctrl_c().await;
    };
    serve(&EchoOptions::parse(), |address| eprintln!("listening at ws://{address}/ws"), interrupt)
}

/// Serves until `stop` comes. Says where it listens.
pub(crate) fn serve(
    options: &EchoOptions,
    listening: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let port = listener::bind(options.listen).with_context(|| format!("cannot listen on {}", options.listen))?;
    // What is counted here nobody reads; the parts count all the same.
    let telemetry = Telemetry::new(TickRate::HZ_60)?;
    let (newcomers, waiting) = flume::bounded(NEWCOMERS_MAX);
    let connections = Arc::new(AtomicUsize::new(0));
    let entrance = LoopEntrance { newcomers, connections: Arc::clone(&connections) };
    let (stopping, metrics) = (Arc::new(AtomicBool::new(false)), telemetry.for_loop());
    let service = Echo { looks: VecDeque::new(), next: Instant::now(), stopping: Arc::clone(&stopping) };
    let (policy, shared) = (policy(options.max_message), LoopShared { connections, metrics });
    let event_loop: EventLoop<Echo, TcpStream> = EventLoop::new(0, service, policy, waiting, shared);
    let thread = std::thread::Builder::new().name("loop-0".into()).spawn(move || event_loop.run())?;
    let front = Arc::new(front(entrance, &telemetry)?);
    let reception = Reception {
        admission: Arc::clone(&front.admission),
        metrics: front.metrics.clone(),
        connections_max: CONNECTIONS_MAX,
        descriptors: None,
    };
    listening(port.local_addr()?);
    runtime.block_on(async {
        tokio::select! {
            () = listener::serve(port, upgrade_route(front), reception) => {}
            () = stop => {}
        }
    });
    stopping.store(true, Ordering::Relaxed);
    thread.join().map_err(|_| anyhow::anyhow!("the event loop failed"))?;
    Ok(())
}

fn front(entrance: LoopEntrance, telemetry: &Telemetry) -> anyhow::Result<Front> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let config = AdmissionConfig {
        connections_max: CONNECTIONS_MAX,
        per_address_max: CONNECTIONS_MAX,
        joins_per_address: Default::default(),
        limit_loopback: false,
        public_hosts: HostNames::default(),
        allow_origins: Vec::new(),
        trusted_proxies: Vec::new(),
    };
    Ok(Front {
        admission: Arc::new(AdmissionControl::new(config)),
        loops: vec![entrance],
        metrics: telemetry.for_front(),
        game: "echo",
        data: Default::default(),
        subprotocol: None,
        // There are no bots that could show it.
        house_secret: format!("{:032x}", u128::from_le_bytes(secret)),
        health: Health(Arc::new(|| true)),
    })
}

fn policy(max_message: usize) -> Policy {
    Policy {
        message_bytes_max: max_message,
        takes_text: true,
        rates: None,
        // Room for an answer and the one after it; a peer that does not take them is not heard meanwhile.
        replies: Replies::WaitBeyond(2 * max_message),
        read_bytes: READ_BYTES,
    }
}

/// Says to everybody what they say.
struct Echo {
    /// When to look next whether a connection has been silent for too long, the earliest first. Each connection is in it once.
    looks: VecDeque<(Instant, ConnectionKey)>,
    next: Instant,
    stopping: Arc<AtomicBool>,
}

impl Service for Echo {
    type Client = ConnectionKey;

    fn open(&mut self, key: ConnectionKey, _kind: PlayerKind, _network: Option<Network>, now: Instant) -> Self::Client {
        self.looks.push_back((now + LOOK_EVERY, key));
        key
    }

    fn handle(
        &mut self,
        client: &mut Self::Client,
        connection: &mut Connection,
        event: ConnectionEvent<'_>,
        now: Instant,
    ) -> Result<(), CloseRequest> {
        match event {
            // It goes with the round's write, after all that waits already.
            ConnectionEvent::Message(message) => connection.echo(message),
            ConnectionEvent::Addressed if connection.silent_for(now) > SILENCE_MAX => {
                return Err(CloseReason::TimedOut.into());
            }
            ConnectionEvent::Addressed => self.looks.push_back((now + LOOK_EVERY, *client)),
            ConnectionEvent::Ended(_) => self.looks.retain(|(_, key)| key != client),
            ConnectionEvent::Read | ConnectionEvent::Sent(_) => {}
        }
        Ok(())
    }

    fn exchange(&mut self, _reading: Duration) -> LoopStep {
        self.next = (self.next + ROUND).max(Instant::now());
        if self.stopping.load(Ordering::Relaxed) { LoopStep::Farewell(CloseReason::GoingAway) } else { LoopStep::Write }
    }

    fn next_addressed(&mut self, now: Instant) -> Option<Addressee> {
        let (_, key) = self.looks.pop_front_if(|(at, _)| *at <= now)?;
        Some(Addressee::One(key))
    }

    fn compose(&mut self, _: &mut Self::Client, connection: &mut Connection, now: Instant, _: &mut Vec<u8>) -> u64 {
        if connection.silent_for(now) > PROBE_AFTER {
            connection.probe(now, PROBE_AFTER);
        }
        0
    }

    fn written(&mut self, _reading: Duration, _now: Instant) -> Instant {
        self.next
    }
}
