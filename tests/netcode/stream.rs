//! A plain TCP stream of messages as large as the game's frames, beside the game on the same line: what the line itself costs.

use crate::machine_us;
use anyhow::{Context, Result};
use fracas_bots::bot::Clock;
use fracas_bots::conditioner::{LinkConditions, Way};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream as AsyncStream;

/// Messages a second.
const HZ: u32 = 30;
/// Each message begins with its length and the time at which it was sent.
const HEADER: usize = 2 + 8;
/// Bytes that the far end says between two messages, as a client says inputs.
const WORD: [u8; 20] = [0; 20];
/// Sizes that are repeated.
pub(crate) const SIZES: usize = 256;

/// Serves some streams, each until its peer ends it or for `time`.
pub(crate) fn serve(listener: &TcpListener, streams: usize, time: Duration) -> Result<()> {
    let threads: Vec<_> = (0..streams)
        .map(|_| {
            let (stream, _) = listener.accept().context("nobody comes for a stream")?;
            Ok(std::thread::spawn(move || speak(stream, time)))
        })
        .collect::<Result<_>>()?;
    for thread in threads {
        // A peer that ends its stream is how a stream ends.
        let _ = thread.join().expect("a stream does not panic");
    }
    Ok(())
}

/// Reads the sizes that are wanted, then sends messages of those.
fn speak(mut stream: TcpStream, time: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut sizes = [0; 2 * SIZES];
    stream.read_exact(&mut sizes)?;
    let sizes: Vec<u16> = sizes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    let mut words = stream.try_clone()?;
    std::thread::spawn(move || while words.read(&mut [0; 1024]).is_ok_and(|len| len > 0) {});
    let began = Instant::now();
    for (number, size) in (0..).zip(sizes.into_iter().cycle()) {
        let due = Duration::from_secs(1) * number / HZ;
        if due >= time {
            break;
        }
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let len = size.max(HEADER as u16);
        let mut message = vec![0; usize::from(len)];
        message[..2].copy_from_slice(&len.to_le_bytes());
        message[2..HEADER].copy_from_slice(&machine_us().to_le_bytes());
        stream.write_all(&message)?;
    }
    Ok(())
}

/// Listens to a stream of messages of these sizes until `until_us`. Returns how long each was under way, in microseconds.
pub(crate) async fn listen(
    near: &str,
    sizes: &[u16; SIZES],
    (line, seed): (LinkConditions, u64),
    clock: Clock,
    until_us: u64,
) -> Result<Vec<i64>> {
    let stream = AsyncStream::connect(near).await.with_context(|| format!("no stream from {near}"))?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(&sizes.map(u16::to_le_bytes).concat()).await?;
    let (mut way, mut took_us) = (Way::new(line, seed), Vec::new());
    let (mut bytes, mut word_us) = (Vec::new(), 0);
    loop {
        let now_us = clock.now_us();
        while let Some(sent_us) = take_message(&mut bytes) {
            way.push(now_us, sent_us);
        }
        while let Some(sent_us) = way.pop(now_us) {
            took_us.push(machine_us() - sent_us);
        }
        if now_us >= until_us {
            return Ok(took_us);
        }
        if now_us >= word_us {
            word_us = now_us + 1_000_000 / u64::from(HZ);
            writer.write_all(&WORD).await?;
        }
        let wake_us = way.next_us().map_or(word_us, |next_us| next_us.min(word_us));
        tokio::select! {
            read = reader.read_buf(&mut bytes) => anyhow::ensure!(read? > 0, "the stream ended"),
            () = tokio::time::sleep_until(clock.at(wake_us)) => {}
        }
    }
}

/// Takes a whole message off the front. Returns when it was sent, by the machine's clock.
fn take_message(bytes: &mut Vec<u8>) -> Option<i64> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    let len = usize::from(u16::from_le_bytes(*len));
    if bytes.len() < len {
        return None;
    }
    let sent_us = i64::from_le_bytes(*rest.first_chunk()?);
    bytes.drain(..len);
    Some(sent_us)
}
