//! Why a connection ends: the WebSocket close code, the label in metrics, whether the client may reconnect by itself,
//! and the message that a player reads.

/// Every reason for which either end closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The player left.
    Leave,
    /// The server or the page goes away.
    GoingAway,
    /// A frame against RFC 6455.
    ProtocolError,
    /// A text message that is not UTF-8.
    InvalidUtf8,
    /// A message above the limit.
    TooBig,
    /// The server restarts, and is back soon.
    Restarting,
    /// No seat is free.
    Full,
    /// The client did not read for too long.
    Slow,
    /// The client was silent for too long.
    TimedOut,
    /// The client speaks another version.
    Version,
    /// A message the server cannot accept.
    BadMessage,
    /// More messages than the rules allow.
    Rate,
    /// An operator ended it.
    Kicked,
    /// The token is malformed, or the address guesses tokens.
    BadToken,
    /// Another tab plays on.
    ResumedElsewhere,
    /// The player did nothing for too long.
    Idle,
}

struct Row {
    reason: CloseReason,
    code: u16,
    label: &'static str,
    message: &'static str,
}

const fn row(reason: CloseReason, code: u16, label: &'static str, message: &'static str) -> Row {
    Row { reason, code, label, message }
}

/// In the order of the enum. Codes 4000-4499 say that the client may retry by itself, 4500-4999 that it must not.
const TABLE: [Row; 16] = [
    row(CloseReason::Leave, 1000, "leave", "You left."),
    row(CloseReason::GoingAway, 1001, "going_away", "The server is stopping."),
    row(CloseReason::ProtocolError, 1002, "protocol_error", "The connection broke the WebSocket protocol."),
    row(CloseReason::InvalidUtf8, 1007, "invalid_utf8", "The connection sent text that is not UTF-8."),
    row(CloseReason::TooBig, 1009, "too_big", "The connection sent a message that is too big."),
    row(CloseReason::Restarting, 4000, "restarting", "The server is restarting."),
    row(CloseReason::Full, 4001, "full", "The server is full."),
    row(CloseReason::Slow, 4002, "slow", "Your connection is too slow for the game."),
    row(CloseReason::TimedOut, 4003, "timed_out", "The connection timed out."),
    row(CloseReason::Version, 4500, "version", "The game has a new version: reload the page."),
    row(CloseReason::BadMessage, 4501, "bad_message", "The server could not accept a message."),
    row(CloseReason::Rate, 4502, "rate", "The connection sent too many messages."),
    row(CloseReason::Kicked, 4503, "kicked", "You were removed from the game."),
    row(CloseReason::BadToken, 4504, "bad_token", "The session could not be taken back."),
    row(CloseReason::ResumedElsewhere, 4505, "resumed_elsewhere", "You play on in another tab."),
    row(CloseReason::Idle, 4506, "idle", "You were away for too long, and made room for others."),
];

impl CloseReason {
    /// Every reason, for tables and tests.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.reason)
    }

    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        self.row().code
    }

    /// The label in metrics.
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// What a player reads.
    pub fn message(self) -> &'static str {
        self.row().message
    }

    /// Whether a client may reconnect by itself after this, with a jittered delay.
    pub fn may_retry(self) -> bool {
        matches!(self.code(), 1001 | 4000..=4499)
    }

    /// The reason with this close code, if it is one of ours.
    pub fn from_code(code: u16) -> Option<Self> {
        TABLE.iter().find(|row| row.code == code).map(|row| row.reason)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_row_code_and_label() {
        let mut seen = Vec::new();
        for reason in CloseReason::all() {
            assert_eq!(reason.row().reason, reason);
            assert_eq!(CloseReason::from_code(reason.code()), Some(reason));
            assert!(!seen.contains(&reason.label()));
            seen.push(reason.label());
        }
    }

    #[test]
    fn the_code_tells_whether_to_retry() {
        assert!(CloseReason::Full.may_retry() && CloseReason::GoingAway.may_retry());
        assert!(!CloseReason::Leave.may_retry() && !CloseReason::Version.may_retry());
        assert!(!CloseReason::ProtocolError.may_retry());
        assert!(!CloseReason::Idle.may_retry(), "who is away would only come back to be away");
    }
}
