//! The floor: a bare loop that reads every socket once and writes every socket once per tick, and does nothing else. What
//! it writes was made before: frames as long as those that Fracas sent to the same number of players.

use crate::wire::{append_message, upgrade};
use anyhow::{Result, bail};
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::bits::BitWriter;
use fracas_protocol::wire::frame::FrameHeader;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Frames that are repeated over and over.
pub(crate) struct Trace {
    /// Payload lengths in bytes.
    lengths: Vec<u16>,
}

impl Trace {
    /// Reads what the swarm recorded: one length after the other, little-endian.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file)?;
        let lengths: Vec<_> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        if lengths.is_empty() {
            bail!("{} holds no frame lengths", file.display());
        }
        Ok(Self { lengths })
    }

    /// The messages: a header that continues with the next tick, and ones up to the length.
    fn messages(&self) -> Vec<Vec<u8>> {
        let message = |len: &u16| {
            let mut payload = vec![0xff; usize::from(*len).max(1)];
            payload[0] = header(None)[0];
            let mut out = Vec::new();
            append_message(&mut out, &payload, false);
            out
        };
        self.lengths.iter().map(message).collect()
    }
}

fn header(first: Option<Tick>) -> Vec<u8> {
    let mut bits = BitWriter::new();
    match (FrameHeader { bodies: 1, fresh: first.is_some(), first }).code(&mut bits) {
        Ok(()) => bits.finish(),
        Err(error) => unreachable!("a header can be written: {error}"),
    }
}

struct Player {
    stream: TcpStream,
    began: bool,
    gone: bool,
}

/// Serves `players` players until it is killed.
#[expect(clippy::print_stderr, reason = "the bench that started it reads this")]
pub(crate) fn serve(players: usize, hz: u32, trace: &Path) -> Result<()> {
    let messages = Trace::read(trace)?.messages();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    eprintln!("listening game={}", listener.local_addr()?);
    let mut seats: Vec<Player> = Vec::with_capacity(players);
    let mut scratch = vec![0; 16 * 1024];
    let start = Instant::now();
    let period = Duration::from_secs(1) / hz;
    for tick in 1.. {
        std::thread::sleep((start + period * tick).saturating_duration_since(Instant::now()));
        while seats.len() < players
            && let Ok((stream, _)) = listener.accept()
        {
            seats.push(Player { stream: upgrade(stream, |_| ())?.0, began: false, gone: false });
        }
        for player in seats.iter_mut().filter(|player| !player.gone) {
            match player.stream.read(&mut scratch) {
                Ok(0) => player.gone = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => player.gone = true,
            }
        }
        for (place, player) in seats.iter_mut().enumerate().filter(|(_, player)| !player.gone) {
            if player.began {
                // Another stretch of the trace for each, so that a tick has long and short ones as in play.
                let message = &messages[(place * 7919 + tick as usize) % messages.len()];
                player.gone = player.stream.write(message).is_err();
            } else {
                let mut out = Vec::new();
                append_message(&mut out, &header(Some(Tick(tick))), false);
                player.began = true;
                player.gone = player.stream.write(&out).is_err();
            }
        }
    }
    Ok(())
}
