//! The players' end of the line: all of them in one thread, and plain streams beside them.

use crate::board::Board;
use crate::player::{self, Absence, Sample};
use crate::verdict::NetcodeOutcome;
use crate::{machine_us, stream};
use anyhow::{Context, Result};
use clap::Args;
use fracas_arena::rules::Arena;
use fracas_bots::bot::Clock;
use fracas_bots::conditioner::LinkConditions;
use fracas_bots::link::Target;
use fracas_protocol::game::ruleset::Ruleset;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// Between two who join.
const JOIN_PAUSE: Duration = Duration::from_millis(70);
/// When the streams begin: by then it is known how large frames are.
const STREAMS_AFTER: Duration = Duration::from_secs(4);

/// Who plays, where, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct FarOptions {
    /// The server.
    #[arg(long)]
    url: String,
    /// Where plain streams are served.
    #[arg(long)]
    stream: String,
    /// How many of those to listen to.
    #[arg(long)]
    streams: usize,
    /// The server's clock less the machine's, in microseconds.
    #[arg(long, allow_hyphen_values = true)]
    offset_us: i64,
    /// A line to hold messages back by, where there is none.
    #[arg(long)]
    line: Option<LinkConditions>,
    /// Players.
    #[arg(long)]
    bots: u64,
    /// How long the run takes.
    #[arg(long)]
    seconds: f64,
    /// For how long the first player's tab is hidden, in seconds.
    #[arg(long)]
    hide: f64,
    /// Decides what players do, and what the line does if it is held back here.
    #[arg(long)]
    seed: u64,
}

/// What all players of a run have in common.
pub(crate) struct FarShared {
    pub(crate) target: Target,
    pub(crate) rules: Ruleset<Arena>,
    pub(crate) line: LinkConditions,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    /// When the run ends, by that clock.
    pub(crate) until_us: u64,
    pub(crate) board: RefCell<Board>,
    /// The first frames' sizes, for the streams.
    sizes: RefCell<Vec<u16>>,
}

impl FarShared {
    /// The machine's clock when the run's is `now_us`.
    pub(crate) fn machine_us(&self, now_us: u64) -> i64 {
        machine_us() - self.clock.now_us() as i64 + now_us as i64
    }

    /// A frame of so many bytes came.
    pub(crate) fn note_size(&self, bytes: usize) {
        let mut sizes = self.sizes.borrow_mut();
        if sizes.len() < stream::SIZES {
            sizes.push(bytes.min(usize::from(u16::MAX)) as u16);
        }
    }
}

/// Plays, and says what came out.
pub(crate) fn run(options: &FarOptions) -> Result<NetcodeOutcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (samples, streams) = LocalSet::new().block_on(&runtime, play(options))?;
    Ok(NetcodeOutcome::of(&samples, streams, options.offset_us))
}

async fn play(options: &FarOptions) -> Result<(Vec<Sample>, Vec<i64>)> {
    let target = Target::parse(&options.url)?;
    let rules = target.fetch_rules::<Arena>().await?;
    let clock = Clock::start();
    let shared = Rc::new(FarShared {
        target,
        rules,
        line: options.line.unwrap_or_default(),
        seed: options.seed,
        clock,
        until_us: (options.seconds * 1e6) as u64,
        board: RefCell::default(),
        sizes: RefCell::default(),
    });
    let mut players = Vec::new();
    for number in 0..options.bots {
        // Away in the middle of the run.
        let (middle_us, half_us) = (shared.until_us / 2, (options.hide * 5e5) as u64);
        let absence = Absence { from_us: middle_us.saturating_sub(half_us), until_us: middle_us + half_us };
        let absence = (number == 0 && half_us > 0).then_some(absence);
        let shared = Rc::clone(&shared);
        players.push(tokio::task::spawn_local(async move { player::play(&shared, number, absence).await }));
        tokio::time::sleep(JOIN_PAUSE).await;
    }
    tokio::time::sleep(STREAMS_AFTER).await;
    let streams = spawn_streams(options, &shared)?;
    let (mut samples, mut took_us) = (Vec::new(), Vec::new());
    for player in players {
        samples.push(player.await??);
    }
    for stream in streams {
        took_us.append(&mut stream.await??);
    }
    Ok((samples, took_us))
}

type Stream = tokio::task::JoinHandle<Result<Vec<i64>>>;

fn spawn_streams(options: &FarOptions, shared: &Rc<FarShared>) -> Result<Vec<Stream>> {
    let sizes = shared.sizes.borrow().first_chunk().copied().context("too few frames came to know their sizes")?;
    let streams = (0..options.streams as u64).map(|number| {
        let (address, shared) = (options.stream.clone(), Rc::clone(shared));
        let line = (shared.line, shared.seed + number);
        tokio::task::spawn_local(
            async move { stream::listen(&address, &sizes, line, shared.clock, shared.until_us).await },
        )
    });
    Ok(streams.collect())
}
