//! The hello: its rules, its room, and the message for an invalid one.

use crate::admission::control::Network;
use crate::ids::{PlayerKind, RoomId, SessionId};
use crate::io::close::{CLOSE_MESSAGE_BYTES_MAX, CloseRequest};
use crate::session::{TokenHash, player_name};
use crate::sim::channel::Request;
use crate::sim::join_refusal::JoinRefusal;
use fracas_protocol::game::authority::{Game, InputOf};
use fracas_protocol::ids::Token;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::{CLIENT_MESSAGE_BYTES_MAX, DEFAULT_ROOM, PROTOCOL_VERSION, ROOM_NAME_BYTES_MAX};
use fracas_protocol::wire::message::{Aspect, ClientMessage, Hello};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// The network has used up its budget of joins, and must wait so long for the next one.
pub(crate) fn beyond_join_budget(pause: Duration) -> CloseRequest {
    CloseRequest { pause: Some(pause), ..JoinRefusal::JoinBudget.into() }
}

/// Reads the first message of a connection, which must be a hello.
pub fn read_hello<G: Game>(message: &[u8]) -> Result<Hello, CloseRequest> {
    match codec::decode::<ClientMessage<InputOf<G>>, CLIENT_MESSAGE_BYTES_MAX>(message) {
        Ok(ClientMessage::Hello(hello)) if hello.version == PROTOCOL_VERSION => {
            Ok(Hello { token: hello.token.filter(|token| *token != Token::NONE), ..hello })
        }
        Ok(ClientMessage::Hello(_)) => Err(CloseReason::Version.into()),
        Ok(_) => Err(CloseRequest::bad_message("The first message must be a hello.")),
        // Another version's hello begins like ours, and may continue differently.
        Err(_) => match codec::peek::<(u32, u16)>(message) {
            Ok((0, version)) if version != PROTOCOL_VERSION => Err(CloseReason::Version.into()),
            _ => Err(CloseRequest::bad_message("The hello could not be read.")),
        },
    }
}

/// A hash of the token or the name, which distinguishes a client from others of its network.
pub(crate) fn client_of(hello: &Hello) -> u64 {
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
    fn find(&self, name: &str) -> Result<RoomId, CloseRequest> {
        if let Some(index) = self.0.iter().position(|other| other == name) {
            return Ok(RoomId(index as u8));
        }
        let asked: String = name.chars().filter(|c| !c.is_control()).take(ROOM_NAME_BYTES_MAX).collect();
        let mut message = format!("There is no room \"{asked}\" here; ask for ");
        for (index, name) in self.0.iter().enumerate() {
            let choice = format!("{}\"{name}\"", if index > 0 { " or " } else { "" });
            // As many names as fit, and the full stop.
            if message.len() + choice.len() < CLOSE_MESSAGE_BYTES_MAX {
                message += &choice;
            }
        }
        Err(CloseRequest::bad_message(message + "."))
    }
}

/// A valid hello, which may join if its room has a seat.
#[derive(Debug)]
pub struct Admissible {
    /// The room that it asks for.
    pub room: RoomId,
    /// The session in that room that it is to resume.
    pub resume: Option<SessionId>,
    /// The request to the room.
    pub request: Request,
    /// Its aspect.
    pub aspect: Aspect,
}

/// Checks a hello from `network`, and turns it into a request to one of `rooms`. `known` is the session of its token.
/// An unknown token is no fault: its session is over, or was another process's. Too many of them are a fault. A token
/// of another room is ignored. A hello that resumes no session takes a join from its network's budget.
pub fn admit(
    hello: Hello,
    kind: PlayerKind,
    network: Option<&Network>,
    rooms: &RoomNames,
    known: Option<SessionId>,
    now: Instant,
) -> Result<Admissible, CloseRequest> {
    let name = player_name::read(&hello.name).map_err(|fault| CloseRequest::bad_message(fault.to_string()))?;
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
    use fracas_protocol::game::toy::YardGame;

    fn check(hello: Hello) -> Result<(), CloseRequest> {
        check_among(&RoomNames::default(), hello).map(|_| ())
    }

    fn check_among(rooms: &RoomNames, hello: Hello) -> Result<RoomId, CloseRequest> {
        let mut bytes = Vec::new();
        codec::encode(&ClientMessage::<InputOf<YardGame>>::Hello(hello), &mut bytes);
        let hello = read_hello::<YardGame>(&bytes)?;
        admit(hello, PlayerKind::Person, None, rooms, None, Instant::now()).map(|admissible| admissible.room)
    }

    fn refused(hello: Hello) -> CloseRequest {
        check(hello).expect_err("must be refused")
    }

    #[test]
    fn a_plain_hello_is_accepted() {
        assert_eq!(check(Hello::player("Ada")), Ok(()));
    }

    #[test]
    fn each_fault_has_its_own_words() {
        assert_eq!(
            refused(Hello { version: PROTOCOL_VERSION + 1, ..Hello::player("Ada") }).reason,
            CloseReason::Version
        );
        assert!(refused(Hello::player("")).message.starts_with("The name is empty"));
        assert!(refused(Hello::player("x".repeat(40))).message.starts_with("The name is too long"));
        assert!(refused(Hello::player("a\u{202e}b")).message.contains("invisible"));
        let nowhere = Hello { room: "attic".into(), ..Hello::player("Ada") };
        assert_eq!(refused(nowhere).message, "There is no room \"attic\" here; ask for \"main\".");
    }

    #[test]
    fn a_room_is_found_by_its_name_and_one_that_is_not_there_is_told_which_are() {
        let rooms = RoomNames::new(["main", "duel"].map(String::from).to_vec());
        let hello = |room: &str| Hello { room: room.into(), ..Hello::player("Ada") };
        assert_eq!(check_among(&rooms, hello("duel")), Ok(RoomId(1)));
        let message = |rooms: &RoomNames| check_among(rooms, hello("attic")).expect_err("refused").message;
        assert_eq!(message(&rooms), "There is no room \"attic\" here; ask for \"main\" or \"duel\".");
        let many = RoomNames::new((0..16).map(|number| format!("a-long-name-of-a-room-{number}")).collect());
        let message = message(&many);
        assert!(message.len() <= CLOSE_MESSAGE_BYTES_MAX && message.ends_with("\"."), "{message}");
    }

    #[test]
    fn another_versions_hello_need_not_be_readable() {
        assert_eq!(read_hello::<YardGame>(&[0, 9, 1, 2, 3]).map(|_| ()), Err(CloseReason::Version.into()));
        assert_eq!(
            read_hello::<YardGame>(&[0, PROTOCOL_VERSION as u8, 255]).expect_err("refused").reason,
            CloseReason::BadMessage
        );
        assert_eq!(read_hello::<YardGame>(&[4]).expect_err("refused").message, "The first message must be a hello.");
        assert_eq!(read_hello::<YardGame>(&[]).expect_err("refused").reason, CloseReason::BadMessage);
    }
}
