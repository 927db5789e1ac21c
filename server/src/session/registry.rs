//! Which token belongs to which session. Event loops issue and look up tokens; the room decides whether a session lives.

use super::token::{TokenHash, new_token};
use crate::net::shares::Share;
use crate::sim::roster::Session;
use dashmap::{DashMap, Entry};
use fracas_protocol::ids::Token;

/// The tokens of one session that are good.
#[derive(Debug)]
struct Tokens {
    /// The one that the client is known to have, until it has proved that it has the newest, however often the answer
    /// that brings it is lost.
    proved: Option<TokenHash>,
    newest: TokenHash,
    /// While nobody has the ship: what counts it for the address that lost it.
    kept: Option<Share>,
}

/// All tokens, by their hash. Shared by the event loops; each call holds a lock for one look-up only.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: DashMap<TokenHash, Session>,
    /// By serial.
    tokens: DashMap<u32, Tokens>,
}

impl Registry {
    /// Makes a new token for a session, which has a connection now. The one that its client is known to have stays good until [`Self::confirm`].
    ///
    /// If the system has no random numbers the token is all zeros and good for nothing.
    pub fn issue(&self, session: Session) -> Token {
        let Some(token) = new_token() else { return Token([0; 16]) };
        let hash = TokenHash::of(&token);
        self.sessions.insert(hash, session);
        let void = match self.tokens.entry(session.serial) {
            Entry::Vacant(place) => {
                place.insert(Tokens { proved: None, newest: hash, kept: None });
                None
            }
            Entry::Occupied(mut place) => {
                let tokens = place.get_mut();
                tokens.kept = None;
                let before = std::mem::replace(&mut tokens.newest, hash);
                match tokens.proved {
                    Some(_) => Some(before),
                    None => {
                        tokens.proved = Some(before);
                        None
                    }
                }
            }
        };
        self.forget(void);
        token
    }

    /// The session that a token gives back, if it is good. Who shows the newest has it, and the older one is void.
    pub fn show(&self, token: &Token) -> Option<Session> {
        let hash = TokenHash::of(token);
        let session = self.sessions.get(&hash).map(|session| *session)?;
        if self.tokens.get(&session.serial)?.newest == hash {
            self.confirm(session);
        }
        Some(session)
    }

    /// The client has the newest token of its session: the older one is void.
    pub fn confirm(&self, session: Session) {
        let void = self.tokens.get_mut(&session.serial).and_then(|mut tokens| tokens.proved.take());
        self.forget(void);
    }

    /// The session has lost its connection, and its ship waits: `share` counts that until somebody has it back or it ends.
    pub fn keep(&self, session: Session, share: Share) {
        if let Some(mut tokens) = self.tokens.get_mut(&session.serial) {
            tokens.kept = Some(share);
        }
    }

    /// The session is over: all its tokens are void.
    pub fn end(&self, session: Session) {
        if let Some((_, tokens)) = self.tokens.remove(&session.serial) {
            self.forget(tokens.proved);
            self.forget(Some(tokens.newest));
        }
    }

    fn forget(&self, void: Option<TokenHash>) {
        if let Some(hash) = void {
            self.sessions.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::PlayerId;

    const SESSION: Session = Session { player: PlayerId(3), serial: 9 };

    #[test]
    fn a_token_gives_its_session_back_until_the_next_one_is_confirmed() {
        let registry = Registry::default();
        let first = registry.issue(SESSION);
        assert_eq!(registry.show(&first), Some(SESSION));
        let second = registry.issue(SESSION);
        assert_eq!(registry.show(&first), Some(SESSION), "the client may not have got the second");
        registry.confirm(SESSION);
        assert_eq!(registry.show(&first), None);
        assert_eq!(registry.show(&second), Some(SESSION));
    }

    #[test]
    fn on_a_bad_line_the_third_attempt_to_resume_still_gets_the_ship() {
        let registry = Registry::default();
        let held = registry.issue(SESSION);
        for attempt in 0..5 {
            assert_eq!(registry.show(&held), Some(SESSION), "attempt {attempt}");
            let _lost_with_its_welcome = registry.issue(SESSION);
        }
    }

    #[test]
    fn a_late_word_from_the_old_socket_does_not_void_the_token_that_was_just_shown() {
        let registry = Registry::default();
        registry.issue(SESSION);
        let newest = registry.issue(SESSION);
        assert_eq!(registry.show(&newest), Some(SESSION));
        registry.confirm(SESSION);
        assert_eq!(registry.show(&newest), Some(SESSION), "the answer with the next one is still under way");
    }

    #[test]
    fn tokens_that_were_never_confirmed_do_not_pile_up() {
        let registry = Registry::default();
        let tokens: Vec<_> = (0..10).map(|_| registry.issue(SESSION)).collect();
        let good = tokens.iter().filter(|token| registry.show(token).is_some()).count();
        assert_eq!(good, 2);
    }

    #[test]
    fn an_ended_session_leaves_nothing_behind() {
        let registry = Registry::default();
        let token = registry.issue(SESSION);
        registry.end(SESSION);
        assert_eq!(registry.show(&token), None);
        assert!(registry.sessions.is_empty() && registry.tokens.is_empty());
        assert_eq!(registry.show(&Token([0; 16])), None);
    }
}
