//! What an event loop does for its peers: the game, or a smaller service over the same connections.

use crate::admission::control::Network;
use crate::ids::{ConnectionKey, PlayerKind};
use crate::io::close::{CloseRequest, ConnectionEnd};
use crate::io::connection::Connection;
use crate::io::writer::Delivery;
use fracas_protocol::wire::close::CloseReason;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// What happens to one connection.
#[derive(Clone, Copy, Debug)]
pub enum ConnectionEvent<'a> {
    /// A whole message came.
    Message(&'a Message),
    /// A round of reading is over, whether or not something came: time to look at deadlines.
    Read,
    /// The service named it in [`Service::next_addressed`].
    Addressed,
    /// What became of what was composed for it.
    Sent(&'a Delivery),
    /// It ends. Told exactly once, and nothing is told after it. If the server closes it, what is said now goes out before the
    /// close frame.
    Ended(&'a ConnectionEnd),
}

/// Whom a service has something for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The connection with this key.
    One(ConnectionKey),
    /// Every open connection.
    Everybody,
}

/// The result of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopStep {
    /// All connections are to be written.
    Write,
    /// The same, and then all connections are to be closed.
    Farewell(CloseReason),
    /// There is nothing more to serve.
    Over,
}

/// What the connections of an event loop are for. The loop calls, once per tick and in this order: [`Self::handle`] for
/// everybody that was read; [`Self::exchange`]; [`Self::next_addressed`] until there is nobody more; for everybody
/// [`Self::compose`], and [`Self::handle`] with what was sent; [`Self::written`].
pub trait Service: Send + 'static {
    /// The service's state of one peer.
    type Client: Send + 'static;

    /// A peer has connected. The network, if there is one, counts what it does.
    fn open(&mut self, key: ConnectionKey, kind: PlayerKind, network: Option<Network>, now: Instant) -> Self::Client;

    /// Something happened to an open connection.
    ///
    /// # Errors
    /// If the connection is to be closed. The loop does that, and says so with [`ConnectionEvent::Ended`]; after that one the result
    /// changes nothing.
    fn handle(
        &mut self,
        client: &mut Self::Client,
        connection: &mut Connection,
        event: ConnectionEvent<'_>,
        now: Instant,
    ) -> Result<(), CloseRequest>;

    /// Everybody was read, which took so long: hands over what was read, and waits until everybody is to be written.
    fn exchange(&mut self, reading: Duration) -> LoopStep;

    /// Before writing: whom it has something for next. The loop tells them [`ConnectionEvent::Addressed`]. If it asks on without having
    /// told anybody, then nobody has that key any more.
    fn next_addressed(&mut self, now: Instant) -> Option<Addressee>;

    /// Appends what one connection gets now to `out`; it is dropped if nothing of it can leave. Returns the tick bodies in it.
    fn compose(
        &mut self,
        client: &mut Self::Client,
        connection: &mut Connection,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> u64;

    /// Everybody was written. When to read next, if reading takes so long.
    fn written(&mut self, reading: Duration, now: Instant) -> Instant;
}
