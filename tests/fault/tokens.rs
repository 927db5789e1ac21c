//! Tokens: guessed ones, and ships that are taken back while somebody else still seems to have them.

use crate::Size;
use crate::stand::in_parallel;
use anyhow::{Context, Result};
use fracas_protocol::ids::{EntityId, Token};
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::message::ClientMessage;
use fracas_tests::Server;
use fracas_tests::raw::{Raw, RawAnswer, RawPlayer, hello, loopback, message};
use fracas_tests::verdict::VerdictRow;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Addresses that guess, and connections that each may have.
const GUESSERS: usize = 50;
const PER_ADDRESS: u64 = 64;
/// Guesses on their way at the same time; each waits for two ticks.
const GUESSES_AT_ONCE: usize = 100;
/// Decides what is guessed.
const SEED: u64 = 1;
/// Ships that are taken back at the same time.
const RESUMES_AT_ONCE: usize = 32;
/// For so long whoever has a ship back must stay: longer than a silent socket lasts.
const STAYS: Duration = Duration::from_secs(15);
/// A player says so often that it is there.
const SPEAK_EVERY: Duration = Duration::from_millis(100);
/// Pairs who show the same token at the same time, and for how long the one who wins is watched.
const RACES: usize = 50;
const RACE_TIME: Duration = Duration::from_millis(1500);

/// Guesses from many addresses; and somebody with a token, from one of these, comes and goes meanwhile.
pub(crate) fn guesses(size: Size) -> Result<Vec<VerdictRow>> {
    let count = size.pick(100_000, 6_400);
    let server = Server::start(&["--fill", "0", "--limit-loopback", "--max-per-address", &PER_ADDRESS.to_string()]);
    let (over, began) = (AtomicBool::new(false), Instant::now());
    let (told, returns) = std::thread::scope(|scope| {
        let owner = scope.spawn(|| come_and_go(server.game, &over));
        let told = in_parallel(count, GUESSES_AT_ONCE, |number| guess(server.game, number));
        over.store(true, Ordering::Relaxed);
        (told, owner.join())
    });
    let (tried, resumed) = returns.map_err(|_| anyhow::anyhow!("the owner failed"))??;
    let number = |is: Guessed| told.iter().filter(|told| **told == is).count() as u64;
    // In ten minutes an address may err as often as it may have connections; meanwhile some of that has come back. Then it may
    // try five times a second.
    let took_s = began.elapsed().as_secs_f64();
    let mistakes = PER_ADDRESS as f64 + (took_s / 600.0 * PER_ADDRESS as f64).ceil();
    let tries = GUESSERS as f64 * (mistakes + 5.0 * (took_s + 1.0));
    // Who is there is counted once a second.
    let people = || server.metric("fracas_players{kind=\"person\"}");
    let until = Instant::now() + Duration::from_secs(3);
    while people() > 0.0 && Instant::now() < until {
        std::thread::sleep(SPEAK_EVERY);
    }
    Ok(vec![
        VerdictRow::exactly(format!("of {count} guesses: accepted"), number(Guessed::Accepted), 0),
        VerdictRow::at_most(
            "... taken for a mistake, and given a ship of its own or told to come back",
            number(Guessed::Mistaken) as f64,
            GUESSERS as f64 * mistakes,
            "",
        ),
        VerdictRow::at_most(
            format!("... looked at in {took_s:.0} s, from {GUESSERS} addresses"),
            (number(Guessed::Mistaken) + number(Guessed::Refused)) as f64,
            tries,
            "",
        ),
        VerdictRow::exactly("... neither that nor refused before (429)", number(Guessed::Otherwise), 0),
        VerdictRow::exactly("ships that the guessers left behind", people() as u64, 0),
        VerdictRow::percent(
            "the owner of a token, from a guesser's address, got the ship",
            resumed,
            tried,
            100.0,
            true,
        ),
    ])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guessed {
    Accepted,
    /// Given a ship of its own, or told to come back for one: there may be no time for so many.
    Mistaken,
    /// With 4504.
    Refused,
    /// Not even let in to guess.
    Barred,
    Otherwise,
}

fn guess(address: SocketAddr, number: usize) -> Guessed {
    let mut rng = Rng::new(SEED, number as u64);
    let token = Token(std::array::from_fn(|_| rng.below(256) as u8));
    let attempt = || Raw::open(address, loopback(number % GUESSERS))?.ask(&hello("guesser", Some(token)));
    match attempt() {
        Ok(RawAnswer::Welcome(welcome)) if welcome.resumed => Guessed::Accepted,
        Ok(RawAnswer::Welcome(_) | RawAnswer::Closed(Some(4001), Some(_))) => Guessed::Mistaken,
        Ok(RawAnswer::Closed(Some(4504), _)) => Guessed::Refused,
        Err(error) if is_barred(&error) => Guessed::Barred,
        Ok(RawAnswer::Closed(..)) | Err(_) => Guessed::Otherwise,
    }
}

fn is_barred(error: &io::Error) -> bool {
    error.to_string().starts_with("HTTP/1.1 429")
}

/// Connects from an address that guesses: whoever tries again gets through.
fn open_between_guesses(address: SocketAddr) -> io::Result<Raw> {
    loop {
        match Raw::open(address, loopback(0)) {
            Err(error) if is_barred(&error) => std::thread::sleep(SPEAK_EVERY),
            opened => return opened,
        }
    }
}

/// Has a ship, loses the connection, and takes the ship back, over and over. How often that was tried and done.
fn come_and_go(address: SocketAddr, over: &AtomicBool) -> io::Result<(u64, u64)> {
    let mut raw = open_between_guesses(address)?;
    let RawAnswer::Welcome(mut welcome) = raw.ask(&hello("owner", None))? else {
        return Err(io::Error::other("the owner was not let in"));
    };
    let (mut tried, mut resumed) = (0, 0);
    loop {
        raw.say(&message(&ClientMessage::Ack(Default::default())))?;
        // The server has read that before it sees the end.
        std::thread::sleep(SPEAK_EVERY);
        if over.load(Ordering::Relaxed) && tried > 0 {
            raw.say(&message(&ClientMessage::Goodbye))?;
            raw.close_code();
            return Ok((tried, resumed));
        }
        drop(raw);
        tried += 1;
        raw = open_between_guesses(address)?;
        if let RawAnswer::Welcome(again) = raw.ask(&hello("owner", Some(welcome.token)))? {
            resumed += u64::from(again.resumed && again.own == welcome.own);
            welcome = again;
        }
        std::thread::sleep(SPEAK_EVERY);
    }
}

/// Ships taken back while their old sockets are open; every other of these ends just then.
pub(crate) fn resumes(size: Size) -> Result<Vec<VerdictRow>> {
    let count = size.pick(1000, 60);
    let server = Server::start(&["--fill", "0"]);
    let taken = in_parallel(count, RESUMES_AT_ONCE, |number| take_back(server.game, number));
    let mut taken: Vec<TakenBack> = taken.into_iter().collect::<io::Result<_>>().context("somebody has not come in")?;
    let resumed = taken.iter().filter(|taken| taken.has_its_ship).count() as u64;
    stay(&mut taken);
    let up = taken.iter().filter(|taken| !taken.is_closed).count() as u64;
    let (mut old, mut told) = (0, 0);
    for mut raw in taken.into_iter().filter_map(|taken| taken.old) {
        old += 1;
        told += u64::from(raw.close_code() == Some(4505));
    }
    let races = size.pick(RACES, 10);
    let fair = in_parallel(races, RESUMES_AT_ONCE, |number| race(server.game, number).unwrap_or(false));
    let fair = fair.into_iter().filter(|is_fair| *is_fair).count() as u64;
    let count = count as u64;
    Ok(vec![
        VerdictRow::exactly("ships taken back over a socket that was still open", resumed, count),
        VerdictRow::exactly(format!("... and still up after {} s", STAYS.as_secs()), up, count),
        VerdictRow::exactly("old sockets that were told who has the ship (4505)", told, old),
        VerdictRow::exactly("two with one token: one has the ship, the other is told so (4505)", fair, races as u64),
    ])
}

/// Somebody who has a ship back.
struct TakenBack {
    /// The socket it had before, unless that is gone.
    old: Option<Raw>,
    new: RawPlayer,
    has_its_ship: bool,
    is_closed: bool,
}

fn take_back(address: SocketAddr, number: usize) -> io::Result<TakenBack> {
    let (old, token, own) = join_and_speak(address, number)?;
    let mut new = Raw::open(address, loopback(number))?;
    let answer = new.ask(&hello("back", Some(token)))?;
    new.stream.set_nonblocking(true)?;
    let has_its_ship = matches!(answer, RawAnswer::Welcome(welcome) if welcome.resumed && welcome.own == own);
    // Its late end, as of a network that notices.
    let old = number.is_multiple_of(2).then_some(old);
    Ok(TakenBack { old, new: RawPlayer::new(new), has_its_ship, is_closed: false })
}

/// Somebody who plays, has proved that it has its token, and says nothing any more.
fn join_and_speak(address: SocketAddr, number: usize) -> io::Result<(Raw, Token, Option<EntityId>)> {
    let (mut raw, welcome) = Raw::join(address, loopback(number), &format!("player {number}"))?;
    raw.say(&message(&ClientMessage::Ack(Default::default())))?;
    std::thread::sleep(SPEAK_EVERY);
    Ok((raw, welcome.token, welcome.own))
}

/// All of them read and say that they are there, for a while.
fn stay(taken: &mut [TakenBack]) {
    let until = Instant::now() + STAYS;
    while Instant::now() < until {
        let next = Instant::now() + SPEAK_EVERY;
        for player in taken.iter_mut().filter(|player| !player.is_closed) {
            // Until nothing more is there.
            while let Ok(ended) = player.new.hear() {
                if ended.is_some() {
                    player.is_closed = true;
                    break;
                }
            }
            player.is_closed |= player.new.acknowledge().is_err();
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Two show one token at once. Whether exactly one of them is told that the other has the ship.
fn race(address: SocketAddr, number: usize) -> io::Result<bool> {
    let (lost, token, _) = join_and_speak(address, number)?;
    drop(lost);
    let mut both = [Raw::open(address, loopback(number))?, Raw::open(address, loopback(number))?];
    let hello = hello("racer", Some(token));
    for raw in &mut both {
        raw.say(&hello)?;
        raw.stream.set_read_timeout(Some(RACE_TIME))?;
    }
    let mut codes: Vec<_> = both.iter_mut().map(|raw| raw.close_code_by(Instant::now() + RACE_TIME)).collect();
    codes.sort_unstable();
    Ok(codes == [None, Some(4505)])
}
