//! What an event loop needs of a socket, so that tests can drive the same code in memory.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// A non-blocking stream of bytes in both directions.
pub trait Socket: Send + 'static {
    /// Reads what is there: `Ok(0)` at the end of the stream, `WouldBlock` when nothing is there now.
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Takes as much of `bytes` as fits: `WouldBlock` when nothing does now.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Says that nothing more will be sent. What the peer still sends can be read.
    fn finish(&mut self);
}

/// The stream must be in non-blocking mode.
impl Socket for TcpStream {
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn finish(&mut self) {
        // A peer that is gone already needs no word.
        let _ = self.shutdown(Shutdown::Write);
    }
}
