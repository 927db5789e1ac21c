//! The programs: built, started on free ports, watched, and stopped.

use crate::http::{self, HttpAnswer};
use anyhow::Context;
use procfs::net::TcpState;
use procfs::process::{FDInfo, FDTarget, Process, Status};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A program that does what it should is done with any of these steps long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program of the workspace, built with the profile that the tests have.
pub fn program(name: &str) -> PathBuf {
    build().join(name)
}

/// The server that is run in place of the workspace's own.
static SERVER: OnceLock<PathBuf> = OnceLock::new();

/// From now on servers are started from this file.
///
/// # Errors
/// If it is not there, or another one is in use.
pub fn use_server(file: &Path) -> anyhow::Result<()> {
    let file = file.canonicalize().with_context(|| file.display().to_string())?;
    SERVER.set(file).map_err(|_| anyhow::anyhow!("another server is in use"))
}

/// The program of the server.
fn server_program() -> PathBuf {
    SERVER.get().cloned().unwrap_or_else(|| program("fracas-server"))
}

/// Builds the programs with the profile that the tests have. Returns the folder they are in.
pub fn build() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("a test has a file");
        let beside = test.parent().expect("a file is in a folder");
        if !beside.ends_with("deps") {
            // No test, but a program itself: whoever built it has built the others, too; or names the folder of another
            // state of the code, to compare with.
            return std::env::var_os("FRACAS_BIN").map_or_else(|| beside.to_owned(), PathBuf::from);
        }
        let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_owned();
        // Also when cargo has built them already: then this only looks. Otherwise old programs would be tested.
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--exclude", "fracas-tag", "--exclude", "fracas-paint"]);
        // The tests' own are built with them, or for release.
        cargo.args(["--exclude", "fracas-tests", "--bins", "--target-dir"]).arg(folder.parent().expect("target"));
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.current_dir(repository()).status().expect("cargo runs");
        assert!(status.success(), "the programs cannot be built");
        folder
    })
}

/// A program of the workspace beside this one, which is a program too.
pub fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        anyhow::bail!("{} is missing; build it with: cargo build --release --workspace", path.display());
    }
    Ok(path)
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs the server to its end, as for a mistake on the command line.
pub fn run_server(arguments: &[&str]) -> Finished {
    run(Command::new(server_program()).args(arguments))
}

/// Runs the bots' program to its end.
pub fn run_bots(arguments: &[&str]) -> Finished {
    run(Command::new(program("fracas-bots")).args(arguments))
}

/// A program of the tests: its release build, if `tests/run` has made one and says where, else the one that cargo has
/// `built` with the tests.
pub fn test_program(name: &str, built: Option<&str>) -> Command {
    let released = std::env::var_os("FRACAS_BIN").map(|folder| PathBuf::from(folder).join(name));
    let program = released.or(built.map(PathBuf::from));
    Command::new(
        program.unwrap_or_else(|| panic!("{name} is not built: test with default features, or set FRACAS_BIN")),
    )
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Finished {
    let output = without_ours(command).stdin(Stdio::null()).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A server would warn of a variable that it does not know.
fn without_ours(command: &mut Command) -> &mut Command {
    command.env_remove("FRACAS_BIN")
}

/// The smallest pipe there is, in bytes.
const SMALL_PIPE: usize = 4096;

/// TCP ports on which a process listens, and UDP ports that it has, over either IP: as the kernel tells, for one that cannot.
pub fn listening_ports(pid: u32) -> HashSet<u16> {
    let Ok(process) = Process::new(pid as i32) else { return HashSet::new() };
    let socket = |descriptor: FDInfo| match descriptor.target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    };
    let sockets: HashSet<u64> = process.fd().into_iter().flatten().flatten().filter_map(socket).collect();
    // A system without IPv6 has no tables of it.
    let tcp = [process.tcp(), process.tcp6()].into_iter().flatten().flatten();
    let tcp = tcp.filter(|entry| entry.state == TcpState::Listen).map(|entry| (entry.inode, entry.local_address));
    let udp = [process.udp(), process.udp6()].into_iter().flatten().flatten();
    let all = tcp.chain(udp.map(|entry| (entry.inode, entry.local_address)));
    all.filter(|(inode, _)| sockets.contains(inode)).map(|(_, address)| address.port()).collect()
}

/// Ports that nobody has.
const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// A log that nobody reads.
    unread: Option<BufReader<ChildStderr>>,
    /// Where players connect.
    pub game: SocketAddr,
    /// Where operators look.
    pub ops: SocketAddr,
}

/// Starts a server whose log comes through a pipe.
fn spawn_logging(command: &mut Command) -> (Child, ChildStderr) {
    let command = without_ours(command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the server starts");
    let stderr = child.stderr.take().expect("it is piped");
    (child, stderr)
}

impl Server {
    /// Starts a server on free ports, and waits until it listens.
    pub fn start(arguments: &[&str]) -> Self {
        Self::launch(Command::new(server_program()).args(FREE_PORTS).args(arguments))
    }

    /// The same at an address that another server had before.
    pub fn start_at(game: SocketAddr, arguments: &[&str]) -> Self {
        let ports = ["--listen", &game.to_string(), "--ops-listen", "127.0.0.1:0"];
        Self::launch(Command::new(server_program()).args(ports).args(arguments))
    }

    /// The same for a server that may have so many descriptors.
    pub fn start_within(descriptors: u32, arguments: &[&str]) -> Self {
        Self::start_after(&format!("ulimit -n {descriptors}"), arguments)
    }

    /// The same in a process that a shell has prepared.
    pub fn start_after(preparation: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{preparation} && exec \"$@\""), "sh"]).arg(server_program());
        Self::launch(shell.args(FREE_PORTS).args(arguments))
    }

    /// Runs a command that becomes a server, and waits until it listens.
    pub fn launch(command: &mut Command) -> Self {
        let (mut child, stderr) = spawn_logging(command);
        let stderr = BufReader::new(stderr);
        let log = Arc::new(Mutex::new(Vec::new()));
        let listening = follow_log(stderr, Arc::clone(&log));
        let Ok((game, ops)) = listening.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the server does not listen: {:?}", lines(&log));
        };
        Self { child, log, unread: None, game, ops }
    }

    /// The same for a server whose log is a pipe of 4 KiB that nobody reads from then on.
    pub fn launch_unread(command: &mut Command) -> Self {
        let (child, stderr) = spawn_logging(command);
        fcntl_setpipe_size(&stderr, SMALL_PIPE).expect("a pipe can be small");
        let mut unread = BufReader::new(stderr);
        let addresses = unread.by_ref().lines().map_while(Result::ok).find_map(|line| read_listening(&line));
        let (game, ops) = addresses.expect("the server listens");
        Self { child, log: Arc::default(), unread: Some(unread), game, ops }
    }

    /// Fills the pipe of a log that nobody reads, so that whoever writes to it next has to wait.
    pub fn fill_log(&self) {
        // Opened anew, so that the server's own descriptor stays one that waits.
        let path = format!("/proc/{}/fd/2", self.pid());
        let pipe = rustix::fs::open(path, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).expect("a pipe");
        for chunk in [&[b'.'; SMALL_PIPE][..], b"."] {
            while rustix::io::write(&pipe, chunk) != Err(Errno::AGAIN) {}
        }
    }

    /// Reads a log that nobody has read so far.
    pub fn read_log(&mut self) {
        if let Some(unread) = self.unread.take() {
            // It has told its addresses already.
            drop(follow_log(unread, Arc::clone(&self.log)));
        }
    }

    /// Whether it has ended, and with which exit code.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().expect("it can be waited for").map(|status| status.code())
    }

    /// Its process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of its WebSocket.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.game)
    }

    /// GETs from the game port.
    pub fn get(&self, path: &str) -> HttpAnswer {
        http::get(self.game, path, &[])
    }

    /// GETs from the operators' port.
    pub fn get_ops(&self, path: &str) -> HttpAnswer {
        http::get(self.ops, path, &[])
    }

    /// The value of a metric, with its labels as they are written.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get_ops("/metrics").body;
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{text}"))
    }

    /// Waits until `is` holds, and panics with `what` if it never does.
    pub fn wait_for(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is(self) {
            assert!(Instant::now() < until, "never came: {what}; {:?}", lines(&self.log));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Memory that it has filled itself, without its program and files, in bytes.
    pub fn anonymous_bytes(&self) -> u64 {
        self.status().rssanon.expect("Linux tells it") * 1024
    }

    /// Memory it holds now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status().vmrss.expect("Linux tells it") * 1024
    }

    fn status(&self) -> Status {
        let status = Process::new(self.pid() as i32).and_then(|process| process.status());
        status.expect("it runs, and Linux tells it")
    }

    /// What it has said so far.
    pub fn log(&self) -> Vec<String> {
        lines(&self.log)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process has an id");
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end. Returns the exit code and its log.
    pub fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end: {:?}", lines(&self.log));
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.code(), lines(&self.log))
    }

    /// Stops it in good order. Returns the exit code and its log.
    pub fn stop(self) -> (Option<i32>, Vec<String>) {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(log: &Mutex<Vec<String>>) -> Vec<String> {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps the log on a thread of its own; the addresses come through the channel once the server tells them.
fn follow_log(
    stderr: impl BufRead + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
) -> Receiver<(SocketAddr, SocketAddr)> {
    let (send, listening) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if let Some(addresses) = read_listening(&line) {
                // Nobody waits any more if that took too long.
                let _ = send.send(addresses);
            }
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
    listening
}

/// Reads `listening game=ADDR ops=ADDR`, or the same in JSON.
fn read_listening(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    if line.starts_with('{') {
        let line: serde_json::Value =
            serde_json::from_str(line).ok().filter(|line: &serde_json::Value| line["message"] == "listening")?;
        return Some((line["game"].as_str()?.parse().ok()?, line["ops"].as_str()?.parse().ok()?));
    }
    let (game, ops) = line.strip_prefix("listening game=")?.split_once(" ops=")?;
    Some((game.parse().ok()?, ops.parse().ok()?))
}
