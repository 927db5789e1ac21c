//! A log that nobody reads: standard error is a full pipe, and there is much to log on every thread. Nobody who plays may
//! notice, the lines that have no place are counted, and the server still ends when it is asked to.

use crate::Size;
use crate::overload::Throttle;
use crate::stand::{Cohort, seconds};
use anyhow::Result;
use fracas_tests::verdict::VerdictRow;
use fracas_tests::{Server, program};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// Ordinary bots beside.
const BOTS: usize = 50;
/// How long a health page may take.
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);
/// Between two looks at the health page.
const LOOK: Duration = Duration::from_millis(100);
/// How long the server is held up, so that the tick thread has the overload level to log: too short for the bots to suffer.
const HELD_UP: Duration = Duration::from_millis(300);
/// How long the server may take to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// What a health page says.
fn health(address: SocketAddr) -> Option<u16> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, HEALTH_DEADLINE)?;
        stream.set_read_timeout(Some(HEALTH_DEADLINE))?;
        write!(stream, "GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().ok()?.split(' ').nth(1)?.parse().ok()
}

/// Has something logged on the thread that accepts: a header that is not believed, which is warned of, and half a request,
/// which leaves a line for each.
fn connect_once(address: SocketAddr) {
    for request in ["GET /livez HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", "GET /livez"] {
        if let Ok(mut stream) = TcpStream::connect_timeout(&address, HEALTH_DEADLINE) {
            // Whether it is answered is not what this is for.
            let _ = stream.write_all(request.as_bytes());
        }
    }
}

/// A counter of the server's; not a number if it does not say.
fn counter(server: &Server, name: &str) -> f64 {
    if health(server.ops) != Some(200) {
        return f64::NAN;
    }
    let text = server.get_ops("/metrics").body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(f64::NAN)
}

/// Looks at the health page for so long. Returns how often it was asked, and how often it was not well.
fn watch_health(server: &Server, time: Duration) -> (u64, u64) {
    let (until, mut asked, mut unwell) = (Instant::now() + time, 0, 0);
    while Instant::now() < until {
        asked += 1;
        unwell += u64::from(health(server.game) != Some(200));
        std::thread::sleep(LOOK);
    }
    (asked, unwell)
}

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    program::build();
    let mut command = Command::new(program::program("fracas-server"));
    command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--fill", "8"]);
    // As a variable, so that a server that does not know it can be tried as well.
    command.env("FRACAS_LOG_LEVEL", "trace").env("RUST_BACKTRACE", "1");
    let mut server = Server::launch_unread(&mut command);
    let steady = Duration::from_secs(size.pick(20, 8) as u64);
    let cohort = Cohort::start(&server, BOTS, steady, &["--brain", "wander"]);
    cohort.wait(&server);
    server.fill_log();
    let throttle = Throttle::start(&server, 2)?;
    std::thread::sleep(HELD_UP);
    throttle.end()?;
    (0..size.pick(4000, 1500)).for_each(|_| connect_once(server.game));
    let (asked, unwell) = watch_health(&server, steady - Duration::from_secs(3));
    let dropped = counter(&server, "fracas_log_dropped_total");
    let played = cohort.finish()?;
    // Somebody reads again: what was said last is there, and lines come on.
    let before = server.log().len();
    server.read_log();
    std::thread::sleep(Duration::from_secs(1));
    let lines = server.log().len() - before;
    let (code, after_s) = stop(&mut server);
    let mut rows = played.unharmed();
    rows.extend([
        VerdictRow::at_least("looks at /livez", asked as f64, 1.0, ""),
        VerdictRow::exactly("... that did not say 200", unwell, 0),
        VerdictRow::at_least("lines dropped and counted", dropped, 1.0, ""),
        VerdictRow::at_least("lines in a second, once somebody reads again", lines as f64, 10.0, ""),
        VerdictRow::exactly("exit code after SIGTERM", code, 0),
        VerdictRow::at_most("... after", after_s, 5.0, "s").speed(),
    ]);
    rows.extend(unread_to_the_end()?);
    Ok(rows)
}

/// Asks the server to stop, and waits for its end: its exit code (999 for none) and the seconds that it took.
fn stop(server: &mut Server) -> (u64, f64) {
    server.signal(Signal::TERM);
    let began = Instant::now();
    let mut end = None;
    while end.is_none() && began.elapsed() < STOP_DEADLINE {
        end = server.ended();
        std::thread::sleep(LOOK / 10);
    }
    (end.flatten().map_or(999, |code| code as u64), seconds(began))
}

/// Nobody reads to the end, and the last lines have to wait for somebody.
fn unread_to_the_end() -> Result<Vec<VerdictRow>> {
    let mut command = Command::new(program::program("fracas-server"));
    command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--fill", "0"]);
    let mut server = Server::launch_unread(&mut command);
    server.fill_log();
    let (code, after_s) = stop(&mut server);
    Ok(vec![
        VerdictRow::exactly("never read: exit code after SIGTERM", code, 0),
        VerdictRow::at_most("... after", after_s, 5.0, "s").speed(),
    ])
}
