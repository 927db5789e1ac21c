//! The real program with something in it that breaks, and peers on real sockets.

use fracas_arena::rules::{Arena, Heading, Input, Thrust};
use fracas_protocol::game::rules::{MessageOf, Rules};
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{FRAME_MARK, TickFollower};
use fracas_protocol::wire::limits::{FRAME_BYTES_MAX, SERVER_MESSAGE_BYTES_MAX, SUBPROTOCOL};
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs, ServerMessage, Welcome};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// A program that does what it should has done any single thing long before.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server. It is killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<(Instant, String)>,
    said: Vec<String>,
    pub(crate) address: SocketAddr,
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fracas-server"));
    // To find out the way to a panic takes longer than anything that is measured here.
    command.env_remove("RUST_BACKTRACE").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(sabotage: &str, arguments: &[&str]) -> Output {
    command().env("FAILPOINTS", sabotage).args(arguments).output().expect("the program starts")
}

/// Starts a server whose log goes nowhere, with backtraces: to write one is what may go wrong.
pub(crate) fn unheard(sabotage: &str, crash_dir: &Path, stderr: Stdio) -> Child {
    let mut command = command();
    command.env("FAILPOINTS", sabotage).env("RUST_BACKTRACE", "1");
    command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--fill", "2", "--crash-dir"]);
    command.arg(crash_dir).stdout(Stdio::null()).stderr(stderr).spawn().expect("the program starts")
}

impl Program {
    /// Starts a server without bots, and waits until it listens. What breaks is written as `sabotage.rs` reads it.
    pub(crate) fn start(sabotage: &str, crash_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = command();
        command.env("FAILPOINTS", sabotage).args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        command.args(["--fill", "0", "--crash-dir"]).arg(crash_dir).args(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (say, lines) = channel();
        std::thread::spawn(move || {
            // The test may have heard enough.
            stderr.lines().map_while(Result::ok).for_each(|line| drop(say.send((Instant::now(), line))));
        });
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut program = Self { child, lines, said: Vec::new(), address };
        let (_, listening) = program.hear("listening game=");
        let game = listening.strip_prefix("listening game=").and_then(|rest| rest.split(' ').next());
        program.address = game.and_then(|game| game.parse().ok()).expect("an address");
        program
    }

    /// Waits for a line of its log that holds `what`, and for when it came.
    pub(crate) fn hear(&mut self, what: &str) -> (Instant, String) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((at, line)) if line.contains(what) => return (at, line),
                Ok((_, line)) => self.said.push(line),
                Err(error) => panic!("no {what:?}, {error}: {:?}", self.said),
            }
        }
    }

    /// Waits for its end. Returns the exit code, and when it ended.
    pub(crate) fn wait(&mut self) -> (Option<i32>, Instant) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status.code(), Instant::now());
            }
            assert!(Instant::now() < until, "it does not end: {:?}", self.said);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to stop, and waits for its end.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process has an id");
        kill_process(pid, Signal::TERM).expect("it runs");
        self.wait().0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A player on a real socket.
pub(crate) struct SocketPeer {
    socket: WebSocket<TcpStream>,
    follower: TickFollower,
    /// The ticks whose bodies it got, in their order.
    pub(crate) ticks: Vec<Tick>,
    pub(crate) welcome: Option<Welcome<<Arena as Rules>::World>>,
    /// Whether the connection has ended, and the code if one came.
    pub(crate) ended: Option<Option<u16>>,
}

impl SocketPeer {
    /// Connects and says hello.
    pub(crate) fn join(address: SocketAddr, hello: Hello) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        let mut request = format!("ws://{address}/ws").into_client_request().expect("an address");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let config = WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).read_buffer_size(4096);
        let (socket, _) = client::client_with_config(request, stream, Some(config)).expect("the handshake");
        let follower = TickFollower::default();
        let mut peer = Self { socket, follower, ticks: Vec::new(), welcome: None, ended: None };
        peer.say(&ClientMessage::Hello(hello));
        peer.play_while(|peer| peer.welcome.is_none());
        peer
    }

    fn say(&mut self, message: &ClientMessage<Input>) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        // A server that has closed does not take it.
        let _ = self.socket.send(Message::Binary(bytes.into()));
    }

    /// Plays on until `goes_on` does not hold, or the connection ends: each frame is answered with an input.
    pub(crate) fn play_while(&mut self, goes_on: impl Fn(&Self) -> bool) {
        while self.ended.is_none() && goes_on(self) {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) if bytes.first().is_some_and(|first| first & FRAME_MARK != 0) => {
                    self.take_frame(&bytes);
                }
                Ok(Message::Binary(bytes)) => {
                    match codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&bytes) {
                        Ok(ServerMessage::Welcome(welcome)) => self.welcome = Some(welcome),
                        Ok(_) => {}
                        Err(error) => panic!("the server speaks badly: {error}"),
                    }
                }
                Ok(Message::Close(frame)) => self.ended = Some(frame.map(|frame| frame.code.into())),
                Ok(_) => {}
                Err(_) => self.ended = Some(None),
            }
        }
    }

    fn take_frame(&mut self, frame: &[u8]) {
        let told = self.follower.follow(frame).expect("a header");
        self.ticks.extend((0..told.bodies).map(|body| told.first.plus(body)));
        let ack = told.first.plus(told.bodies - 1);
        let thrust = Thrust::towards(Heading::new((ack.0 % 1024 * 37 % 1024) as u16));
        let input = Input { thrust, fire: ack.0 % 40 < 20, ..Input::default() };
        self.say(&ClientMessage::Inputs(Inputs { ack, tick: ack.plus(2), input }));
    }
}
