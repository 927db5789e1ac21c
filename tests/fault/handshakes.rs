//! A thousand peers that never finish what they begin to say, while others come to play.

use crate::stand::{Cohort, percentile, seconds};
use crate::{Size, kernel};
use anyhow::Result;
use fracas_tests::Server;
use fracas_tests::raw::{Raw, connect, loopback};
use fracas_tests::verdict::VerdictRow;
use std::collections::HashSet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Between two who come to play, and between two headers of those who do not.
const JOIN_EVERY: Duration = Duration::from_millis(50);
const HEADER_EVERY: Duration = Duration::from_secs(1);
/// Whoever is not gone by then stays.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who says half a handshake, and when it was gone.
struct Slow {
    stream: TcpStream,
    local: SocketAddr,
    began: Instant,
    gone_s: Option<f64>,
}

pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let count = size.pick(1000, 50);
    let server = Server::start(&["--fill", "0"]);
    let cohort = Cohort::start(&server, 30, Duration::from_secs(10), &[]);
    cohort.wait(&server);
    let mut slow = Vec::new();
    for number in 0..count {
        let mut stream = connect(server.game, loopback(number))?;
        stream.write_all(b"GET /ws HTTP/1.1\r\nHost: game\r\nUpgrade: websocket\r\n")?;
        stream.set_nonblocking(true)?;
        let local = stream.local_addr()?;
        slow.push(Slow { stream, local, began: Instant::now(), gone_s: None });
    }
    let mut joins_ms = Vec::new();
    let (until, mut next_header) = (Instant::now() + PATIENCE, Instant::now() + HEADER_EVERY);
    while slow.iter().any(|slow| slow.gone_s.is_none()) && Instant::now() < until {
        let began = Instant::now();
        // Each goes at once, and leaves no ship.
        drop(Raw::join(server.game, loopback(joins_ms.len()), "newcomer")?);
        joins_ms.push(seconds(began) * 1000.0);
        note_gone(&mut slow, &kernel::held(server.game)?);
        if Instant::now() >= next_header {
            next_header += HEADER_EVERY;
            // Those that are gone do not take it.
            slow.iter_mut().for_each(|slow| drop(slow.stream.write_all(b"X-Slow: 1\r\n")));
        }
        std::thread::sleep((began + JOIN_EVERY).saturating_duration_since(Instant::now()));
    }
    let longest_s = slow.iter().map(|slow| slow.gone_s.unwrap_or(f64::INFINITY)).fold(0.0, f64::max);
    let gone = slow.iter().filter(|slow| slow.gone_s.is_some()).count() as u64;
    let mut rows = vec![
        VerdictRow::exactly("half handshakes that were let go of", gone, count as u64),
        VerdictRow::at_most("the last of them after", longest_s, 6.0, "s").speed(),
        VerdictRow::at_most(
            format!("{} joins meanwhile, to the welcome, p99", joins_ms.len()),
            percentile(joins_ms, 99),
            250.0,
            "ms",
        )
        .speed(),
    ];
    rows.extend(cohort.finish()?.unharmed());
    Ok(rows)
}

fn note_gone(slow: &mut [Slow], held: &HashSet<SocketAddr>) {
    for slow in slow.iter_mut().filter(|slow| slow.gone_s.is_none() && !held.contains(&slow.local)) {
        slow.gone_s = Some(seconds(slow.began));
    }
}
