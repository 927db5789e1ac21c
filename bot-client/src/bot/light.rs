//! A client that reads only the frames' headers and plays without looking: enough to be a load, and to measure one.

use super::Observer;
use crate::brain::Wander;
use fracas_protocol::arena::{Arena, Input};
use fracas_protocol::client::ClientError;
use fracas_protocol::codec;
use fracas_protocol::dice::Dice;
use fracas_protocol::frame::{FRAME_MARK, TickFollower};
use fracas_protocol::limits::SERVER_MESSAGE_BYTES_MAX;
use fracas_protocol::message::{ClientMessage, Hello, Inputs, Ping, ServerMessage};
use fracas_protocol::rules::MessageOf;
use fracas_protocol::tick::{Tick, TickRate};
use std::collections::VecDeque;

/// How many ticks ahead of the newest body an input is stamped: it must be there when that tick runs.
const AHEAD_TICKS: u32 = 2;
/// Time between two pings, in microseconds.
const PING_INTERVAL_US: u64 = 1_007_000;
/// Inputs whose update is awaited; more are not measured.
const AWAITED_MAX: usize = 32;

/// Reads headers, acknowledges, and sends seeded inputs.
#[derive(Debug)]
pub(super) struct LightClient {
    /// From the welcome.
    rate: TickRate,
    follower: TickFollower,
    wander: Wander,
    dice: Dice,
    input_hz: Option<u32>,
    joined: bool,
    ping_at_us: u64,
    /// The last tick an input was sent for.
    played: Tick,
    awaited: VecDeque<(Tick, u64)>,
    outgoing: VecDeque<Vec<u8>>,
}

impl LightClient {
    /// A client that says `hello` first.
    pub(super) fn new(hello: Hello, seed: u64, input_hz: Option<u32>) -> Self {
        let mut client = Self {
            rate: TickRate::HZ_30,
            follower: TickFollower::default(),
            wander: Wander::default(),
            dice: Dice::new(seed, 4),
            input_hz,
            joined: false,
            ping_at_us: u64::MAX,
            played: Tick(0),
            awaited: VecDeque::new(),
            outgoing: VecDeque::new(),
        };
        client.say(&ClientMessage::Hello(hello));
        client
    }

    /// A client that goes on where another has looked closely so far.
    pub(super) fn joined(rate: TickRate, follower: TickFollower, seed: u64, input_hz: Option<u32>) -> Self {
        let mut client = Self::new(Hello::player(""), seed, input_hz);
        client.outgoing.clear();
        Self { rate, follower, joined: true, ping_at_us: 0, ..client }
    }

    fn say(&mut self, message: &ClientMessage<Input>) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.outgoing.push_back(bytes);
    }

    pub(super) fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub(super) fn leave(&mut self) {
        self.say(&ClientMessage::Goodbye);
    }

    /// Pings when it is time to. Everything else is an answer to a frame.
    pub(super) fn advance(&mut self, now_us: u64, _: &mut impl Observer) -> u64 {
        if self.joined && now_us >= self.ping_at_us {
            self.ping_at_us = now_us + PING_INTERVAL_US;
            self.say(&ClientMessage::Ping(Ping { stamp: now_us }));
        }
        // No later than the next ping, and now and then in any case.
        self.ping_at_us.min(now_us + PING_INTERVAL_US)
    }

    /// Takes a message. Returns whether it has been let in.
    pub(super) fn receive(
        &mut self,
        now_us: u64,
        message: &[u8],
        observer: &mut impl Observer,
    ) -> Result<bool, ClientError> {
        if message.first().is_some_and(|first| first & FRAME_MARK != 0) {
            let (first, bodies) = self.follower.take(message)?;
            for body in 0..bodies {
                self.take_body(now_us, first.plus(body), observer);
            }
            return Ok(self.joined);
        }
        match codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(message)? {
            ServerMessage::Welcome(welcome) => {
                (self.joined, self.rate) = (true, welcome.tick_rate);
                self.ping_at_us = now_us;
                observer.joined(now_us, self.rate);
            }
            ServerMessage::Pong(pong) => {
                let away_us = now_us.saturating_sub(pong.stamp);
                observer.round_trip(now_us, away_us.saturating_sub(u64::from(pong.hold_us)));
            }
            ServerMessage::News(_) | ServerMessage::Goodbye(_) => {}
        }
        Ok(self.joined)
    }

    fn take_body(&mut self, now_us: u64, tick: Tick, observer: &mut impl Observer) {
        let mut input_to_update_us = None;
        while let Some((_, sent_us)) = self.awaited.pop_front_if(|(awaited, _)| *awaited <= tick) {
            input_to_update_us = Some(now_us.saturating_sub(sent_us));
        }
        observer.body(now_us, tick, input_to_update_us, None);
        let next = tick.plus(AHEAD_TICKS).max(self.played.next());
        let hz = u64::from(self.rate.hz());
        let input_hz = self.input_hz.map_or(hz, |input_hz| u64::from(input_hz).min(hz));
        let inputs_by = |tick: Tick| u64::from(tick.0) * input_hz / hz;
        let input = self.wander.think(self.rate, &mut self.dice);
        if inputs_by(next) == inputs_by(self.played) {
            return;
        }
        self.played = next;
        self.say(&ClientMessage::Inputs(Inputs { ack: tick, tick: next, input }));
        observer.input(now_us);
        if self.awaited.len() < AWAITED_MAX {
            self.awaited.push_back((next, now_us));
        }
    }
}
