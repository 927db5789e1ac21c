//! The real program: a panic in one of its rooms, and threads that die in the middle of a game.

use crate::program::{Program, SocketPeer, run, unheard};
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::limits::TICK_LAST;
use fracas_protocol::wire::message::Hello;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;

fn hello_to(room: &str) -> Hello {
    Hello { room: room.into(), ..Hello::player("Ada") }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The one file in a folder.
fn only_file(folder: &tempfile::TempDir) -> PathBuf {
    let entries = std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = entries.collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// The game of the room with two players panics in its fourth second. A replay comes to the same place.
const TWO_PANIC: &str = "game-step=return(120:2)";

/// What `replay` prints, and its exit code.
fn replay(file: &std::path::Path) -> (Option<i32>, String) {
    let output = run(TWO_PANIC, &["replay", &file.display().to_string()]);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Lets each play on a thread of its own, until it has got `last` or its connection ends.
fn play_all(peers: Vec<SocketPeer>, last: Tick) -> Vec<JoinHandle<SocketPeer>> {
    let play = move |mut peer: SocketPeer| {
        peer.play_while(|peer| peer.ticks.last().is_none_or(|tick| *tick < last));
        peer
    };
    peers.into_iter().map(|peer| std::thread::spawn(move || play(peer))).collect()
}

fn joined(thread: JoinHandle<SocketPeer>) -> SocketPeer {
    thread.join().expect("it plays")
}

#[test]
fn a_panic_in_one_room_is_not_noticed_in_another_and_can_be_replayed() {
    let folder = folder();
    let mut program = Program::start(TWO_PANIC, folder.path(), &["--room", "main,duel"]);
    let others: Vec<_> = (0..3).map(|_| SocketPeer::join(program.address, hello_to("duel"))).collect();
    let players: Vec<_> = (0..2).map(|_| SocketPeer::join(program.address, hello_to("main"))).collect();
    let others = play_all(others, Tick(220));
    for peer in play_all(players, Tick(1000)).into_iter().map(joined) {
        assert_eq!(peer.ended, Some(Some(4000)));
        assert_eq!(peer.ticks.last(), Some(&Tick(119)), "the tick before the panic");
        let token = Some(peer.welcome.expect("a welcome").token);
        let back = SocketPeer::join(program.address, Hello { token, ..hello_to("main") });
        assert!(!back.welcome.expect("the room is there again").resumed, "the token is void");
    }
    for peer in others.into_iter().map(joined) {
        assert_eq!(peer.ended, None);
        assert!(peer.ticks[0] < Tick(100), "it was there a good while before");
        let is_next = |pair: &[Tick]| pair[1] == pair[0].next();
        assert!(peer.ticks.windows(2).all(is_next), "a tick is missing: {:?}", peer.ticks);
    }
    let (_, line) = program.hear("a panic has ended a room");
    let file = only_file(&folder);
    assert!(line.contains(&file.display().to_string()) && line.contains("main") && line.contains("120"), "{line}");
    let (code, text) = replay(&file);
    assert!(text.contains("sabotage among 2 players") && text.contains("the same panic"), "{text}");
    assert_eq!(code, Some(0));
    assert_eq!(program.stop(), Some(0), "it goes on until it is stopped");
    replays_of_other_files_fail_in_words(&file);
}

fn replays_of_other_files_fail_in_words(good: &std::path::Path) {
    let (other, bytes) = (folder(), std::fs::read(good).expect("it is there"));
    let written = |bytes: &[u8]| {
        let path = other.path().join("other.replay");
        std::fs::write(&path, bytes).expect("writes");
        path
    };
    let line = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
    let head = String::from_utf8_lossy(&bytes[..line]).replace("sabotage", "treason");
    let (code, text) = replay(&written(&[head.as_bytes(), &bytes[line..]].concat()));
    assert!(code == Some(1) && text.contains("another panic came, on tick 120: sabotage"), "{code:?} {text}");
    let with_head = |from: &str, to: &str| {
        let head = String::from_utf8_lossy(&bytes[..line]);
        assert!(head.contains(from), "{head}");
        [head.replace(from, to).as_bytes(), &bytes[line..]].concat()
    };
    let (code, text) = replay(&written(&with_head(r#""game":"arena""#, r#""game":"chess""#)));
    assert!(code == Some(2) && text.contains("it is of the game \"chess\", and this program has \"arena\""), "{text}");
    let (code, text) = replay(&written(&with_head(r#""state_version":1"#, r#""state_version":0"#)));
    assert!(code == Some(2) && text.contains("its state has version 0; this build has 1"), "{text}");
    for (bad, words) in [(&bytes[..bytes.len() - 9], "recording cannot be read"), (&b"{}"[..], "no crash file")] {
        let (code, text) = replay(&written(bad));
        assert!(code == Some(2) && text.contains(words) && text.lines().count() == 1, "{code:?} {text}");
    }
    assert_eq!(replay(&other.path().join("nothing.replay")).0, Some(2));
}

#[test]
fn a_room_that_always_panics_ends_the_process_in_words() {
    let folder = folder();
    let mut program = Program::start("game-step=return(60,90)", folder.path(), &[]);
    let mut peer = SocketPeer::join(program.address, hello_to("main"));
    peer.play_while(|_| true);
    let mut again = SocketPeer::join(program.address, hello_to("main"));
    again.play_while(|_| true);
    assert_eq!((peer.ended, again.ended), (Some(Some(4000)), Some(Some(4000))), "everybody is told");
    let (_, line) = program.hear("fracas-server: ");
    assert!(line.contains("no room is left"), "{line}");
    assert_eq!(program.wait().0, Some(1));
    let files = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(files, 2, "both can be replayed");
}

#[test]
fn a_dead_tick_thread_or_event_loop_ends_the_process_within_a_second() {
    for thread in ["tick", "loop-0", "loop-1"] {
        let folder = folder();
        let sabotage = format!("{thread}=60*off->return");
        let mut program = Program::start(&sabotage, folder.path(), &["--event-loops", "2"]);
        let mut peers: Vec<_> = (0..4).map(|_| SocketPeer::join(program.address, hello_to("main"))).collect();
        let (died, line) = program.hear("sabotage");
        assert!(line.contains(thread) && line.contains("sabotage.rs"), "where it was: {line}");
        let (code, ended) = program.wait();
        assert_eq!(code, Some(1), "{thread}");
        assert!(ended - died < Duration::from_secs(1), "{thread}: {:?}", ended - died);
        let (_, line) = program.hear("fracas-server: ");
        assert_eq!(line, format!("fracas-server: the thread {thread} ended: it panicked"));
        for peer in &mut peers {
            peer.play_while(|_| true);
            assert!(peer.ended.is_some(), "its socket has ended");
        }
    }
}

#[test]
fn after_the_last_tick_there_can_be_everybody_comes_back_for_their_ships_at_tick_0() {
    let folder = folder();
    let mut program = Program::start("first-tick=return(90)", folder.path(), &[]);
    let mut peer = SocketPeer::join(program.address, hello_to("main"));
    peer.play_while(|_| true);
    assert_eq!(peer.ended, Some(Some(4000)));
    assert_eq!(peer.ticks.last(), Some(&Tick(TICK_LAST)), "not one is left out");
    let (_, line) = program.hear("the last tick has been run");
    assert!(line.contains("WARN"), "{line}");
    let before = peer.welcome.expect("a welcome");
    let mut back = SocketPeer::join(program.address, Hello { token: Some(before.token), ..hello_to("main") });
    let began = std::time::Instant::now();
    back.play_while(|peer| peer.ticks.last().is_none_or(|tick| *tick < Tick(90)));
    let welcome = back.welcome.as_ref().expect("a welcome");
    assert_eq!((welcome.resumed, welcome.own), (true, before.own), "its ship has waited");
    assert!(back.ticks[0] < Tick(60), "{:?}", back.ticks[0]);
    let due = Duration::from_secs(1) * (90 - back.ticks[0].0 - 5) / 30;
    assert!(began.elapsed() > due, "the clock has not run away: {:?}", began.elapsed());
    assert_eq!(program.stop(), Some(0));
}

#[test]
fn a_panic_is_survived_and_ends_the_process_in_order_also_when_nobody_takes_its_report() {
    let (reader, mut full_pipe) = std::io::pipe().expect("a pipe");
    let size = rustix::pipe::fcntl_setpipe_size(&full_pipe, 4096).expect("a pipe can be small");
    full_pipe.write_all(&vec![b'.'; size]).expect("it fits");
    let closed_pipe = std::io::pipe().expect("a pipe").1;
    let full_disk = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    for stderr in [Stdio::from(full_pipe), closed_pipe.into(), full_disk.into()] {
        let folder = folder();
        let mut program = unheard("game-step=return(30);tick=90*off->return", folder.path(), stderr);
        let status = program.wait().expect("it can be waited for");
        assert_eq!(status.code(), Some(1), "{status}");
        only_file(&folder);
    }
    drop(reader);
}
