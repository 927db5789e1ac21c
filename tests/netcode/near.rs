//! What is measured beside the server: its true clock, and a plain stream for the other end to compare with.

use crate::{machine_us, stream};
use anyhow::Result;
use clap::Args;
use fracas_arena::rules::Input;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::message::{ClientMessage, Hello, Ping, Role, ServerMessage};
use fracas_tests::Peer;
use fracas_tests::peer::PeerHeard;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// Pings with which the server's clock is read once.
const PINGS: u64 = 60;
/// Between two of them. Not a multiple of a tick.
const PING_PAUSE: Duration = Duration::from_millis(37);

/// What is served beside the server.
#[derive(Args, Clone, Debug)]
pub(crate) struct NearOptions {
    /// The server.
    #[arg(long)]
    game: SocketAddr,
    /// Where the streams connect.
    #[arg(long)]
    listen: SocketAddr,
    /// Streams to serve.
    #[arg(long)]
    streams: usize,
    /// How long each goes on at the most, in seconds.
    #[arg(long)]
    seconds: f64,
}

/// Says what it measured line by line: the stream's port, and the server's clock less the machine's in microseconds, first at
/// the beginning and then when the streams have ended.
#[expect(clippy::print_stdout, reason = "the program that started it reads this")]
pub(crate) fn run(options: &NearOptions) -> Result<()> {
    let listener = TcpListener::bind(options.listen)?;
    println!("{}", listener.local_addr()?.port());
    println!("{}", server_less_machine_us(options.game));
    stream::serve(&listener, options.streams, Duration::from_secs_f64(options.seconds))?;
    println!("{}", server_less_machine_us(options.game));
    Ok(())
}

/// The server's clock, in microseconds since its tick 0 was due, less the machine's: as told by the answer that was under way
/// for the shortest time, on a line without delay.
fn server_less_machine_us(game: SocketAddr) -> i64 {
    let mut peer = Peer::connect(game);
    peer.say(&ClientMessage::Hello(Hello { role: Role::Spectator, ..Hello::player("clock") }));
    let ServerMessage::Welcome(welcome) = peer.hear_control() else { panic!("no welcome") };
    peer.say(&ClientMessage::<Input>::Hide);
    let us = |_| {
        peer.say(&ClientMessage::Ping(Ping { stamp: 0 }));
        let us = answer(&mut peer, welcome.tick_rate);
        std::thread::sleep(PING_PAUSE);
        us
    };
    (0..PINGS).map(us).max().expect("pings were answered")
}

fn answer(peer: &mut Peer, rate: TickRate) -> i64 {
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < Duration::from_secs(5), "the server does not answer");
        if let PeerHeard::Control(message) = peer.hear()
            && let ServerMessage::Pong(pong) = *message
        {
            return rate.due_us(pong.clock.tick) as i64 + i64::from(pong.clock.phase_us) - machine_us();
        }
    }
}
