//! Players who hold seats and do nothing: hidden, with a held key, or with a bit that they turn now and then.

use crate::Size;
use crate::stand::{Cohort, in_parallel};
use anyhow::{Context, Result};
use fracas_arena::rules::{Heading, Input};
use fracas_protocol::wire::frame::{FRAME_MARK, TickFollower};
use fracas_protocol::wire::limits::IDLE_HEADER;
use fracas_protocol::wire::message::{ClientMessage, Inputs};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, frame, hello, loopback, message};
use fracas_tests::verdict::VerdictRow;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Ordinary bots beside them.
const PLAYERS: usize = 8;
/// A squatter says something so often, if it says anything.
const SPEAK_EVERY: Duration = Duration::from_secs(1);
/// What the limit is late at most: it is looked at once a second.
const LATE: Duration = Duration::from_secs(4);
/// For what comes after: newcomers, and the end.
const AFTER: Duration = Duration::from_secs(12);

/// What a squatter does to keep its seat.
#[derive(Clone, Copy)]
enum Squat {
    /// Hides, and answers pings.
    Hides,
    /// Says the same, over and over.
    Repeats,
    /// Turns its aim by one step, to and fro.
    Turns,
    /// Hides, and claims in its handshake that this is on purpose.
    Claims,
}

const SQUATS: [Squat; 4] = [Squat::Hides, Squat::Repeats, Squat::Turns, Squat::Claims];

/// All seats that players leave are held by squatters, until the limit; then newcomers get them.
pub(crate) fn run(size: Size) -> Result<Vec<VerdictRow>> {
    let seats = size.pick(64, 24);
    let limit = Duration::from_secs(size.pick(60, 8) as u64);
    let (seats_text, idle) = (seats.to_string(), format!("{}s", limit.as_secs()));
    let server = Server::start(&["--fill", "0", "--max-players", &seats_text, "--idle", &idle, "--limit-loopback"]);
    let cohort = Cohort::start(&server, PLAYERS, limit + LATE + AFTER, &[]);
    cohort.wait(&server);
    let squatters = seats - PLAYERS;
    let ends = in_parallel(squatters, squatters, |number| squat(&server, number, limit + LATE));
    let ends: Vec<Ended> = ends.into_iter().collect::<io::Result<_>>().context("a squatter has not come in")?;
    let told = ends.iter().filter(|end| end.code == Some(4506)).count() as u64;
    let soonest = ends.iter().map(|end| end.after).min().unwrap_or_default();
    let latest = ends.iter().map(|end| end.after).max().unwrap_or_default();
    // They stay, so that each has a seat of its own.
    let newcomers = in_parallel(squatters, squatters, |number| Raw::join(server.game, loopback(number), "newcomer"));
    let came_in = newcomers.iter().filter(|newcomer| newcomer.is_ok()).count() as u64;
    let closed = server.metric("fracas_connections_closed_total{reason=\"idle\"}");
    let played = cohort.finish()?;
    Ok(vec![
        VerdictRow::exactly(format!("of {squatters} squatters sent away (4506)"), told, squatters as u64),
        VerdictRow::at_least("... the first of them after", soonest.as_secs_f64(), limit.as_secs_f64() - 1.0, "s"),
        VerdictRow::at_most("... the last of them after", latest.as_secs_f64(), (limit + LATE).as_secs_f64(), "s"),
        VerdictRow::exactly("... counted as idle", closed as u64, squatters as u64),
        VerdictRow::exactly("newcomers who got their seats", came_in, squatters as u64),
        VerdictRow::exactly("players beside them sent away as idle", played.disconnects("idle"), 0),
    ])
}

struct Ended {
    code: Option<u16>,
    after: Duration,
}

/// Holds a seat until it is sent away, or until so much time is over.
fn squat(server: &Server, number: usize, patience: Duration) -> io::Result<Ended> {
    let how = SQUATS[number % SQUATS.len()];
    let header = matches!(how, Squat::Claims).then(|| format!("{IDLE_HEADER}: 1\r\n")).unwrap_or_default();
    let mut raw = Raw::open_with(server.game, loopback(number), &header)?;
    raw.ask(&hello("squatter", None))?;
    let began = Instant::now();
    if matches!(how, Squat::Hides | Squat::Claims) {
        raw.say(&message(&ClientMessage::Hide))?;
    }
    raw.stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    let (mut follower, mut spoke, mut turn) = (TickFollower::default(), began, 0);
    while began.elapsed() < patience {
        match raw.next_frame() {
            Ok(Some((0x88, payload))) => {
                let code = payload.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
                return Ok(Ended { code, after: began.elapsed() });
            }
            Ok(Some((0x89, payload))) => raw.say(&frame(0x8a, &payload))?,
            Ok(Some((_, payload))) => {
                if payload.first().is_some_and(|first| first & FRAME_MARK != 0) {
                    follower.follow(&payload).map_err(io::Error::other)?;
                }
            }
            Ok(None) => return Ok(Ended { code: None, after: began.elapsed() }),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        if matches!(how, Squat::Repeats | Squat::Turns) && spoke.elapsed() >= SPEAK_EVERY / 5 {
            (spoke, turn) = (Instant::now(), turn + 1);
            let steps = if matches!(how, Squat::Turns) { turn / 5 % 2 } else { 0 };
            let ack = follower.tick.unwrap_or_default();
            let input = Input { aim: Heading::new(steps), ..Input::default() };
            raw.say(&message(&ClientMessage::Inputs(Inputs { ack, tick: ack.plus(2), input })))?;
        }
    }
    Ok(Ended { code: None, after: began.elapsed() })
}
