//! Which token belongs to which session. Event loops issue and look up tokens; the room decides whether a session lives.

use super::token::{TokenHash, new_token};
use crate::sim::roster::Session;
use dashmap::DashMap;
use fracas_protocol::ids::Token;

/// Tokens of one session that are good at the same time: the newest, and until the client has proved that it has it, the
/// one that the client has shown, however often the answer to that is lost.
const TOKENS_PER_SESSION: usize = 2;

/// All tokens, by their hash. Shared by the event loops; each call holds a lock for one look-up only.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: DashMap<TokenHash, Session>,
    /// By serial: the one that was shown last, and behind it the newest.
    tokens: DashMap<u32, Vec<TokenHash>>,
}

impl Registry {
    /// Makes a new token for a session. The one that was shown last stays good until [`Self::confirm`].
    ///
    /// If the system has no random numbers the token is all zeros and good for nothing.
    pub fn issue(&self, session: Session) -> Token {
        let Some(token) = new_token() else { return Token([0; 16]) };
        let hash = TokenHash::of(&token);
        self.sessions.insert(hash, session);
        let mut tokens = self.tokens.entry(session.serial).or_default();
        tokens.push(hash);
        let surplus = tokens.len().saturating_sub(TOKENS_PER_SESSION);
        let void: Vec<_> = tokens.drain(1..1 + surplus).collect();
        drop(tokens);
        self.forget(&void);
        token
    }

    /// The session that a token gives back, if it is good. The client has shown this one, so it is kept.
    pub fn show(&self, token: &Token) -> Option<Session> {
        let hash = TokenHash::of(token);
        let session = self.sessions.get(&hash).map(|session| *session)?;
        let mut tokens = self.tokens.get_mut(&session.serial)?;
        let place = tokens.iter().position(|other| *other == hash)?;
        tokens[..=place].rotate_right(1);
        Some(session)
    }

    /// The client has the newest token of its session: the older ones are void.
    pub fn confirm(&self, session: Session) {
        let Some(mut tokens) = self.tokens.get_mut(&session.serial) else { return };
        let older = tokens.len().saturating_sub(1);
        let void: Vec<_> = tokens.drain(..older).collect();
        drop(tokens);
        self.forget(&void);
    }

    /// The session is over: all its tokens are void.
    pub fn end(&self, session: Session) {
        if let Some((_, tokens)) = self.tokens.remove(&session.serial) {
            self.forget(&tokens);
        }
    }

    fn forget(&self, void: &[TokenHash]) {
        for hash in void {
            self.sessions.remove(hash);
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
    fn tokens_that_were_never_confirmed_do_not_pile_up() {
        let registry = Registry::default();
        let tokens: Vec<_> = (0..10).map(|_| registry.issue(SESSION)).collect();
        let good = tokens.iter().filter(|token| registry.show(token).is_some()).count();
        assert_eq!(good, TOKENS_PER_SESSION);
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
