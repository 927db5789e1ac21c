//! A bad line made in this process: messages come and go late, unevenly and after losses, but whole and in order, as over TCP.

use crate::bot::Clock;
use crate::link::{CLOSE_DEADLINE, Link, LinkError, LinkEvent};
use crate::swarm::parse_duration;
use fracas_protocol::rng::Rng;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Messages held in one direction; with as many, no more are taken from the connection, which TCP then holds back.
const HELD_MAX: usize = 1024;
/// What is found to be lost is sent again so long after the next segment would have told, in microseconds.
const LOSS_NOTICE_US: u64 = 50_000;
/// Times that one message is lost.
const LOSSES_MAX: u32 = 8;
/// The most that each part of a line may be.
const PART_MAX: Duration = Duration::from_secs(10);
/// Losses are told in so many parts of one.
const LOSS_PARTS: u32 = 10_000;

/// How bad a line is, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkConditions {
    /// How long everything takes.
    pub delay: Duration,
    /// How much longer it takes at most; evenly between nothing and that.
    pub jitter: Duration,
    /// How many of ten thousand messages are lost and sent again, about a round trip later, with all that follow behind them.
    pub loss: u32,
}

impl FromStr for LinkConditions {
    type Err = String;

    /// Reads `delay=50ms,jitter=20ms,loss=1%`, in any order and each if it is wanted.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no line: write it like delay=50ms,jitter=20ms,loss=1%");
        let time = |value: &str| {
            let time = parse_duration(value)?;
            if time <= PART_MAX { Ok(time) } else { Err(format!("{value} is too long: at most 10s")) }
        };
        let mut line = Self::default();
        for part in text.split(',') {
            match part.split_once('=').ok_or_else(wrong)? {
                ("delay", value) => line.delay = time(value)?,
                ("jitter", value) => line.jitter = time(value)?,
                ("loss", value) => {
                    let percent = value.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
                    let percent = percent.filter(|percent| (0.0..=50.0).contains(percent));
                    let percent = percent.ok_or("loss is 0% to 50%, with the sign")?;
                    line.loss = (percent / 100.0 * f64::from(LOSS_PARTS)).round() as u32;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(line)
    }
}

impl fmt::Display for LinkConditions {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (delay_s, jitter_s) = (self.delay.as_secs_f64(), self.jitter.as_secs_f64());
        write!(f, "delay={delay_s}s,jitter={jitter_s}s,loss={}%", f64::from(self.loss) * 100.0 / f64::from(LOSS_PARTS))
    }
}

/// One direction of a line.
#[derive(Debug)]
pub struct Way<T> {
    line: LinkConditions,
    rng: Rng,
    /// By the time at which they come out, in microseconds.
    held: VecDeque<(u64, T)>,
    /// When the last that was put in comes out.
    last_us: u64,
}

impl<T> Way<T> {
    /// A direction with nothing in it; `seed` decides its jitter and losses.
    pub fn new(line: LinkConditions, seed: u64) -> Self {
        Self { line, rng: Rng::new(seed, 6), held: VecDeque::new(), last_us: 0 }
    }

    /// Puts something in. It comes out later, and not before what was put in before it.
    pub fn push(&mut self, now_us: u64, what: T) {
        let us = |time: Duration| time.as_micros() as u32;
        let (delay_us, jitter_us) = (us(self.line.delay), us(self.line.jitter));
        let mut takes_us = u64::from(delay_us) + u64::from(self.rng.below(jitter_us + 1));
        let round_trip_us = u64::from(2 * delay_us + jitter_us);
        for _ in 0..LOSSES_MAX {
            if !self.rng.chance(self.line.loss, LOSS_PARTS) {
                break;
            }
            takes_us += round_trip_us + LOSS_NOTICE_US;
        }
        self.last_us = self.last_us.max(now_us + takes_us);
        self.held.push_back((self.last_us, what));
    }

    /// The next that has come out by now.
    pub fn pop(&mut self, now_us: u64) -> Option<T> {
        self.held.pop_front_if(|(out_us, _)| *out_us <= now_us).map(|(_, what)| what)
    }

    /// When the next one comes out.
    pub fn next_us(&self) -> Option<u64> {
        self.held.front().map(|(out_us, _)| *out_us)
    }

    /// Whether more may be put in.
    pub fn has_room(&self) -> bool {
        self.held.len() < HELD_MAX
    }
}

/// A link over a line.
#[derive(Debug)]
pub struct LongLink<S = TcpStream> {
    link: Link<S>,
    there: Way<Vec<u8>>,
    back: Way<LinkEvent>,
    /// Nothing more comes from the link: its end is on the way back.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> LongLink<S> {
    /// Puts a line before a link; `seed` decides its jitter and losses.
    pub fn new(link: Link<S>, line: LinkConditions, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 7);
        Self { link, there: Way::new(line, rng.word()), back: Way::new(line, rng.word()), ended: false }
    }

    /// Sends a message.
    pub fn send(&mut self, now_us: u64, message: Vec<u8>) {
        self.there.push(now_us, message);
    }

    /// Waits until something comes, or until `until_us`; meanwhile lets go of what was sent. May be dropped at any time
    /// without a loss.
    pub async fn receive(&mut self, clock: Clock, until_us: u64) -> Option<LinkEvent> {
        loop {
            let now_us = clock.now_us();
            if !self.ended && self.release(now_us).await.is_err() {
                // What came before it broke is still to be read.
                self.end(now_us, None);
            }
            if let Some(received) = self.back.pop(now_us) {
                return Some(received);
            }
            if now_us >= until_us {
                return None;
            }
            let wake_us = [self.there.next_us(), self.back.next_us()].into_iter().flatten().fold(until_us, u64::min);
            tokio::select! {
                received = self.link.receive(), if !self.ended && self.back.has_room() => match received {
                    LinkEvent::Message(_) => self.back.push(clock.now_us(), received),
                    LinkEvent::Closed(close) => self.end(clock.now_us(), close),
                },
                () = tokio::time::sleep_until(clock.at(wake_us)) => {}
            }
        }
    }

    fn end(&mut self, now_us: u64, close: Option<(u16, String)>) {
        self.ended = true;
        self.back.push(now_us, LinkEvent::Closed(close));
    }

    async fn release(&mut self, now_us: u64) -> Result<(), LinkError> {
        self.link.send(std::iter::from_fn(|| self.there.pop(now_us))).await
    }

    /// Sends what is still held, and closes.
    pub async fn close(&mut self) {
        // The server may be gone already, or read nothing.
        let _ = tokio::time::timeout(CLOSE_DEADLINE, self.release(u64::MAX)).await;
        self.link.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_or_refused_with_words() {
        let line = LinkConditions { delay: Duration::from_millis(50), jitter: Duration::from_millis(20), loss: 150 };
        assert_eq!("delay=50ms,jitter=20ms,loss=1.5%".parse(), Ok(line));
        assert_eq!(line.to_string().parse(), Ok(line));
        assert_eq!("loss=1.5%,delay=0.05s,jitter=20ms".parse(), Ok(line));
        assert_eq!(
            "delay=50ms".parse(),
            Ok(LinkConditions { delay: Duration::from_millis(50), ..LinkConditions::default() })
        );
        for wrong in ["", "50ms", "delay=50", "delay=50ms,", "loss=1", "loss=60%", "delay=1m", "speed=3", "loss=nan%"] {
            assert!(wrong.parse::<LinkConditions>().is_err(), "{wrong}");
        }
    }

    /// When each of many messages, sent every 33 ms, comes out.
    fn ways(line: LinkConditions) -> Vec<u64> {
        let mut way = Way::new(line, 5);
        let mut out_us = Vec::new();
        for number in 0..10_000_u64 {
            way.push(number * 33_000, number);
        }
        while let Some(next_us) = way.next_us() {
            assert!(next_us.checked_sub(1).is_none_or(|too_soon_us| way.pop(too_soon_us).is_none()));
            assert_eq!(way.pop(next_us), Some(out_us.len() as u64), "in order");
            out_us.push(next_us - out_us.len() as u64 * 33_000);
        }
        out_us
    }

    #[test]
    fn a_line_delays_within_its_jitter_and_a_loss_holds_up_what_follows() {
        assert!(ways(LinkConditions::default()).iter().all(|took| *took == 0));
        let ms = Duration::from_millis;
        let clean = LinkConditions { delay: ms(50), jitter: ms(20), loss: 0 };
        let took = ways(clean);
        assert!(took.iter().all(|took| (50_000..=70_000).contains(took)));
        let mean = took.iter().sum::<u64>() / took.len() as u64;
        assert!((59_500..60_500).contains(&mean), "{mean}");
        let lossy = ways(LinkConditions { loss: 100, ..clean });
        let late = lossy.iter().filter(|took| **took > 70_000).count();
        // 170 ms more for one in a hundred, and for about five that follow it.
        assert!((400..700).contains(&late), "{late}");
        assert!(lossy.iter().max().is_some_and(|most| (230_000..800_000).contains(most)));
    }
}
