//! Lines reach whoever reads, and whoever does not read holds nobody up.

use super::*;
use std::sync::Mutex;
use std::sync::mpsc;

/// Far beyond what any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Short, where the deadline must be reached.
const SHORT: Duration = Duration::from_millis(50);

/// A writer whose reader takes nothing until the returned end is dropped.
fn stuck() -> (LineWriter, Arc<Mutex<Vec<String>>>, mpsc::Sender<()>) {
    let (open, opened) = mpsc::channel::<()>();
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let taken = Arc::clone(&lines);
    let writer = LineWriter::start(move |line| {
        // Until the sender is dropped, and at once from then on.
        let _ = opened.recv();
        taken.lock().expect("not poisoned").push(String::from_utf8_lossy(line).into_owned());
        Ok(())
    });
    (writer, lines, open)
}

#[test]
fn lines_are_written_in_their_order_and_the_last_one_behind_them() {
    let (writer, lines, open) = stuck();
    drop(open);
    (0..100).for_each(|number| writer.line(format!("{number}\n").as_bytes()));
    assert!(writer.finish(Some(b"the end\n"), PATIENCE));
    let lines = lines.lock().expect("not poisoned");
    assert_eq!((lines.len(), &*lines[0], &*lines[99], &*lines[100]), (101, "0\n", "99\n", "the end\n"));
    assert_eq!(writer.dropped(), 0);
}

#[test]
fn a_reader_who_takes_nothing_costs_lines_and_nobody_waits() {
    let (writer, lines, open) = stuck();
    (0..QUEUE_LINES_MAX + 1000).for_each(|_| writer.line(b"line\n"));
    // The thread may have taken one already.
    assert!((999..=1000).contains(&writer.dropped()), "{}", writer.dropped());
    assert!(!writer.finish(Some(b"the end\n"), SHORT), "nobody takes it");
    drop(open);
    assert!(writer.finish(None, PATIENCE));
    let written = lines.lock().expect("not poisoned").len();
    assert_eq!(written as u64 + writer.dropped(), QUEUE_LINES_MAX as u64 + 1001, "each is written or counted");
}

#[test]
fn long_lines_do_not_fill_the_memory() {
    let (writer, lines, open) = stuck();
    let line = vec![b'x'; QUEUE_BYTES_MAX / 4];
    (0..9).for_each(|_| writer.line(&line));
    assert_eq!(writer.dropped(), 5);
    drop(open);
    assert!(writer.finish(None, PATIENCE));
    writer.line(&line);
    assert!(writer.finish(None, PATIENCE), "there is room again");
    assert_eq!((lines.lock().expect("not poisoned").len(), writer.dropped()), (5, 5));
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let writer = LineWriter::start(|_| Err(ErrorKind::StorageFull.into()));
    (0..3).for_each(|_| writer.line(b"line\n"));
    assert!(writer.finish(None, PATIENCE));
    assert_eq!(writer.dropped(), 3);
}

#[test]
fn a_pipe_that_somebody_made_non_blocking_gets_every_byte() {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("it can be made so");
    let text = vec![b'x'; 1 << 20];
    let thread = std::thread::spawn({
        let text = text.clone();
        move || write_to(writer.as_fd(), &text)
    });
    let mut read = Vec::new();
    io::Read::read_to_end(&mut reader, &mut read).expect("it can be read");
    assert!(thread.join().expect("no panic").is_ok() && read == text);
}

#[test]
fn what_is_said_is_one_line_whatever_is_in_it() {
    assert_eq!(one_line("a\nb\r\n\u{1b}[2Jc"), b"a b   [2Jc\n");
}
