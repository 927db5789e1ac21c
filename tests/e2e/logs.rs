//! Programs whose standard error or output is dead: a full disk, a closed descriptor, a pipe that is closed or full. They run,
//! end, and tell by their exit codes what they always tell.

use fracas_tests::program::{listening_ports, program};
use fracas_tests::{Server, http};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{PipeReader, Write, pipe};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far beyond what any of this takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where nothing can be written.
#[derive(Clone, Copy, Debug)]
enum Dead {
    /// A disk without room: every write fails.
    FullDisk,
    /// Its reader has gone.
    ClosedPipe,
    /// Nobody reads: every write waits for ever.
    FullPipe,
    /// Closed before the program began.
    Closed,
}

impl Dead {
    const ALL: [Self; 4] = [Self::FullDisk, Self::ClosedPipe, Self::FullPipe, Self::Closed];

    /// What the program gets, and the reader that must stay.
    fn open(self) -> (Stdio, Option<PipeReader>) {
        match self {
            Self::FullDisk => (OpenOptions::new().write(true).open("/dev/full").expect("Linux has it").into(), None),
            Self::ClosedPipe => (pipe().expect("a pipe").1.into(), None),
            Self::FullPipe => {
                let (reader, mut writer) = pipe().expect("a pipe");
                let size = rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("a pipe can be small");
                writer.write_all(&vec![b'.'; size]).expect("it fits");
                (writer.into(), Some(reader))
            }
            Self::Closed => (Stdio::null(), None),
        }
    }
}

/// A program with a dead standard error. With backtraces, which are one thing more to write when something panics.
fn command(name: &str, stderr: Dead) -> (Command, Option<PipeReader>) {
    let mut command = if matches!(stderr, Dead::Closed) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 2>&-", "sh"]).arg(program(name));
        shell
    } else {
        Command::new(program(name))
    };
    let (stdio, reader) = stderr.open();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stdio).env("RUST_BACKTRACE", "1");
    (command, reader)
}

fn wait(mut child: Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status.code();
        }
        if Instant::now() > until {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn exit_code(name: &str, stderr: Dead, arguments: &[&str]) -> Option<i32> {
    let (mut command, _reader) = command(name, stderr);
    wait(command.args(arguments).spawn().expect("it starts"))
}

#[test]
fn exit_codes_hold_wherever_standard_error_leads() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for dead in Dead::ALL {
        let server = |arguments: &[&str]| exit_code("fracas-server", dead, arguments);
        assert_eq!(server(&["--tick-hz", "50"]), Some(2), "{dead:?}");
        assert_eq!(server(&["--map", "/no/such.tmj"]), Some(2), "{dead:?}");
        assert_eq!(server(&["--listen", &address, "--ops-listen", "127.0.0.1:0"]), Some(1), "{dead:?}");
        assert_eq!(server(&["healthcheck", "http://127.0.0.1:1/readyz"]), Some(1), "{dead:?}");
        assert_eq!(server(&["check-config"]), Some(0), "{dead:?}");
        assert_eq!(exit_code("fracas-bots", dead, &["swarm", "--brain", "clever"]), Some(2), "{dead:?}");
        assert_eq!(exit_code("fracas-bots", dead, &["swarm", "--url", "ws://127.0.0.1:1/ws"]), Some(1), "{dead:?}");
    }
}

/// Waits until a server that cannot say so listens. Returns the addresses of its ports.
fn addresses(child: &Child) -> Vec<SocketAddr> {
    let until = Instant::now() + PATIENCE;
    loop {
        let ports = listening_ports(child.id());
        if ports.len() == 2 {
            return ports.into_iter().map(|port| ([127, 0, 0, 1], port).into()).collect();
        }
        assert!(Instant::now() < until, "it does not listen: {ports:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_runs_and_stops_wherever_standard_error_leads() {
    for dead in Dead::ALL {
        let (mut command, _reader) = command("fracas-server", dead);
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--fill", "2", "--log-level", "trace"]);
        let child = command.spawn().expect("it starts");
        let (pid, addresses) = (Pid::from_child(&child), addresses(&child));
        for address in addresses {
            assert_eq!(http::get(address, "/livez", &[]).status, 200, "{dead:?}");
        }
        kill_process(pid, Signal::TERM).expect("it runs");
        assert_eq!(wait(child), Some(0), "{dead:?}");
    }
}

#[test]
fn a_swarm_does_not_lose_its_result_when_nobody_takes_its_report() {
    let server = Server::start(&["--fill", "0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("result.json");
    for dead in Dead::ALL {
        let url = server.url();
        let swarm = |stdout: Stdio| {
            let (mut command, reader) = command("fracas-bots", dead);
            command.args(["swarm", "--url", &url, "--bots", "2", "--duration", "1s", "--json"]).arg(&json);
            let code = wait(command.stdout(stdout).spawn().expect("it starts"));
            drop(reader);
            let summary: Value = serde_json::from_slice(&std::fs::read(&json).expect("it is there")).expect("JSON");
            assert_eq!(summary["bots_joined"], 2, "{dead:?}");
            std::fs::remove_file(&json).expect("it can go");
            code
        };
        assert_eq!(swarm(Stdio::null()), Some(0), "{dead:?}: only standard error is dead");
        if !matches!(dead, Dead::Closed) {
            let (stdout, _reader) = dead.open();
            assert_eq!(swarm(stdout), Some(1), "{dead:?}: standard output is dead, too");
        }
    }
}

#[test]
fn what_is_asked_for_and_cannot_be_printed_is_an_error_in_one_line() {
    for (name, arguments) in [
        ("fracas-server", &["config-template"][..]),
        ("fracas-server", &["--help"]),
        ("fracas-server", &["check-config"]),
        ("fracas-bots", &["--help"]),
    ] {
        for dead in [Dead::FullDisk, Dead::ClosedPipe, Dead::FullPipe] {
            let (stdout, _reader) = dead.open();
            let output = Command::new(program(name)).args(arguments).stdout(stdout).output().expect("it starts");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{dead:?} {arguments:?}: {stderr}");
            assert!(stderr.lines().count() == 1 && stderr.contains("standard output"), "{dead:?}: {stderr}");
        }
    }
}

fn stderr_of(arguments: &[&str], variable: (&str, &str)) -> String {
    let mut command = Command::new(program("fracas-server"));
    let output = command.args(arguments).env(variable.0, variable.1).output().expect("it starts");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn with_log_format_json_every_line_is_json() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "log-format = \"json\"\nmax_players = 5\n").expect("writes");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (nothing, in_environment) = (("NO_SETTING", ""), ("FRACAS_LOG_FORMAT", "json"));
    for (arguments, variable, words) in [
        (&["--log-format", "json", "--no-such-flag"][..], nothing, "--no-such-flag"),
        (&["--log-format=json", "--tick-hz", "50"], nothing, "20, 30 or 60"),
        (&["--tick-hz", "50"], in_environment, "20, 30 or 60"),
        (&["check-config", "--map", "/no/such.tmj"], in_environment, "/no/such.tmj"),
        (&["--config", &file.path().display().to_string()], nothing, "did you mean"),
        (&["--listen", &address, "--ops-listen", "127.0.0.1:0"], in_environment, "--listen"),
    ] {
        let stderr = stderr_of(arguments, variable);
        let lines: Vec<Value> = stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let last = lines.last().expect("a line");
        assert!(last["message"].as_str().is_some_and(|message| message.contains(words)), "{last}");
        assert_eq!(last["level"], "ERROR");
    }
    let server = Server::start(&["--fill", "0", "--log-format", "json"]);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.len() > 3 && lines.iter().all(|line| line["message"].is_string()), "{log:?}");
    assert!(lines.iter().any(|line| line["game"].is_string() && line["ops"].is_string()), "{log:?}");
}

#[test]
fn the_log_level_decides_what_is_logged_but_not_that_it_listens() {
    let logged = |level: &str| {
        let server = Server::start(&["--fill", "0", "--log-level", level]);
        server.wait_for("it ticks", |server| server.metric("fracas_tick_duration_seconds_count") > 3.0);
        server.stop().1
    };
    assert_eq!(logged("error").len(), 1, "only where it listens");
    assert!(logged("info").iter().any(|line| line.contains("INFO")));
    assert!(logged("trace").iter().any(|line| line.contains("TRACE")));
}
