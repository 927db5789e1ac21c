//! A client that reads only the frames' headers and plays without looking: enough to be a load, and to measure one.

use super::Observer;
use fracas_protocol::client::{ClientError, SILENCE_US};
use fracas_protocol::game::brain::Brain;
use fracas_protocol::game::rules::{ClientMessageOf, MessageOf, Rules};
use fracas_protocol::ids::Token;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::codec;
use fracas_protocol::wire::frame::{FRAME_MARK, TickFollower};
use fracas_protocol::wire::limits::SERVER_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::{ClientMessage, Hello, Inputs, Ping, ServerMessage};
use std::collections::VecDeque;
use std::marker::PhantomData;

/// How many ticks ahead of the newest body an input is stamped: it must be there when that tick runs.
const AHEAD_TICKS: u32 = 2;
/// Time between two pings, in microseconds.
const PING_INTERVAL_US: u64 = 1_007_000;

/// What a control message told that matters beyond the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WelcomeNews {
    /// It is in, and this takes its session back.
    Welcome(Token),
    /// The server is about to close.
    Goodbye {
        /// The code it will close with.
        code: u16,
        /// For so long it should stay away.
        retry_after_ms: u32,
    },
}

/// Reads headers, acknowledges, and sends what a brain decides without looking.
#[derive(Debug)]
pub(super) struct LightClient<R> {
    /// From the welcome.
    rate: TickRate,
    follower: TickFollower,
    input_hz: Option<u32>,
    joined: bool,
    ping_at_us: u64,
    /// When the newest body was last acknowledged, with an input or alone.
    acknowledged_us: u64,
    /// The last tick an input was sent for.
    played: Tick,
    /// Fresh starts after the first.
    resyncs: u64,
    outgoing: VecDeque<Vec<u8>>,
    game: PhantomData<fn() -> R>,
}

impl<R: Rules> LightClient<R> {
    /// A client that says `hello` first.
    pub(super) fn new(hello: Hello, input_hz: Option<u32>) -> Self {
        let mut client = Self {
            rate: TickRate::HZ_30,
            follower: TickFollower::default(),
            input_hz,
            joined: false,
            ping_at_us: u64::MAX,
            acknowledged_us: 0,
            played: Tick(0),
            resyncs: 0,
            outgoing: VecDeque::new(),
            game: PhantomData,
        };
        client.say(&ClientMessage::Hello(hello));
        client
    }

    /// A client that goes on where another has looked closely so far, which was up to the body of `tick`, and has sent
    /// inputs up to `played`.
    pub(super) fn joined(rate: TickRate, tick: Tick, played: Tick, input_hz: Option<u32>) -> Self {
        let mut client = Self::new(Hello::player(""), input_hz);
        client.outgoing.clear();
        Self { rate, follower: TickFollower { tick: Some(tick) }, joined: true, ping_at_us: 0, played, ..client }
    }

    fn say(&mut self, message: &ClientMessageOf<R>) {
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

    /// Says what is due without a frame: a ping, or an acknowledgement where inputs are too few to carry it (without
    /// one, a stale client would never get the fresh start that goes on). Returns when to come back.
    pub(super) fn advance(&mut self, now_us: u64) -> u64 {
        if !self.joined {
            return now_us + PING_INTERVAL_US;
        }
        if now_us >= self.ping_at_us {
            self.ping_at_us = now_us + PING_INTERVAL_US;
            self.say(&ClientMessage::Ping(Ping { stamp: now_us }));
        }
        if now_us.saturating_sub(self.acknowledged_us) >= SILENCE_US {
            self.acknowledged_us = now_us;
            self.say(&ClientMessage::Ack(self.follower.tick.unwrap_or_default()));
        }
        self.ping_at_us.min(self.acknowledged_us + SILENCE_US)
    }

    /// Fresh starts after the first.
    pub(super) fn resyncs(&self) -> u64 {
        self.resyncs
    }

    /// Takes a message.
    pub(super) fn receive(
        &mut self,
        now_us: u64,
        message: &[u8],
        brain: &mut impl Brain<R>,
        observer: &mut impl Observer<R>,
    ) -> Result<Option<WelcomeNews>, ClientError> {
        if message.first().is_some_and(|first| first & FRAME_MARK != 0) {
            let has_started = self.follower.tick.is_some();
            let ticks = self.follower.follow(message)?;
            self.resyncs += u64::from(ticks.fresh && has_started);
            for body in 0..ticks.bodies {
                self.take_body(now_us, ticks.first.plus(body), brain, observer);
            }
            return Ok(None);
        }
        match codec::decode::<MessageOf<R>, SERVER_MESSAGE_BYTES_MAX>(message)? {
            ServerMessage::Welcome(welcome) => {
                (self.joined, self.rate) = (true, welcome.tick_rate);
                self.ping_at_us = now_us;
                observer.joined(now_us, self.rate, welcome.resumed);
                return Ok(Some(WelcomeNews::Welcome(welcome.token)));
            }
            ServerMessage::Pong(pong) => {
                let away_us = now_us.saturating_sub(pong.stamp);
                observer.round_trip(now_us, away_us.saturating_sub(u64::from(pong.clock.hold_us)));
            }
            ServerMessage::Goodbye(goodbye) => {
                let (code, retry_after_ms) = (goodbye.code, goodbye.retry_after_ms);
                return Ok(Some(WelcomeNews::Goodbye { code, retry_after_ms }));
            }
            ServerMessage::News(_) => {}
        }
        Ok(None)
    }

    fn take_body(&mut self, now_us: u64, tick: Tick, brain: &mut impl Brain<R>, observer: &mut impl Observer<R>) {
        observer.body(now_us, tick, None);
        let next = tick.plus(AHEAD_TICKS).max(self.played.next());
        let hz = u64::from(self.rate.hz());
        let input_hz = self.input_hz.map_or(hz, |input_hz| u64::from(input_hz).min(hz));
        let inputs_by = |tick: Tick| u64::from(tick.0) * input_hz / hz;
        let input = brain.think_blind(self.rate);
        if inputs_by(next) == inputs_by(self.played) {
            return;
        }
        (self.played, self.acknowledged_us) = (next, now_us);
        self.say(&ClientMessage::Inputs(Inputs { ack: tick, tick: next, input }));
        observer.input(now_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use fracas_protocol::game::brain::Skill;
    use fracas_protocol::game::toy::{Runner, Step, Yard};
    use fracas_protocol::wire::bits::BitWriter;
    use fracas_protocol::wire::frame::FrameHeader;

    const PERIOD_US: u64 = 33_333;

    fn brain() -> Runner {
        Runner::new(0, Skill::default(), 7)
    }

    /// A light client that was let in at time 0, its hello and first ping taken.
    fn client(input_hz: Option<u32>) -> LightClient<Yard> {
        let mut client = LightClient::new(Hello::player("light"), input_hz);
        client.receive(0, &sample::welcome(0), &mut brain(), &mut ()).expect("a welcome");
        client.advance(0);
        client.outgoing.clear();
        client
    }

    fn frame(fresh: bool, tick: u32) -> Vec<u8> {
        let mut bits = BitWriter::new();
        let mut header = FrameHeader { bodies: 1, fresh, first: fresh.then_some(Tick(tick)) };
        header.code(&mut bits).expect("a header");
        bits.finish()
    }

    /// Receives the frames of ticks 1 to `ticks`, each when it is due. Returns what was said.
    fn receive(client: &mut LightClient<Yard>, ticks: u32) -> Vec<ClientMessage<Step>> {
        let mut brain = brain();
        for tick in 1..=ticks {
            let now_us = u64::from(tick) * PERIOD_US;
            client.receive(now_us, &frame(tick == 1, tick), &mut brain, &mut ()).expect("a frame");
        }
        said(client)
    }

    fn said(client: &mut LightClient<Yard>) -> Vec<ClientMessage<Step>> {
        let messages = std::iter::from_fn(|| client.take_outgoing());
        messages.map(|bytes| codec::decode::<ClientMessage<Step>, 1024>(&bytes).expect("a message")).collect()
    }

    #[test]
    fn a_light_bot_with_few_inputs_acknowledges_the_last_body_before_a_stall() {
        let mut client = client(Some(5));
        // 2 inputs a period of 12 ticks: none with tick 39.
        receive(&mut client, 39);
        let at_us = 39 * PERIOD_US;
        let wake_us = client.advance(at_us);
        assert!(wake_us <= at_us + SILENCE_US);
        client.advance(wake_us);
        assert!(said(&mut client).contains(&ClientMessage::Ack(Tick(39))));
        assert_eq!(client.advance(wake_us + 1), wake_us + SILENCE_US, "once in that time");
    }

    #[test]
    fn a_fresh_start_of_a_light_bot_counts_as_a_resync() {
        let mut client = client(None);
        receive(&mut client, 10);
        assert_eq!(client.resyncs(), 0, "the first start is none");
        client.receive(0, &frame(true, 50), &mut brain(), &mut ()).expect("a frame");
        assert_eq!(client.resyncs(), 1);
    }

    #[test]
    fn a_light_bot_says_what_its_brain_does_without_looking() {
        let said = receive(&mut client(None), 300);
        let inputs = said.into_iter().filter_map(|message| match message {
            ClientMessage::Inputs(inputs) => Some(inputs.input),
            _ => None,
        });
        let mut alike = brain();
        assert!(inputs.eq((0..300).map(|_| alike.think_blind(TickRate::HZ_30))));
    }
}
