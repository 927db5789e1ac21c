//! Proof that the page's core, as WebAssembly, does what this machine's build does: sessions against a real server are recorded
//! here and replayed in Node, and every hash of what both hold is compared; so are random steps.

mod record;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use fracas_arena::web::ArenaScreen;
use fracas_bots::conditioner::LinkConditions;
use fracas_tests::Server;
use fracas_tests::program::{repository, sibling};
use fracas_web::Screen;
use record::{ParityPlan, ParityRecording};
use std::process::Command;

/// Compares core.wasm with this machine's build of the same. Needs Node, and a build of the workspace.
#[derive(Parser)]
#[command(max_term_width = 120)]
struct ParityOptions {
    /// Frames to record, over all sessions.
    #[arg(long, default_value_t = 100_000)]
    frames: u64,
    /// Sessions at the same time.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
    sessions: u64,
    /// Steps of ships to compare.
    #[arg(long, default_value_t = 10_000_000)]
    steps: u32,
    /// The line that sessions are recorded over.
    #[arg(long, default_value = "delay=30ms,jitter=25ms,loss=0.5%")]
    line: LinkConditions,
    /// Decides what the players, the arena and the steps do.
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

#[expect(clippy::print_stdout, reason = "it is what one runs it for")]
fn main() -> Result<()> {
    let options = ParityOptions::parse();
    println!("seed {}", options.seed);
    sibling("fracas-server")?;
    let seed = options.seed.to_string();
    let server = Server::start(&["--fill", "16", "--tick-hz", "60", "--seed", &seed]);
    let plan = ParityPlan {
        url: server.url(),
        sessions: options.sessions,
        frames: options.frames.div_ceil(options.sessions),
        line: options.line,
        seed: u64::from(options.seed),
    };
    let recordings = record::record(&plan)?;
    drop(server);
    let steps_here = ArenaScreen::trial(options.seed, options.steps);
    let told = replay(&recordings, &options)?;
    let (steps_there, digests) = told.split_first().context("the replay said nothing")?;
    ensure!(*steps_there == steps_here, "after {} random steps the builds differ", options.steps);
    compare(&recordings, digests)?;
    let sum = |value: fn(&ParityRecording) -> u64| recordings.iter().map(value).sum::<u64>();
    println!(
        "the same in {} frames, {} pictures, {} corrections, and {} steps",
        sum(|recording| recording.frames),
        sum(|recording| recording.pictures),
        sum(|recording| recording.corrections),
        options.steps
    );
    Ok(())
}

/// Lets Node do the same. Returns the steps' hash, and then those of all sessions.
fn replay(recordings: &[ParityRecording], options: &ParityOptions) -> Result<Vec<u32>> {
    let folder = tempfile::tempdir()?;
    let (sessions, hashes) = (folder.path().join("sessions"), folder.path().join("hashes"));
    std::fs::write(&sessions, recordings.iter().map(|recording| &recording.calls[..]).collect::<Vec<_>>().concat())?;
    let root = repository();
    let mut node = Command::new("node");
    node.arg(root.join("tests/parity/replay.mjs")).arg(root.join("assets/games/arena/page/core.wasm")).arg(sessions);
    node.arg(&hashes).args([options.seed.to_string(), options.steps.to_string()]);
    ensure!(node.status().context("node is missing")?.success(), "the replay failed");
    Ok(std::fs::read(hashes)?
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect())
}

fn compare(recordings: &[ParityRecording], there: &[u32]) -> Result<()> {
    let here = recordings.iter().enumerate().flat_map(|(session, recording)| {
        recording.digests.iter().enumerate().map(move |(number, digest)| (session, number, *digest))
    });
    for ((session, number, here), there) in here.clone().zip(there) {
        if here != *there {
            bail!("session {session} differs at its hash {number}: {here:08x} here, {there:08x} there");
        }
    }
    ensure!(here.count() == there.len(), "the replay has another number of hashes");
    Ok(())
}
