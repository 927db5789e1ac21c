//! The hello: what makes one acceptable, and the words for one that is not.

use super::admission::{Network, TOO_MANY_PAUSE};
use super::rejection::Rejection;
use crate::channel::Request;
use crate::game::{Game, InputOf, PlayerKind};
use crate::session::TokenHash;
use crate::sim::roster::Session;
use fracas_protocol::close::CloseReason;
use fracas_protocol::codec;
use fracas_protocol::limits::{CLIENT_MESSAGE_BYTES_MAX, DEFAULT_ROOM, PROTOCOL_VERSION, ROOM_NAME_BYTES_MAX};
use fracas_protocol::message::{Aspect, ClientMessage, Hello};
use fracas_protocol::name::Name;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Why a connection is refused, and what its player reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The close code.
    pub reason: CloseReason,
    /// The close frame's text.
    pub words: Cow<'static, str>,
    /// How long to stay away, for a client that may come back; until its turn, if none.
    pub pause: Option<Duration>,
}

/// Who is slow or silent may come back soon: it is one of few.
const SOON: Duration = Duration::from_secs(1);

impl From<CloseReason> for Refusal {
    fn from(reason: CloseReason) -> Self {
        let pause = matches!(reason, CloseReason::Slow | CloseReason::TimedOut).then_some(SOON);
        Self { reason, words: reason.words().into(), pause }
    }
}

/// A refusal with words of its own.
pub fn bad_message(words: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal { reason: CloseReason::BadMessage, words: words.into(), pause: None }
}

/// Reads the first message of a connection, which must be a hello.
pub fn read_hello<G: Game>(message: &[u8]) -> Result<Hello, Refusal> {
    match codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(message) {
        Ok(ClientMessage::Hello(hello)) if hello.version == PROTOCOL_VERSION => Ok(hello),
        Ok(ClientMessage::Hello(_)) => Err(CloseReason::Version.into()),
        Ok(_) => Err(bad_message("The first message must be a hello.")),
        // Another version's hello may go on differently; it begins like ours.
        Err(_) => match codec::peek::<(u32, u16)>(message) {
            Ok((0, version)) if version != PROTOCOL_VERSION => Err(CloseReason::Version.into()),
            _ => Err(bad_message("The hello could not be read.")),
        },
    }
}

/// Checks a hello that came from `network`, and makes a request to the room of it. `resume` is the session that its token
/// names. A token that nobody knows is no fault: its session is over, or was another process's. Too many of them are.
pub fn admit(
    hello: Hello,
    kind: PlayerKind,
    network: Option<&Network>,
    resume: Option<Session>,
    now: Instant,
) -> Result<(Request, Aspect), Refusal> {
    let name = Name::parse(&hello.name).map_err(|error| bad_message(sentence(&error.to_string())))?;
    if hello.room != DEFAULT_ROOM {
        let asked: String = hello.room.chars().filter(|c| !c.is_control()).take(ROOM_NAME_BYTES_MAX).collect();
        return Err(bad_message(format!("There is no room \"{asked}\" here; ask for \"{DEFAULT_ROOM}\".")));
    }
    let may_begin = network.map_or(Ok(()), Network::may_begin);
    if let Some(network) = network.filter(|_| resume.is_none()) {
        if hello.token.is_some_and(|token| !network.may_err(&TokenHash::of(&token), now)) {
            return Err(CloseReason::BadToken.into());
        }
        may_begin.map_err(refusal)?;
    }
    Ok((Request::Join { name, kind, role: hello.role, resume, may_begin: may_begin.is_ok() }, hello.aspect))
}

/// As somebody reads it who is past the upgrade.
fn refusal(why: Rejection) -> Refusal {
    let pause = (why == Rejection::Address).then_some(TOO_MANY_PAUSE);
    Refusal { reason: CloseReason::Full, words: why.words().into(), pause }
}

fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).chain(['.']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::World;

    fn check(hello: Hello) -> Result<(), Refusal> {
        let mut bytes = Vec::new();
        codec::encode(&ClientMessage::<InputOf<World>>::Hello(hello), &mut bytes);
        let hello = read_hello::<World>(&bytes)?;
        admit(hello, PlayerKind::Person, None, None, Instant::now()).map(|_| ())
    }

    fn refused(hello: Hello) -> Refusal {
        check(hello).expect_err("must be refused")
    }

    #[test]
    fn a_plain_hello_is_accepted() {
        assert_eq!(check(Hello::player("Ada")), Ok(()));
    }

    #[test]
    fn each_fault_has_its_own_words() {
        assert_eq!(refused(Hello { version: 2, ..Hello::player("Ada") }).reason, CloseReason::Version);
        assert!(refused(Hello::player("")).words.starts_with("The name is empty"));
        assert!(refused(Hello::player("x".repeat(40))).words.starts_with("The name is too long"));
        assert!(refused(Hello::player("a\u{202e}b")).words.contains("invisible"));
        let nowhere = Hello { room: "attic".into(), ..Hello::player("Ada") };
        assert_eq!(refused(nowhere).words, "There is no room \"attic\" here; ask for \"main\".");
    }

    #[test]
    fn another_versions_hello_need_not_be_readable() {
        assert_eq!(read_hello::<World>(&[0, 9, 1, 2, 3]).map(|_| ()), Err(CloseReason::Version.into()));
        assert_eq!(read_hello::<World>(&[0, 1, 255]).expect_err("refused").reason, CloseReason::BadMessage);
        assert_eq!(read_hello::<World>(&[4]).expect_err("refused").words, "The first message must be a hello.");
        assert_eq!(read_hello::<World>(&[]).expect_err("refused").reason, CloseReason::BadMessage);
    }
}
