//! Writes what led to a panic in a room's game to a file, and replays it from there. The file has one line of JSON for
//! people, and then the recording.

use super::sabotage;
use crate::sim::recording::{Recording, RecordingError, Replayed};
use anyhow::{Context, anyhow, ensure};
use fracas_protocol::game::authority::Game;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Files that one process writes. Later panics are only logged.
const FILES_MAX: u32 = 16;
/// Recordings that may wait for the thread that writes them. There cannot be more, since each room opens at most twice
/// a minute.
const WAITING_MAX: usize = FILES_MAX as usize;
/// File names that are tried, if other processes have used the first ones. In a container every process may be number
/// 1.
const TRIES: u32 = 16;
/// Bytes of the largest recording that is read. The largest room at the highest rate needs a fifth of that.
const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Only the owner may read what people have played.
const MODE: u32 = 0o600;

/// The first line of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) game: String,
    pub(super) state_version: u32,
    pub(super) version: String,
    pub(super) commit: String,
    pub(super) room: String,
    pub(super) tick: u32,
    pub(super) message: String,
}

impl Head {
    /// The first line for a panic in this build.
    pub(super) fn new<G: Game>(room: &str, tick: u32, message: String) -> Self {
        let (version, commit) = (env!("CARGO_PKG_VERSION").into(), env!("FRACAS_COMMIT").into());
        let (game, state_version) = (G::NAME.into(), G::STATE_VERSION);
        Self { game, state_version, version, commit, room: room.into(), tick, message }
    }
}

/// A panic that has ended a room.
#[derive(Debug)]
pub(super) struct Crash {
    pub(super) head: Head,
    pub(super) reopens: bool,
}

type Written<G> = (Crash, Recording<G>);

impl Crash {
    /// Logs it in one line.
    fn log(&self, file: &str) {
        let (Head { room, tick, message, .. }, reopens) = (&self.head, self.reopens);
        // No field is called "message": in JSON that is the line's own.
        tracing::error!(room, tick, panic = message, reopens, file, "a panic has ended a room");
    }
}

/// Takes crashes, and writes them on a separate thread, so that no room waits for a disk.
#[derive(Debug)]
pub(super) struct Crashes<G: Game> {
    folder: PathBuf,
    handed_in: u32,
    writer: Option<(SyncSender<Written<G>>, JoinHandle<()>)>,
}

impl<G: Game> Crashes<G> {
    /// Files go into this folder.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, handed_in: 0, writer: None }
    }

    /// Logs a crash, and writes its recording unless there are too many already.
    pub(super) fn hand_in(&mut self, crash: Crash, recording: Option<Recording<G>>) {
        let Some(recording) = recording else { return crash.log("not saved: there was no game") };
        if self.handed_in == FILES_MAX {
            return crash.log("not saved: this process has written 16 files");
        }
        self.handed_in += 1;
        match self.writer() {
            Ok(writer) => {
                if let Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) =
                    writer.try_send((crash, recording))
                {
                    back.0.log("not saved: the thread that writes is stuck or gone");
                }
            }
            Err(error) => crash.log(&format!("not saved: {error}")),
        }
    }

    fn writer(&mut self) -> std::io::Result<&SyncSender<Written<G>>> {
        if self.writer.is_none() {
            let (crashes, waiting) = sync_channel(WAITING_MAX);
            let folder = self.folder.clone();
            let write_all = move || waiting.iter().for_each(|(crash, recording)| write(&folder, &crash, &recording));
            self.writer = Some((crashes, std::thread::Builder::new().name("crash".into()).spawn(write_all)?));
        }
        let writer = self.writer.as_ref().map(|(crashes, _)| crashes);
        writer.ok_or_else(|| unreachable!("it has just been started"))
    }
}

impl<G: Game> Drop for Crashes<G> {
    /// Waits until all are written.
    fn drop(&mut self) {
        if let Some((crashes, thread)) = self.writer.take() {
            drop(crashes);
            // What the thread has not written, it cannot write now.
            let _ = thread.join();
        }
    }
}

fn write<G: Game>(folder: &Path, crash: &Crash, recording: &Recording<G>) {
    // Serializing runs the game's own code, which has failed once already.
    let written = catch_unwind(AssertUnwindSafe(|| try_write(folder, &crash.head, recording)));
    match written.unwrap_or_else(|_| Err(anyhow!("another panic"))) {
        Ok(path) => crash.log(&path.display().to_string()),
        Err(error) => crash.log(&format!("not saved: {error:#}")),
    }
}

fn try_write<G: Game>(folder: &Path, head: &Head, recording: &Recording<G>) -> anyhow::Result<PathBuf> {
    let mut bytes = serde_json::to_vec(head)?;
    bytes.push(b'\n');
    recording.write(&mut bytes);
    let (path, mut file) = create(folder, head)?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file is useless.
        let _ = std::fs::remove_file(&path);
    }
    written.with_context(|| path.display().to_string())?;
    Ok(path)
}

/// Creates a new file.
fn create(folder: &Path, Head { room, tick, .. }: &Head) -> anyhow::Result<(PathBuf, File)> {
    let process = std::process::id();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE);
    for number in 1..=TRIES {
        let again = if number > 1 { format!("-{number}") } else { String::new() };
        let path = folder.join(format!("fracas-crash-{room}-{tick}-{process}{again}.replay"));
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    Err(anyhow!("{}: there are {TRIES} files of that name already", folder.display()))
}

/// Replays a file. Returns whether the same panic came, and the text to print.
///
/// # Errors
/// If the file cannot be read, or is another game's.
pub fn replay<G: Game>(path: &Path) -> anyhow::Result<(bool, String)> {
    let _sabotage = sabotage::set_up();
    let (head, recording) = read::<G>(path).with_context(|| path.display().to_string())?;
    let ticks = recording.ticks();
    // It is printed below, once.
    std::panic::set_hook(Box::new(|_| {}));
    let replayed = recording.replay();
    let is_same =
        matches!(&replayed, Replayed::Panicked { tick, message } if (tick.0, message) == (head.tick, &head.message));
    let Head { state_version, version, commit, room, tick, message, .. } = head;
    let mut text = format!("room {room}, {ticks} ticks to tick {tick}: {message}\n");
    if (version.as_str(), commit.as_str()) != (env!("CARGO_PKG_VERSION"), env!("FRACAS_COMMIT")) {
        text += &format!("it was recorded by another build: version {version}, commit {commit}\n");
    }
    if state_version != G::STATE_VERSION {
        text += &format!("its state of version {state_version} was made one of version {}\n", G::STATE_VERSION);
    }
    text += &match replayed {
        _ if is_same => "the same panic came again, on the same tick\n".into(),
        Replayed::Panicked { tick, message } => format!("another panic came, on tick {tick}: {message}\n"),
        Replayed::Ran { last } => format!("no panic came up to tick {last}\n"),
    };
    Ok((is_same, text))
}

fn read<G: Game>(path: &Path) -> anyhow::Result<(Head, Recording<G>)> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() <= FILE_BYTES_MAX, "it is too large");
    let line = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| anyhow!("it is no crash file"))?;
    let head: Head = serde_json::from_slice(&bytes[..line]).map_err(|_| anyhow!("it is no crash file"))?;
    ensure!(
        head.game == G::NAME,
        "it is of the game \"{}\", and this program has \"{}\"; replay it with that game's program",
        head.game,
        G::NAME
    );
    let recording = Recording::read::<FILE_BYTES_MAX>(&bytes[line + 1..], head.state_version);
    let recording = recording.map_err(|why| match why {
        RecordingError::Unreadable => anyhow!("its recording cannot be read; was it made by another build?"),
        RecordingError::StateVersion => {
            let (recorded, ours) = (head.state_version, G::STATE_VERSION);
            anyhow!("its state has version {recorded}; this build has {ours}, and cannot read the other")
        }
    })?;
    Ok((head, recording))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fracas_protocol::game::toy::YardGame;

    /// What is said of a file that begins with this line and holds no recording.
    fn refusal(head: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("any.replay");
        std::fs::write(&path, format!("{head}\nno recording")).expect("writes");
        read::<YardGame>(&path).map(|_| ()).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_file_of_another_game_is_told_from_a_damaged_one_and_from_something_else() {
        let head = serde_json::to_string(&Head::new::<YardGame>("main", 7, "it broke".into())).expect("plain data");
        assert_eq!(refusal(&head), "its recording cannot be read; was it made by another build?");
        let words = refusal(&head.replace(r#""game":"yard""#, r#""game":"chess""#));
        assert_eq!(
            words,
            r#"it is of the game "chess", and this program has "yard"; replay it with that game's program"#
        );
        assert_eq!(refusal("{}"), "it is no crash file");
    }
}
