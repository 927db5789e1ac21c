//! Joins have a budget per network, and whoever comes back for an entity needs none.

use super::*;
use crate::ids::{PlayerId, PlayerKind, RoomId, SessionId};
use crate::session::hello::{RoomNames, admit};
use crate::sim::channel::Request;
use fracas_protocol::wire::close::CloseReason;
use fracas_protocol::wire::message::Hello;

fn admission(limit_loopback: bool) -> Arc<AdmissionControl> {
    Arc::new(AdmissionControl::new(AdmissionConfig {
        connections_max: 10_000,
        per_address_max: 64,
        joins_per_address: JoinRate::default(),
        limit_loopback,
        public_hosts: Default::default(),
        allow_origins: Vec::new(),
        trusted_proxies: Vec::new(),
    }))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Connects, says hello for a new entity or for one it had, and cuts the line; what it was told, if it was refused.
fn join_and_cut(
    admission: &Arc<AdmissionControl>,
    address: &str,
    known: Option<SessionId>,
    now: Instant,
) -> Result<Request, String> {
    let permit = admission.enter(ip(address), false, now).map_err(|why| why.label().to_owned())?;
    let network = permit.network().expect("a person's");
    let admitted = admit(Hello::player("Ada"), PlayerKind::Person, Some(&network), &RoomNames::default(), known, now);
    admitted.map(|admissible| admissible.request).map_err(|refusal| refusal.message.into_owned())
}

#[test]
fn who_joins_and_cuts_over_and_over_is_refused_by_name_and_others_get_in() {
    let (admission, start) = (admission(false), Instant::now());
    // 400 a second for 20 s.
    let told: Vec<_> = (0..8000)
        .map(|step| join_and_cut(&admission, "192.0.2.1", None, start + Duration::from_micros(2500) * step))
        .collect();
    let joined = told.iter().filter(|told| told.is_ok()).count();
    let refused =
        |message: &str| told.iter().filter(|told| told.as_ref().is_err_and(|told| told.contains(message))).count();
    assert!((64 + 38..=64 + 41).contains(&joined), "{joined}: 64 and two a second");
    assert!(refused("--joins-per-address") > 500, "after the upgrade: it might have come for an entity");
    assert_eq!(
        refused("--joins-per-address") + refused("join_budget"),
        8000 - joined,
        "and before, beyond 16 a second"
    );
    let now = start + Duration::from_secs(20);
    assert!((1..=8).all(|other| join_and_cut(&admission, &format!("198.51.100.{other}"), None, now).is_ok()));
}

#[test]
fn whoever_is_beyond_the_budget_is_told_when_the_next_join_is_due() {
    let (admission, now) = (admission(false), Instant::now());
    while join_and_cut(&admission, "192.0.2.1", None, now).is_ok() {}
    let network = admission.enter(ip("192.0.2.1"), false, now).expect("it may ask").network().expect("a person's");
    let admitted =
        |at| admit(Hello::player("Ada"), PlayerKind::Person, Some(&network), &RoomNames::default(), None, at);
    let refusal = admitted(now).expect_err("not yet");
    assert_eq!((refusal.reason, refusal.join), (CloseReason::Full, Some(JoinRefusal::JoinBudget)));
    assert_eq!(refusal.pause, Some(Duration::from_millis(500)));
    assert!(admitted(now + Duration::from_millis(500)).is_ok());
}

#[test]
fn who_comes_back_for_an_entity_takes_no_join_and_needs_none() {
    let (admission, now) = (admission(false), Instant::now());
    let session = SessionId { room: RoomId(0), player: PlayerId(3), serial: 9 };
    for _ in 0..300 {
        assert!(join_and_cut(&admission, "192.0.2.1", Some(session), now).is_ok(), "a bad line");
    }
    let lost = admission.enter(ip("192.0.2.1"), false, now).expect("room").network().expect("a person's").keep();
    let joined = (0..1000).filter(|_| join_and_cut(&admission, "192.0.2.1", None, now).is_ok()).count();
    assert_eq!(joined, 64, "none of them was used up");
    assert!(join_and_cut(&admission, "192.0.2.1", Some(session), now).is_ok(), "whatever others of its network did");
    drop(lost);
}

#[test]
fn loopback_has_a_budget_on_request_and_our_bots_never() {
    let now = Instant::now();
    let joined = |admission: &Arc<AdmissionControl>| {
        (0..1000).filter(|_| join_and_cut(admission, "127.0.0.1", None, now).is_ok()).count()
    };
    assert_eq!((joined(&admission(false)), joined(&admission(true))), (1000, 64));
    let admission = admission(true);
    assert!((0..1000).all(|_| admission.enter(ip("127.0.0.1"), true, now).is_ok()));
}

#[test]
fn what_is_remembered_of_networks_is_forgotten_when_it_says_nothing_any_more() {
    let (admission, now) = (admission(false), Instant::now());
    for address in 0..100 {
        assert!(join_and_cut(&admission, &format!("192.0.2.{address}"), None, now).is_ok());
        admission.retry_after(Rejection::Full, ip(&format!("192.0.2.{address}")), now);
    }
    assert_eq!(admission.remembered(now), (100, 100));
    let later = now + Duration::from_secs(40);
    admission.sweep(later);
    assert_eq!(admission.remembered(later), (0, 0));
}
