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
use fracas_server::ids::ConnectionKey;
use fracas_server::ids::PlayerKind;
use fracas_server::io::event_loop::{EventLoop, LoopShared, NEWCOMERS_MAX};
use fracas_server::io::policy::{Policy, Replies};
use fracas_server::io::service::{Connections, LoopStep, Service};
use fracas_server::io::socket::Socket;
use fracas_server::io::writer::Delivery;
use fracas_server::io::ws_stream::WsStream;
use fracas_server::ops::Telemetry;
use fracas_server::session::hello::CloseRequest;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// Between two rounds of reading and writing everybody: a suite waits for each answer.
const ROUND: Duration = Duration::from_millis(1);
/// Who says nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
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
    let service = Echo::new(options.max_message, Arc::clone(&stopping));
    let event_loop: EventLoop<Echo, TcpStream> =
        EventLoop::new(0, service, waiting, LoopShared { connections, metrics });
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
        map: Default::default(),
        subprotocol: None,
        // There are no bots that could show it.
        house_secret: format!("{:032x}", u128::from_le_bytes(secret)),
        health: Health(Arc::new(|| true)),
    })
}

/// Says to everybody what they say.
struct Echo {
    policy: Policy,
    next: Instant,
    stopping: Arc<AtomicBool>,
}

impl Echo {
    fn new(max_message: usize, stopping: Arc<AtomicBool>) -> Self {
        let policy = Policy {
            message_bytes_max: max_message,
            takes_text: true,
            rates: None,
            // Room for an answer and the one after it; who does not take them is not heard meanwhile.
            replies: Replies::WaitBeyond(2 * max_message),
            read_bytes: READ_BYTES,
        };
        Self { policy, next: Instant::now(), stopping }
    }
}

impl Service for Echo {
    type Peer = ();

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn open(&mut self, _key: ConnectionKey, _kind: PlayerKind, _network: Option<Network>, _now: Instant) {}

    fn handle_message(
        &mut self,
        (): &mut (),
        stream: &mut WsStream,
        message: &Message,
        _now: Instant,
    ) -> Result<(), CloseRequest> {
        stream.echo(message);
        Ok(())
    }

    fn check_deadlines(&mut self, (): &mut (), stream: &mut WsStream, now: Instant) {
        if stream.silent_for(now) > SILENCE_MAX {
            stream.close(CloseReason::TimedOut.into(), now);
        }
    }

    fn closed(&mut self, (): &mut ()) {}

    fn dismiss(&mut self, (): &mut (), stream: &mut WsStream, refusal: CloseRequest, now: Instant) {
        stream.close(refusal, now);
    }

    fn hand_over(&mut self, _reading: Duration) {}

    fn read_at(&self, _reading: Duration) -> Instant {
        self.next
    }

    fn wait(&mut self) -> LoopStep {
        self.next = (self.next + ROUND).max(Instant::now());
        if self.stopping.load(Ordering::Relaxed) { LoopStep::Farewell(CloseReason::GoingAway) } else { LoopStep::Write }
    }

    fn prepare<S: Socket>(&mut self, _connections: &mut Connections<(), S>, _now: Instant) {}

    fn compose(&mut self, (): &mut (), _stream: &mut WsStream, _now: Instant, _out: &mut Vec<u8>) -> u64 {
        // Answers wait in the line already.
        0
    }

    fn sent(&mut self, (): &mut (), _delivery: &Delivery) {}

    fn written(&mut self, _now: Instant) {}
}
