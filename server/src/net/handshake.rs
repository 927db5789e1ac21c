//! The hello: what makes one acceptable, which room it is for, and the words for one that is not.

use super::admission::{Network, TOO_MANY_PAUSE};
use super::line::CLOSE_WORDS_MAX;
use super::player_name;
use crate::channel::Request;
use crate::game::{Game, InputOf, PlayerKind};
use crate::join_refusal::JoinRefusal;
use crate::session::TokenHash;
use crate::sim::roster::{RoomId, Session};
use fracas_protocol::close::CloseReason;
use fracas_protocol::codec;
use fracas_protocol::ids::Token;
use fracas_protocol::limits::{CLIENT_MESSAGE_BYTES_MAX, DEFAULT_ROOM, PROTOCOL_VERSION, ROOM_NAME_BYTES_MAX};
use fracas_protocol::message::{Aspect, ClientMessage, Hello};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    /// Why it is not let in, if that is what it asked for.
    pub join: Option<JoinRefusal>,
}

/// Who is slow or silent may come back soon: it is one of few.
const SOON: Duration = Duration::from_secs(1);

impl From<CloseReason> for Refusal {
    fn from(reason: CloseReason) -> Self {
        let pause = matches!(reason, CloseReason::Slow | CloseReason::TimedOut).then_some(SOON);
        Self { reason, words: reason.words().into(), pause, join: None }
    }
}

impl From<JoinRefusal> for Refusal {
    fn from(why: JoinRefusal) -> Self {
        let reason = if why == JoinRefusal::Closed { CloseReason::Restarting } else { CloseReason::Full };
        let pause = (why == JoinRefusal::Address).then_some(TOO_MANY_PAUSE);
        Self { reason, words: why.words().into(), pause, join: Some(why) }
    }
}

/// Its network has used up its budget of joins, and has to wait so long for the next one.
pub(super) fn beyond_join_budget(pause: Duration) -> Refusal {
    Refusal { pause: Some(pause), ..JoinRefusal::JoinBudget.into() }
}

/// A refusal with words of its own.
pub fn bad_message(words: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal { reason: CloseReason::BadMessage, words: words.into(), pause: None, join: None }
}

/// Reads the first message of a connection, which must be a hello.
pub fn read_hello<G: Game>(message: &[u8]) -> Result<Hello, Refusal> {
    match codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(message) {
        Ok(ClientMessage::Hello(hello)) if hello.version == PROTOCOL_VERSION => {
            Ok(Hello { token: hello.token.filter(|token| *token != Token::NONE), ..hello })
        }
        Ok(ClientMessage::Hello(_)) => Err(CloseReason::Version.into()),
        Ok(_) => Err(bad_message("The first message must be a hello.")),
        // Another version's hello may go on differently; it begins like ours.
        Err(_) => match codec::peek::<(u32, u16)>(message) {
            Ok((0, version)) if version != PROTOCOL_VERSION => Err(CloseReason::Version.into()),
            _ => Err(bad_message("The hello could not be read.")),
        },
    }
}

/// What tells a client from others of its network: a hash of its token, or of its name.
pub(super) fn client_of(hello: &Hello) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &hello.token {
        Some(token) => TokenHash::of(token).short().hash(&mut hasher),
        None => hello.name.hash(&mut hasher),
    }
    hasher.finish()
}

/// The names of a process's rooms.
#[derive(Clone, Debug)]
pub struct RoomNames(Vec<String>);

impl Default for RoomNames {
    fn default() -> Self {
        Self(vec![DEFAULT_ROOM.into()])
    }
}

impl RoomNames {
    /// These names, by the rooms' ids.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The room of a name.
    fn find(&self, name: &str) -> Result<RoomId, Refusal> {
        if let Some(index) = self.0.iter().position(|other| other == name) {
            return Ok(RoomId(index as u8));
        }
        let asked: String = name.chars().filter(|c| !c.is_control()).take(ROOM_NAME_BYTES_MAX).collect();
        let mut words = format!("There is no room \"{asked}\" here; ask for ");
        for (index, name) in self.0.iter().enumerate() {
            let choice = format!("{}\"{name}\"", if index > 0 { " or " } else { "" });
            // As many as fit, and the full stop.
            if words.len() + choice.len() < CLOSE_WORDS_MAX {
                words += &choice;
            }
        }
        Err(bad_message(words + "."))
    }
}

/// A hello that may come in, if its room has a place.
#[derive(Debug)]
pub struct Admissible {
    /// The room that it asks for.
    pub room: RoomId,
    /// The session in that room that it is to get back.
    pub resume: Option<Session>,
    /// What is asked of the room.
    pub request: Request,
    /// The shape of its window.
    pub aspect: Aspect,
}

/// Checks a hello that came from `network`, and makes a request to one of `rooms` of it. `known` is the session that its token
/// names. A token that nobody knows is no fault: its session is over, or was another process's. Too many of them are. One of
/// another room is of no use in this one, and no fault either. Who does not come back for a session takes a join from its
/// network's budget.
pub fn admit(
    hello: Hello,
    kind: PlayerKind,
    network: Option<&Network>,
    rooms: &RoomNames,
    known: Option<Session>,
    now: Instant,
) -> Result<Admissible, Refusal> {
    let name = player_name::read(&hello.name).map_err(|fault| bad_message(fault.to_string()))?;
    let room = rooms.find(&hello.room)?;
    let resume = known.filter(|session| session.room == room);
    let may_begin = network.map_or(Ok(()), Network::may_begin);
    if let Some(network) = network.filter(|_| resume.is_none()) {
        let unknown = hello.token.filter(|_| known.is_none());
        if unknown.is_some_and(|token| !network.may_err(&TokenHash::of(&token), now)) {
            return Err(CloseReason::BadToken.into());
        }
        may_begin?;
        network.take_join(now).map_err(beyond_join_budget)?;
    }
    let Hello { role, aspect, .. } = hello;
    let may_idle = kind == PlayerKind::Bot || network.is_some_and(Network::may_idle);
    let network = network.map(Network::address);
    let request = Request::Join { name, kind, role, aspect, resume, may_idle, may_begin, network };
    Ok(Admissible { room, resume, request, aspect })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::World;

    fn check(hello: Hello) -> Result<(), Refusal> {
        check_among(&RoomNames::default(), hello).map(|_| ())
    }

    fn check_among(rooms: &RoomNames, hello: Hello) -> Result<RoomId, Refusal> {
        let mut bytes = Vec::new();
        codec::encode(&ClientMessage::<InputOf<World>>::Hello(hello), &mut bytes);
        let hello = read_hello::<World>(&bytes)?;
        admit(hello, PlayerKind::Person, None, rooms, None, Instant::now()).map(|admissible| admissible.room)
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
    fn a_room_is_found_by_its_name_and_one_that_is_not_there_is_told_which_are() {
        let rooms = RoomNames::new(["main", "duel"].map(String::from).to_vec());
        let hello = |room: &str| Hello { room: room.into(), ..Hello::player("Ada") };
        assert_eq!(check_among(&rooms, hello("duel")), Ok(RoomId(1)));
        let words = |rooms: &RoomNames| check_among(rooms, hello("attic")).expect_err("refused").words;
        assert_eq!(words(&rooms), "There is no room \"attic\" here; ask for \"main\" or \"duel\".");
        let many = RoomNames::new((0..16).map(|number| format!("a-long-name-of-a-room-{number}")).collect());
        let words = words(&many);
        assert!(words.len() <= CLOSE_WORDS_MAX && words.ends_with("\"."), "{words}");
    }

    #[test]
    fn another_versions_hello_need_not_be_readable() {
        assert_eq!(read_hello::<World>(&[0, 9, 1, 2, 3]).map(|_| ()), Err(CloseReason::Version.into()));
        assert_eq!(read_hello::<World>(&[0, 1, 255]).expect_err("refused").reason, CloseReason::BadMessage);
        assert_eq!(read_hello::<World>(&[4]).expect_err("refused").words, "The first message must be a hello.");
        assert_eq!(read_hello::<World>(&[]).expect_err("refused").reason, CloseReason::BadMessage);
    }
}
