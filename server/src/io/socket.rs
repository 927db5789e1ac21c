//! What an event loop needs from a socket. Tests drive the same code in memory.

use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A non-blocking stream of bytes in both directions.
pub trait Socket: Send + 'static {
    /// Reads what is there: `Ok(0)` at the end of the stream, `WouldBlock` when nothing is there now.
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Takes as much of `bytes` as fits: `WouldBlock` when nothing does now.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Says that nothing more will be sent. What the peer still sends can be read.
    fn finish(&mut self);
    /// Ends it without a close. What has not been sent yet is thrown away, also by the kernel.
    fn abort(&mut self);
}

/// Unsent bytes that a game socket's kernel buffer may hold before it is full, and the buffer's size. So a slow reader
/// is noticed early, and costs little.
const UNSENT_BYTES: u32 = 16 * 1024;
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// If the peer's kernel acknowledges nothing for so long, the connection ends. A peer whose network is gone cannot
/// report that.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(12);

/// The kernel's send buffer of an HTTP connection. It holds each of the page's files, and costs little for a client
/// that reads nothing.
const HTTP_SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Bounds what an HTTP connection costs.
///
/// # Errors
/// Those of the system.
pub(crate) fn set_up_http(socket: &tokio::net::TcpStream) -> io::Result<()> {
    let options = SockRef::from(socket);
    options.set_send_buffer_size(HTTP_SEND_BUFFER_BYTES)?;
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))
}

/// Sets up a plain socket for an event loop: non-blocking, without delay, with small buffers.
///
/// # Errors
/// Those of the system, mostly that the peer is gone already.
pub fn set_up(socket: &TcpStream) -> io::Result<()> {
    let options = SockRef::from(socket);
    socket.set_nonblocking(true)?;
    options.set_tcp_nodelay(true)?;
    options.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    options.set_tcp_notsent_lowat(UNSENT_BYTES)
}

/// The stream must be as [`set_up`] leaves it.
impl Socket for TcpStream {
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn finish(&mut self) {
        // A peer that is gone already needs no close.
        let _ = self.shutdown(Shutdown::Write);
    }

    fn abort(&mut self) {
        // Without it the kernel goes on trying, which is bounded, too.
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
        let _ = self.shutdown(Shutdown::Both);
    }
}
