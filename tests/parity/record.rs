//! Plays sessions against a server as a page would, and records every call with the hash of what was held after it.

use anyhow::{Context, Result, ensure};
use fracas_arena::rules::Arena;
use fracas_arena::web::ArenaScreen;
use fracas_bots::bot::Clock;
use fracas_bots::conditioner::{LinkConditions, LongLink};
use fracas_bots::link::{Link, LinkEvent, Target};
use fracas_protocol::rng::Rng;
use fracas_protocol::wire::frame::FRAME_MARK;
use fracas_web::parity::{Keys, Session};
use tokio::task::LocalSet;

/// Between two pictures, in microseconds: about 60 a second.
const PICTURE_US: u64 = 16_667;
/// A server that sends so few frames in a second has gone, in frames.
const FRAMES_PER_S_MIN: u64 = 5;

/// What to record.
pub(crate) struct ParityPlan {
    pub(crate) url: String,
    pub(crate) sessions: u64,
    /// Of each session.
    pub(crate) frames: u64,
    pub(crate) line: LinkConditions,
    pub(crate) seed: u64,
}

/// One session.
#[derive(Default)]
pub(crate) struct ParityRecording {
    /// All calls, as `replay.mjs` reads them: a kind, the time as a double, and what belongs to it.
    pub(crate) calls: Vec<u8>,
    /// What was held after each frame and each picture.
    pub(crate) digests: Vec<u32>,
    pub(crate) frames: u64,
    pub(crate) pictures: u64,
    pub(crate) corrections: u64,
}

/// Kinds of calls.
#[derive(Clone, Copy)]
enum Call {
    Start,
    Receive,
    SetInput,
    Advance,
    Draw,
}

/// Records as planned.
pub(crate) fn record(plan: &ParityPlan) -> Result<Vec<ParityRecording>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let target = Target::parse(&plan.url)?;
        let data = target.fetch_rules::<Arena>().await?.data().bytes().clone();
        let mut sessions = Vec::new();
        for number in 0..plan.sessions {
            let link = Link::connect(&target, None).await?;
            let rng = Rng::new(plan.seed, 20 + number);
            let link = LongLink::new(link, plan.line, rng.clone().word());
            let player = Player::new(&data, number, rng)?;
            sessions.push(tokio::task::spawn_local(player.play(link, plan.frames)));
        }
        let mut recordings = Vec::new();
        for session in sessions {
            recordings.push(session.await??);
        }
        Ok(recordings)
    })
}

struct Player {
    session: Session<Arena, ArenaScreen>,
    recording: ParityRecording,
    rng: Rng,
    keys: Keys,
}

impl Player {
    fn new(data: &[u8], number: u64, rng: Rng) -> Result<Self> {
        let name = format!("parity {number}");
        let session = Session::start(data, &name).context("the core does not take the start-up data")?;
        let mut player = Self { session, recording: ParityRecording::default(), rng, keys: Keys::default() };
        player.note(Call::Start, 0.0, &[&(data.len() as u32).to_le_bytes(), data, &length(&name), name.as_bytes()]);
        Ok(player)
    }

    fn note(&mut self, call: Call, now_ms: f64, parts: &[&[u8]]) {
        self.recording.calls.push(call as u8);
        self.recording.calls.extend(now_ms.to_le_bytes());
        parts.iter().for_each(|part| self.recording.calls.extend(*part));
    }

    async fn play(mut self, mut link: LongLink, frames: u64) -> Result<ParityRecording> {
        let clock = Clock::start();
        let until_us = (frames / FRAMES_PER_S_MIN + 10) * 1_000_000;
        let mut picture_us = 0;
        while self.recording.frames < frames {
            let now_us = clock.now_us();
            ensure!(now_us < until_us, "there are too few frames: {}", self.recording.frames);
            if now_us >= picture_us {
                picture_us = now_us + PICTURE_US;
                self.picture(now_us as f64 / 1000.0);
            }
            std::iter::from_fn(|| self.session.take_outgoing()).for_each(|message| link.send(now_us, message));
            match link.receive(clock, picture_us).await {
                Some(LinkEvent::Message(message)) => self.receive(clock.now_us() as f64 / 1000.0, &message)?,
                Some(LinkEvent::Closed(close)) => anyhow::bail!("the server closed: {close:?}"),
                None => {}
            }
        }
        link.close().await;
        self.recording.corrections = self.session.corrections();
        Ok(self.recording)
    }

    /// What a page does each time the screen can show something new.
    fn picture(&mut self, now_ms: f64) {
        if self.rng.chance(1, 12) {
            let turns = |rng: &mut Rng| rng.below(1 << 16) as f32 / 65_536.0;
            let units = |rng: &mut Rng| f64::from(rng.between(-600, 600));
            self.keys = Keys {
                direction: if self.rng.chance(1, 4) { -1.0 } else { turns(&mut self.rng) },
                aim: turns(&mut self.rng),
                pointer: (units(&mut self.rng), units(&mut self.rng)),
                pressed: [(); 3].map(|()| self.rng.chance(1, 2)),
            };
        }
        let keys = self.keys;
        self.session.set_input(now_ms, &keys);
        let turns = [keys.direction, keys.aim].map(f32::to_le_bytes).concat();
        let pointer = [keys.pointer.0, keys.pointer.1].map(f64::to_le_bytes).concat();
        self.note(Call::SetInput, now_ms, &[&turns, &pointer, &keys.pressed.map(u8::from)]);
        // What is done once was done.
        self.keys.pressed = [keys.pressed[0], false, false];
        self.session.advance(now_ms);
        self.note(Call::Advance, now_ms, &[]);
        self.session.draw(now_ms);
        self.note(Call::Draw, now_ms, &[]);
        self.recording.pictures += 1;
        self.recording.digests.push(self.session.digest());
    }

    fn receive(&mut self, now_ms: f64, message: &[u8]) -> Result<()> {
        ensure!(self.session.receive(message, now_ms), "the core does not understand the server");
        self.note(Call::Receive, now_ms, &[&(message.len() as u32).to_le_bytes(), message]);
        self.recording.digests.push(self.session.digest());
        self.recording.frames += u64::from(message.first().is_some_and(|first| first & FRAME_MARK != 0));
        Ok(())
    }
}

fn length(text: &str) -> [u8; 4] {
    (text.len() as u32).to_le_bytes()
}
