//! A player by hand who sees: the protocol's client over a real socket, stepped by an attack.

use anyhow::{Context, Result, bail};
use fracas_arena::authority::default_map;
use fracas_arena::rules::{Arena, Entity, News, Ship};
use fracas_bots::bot::driver::DISPLAY_TICKS;
use fracas_protocol::client::{Client, ClientOptions, Event};
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::message::{Hello, Role};
use fracas_tests::Server;
use fracas_tests::raw::{Raw, frame};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// What is waited for comes within this time: until hunters have destroyed somebody, for example.
const PATIENCE: Duration = Duration::from_secs(90);
/// A step waits for the server at most so long.
const STEP: Duration = Duration::from_millis(2);
/// For the close frame that answers a goodbye.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// Somebody who plays, or watches.
#[derive(Debug)]
pub(crate) struct Flyer {
    /// What it knows and says.
    pub(crate) client: Client<Arena>,
    raw: Raw,
    began: Instant,
    news: Vec<News>,
}

impl Flyer {
    /// Connects and says hello.
    pub(crate) fn join(server: &Server, from: Ipv4Addr, name: &str, role: Role) -> Result<Self> {
        let raw = Raw::open(server.game, from).context("the handshake")?;
        raw.stream.set_read_timeout(Some(STEP))?;
        let options = ClientOptions { display_ticks: DISPLAY_TICKS, input_hz: None };
        let rules = Arena::ruleset(TickRate::HZ_30, &default_map());
        let client = Client::new(rules, Hello { role, ..Hello::player(name) }, options);
        let mut flyer = Self { client, raw, began: Instant::now(), news: Vec::new() };
        flyer.play()?;
        Ok(flyer)
    }

    /// The client's time.
    pub(crate) fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// Its ship, as the server last told it.
    pub(crate) fn ship(&self) -> Option<Ship> {
        match self.client.replica().get(self.client.own_id()?)?.now {
            Entity::Ship(ship) => Some(ship),
            _ => None,
        }
    }

    /// The news since it was last asked.
    pub(crate) fn take_news(&mut self) -> impl Iterator<Item = News> + use<> {
        std::mem::take(&mut self.news).into_iter()
    }

    /// Hears what comes within two milliseconds, and plays what is due.
    pub(crate) fn step(&mut self) -> Result<()> {
        match self.raw.next_frame() {
            Ok(Some((0x82, message))) => self.client.receive(self.now_us(), &message)?,
            Ok(Some((0x88, payload))) => bail!("closed: {payload:?}"),
            Ok(Some(_)) => {}
            Ok(None) => bail!("the connection ended"),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        while let Some(event) = self.client.take_event() {
            if let Event::News(news) = event {
                self.news.push(news);
            }
        }
        self.play()
    }

    fn play(&mut self) -> Result<()> {
        self.client.advance(self.now_us());
        while let Some(message) = self.client.take_outgoing() {
            self.raw.say(&frame(0x82, &message))?;
        }
        Ok(())
    }

    /// Steps until something is so; `act` says what it wants before each step.
    pub(crate) fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool, act: impl Fn(&mut Self)) -> Result<()> {
        let began = Instant::now();
        while !is(self) {
            if began.elapsed() > PATIENCE {
                bail!("never came: {what}");
            }
            act(self);
            self.step()?;
        }
        Ok(())
    }

    /// Says goodbye, and waits until the server has heard it.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.client.leave(self.now_us());
        self.play()?;
        self.raw.stream.set_read_timeout(Some(CLOSES_WITHIN))?;
        match self.raw.close_code() {
            Some(_) => Ok(()),
            None => bail!("the goodbye was not answered"),
        }
    }
}
