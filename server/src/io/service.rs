//! What an event loop does for those who are connected to it: the game, or something smaller over the same connections.

use crate::admission::control::Network;
use crate::ids::ConnectionKey;
use crate::ids::PlayerKind;
use crate::io::connection::Connection;
use crate::io::policy::Policy;
use crate::io::socket::Socket;
use crate::io::table::SlotTable;
use crate::io::writer::Delivery;
use crate::io::ws_stream::WsStream;
use crate::session::hello::CloseRequest;
use fracas_protocol::wire::close::CloseReason;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// The connections of an event loop.
pub type Connections<P, S> = SlotTable<Connection<P, S>>;

/// What the end of a wait means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopStep {
    /// Everybody is to be written.
    Write,
    /// The same, and then all connections are to be closed.
    Farewell(CloseReason),
    /// There is nothing more to serve.
    Over,
}

/// What the connections of an event loop are for. The loop calls, once per tick and in this order: for everybody that was read
/// [`Self::handle_message`] and [`Self::check_deadlines`]; [`Self::hand_over`], [`Self::wait`], [`Self::prepare`]; for everybody
/// [`Self::compose`] and [`Self::sent`]; [`Self::written`].
pub trait Service: Send + 'static {
    /// What it knows of one of those who are connected.
    type Peer: Send + 'static;

    /// The manners of its connections.
    fn policy(&self) -> &Policy;
    /// Somebody has connected, from a network that counts what they do (if anybody counts).
    fn open(&mut self, key: ConnectionKey, kind: PlayerKind, network: Option<Network>, now: Instant) -> Self::Peer;
    /// A whole message came. A refusal ends in [`Self::dismiss`].
    fn handle_message(
        &mut self,
        peer: &mut Self::Peer,
        stream: &mut WsStream,
        message: &Message,
        now: Instant,
    ) -> Result<(), CloseRequest>;
    /// Checks an open connection after a round of reading, whether or not something came: its deadlines.
    fn check_deadlines(&mut self, peer: &mut Self::Peer, stream: &mut WsStream, now: Instant);
    /// The connection is not open any more. It may be told more than once.
    fn closed(&mut self, peer: &mut Self::Peer);
    /// Closes a stream, with whatever is to be said before.
    fn dismiss(&mut self, peer: &mut Self::Peer, stream: &mut WsStream, refusal: CloseRequest, now: Instant);
    /// Everybody was read, which took so long.
    fn hand_over(&mut self, reading: Duration);

    /// When to read next, if reading takes so long.
    fn read_at(&self, reading: Duration) -> Instant;
    /// Waits until everybody is to be written.
    fn wait(&mut self) -> LoopStep;
    /// Before writing: what concerns single connections.
    fn prepare<S: Socket>(&mut self, connections: &mut Connections<Self::Peer, S>, now: Instant);
    /// Appends what one connection gets to `out`. Returns the tick bodies in it.
    fn compose(&mut self, peer: &mut Self::Peer, stream: &mut WsStream, now: Instant, out: &mut Vec<u8>) -> u64;
    /// What became of it.
    fn sent(&mut self, peer: &mut Self::Peer, delivery: &Delivery);
    /// Everybody was written.
    fn written(&mut self, now: Instant);
}
