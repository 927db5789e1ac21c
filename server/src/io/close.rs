//! Why a connection is to be closed, what its player reads, and how it ended in fact.

use crate::admission::control::TOO_MANY_PAUSE;
use crate::sim::join_refusal::JoinRefusal;
use fracas_protocol::wire::close::CloseReason;
use std::borrow::Cow;
use std::time::Duration;

/// Most bytes of a close frame's text.
pub(crate) const CLOSE_MESSAGE_BYTES_MAX: usize = 123;

/// A slow or silent client may come back soon: it is one of few.
const SOON: Duration = Duration::from_secs(1);

/// Asks the event loop to close a connection. Whoever finds a reason returns this; only the loop closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseRequest {
    /// The close code.
    pub reason: CloseReason,
    /// The close frame's text.
    pub message: Cow<'static, str>,
    /// How long a client that may retry should wait. None for its retry time.
    pub pause: Option<Duration>,
    /// Why its join is refused, if it asked for one.
    pub join: Option<JoinRefusal>,
}

impl CloseRequest {
    /// For a message that the server cannot accept; says what is wrong with it.
    pub fn bad_message(message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: CloseReason::BadMessage, message: message.into(), pause: None, join: None }
    }
}

impl From<CloseReason> for CloseRequest {
    fn from(reason: CloseReason) -> Self {
        let pause = matches!(reason, CloseReason::Slow | CloseReason::TimedOut).then_some(SOON);
        Self { reason, message: reason.message().into(), pause, join: None }
    }
}

impl From<JoinRefusal> for CloseRequest {
    fn from(why: JoinRefusal) -> Self {
        let reason = if why == JoinRefusal::Closed { CloseReason::Restarting } else { CloseReason::Full };
        let pause = (why == JoinRefusal::Address).then_some(TOO_MANY_PAUSE);
        Self { reason, message: why.message().into(), pause, join: Some(why) }
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The server closes it, whoever in it asked for that.
    Closed(CloseRequest),
    /// The peer closed it, and its close frame is answered already.
    ByPeer,
    /// The peer is gone without a close.
    Lost,
}

impl ConnectionEnd {
    /// The word used as a metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Closed(request) => request.reason.label(),
            Self::ByPeer => CloseReason::Leave.label(),
            Self::Lost => "lost",
        }
    }
}

impl From<CloseRequest> for ConnectionEnd {
    fn from(request: CloseRequest) -> Self {
        Self::Closed(request)
    }
}
