//! One bot: a link, the protocol's client, and a brain, in one task.

#[cfg(test)]
mod calls;
pub mod driver;
#[cfg(test)]
mod hostile;
mod light;

use crate::conditioner::{LinkConditions, LongLink};
use crate::link::{Link, LinkError, LinkEvent, Target};
use fracas_protocol::client::{Client, ClientError, ClientOptions, Counters, Event};
use fracas_protocol::game::brain::{Brain, Skill};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::game::ruleset::Ruleset;
use fracas_protocol::ids::Token;
use fracas_protocol::replica::Replica;
use fracas_protocol::tick::{Tick, TickRate};
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::frame::FRAME_MARK;
use fracas_protocol::wire::message::Hello;
use light::{LightClient, WelcomeNews};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

/// Without a welcome or a frame for so long, from a server that is there all the same, a bot gives up, in microseconds. A
/// server lets in or refuses within seconds, and closes whoever falls behind after ten.
const PROGRESS_MAX_US: u64 = 30_000_000;
/// A server that says goodbye closes at once; one that does not for so long is left, in microseconds.
const GOODBYE_MAX_US: u64 = 5_000_000;

/// With more than this in view, a bot that need not verify stops to look.
const VISIBLE_FOR_ALL: usize = 200;

/// Microseconds since a start that all bots of a process share.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time now.
    pub fn now_us(&self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }

    /// When it will be `us`.
    pub fn at(&self, us: u64) -> Instant {
        self.0 + Duration::from_micros(us)
    }
}

/// How closely a bot looks at what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Decodes and checks every frame, come what may.
    Verifies,
    /// The same until more is in view than a swarm can decode; then as [`Self::Glances`].
    VerifiesWhileItCan,
    /// Reads the frames' headers and plays without looking, as soon as its brain can do without.
    Glances,
}

/// What a bot is to be.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where to.
    pub target: Target,
    /// Its hello.
    pub hello: Hello,
    /// What decides for it: an index in the game's [`Brain::KINDS`].
    pub brain: usize,
    /// How well it plays.
    pub skill: Skill,
    /// Decides its whims.
    pub seed: u64,
    /// Inputs a second; as many as the tick rate if none.
    pub input_hz: Option<u32>,
    /// How closely it looks.
    pub attention: Attention,
    /// How bad its line is made.
    pub line: LinkConditions,
    /// A header for the handshake.
    pub header: Option<(&'static str, String)>,
    /// When its connection is cut off, as by a network that fails; never if that time is over.
    pub cut_us: Option<u64>,
}

impl Setup {
    /// A bot of ordinary skill that looks closely, over a line as it is.
    pub fn new(target: Target, hello: Hello, brain: usize, seed: u64) -> Self {
        Self {
            target,
            hello,
            brain,
            skill: Skill::default(),
            seed,
            input_hz: None,
            attention: Attention::Verifies,
            line: LinkConditions::default(),
            header: None,
            cut_us: None,
        }
    }
}

/// Who is told what a bot experiences. Times are those of the bot's [`Clock`].
pub trait Observer<R: Rules> {
    /// The server, which ticks at `_rate`, let it in, and maybe gave it the place back that it had before.
    fn joined(&mut self, _now_us: u64, _rate: TickRate, _resumed: bool) {}
    /// A frame came, of so many payload bytes.
    fn frame(&mut self, _now_us: u64, _bytes: usize) {}
    /// A body came: its tick, and how many entities are known after it (if the bot looks).
    fn body(&mut self, _now_us: u64, _tick: Tick, _visible: Option<usize>) {}
    /// A bot that looks was shown that an input, sent so long ago, or a newer one in its place, was applied.
    fn input_applied(&mut self, _now_us: u64, _us: u64) {}
    /// What a bot that looks sees after a frame.
    fn saw(&mut self, _now_us: u64, _replica: &Replica<R>) {}
    /// A bot that looks has learned of a judgement of the server: whether it was as the screen had promised.
    fn verdict(&mut self, _now_us: u64, _agreed: bool) {}
    /// A ping was answered.
    fn round_trip(&mut self, _now_us: u64, _us: u64) {}
    /// An input was sent.
    fn input(&mut self, _now_us: u64) {}
}

/// Nobody is told.
impl<R: Rules> Observer<R> for () {}

/// How a bot's connection ended.
#[derive(Debug)]
pub enum Ending {
    /// It was told to stop, and left.
    Left,
    /// The server closed, with this code if it gave one.
    Closed(Option<u16>),
    /// Its connection was cut off, as it was meant to be.
    Cut,
    /// There was no connection to begin with.
    NotConnected(LinkError),
    /// What the server sent cannot be a game that the bot knows.
    Unintelligible(ClientError),
}

impl Ending {
    /// A word for the reason, as metrics have it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Left => "leave",
            Self::Closed(Some(code)) => CloseReason::from_code(*code).map_or("other", CloseReason::label),
            Self::Closed(None) => "lost",
            Self::Cut => "cut",
            Self::NotConnected(LinkError::Refused { .. }) => "refused",
            Self::NotConnected(_) => "network",
            Self::Unintelligible(_) => "unintelligible",
        }
    }

    /// Whether to come back by itself is allowed and makes sense.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Left | Self::Unintelligible(_) => false,
            Self::Closed(code) => code.and_then(CloseReason::from_code).is_none_or(CloseReason::may_retry),
            Self::NotConnected(LinkError::Refused { status, .. }) => matches!(status, 429 | 503),
            Self::NotConnected(_) | Self::Cut => true,
        }
    }
}

/// What became of a bot.
#[derive(Debug)]
pub struct BotOutcome {
    /// How it ended.
    pub ending: Ending,
    /// Whether it was let in.
    pub joined: bool,
    /// Whether it looked closely to the end.
    pub verified: bool,
    /// What its client counted.
    pub counters: Counters,
    /// To take its session back.
    pub token: Option<Token>,
    /// How long the server asked it to stay away, in milliseconds.
    pub retry_after_ms: Option<u32>,
}

/// Connects and plays a game with rules `R` by a brain `B`, until `stop` turns true or the connection ends.
///
/// # Panics
/// If the game has no brain with the setup's index.
pub async fn play<R: Rules, B: Brain<R>>(
    setup: &Setup,
    rules: Ruleset<R>,
    clock: Clock,
    observer: &mut impl Observer<R>,
    stop: &mut watch::Receiver<bool>,
) -> BotOutcome {
    let bot = Bot::<R, B>::new(setup, rules);
    let header = setup.header.as_ref().map(|(name, value)| (*name, value.as_str()));
    let connected = tokio::select! {
        connected = Link::connect(&setup.target, header) => connected,
        _ = stop.wait_for(|stop| *stop) => return bot.outcome(Ending::Left),
    };
    match connected {
        Ok(link) => play_over(link, bot, setup, clock, observer, stop).await,
        Err(error) => bot.outcome(Ending::NotConnected(error)),
    }
}

/// Plays over a link.
async fn play_over<R: Rules, B: Brain<R>, S: AsyncRead + AsyncWrite + Unpin>(
    link: Link<S>,
    mut bot: Bot<R, B>,
    setup: &Setup,
    clock: Clock,
    observer: &mut impl Observer<R>,
    stop: &mut watch::Receiver<bool>,
) -> BotOutcome {
    let mut link = LongLink::new(link, setup.line, setup.seed);
    let cut_us = setup.cut_us.filter(|cut_us| *cut_us > clock.now_us()).unwrap_or(u64::MAX);
    bot.progress_us = clock.now_us();
    loop {
        let now_us = clock.now_us();
        if now_us >= cut_us {
            return bot.outcome(Ending::Cut);
        }
        if let Some(code) = bot.is_strung_along(now_us) {
            link.close().await;
            return bot.outcome(Ending::Closed(code));
        }
        let wake_us = bot.advance(now_us, observer).min(cut_us).min(bot.patient_until_us());
        bot.send(now_us, &mut link);
        tokio::select! {
            received = link.receive(clock, wake_us) => match received {
                Some(LinkEvent::Message(message)) => {
                    if let Err(error) = bot.receive(clock.now_us(), &message, observer) {
                        link.close().await;
                        return bot.outcome(Ending::Unintelligible(error));
                    }
                }
                Some(LinkEvent::Closed(close)) => return bot.outcome(Ending::Closed(close.map(|(code, _)| code))),
                None => {}
            },
            _ = stop.wait_for(|stop| *stop) => {
                let now_us = clock.now_us();
                bot.mode.leave(now_us);
                bot.send(now_us, &mut link);
                link.close().await;
                return bot.outcome(Ending::Left);
            }
        }
    }
}

/// Looks closely, or only at headers.
enum Mode<R: Rules> {
    Full(Box<Client<R>>),
    Light(LightClient<R>),
}

impl<R: Rules> Mode<R> {
    fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Full(client) => client.take_outgoing(),
            Self::Light(client) => client.take_outgoing(),
        }
    }

    fn leave(&mut self, now_us: u64) {
        match self {
            Self::Full(client) => client.leave(now_us),
            Self::Light(client) => client.leave(),
        }
    }
}

struct Bot<R: Rules, B> {
    mode: Mode<R>,
    brain: B,
    attention: Attention,
    input_hz: Option<u32>,
    joined: bool,
    counters: Counters,
    token: Option<Token>,
    retry_after_ms: Option<u32>,
    /// When the link was made, or the last welcome or frame came.
    progress_us: u64,
    /// When the server first said goodbye, and with which code.
    goodbye: Option<(u64, u16)>,
}

impl<R: Rules, B: Brain<R>> Bot<R, B> {
    fn new(setup: &Setup, rules: Ruleset<R>) -> Self {
        let display_ticks = driver::display_ticks::<R, B>(setup.brain);
        let options = ClientOptions { display_ticks, input_hz: setup.input_hz };
        let mode = match setup.attention {
            Attention::Glances if !B::KINDS[setup.brain].looks_first => {
                Mode::Light(LightClient::new(setup.hello.clone(), setup.input_hz))
            }
            _ => Mode::Full(Box::new(Client::new(rules, setup.hello.clone(), options))),
        };
        Self {
            mode,
            brain: B::new(setup.brain, setup.skill, setup.seed),
            attention: setup.attention,
            input_hz: setup.input_hz,
            joined: false,
            counters: Counters::default(),
            token: None,
            retry_after_ms: None,
            progress_us: 0,
            goodbye: None,
        }
    }

    /// Until when it waits for a server that is there and does not go on.
    fn patient_until_us(&self) -> u64 {
        let goodbye_us = self.goodbye.map_or(u64::MAX, |(said_us, _)| said_us + GOODBYE_MAX_US);
        goodbye_us.min(self.progress_us + PROGRESS_MAX_US)
    }

    /// If the server has kept it waiting for too long: the code that it ends with.
    fn is_strung_along(&self, now_us: u64) -> Option<Option<u16>> {
        (now_us >= self.patient_until_us()).then(|| self.goodbye.map(|(_, code)| code))
    }

    /// The server says that it is about to close.
    fn take_goodbye(&mut self, now_us: u64, code: u16, retry_after_ms: u32) {
        self.retry_after_ms = Some(retry_after_ms);
        self.goodbye.get_or_insert((now_us, code));
    }

    fn outcome(self, ending: Ending) -> BotOutcome {
        let (verified, counters) = match &self.mode {
            Mode::Full(client) => (self.joined, *client.counters()),
            Mode::Light(client) => {
                let resyncs = self.counters.resyncs + client.resyncs();
                (false, Counters { resyncs, ..self.counters })
            }
        };
        let Self { joined, token, retry_after_ms, .. } = self;
        BotOutcome { ending, joined, verified, counters, token, retry_after_ms }
    }

    fn send<S: AsyncRead + AsyncWrite + Unpin>(&mut self, now_us: u64, link: &mut LongLink<S>) {
        std::iter::from_fn(|| self.mode.take_outgoing()).for_each(|message| link.send(now_us, message));
    }

    /// Plays what is due. Returns when to come back.
    fn advance(&mut self, now_us: u64, observer: &mut impl Observer<R>) -> u64 {
        match &mut self.mode {
            Mode::Light(client) => client.advance(now_us),
            Mode::Full(client) => {
                let sent = client.counters().inputs_sent;
                driver::advance(&mut self.brain, client, now_us);
                tell_verdicts(&mut self.brain, now_us, observer);
                (sent..client.counters().inputs_sent).for_each(|_| observer.input(now_us));
                client.wake_us(now_us)
            }
        }
    }

    fn receive(&mut self, now_us: u64, message: &[u8], observer: &mut impl Observer<R>) -> Result<(), ClientError> {
        if message.first().is_some_and(|first| first & FRAME_MARK != 0) {
            observer.frame(now_us, message.len());
            self.progress_us = now_us;
        }
        match &mut self.mode {
            Mode::Light(client) => match client.receive(now_us, message, &mut self.brain, observer)? {
                Some(WelcomeNews::Welcome(token)) => (self.joined, self.token) = (true, Some(token)),
                Some(WelcomeNews::Goodbye { code, retry_after_ms }) => self.take_goodbye(now_us, code, retry_after_ms),
                None => {}
            },
            Mode::Full(client) => {
                client.receive(now_us, message)?;
                self.take_events(now_us, observer);
            }
        }
        Ok(())
    }

    fn take_events(&mut self, now_us: u64, observer: &mut impl Observer<R>) {
        let Mode::Full(client) = &mut self.mode else { return };
        let visible = client.replica().known().len();
        let (mut last_tick, mut said_goodbye) = (None, None);
        while let Some(event) = client.take_event() {
            match event {
                Event::Welcome(welcome) => {
                    (self.joined, self.progress_us) = (true, now_us);
                    self.token = Some(welcome.token);
                    observer.joined(now_us, welcome.tick_rate, welcome.resumed);
                }
                Event::Body { tick } => {
                    last_tick = Some(tick);
                    observer.body(now_us, tick, Some(visible));
                }
                Event::InputApplied { us } => observer.input_applied(now_us, us),
                Event::RoundTrip { us } => observer.round_trip(now_us, us),
                Event::News(news) => {
                    self.brain.heard(&news);
                    tell_verdicts(&mut self.brain, now_us, observer);
                }
                Event::Goodbye(goodbye) => said_goodbye = Some(goodbye),
            }
        }
        if last_tick.is_some() {
            observer.saw(now_us, client.replica());
        }
        if let Some(goodbye) = said_goodbye {
            self.take_goodbye(now_us, goodbye.code, goodbye.retry_after_ms);
        }
        let has_seen_enough = match self.attention {
            Attention::Verifies => false,
            Attention::VerifiesWhileItCan => visible > VISIBLE_FOR_ALL,
            Attention::Glances => true,
        };
        if let Some(tick) = last_tick.filter(|_| has_seen_enough) {
            self.look_away(tick, now_us);
        }
    }

    /// Stops decoding after the body of `tick`, if the brain can do without.
    fn look_away(&mut self, tick: Tick, now_us: u64) {
        let Mode::Full(client) = &mut self.mode else { return };
        let own = client.own_id().and_then(|id| client.replica().get(id)).map(|known| &known.now);
        if !self.brain.can_look_away(client.replica().rules(), own) {
            return;
        }
        self.counters = *client.counters();
        let played = client.input_clock().tick_and_fraction(now_us).0;
        self.mode = Mode::Light(LightClient::joined(client.rate(), tick, played, self.input_hz));
    }
}

/// Tells of every judgement of the server that the brain has learned of.
fn tell_verdicts<R: Rules>(brain: &mut impl Brain<R>, now_us: u64, observer: &mut impl Observer<R>) {
    std::iter::from_fn(|| brain.take_verdict()).for_each(|agreed| observer.verdict(now_us, agreed));
}
