//! Which token belongs to which session. Event loops issue and look up tokens. The room decides whether a session
//! lives.

use super::token::{TokenHash, new_token};
use crate::admission::address_quota::QuotaGuard;
use crate::ids::{ConnectionKey, SessionId};
use crate::sim::channel::Admitted;
use dashmap::{DashMap, Entry};
use fracas_protocol::ids::Token;

/// The valid tokens of one session.
#[derive(Debug)]
struct Tokens {
    /// The token that the client is known to have. It stays valid until the client proves that it has the newest one,
    /// even if answers are lost.
    proved: Option<TokenHash>,
    newest: TokenHash,
    /// How many connections the session had been given to when the newest was made.
    given: u32,
    /// The connection that has the session, or is about to.
    holder: ConnectionKey,
    /// While the entity waits: its unit of the quota of the address that lost it.
    kept: Option<QuotaGuard>,
}

impl Tokens {
    /// A client is known to have this token. If it is the newest, returns the older one, which is void now.
    fn prove(&mut self, hash: TokenHash) -> Option<TokenHash> {
        if self.newest == hash { self.proved.take() } else { None }
    }
}

/// All tokens, by their hash. The event loops share it. Each call holds a lock for one look-up only.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: DashMap<TokenHash, SessionId>,
    /// By session.
    tokens: DashMap<SessionId, Tokens>,
}

impl Registry {
    /// Makes a new token for the session that `holder` was given. The one that its client is known to have stays valid
    /// until [`Self::confirm`].
    ///
    /// It is [`Token::NONE`] if the system has no random numbers; or if another connection, on an event
    /// loop that was quicker, has been given the session since: then `holder` is about to be told so.
    pub fn issue(&self, admitted: &Admitted, holder: ConnectionKey) -> Token {
        let Admitted { session, given, .. } = *admitted;
        let Some(token) = new_token() else { return Token::NONE };
        let hash = TokenHash::of(&token);
        let void = match self.tokens.entry(session) {
            Entry::Vacant(entry) => {
                self.sessions.insert(hash, session);
                entry.insert(Tokens { proved: None, newest: hash, given, holder, kept: None });
                None
            }
            Entry::Occupied(entry) if entry.get().given > given => return Token::NONE,
            Entry::Occupied(mut entry) => {
                self.sessions.insert(hash, session);
                let tokens = entry.get_mut();
                (tokens.given, tokens.holder, tokens.kept) = (given, holder, None);
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

    /// The session of a token, if the token is valid. Showing the newest token makes the older one void.
    pub fn show(&self, token: &Token) -> Option<SessionId> {
        let hash = TokenHash::of(token);
        let session = self.sessions.get(&hash).map(|session| *session)?;
        let void = self.tokens.get_mut(&session)?.prove(hash);
        self.forget(void);
        Some(session)
    }

    /// A connection has asked the room to resume the session. The room will give it the session, so the earlier holder
    /// no longer has it.
    pub fn claim(&self, session: SessionId, holder: ConnectionKey) {
        if let Some(mut tokens) = self.tokens.get_mut(&session) {
            tokens.holder = holder;
        }
    }

    /// The client at `holder` has the newest token of its session, so the older one is void. Does nothing if another
    /// connection has the session by now. Its client may not have a newer token yet.
    pub fn confirm(&self, session: SessionId, holder: ConnectionKey) {
        let void = self.tokens.get_mut(&session).and_then(|mut tokens| {
            let newest = tokens.newest;
            if tokens.holder == holder { tokens.prove(newest) } else { None }
        });
        self.forget(void);
    }

    /// The session has lost its connection `holder`, and its entity waits. `share` counts it until the session is resumed
    /// or ends. Does nothing if another connection has the session by now.
    pub fn keep(&self, session: SessionId, holder: ConnectionKey, share: QuotaGuard) {
        if let Some(mut tokens) = self.tokens.get_mut(&session)
            && tokens.holder == holder
        {
            tokens.kept = Some(share);
        }
    }

    /// The session is over, and all its tokens are void.
    pub fn end(&self, session: SessionId) {
        if let Some((_, tokens)) = self.tokens.remove(&session) {
            self.forget(tokens.proved);
            self.forget(Some(tokens.newest));
        }
    }

    /// How many tokens are valid.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether no token is valid.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
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
    use crate::admission::address_quota::AddressQuota;
    use crate::ids::PlayerId;
    use crate::ids::RoomId;
    use std::net::IpAddr;
    use std::sync::Arc;

    const SESSION: SessionId = SessionId { room: RoomId(0), player: PlayerId(3), serial: 9 };
    const HOLDER: ConnectionKey = ConnectionKey { event_loop: 0, slot: 1, generation: 2 };

    /// The session, as its so-and-so-many-th connection gets it.
    fn given(given: u32) -> Admitted {
        Admitted { session: SESSION, own: None, resumed: given > 1, given }
    }

    #[test]
    fn a_token_gives_its_session_back_until_the_next_one_is_confirmed() {
        let registry = Registry::default();
        let first = registry.issue(&given(1), HOLDER);
        assert_eq!(registry.show(&first), Some(SESSION));
        let second = registry.issue(&given(1), HOLDER);
        assert_eq!(registry.show(&first), Some(SESSION), "the client may not have got the second");
        registry.confirm(SESSION, HOLDER);
        assert_eq!(registry.show(&first), None);
        assert_eq!(registry.show(&second), Some(SESSION));
    }

    #[test]
    fn on_a_bad_line_the_third_attempt_to_resume_still_gets_the_entity() {
        let registry = Registry::default();
        let held = registry.issue(&given(1), HOLDER);
        for attempt in 0..5 {
            assert_eq!(registry.show(&held), Some(SESSION), "attempt {attempt}");
            let _lost_with_its_welcome = registry.issue(&given(1), HOLDER);
        }
    }

    #[test]
    fn a_late_word_from_the_old_socket_does_not_void_the_token_that_was_just_shown() {
        let registry = Registry::default();
        registry.issue(&given(1), HOLDER);
        let newest = registry.issue(&given(1), HOLDER);
        assert_eq!(registry.show(&newest), Some(SESSION));
        registry.confirm(SESSION, HOLDER);
        assert_eq!(registry.show(&newest), Some(SESSION), "the answer with the next one is still under way");
    }

    #[test]
    fn tokens_that_were_never_confirmed_do_not_pile_up() {
        let registry = Registry::default();
        let tokens: Vec<_> = (0..10).map(|_| registry.issue(&given(1), HOLDER)).collect();
        let good = tokens.iter().filter(|token| registry.show(token).is_some()).count();
        assert_eq!(good, 2);
    }

    #[test]
    fn of_two_connections_with_one_token_the_later_has_a_good_one_whichever_event_loop_is_quicker() {
        let (registry, later) = (Registry::default(), ConnectionKey { event_loop: 1, ..HOLDER });
        let shown = registry.issue(&given(1), HOLDER);
        let winners = registry.issue(&given(3), later);
        let losers = registry.issue(&given(2), HOLDER);
        assert_eq!((registry.show(&losers), registry.show(&shown)), (None, Some(SESSION)));
        registry.confirm(SESSION, later);
        assert_eq!((registry.show(&winners), registry.show(&shown)), (Some(SESSION), None));
    }

    #[test]
    fn a_word_from_who_is_about_to_lose_the_session_does_not_void_what_the_next_one_showed() {
        let (registry, later) = (Registry::default(), ConnectionKey { event_loop: 1, ..HOLDER });
        let shown = registry.issue(&given(1), HOLDER);
        registry.issue(&given(2), HOLDER);
        registry.claim(SESSION, later);
        registry.issue(&given(3), later);
        registry.confirm(SESSION, HOLDER);
        assert_eq!(registry.show(&shown), Some(SESSION), "the answer with the newest may be lost");
    }

    #[test]
    fn sessions_of_two_rooms_are_two_even_with_the_same_place_and_serial() {
        let (registry, elsewhere) = (Registry::default(), SessionId { room: RoomId(1), ..SESSION });
        let here = registry.issue(&given(1), HOLDER);
        let there = registry.issue(&Admitted { session: elsewhere, ..given(1) }, HOLDER);
        registry.end(SESSION);
        assert_eq!((registry.show(&here), registry.show(&there)), (None, Some(elsewhere)));
    }

    #[test]
    fn an_ended_session_leaves_nothing_behind() {
        let registry = Registry::default();
        let token = registry.issue(&given(1), HOLDER);
        registry.end(SESSION);
        assert_eq!(registry.show(&token), None);
        assert!(registry.sessions.is_empty() && registry.tokens.is_empty());
        assert_eq!(registry.show(&Token::NONE), None);
    }

    #[test]
    fn an_entity_that_somebody_has_back_is_not_kept_by_the_late_end_of_who_had_it_before() {
        let (registry, shares) = (Registry::default(), Arc::<AddressQuota>::default());
        let (address, later) = (IpAddr::from([192, 0, 2, 1]), ConnectionKey { slot: 7, ..HOLDER });
        let keep = |holder| registry.keep(SESSION, holder, shares.try_acquire(address, 9).expect("a share"));
        registry.issue(&given(1), HOLDER);
        registry.claim(SESSION, later);
        keep(HOLDER);
        assert_eq!(shares.count(address), 0);
        keep(later);
        assert_eq!(shares.count(address), 1, "it was lost before the answer came");
        registry.issue(&given(1), HOLDER);
        assert_eq!(shares.count(address), 0);
    }
}
