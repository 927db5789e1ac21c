//! Slots of a room: none is kept from a newcomer because it rests, and none is given away too soon.

use super::*;
use crate::ids::{ConnectionKey, PlayerKind, SessionId};
use fracas_protocol::game::toy::Step;
use proptest::prelude::*;

fn roster(people: u16, bots: u16, spectators: u16) -> Roster<Step> {
    Roster::new(Capacity { people, bots, spectators })
}

fn join_from(roster: &mut Roster<Step>, role: Role, network: Option<IpAddr>) -> Result<SessionId, JoinRefusal> {
    let name = Name::parse("somebody").expect("a name");
    let connection = ConnectionKey::default();
    roster.join(name, PlayerKind::Person, role, connection, network).map(|member| member.session)
}

fn join(roster: &mut Roster<Step>) -> Result<SessionId, JoinRefusal> {
    join_from(roster, Role::Player, None)
}

#[test]
fn who_joins_and_leaves_over_and_over_gets_its_own_slots_back_and_keeps_nobody_out() {
    let mut roster = roster(100, 24, 0);
    let (churner, others) = (Some(IpAddr::from([192, 0, 2, 1])), Some(IpAddr::from([192, 0, 2, 2])));
    let joined = |roster: &mut Roster<Step>, network| join_from(roster, Role::Player, network).expect("there is room");
    let mut before = Vec::new();
    // 2,700 a second for ten seconds, where slots would rest for two.
    for tick in 1..300 {
        roster.release(Tick(tick));
        for session in std::mem::take(&mut before) {
            assert!(roster.leave(session, Tick(tick + 60)).is_some());
        }
        before.extend((0..90).map(|_| joined(&mut roster, churner)));
    }
    let rested_most = |roster: &Roster<Step>| roster.resting.iter().filter(|slot| slot.network != churner).count();
    assert_eq!((rested_most(&roster), roster.headcount().people), (0, 90));
    for _ in 0..10 {
        joined(&mut roster, others);
    }
    assert_eq!(join(&mut roster), Err(JoinRefusal::Full), "by a hundred people");
}

#[test]
fn a_slot_is_never_given_away_before_everybody_has_been_told_that_its_entity_is_gone() {
    let mut roster = roster(2, 1, 1);
    let mut left = std::collections::HashMap::new();
    for tick in 1..400 {
        roster.release(Tick(tick));
        for _ in 0..2 {
            let Ok(session) = join(&mut roster) else { continue };
            let since = left.get(&session.player).map_or(i64::MAX, |left: &Tick| Tick(tick).since(*left));
            assert!(since >= i64::from(REST_TICKS), "{session:?} after {since} ticks");
            left.insert(session.player, Tick(tick));
            roster.leave(session, Tick(tick + 60));
        }
    }
}

#[test]
fn only_who_has_been_here_for_a_while_counts_as_settled() {
    let mut roster = roster(2, 1, 1);
    let staying = join(&mut roster).expect("a seat");
    for tick in 1..=100 {
        roster.release(Tick(tick));
        let passing = join(&mut roster).expect("a seat");
        assert_eq!(roster.settled(50), u16::from(tick >= 50), "tick {tick}");
        roster.leave(passing, Tick(tick + 60));
    }
    roster.get(staying).expect("it stays").connection = None;
    assert_eq!(roster.settled(50), 0, "its line is lost");
}

/// What a random network does on a tick.
#[derive(Clone, Debug)]
enum Deed {
    Join { network: u8, spectates: bool },
    Leave { number: usize },
}

fn deeds() -> impl Strategy<Value = Vec<Vec<Deed>>> {
    let deed = prop_oneof![
        3 => (0..6_u8, any::<bool>()).prop_map(|(network, spectates)| Deed::Join { network, spectates }),
        2 => any::<usize>().prop_map(|number| Deed::Leave { number }),
    ];
    proptest::collection::vec(proptest::collection::vec(deed, 0..120), 1..80)
}

proptest! {
    /// Whoever joins and leaves how fast: a newcomer is refused only where as many are here as may be.
    #[test]
    fn a_newcomer_is_refused_only_by_people_and_not_by_slots_that_rest(ticks in deeds(), people in 1_u16..60) {
        let capacity = Capacity { people, bots: 8, spectators: people / 2 };
        let mut roster = Roster::<Step>::new(capacity);
        let mut here = Vec::new();
        for (tick, deeds) in (1..).zip(ticks) {
            roster.release(Tick(tick));
            for deed in deeds {
                match deed {
                    Deed::Join { network, spectates } => {
                        let network = Some(IpAddr::from([192, 0, 2, network]));
                        let role = if spectates { Role::Spectator } else { Role::Player };
                        let before = roster.headcount();
                        let is_full = match role {
                            Role::Player => before.people == capacity.people,
                            Role::Spectator => before.spectators == capacity.spectators,
                        };
                        match join_from(&mut roster, role, network) {
                            Ok(session) => here.push(session),
                            Err(why) => prop_assert!(why == JoinRefusal::Full && is_full, "{:?} of {:?}", why, before),
                        }
                    }
                    Deed::Leave { number } if !here.is_empty() => {
                        let session = here.swap_remove(number % here.len());
                        prop_assert!(roster.leave(session, Tick(tick + 60)).is_some());
                    }
                    Deed::Leave { .. } => {}
                }
            }
        }
    }
}
