//! The view recomputed from all records, without grid, hysteresis or memory; and proof that the checks can fail.

use crate::stage::{ReplicationStage, ViewTally};
use fracas_arena::rules::tuning::{BOLT_SPEED, DASH_SPEED};
use fracas_arena::rules::{Arena, Entity, ship_id};
use fracas_protocol::game::rules::Coded;
use fracas_protocol::game::rules::{Point, QUANTA_PER_UNIT, Rules};
use fracas_protocol::ids::EntityId;
use fracas_protocol::replica::Replica;
use fracas_protocol::wire::bits::{BitReader, BitWriter, Coder};
use fracas_protocol::wire::frame::{self, FrameHeader};
use fracas_protocol::wire::message::Role;
use fracas_protocol::{WireError, record};
use fracas_server::replication::Viewer;
use fracas_server::replication::records::Presence;
use fracas_server::replication::view::LEAVES_EVERY;

/// What is on the player's screen, by the records, and not in its replica.
pub(crate) fn missing(stage: &ReplicationStage, index: usize) -> Vec<EntityId> {
    let player = &stage.players[index];
    let centre = centre_of(stage, index);
    let (width, height) = player.viewer.aspect().view_size();
    let on_screen = |place: Point| {
        (place.x - centre.x).abs() <= width * QUANTA_PER_UNIT / 2
            && (place.y - centre.y).abs() <= height * QUANTA_PER_UNIT / 2
    };
    let records = stage.output.records.entities().iter();
    let seen = records.filter(|(_, entity)| on_screen(Arena::position(entity)));
    seen.map(|(id, _)| *id).filter(|id| player.replica.get(*id).is_none()).collect()
}

/// What the player knows and must not: farther away than a view with its margin and hysteresis can reach.
fn excess(stage: &ReplicationStage, index: usize) -> Vec<EntityId> {
    let player = &stage.players[index];
    let centre = centre_of(stage, index);
    let (width, height) = player.viewer.aspect().view_size();
    let reach = |side: i32| (side / 2 + 48) * QUANTA_PER_UNIT * 110 / 100 + 1;
    // What its neighbours fired on this very tick is known with them and leaves with the next.
    let too_far = |place: Point| {
        let fresh_shot = 20 * QUANTA_PER_UNIT;
        (place.x - centre.x).abs() > reach(width) + fresh_shot
            || (place.y - centre.y).abs() > reach(height) + fresh_shot
    };
    let known = player.replica.known().iter();
    known.filter(|known| too_far(Arena::position(&known.now))).map(|known| known.id).collect()
}

fn centre_of(stage: &ReplicationStage, index: usize) -> Point {
    let follow = stage.players[index].replica.follow().expect("it follows its ship");
    Arena::position(stage.output.records.get(follow).expect("which has a record"))
}

/// Of everything that each of many players is told, in a minute of fighting with deaths and respawns.
#[test]
fn of_a_million_known_entities_none_is_where_its_viewer_must_not_see() {
    const PLAYERS: usize = 120;
    let mut stage = ReplicationStage::new(7);
    (0..PLAYERS).for_each(|_| stage.request_join(Role::Player));
    let mut before = vec![Vec::<EntityId>::new(); PLAYERS];
    let (mut told, mut moves) = (0, 0);
    while told < 1_200_000 {
        stage.run(1);
        let records = &stage.output.records;
        moves += records.entities().iter().filter(|(id, _)| records.presence(*id) == Presence::Moved).count();
        for (index, before) in before.iter_mut().enumerate() {
            let (player, centre) = (&stage.players[index], centre_of(&stage, index));
            let entry = Viewer::<Arena>::entry_rect(player.viewer.aspect(), centre);
            let leave = Viewer::<Arena>::leave_rect(player.viewer.aspect(), centre).widened(FLOWN, FLOWN);
            for known in player.replica.known() {
                let (place, is_new) = (Arena::position(&known.now), before.binary_search(&known.id).is_err());
                // A bolt comes with its ship, which may be about to leave.
                let has_entered = is_new && !matches!(known.now, Entity::Bolt(_));
                let allowed = if has_entered { &entry } else { &leave };
                let tick = stage.output.tick;
                assert!(
                    allowed.contains(place),
                    "tick {tick}: player {index} at {centre:?} is told that {:?} is at {place:?}; is that new: {is_new}",
                    known.id
                );
            }
            told += player.replica.known().len();
            *before = player.replica.known().iter().map(|known| known.id).collect();
        }
    }
    assert!(moves > 10, "{moves} respawns");
}

/// So far something may have flown off, from a viewer who dashes the other way, before that looks again, in quanta at 30 Hz.
const FLOWN: i32 = (BOLT_SPEED + DASH_SPEED) * QUANTA_PER_UNIT / 30 * LEAVES_EVERY as i32;

#[test]
fn nothing_on_a_screen_is_missing_for_more_than_five_ticks_and_nothing_far_is_known_for_long() {
    let mut stage = ReplicationStage::new(99);
    (0..120).for_each(|_| stage.request_join(Role::Player));
    let mut absent = vec![Vec::<(EntityId, u32)>::new(); 120];
    let mut excessive = vec![Vec::<(EntityId, u32)>::new(); 120];
    let mut compared = 0;
    for tick in 0..600 {
        stage.run(1);
        for index in 0..120 {
            compared += stage.players[index].replica.known().len();
            let longest = note(&mut absent[index], missing(&stage, index), tick);
            assert!(longest < 5, "player {index} never learns of {:?}", absent[index]);
            let longest = note(&mut excessive[index], excess(&stage, index), tick);
            assert!(longest < LEAVES_EVERY, "player {index} knows what is far away: {:?}", excessive[index]);
        }
    }
    assert!(compared > 500_000, "{compared} known entities were compared");
}

/// Keeps for how long each of the ids in `now` has been so. Returns the longest time, in ticks.
fn note(since: &mut Vec<(EntityId, u32)>, now: Vec<EntityId>, tick: u32) -> u32 {
    since.retain(|(id, _)| now.contains(id));
    let news: Vec<_> = now.into_iter().filter(|id| !since.iter().any(|(other, _)| other == id)).collect();
    since.extend(news.into_iter().map(|id| (id, tick)));
    since.iter().map(|(_, began)| tick - began).max().unwrap_or(0)
}

/// A room in the middle of a fight, with a player whose next frame has a leave, a delta and an entry.
fn eventful() -> (ReplicationStage, usize, Vec<u8>) {
    let mut stage = ReplicationStage::new(17);
    (0..60).for_each(|_| stage.request_join(Role::Player));
    stage.run(100);
    for _ in 0..2000 {
        stage.step();
        for index in 0..stage.players.len() {
            let before = stage.players[index].viewer.known().to_vec();
            let frame = stage.frame(index);
            let after = stage.players[index].viewer.known();
            let records = &stage.output.records;
            let left = before.iter().any(|id| !after.contains(id) && records.presence(*id) != Presence::Expired);
            let entered = after.iter().any(|id| {
                let children = after.iter().filter_map(|parent| records.slot(*parent)?.child);
                !before.contains(id) && !children.into_iter().any(|child| child == *id)
            });
            let corrected = after.iter().any(|id| records.slot(*id).is_some_and(|slot| slot.delta_len > 0));
            if left && entered && corrected {
                return (stage, index, frame);
            }
            stage.deliver(index, &frame, &mut ViewTally::default());
        }
    }
    panic!("no eventful frame in 2,000 ticks");
}

/// What to leave out of a frame.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Sabotage {
    Nothing,
    Leave,
    Delta,
    Entry,
}

/// Takes a one-body frame apart with the replica's own knowledge and puts it together again without one thing. The hash
/// of the whole is put behind it, as if it had been its turn.
fn tampered(replica: &Replica<Arena>, frame: &[u8], sabotage: Sabotage, hash: u32) -> Result<Vec<u8>, WireError> {
    let (mut bits, mut out) = (BitReader::new(frame), BitWriter::new());
    let mut header = FrameHeader::default();
    header.code(&mut bits)?;
    header.code(&mut out)?;
    let rules = copy_private(replica, &mut bits, &mut out)?;

    let mut known: Vec<_> = replica.known().to_vec();
    known.retain_mut(|known| {
        known.before = known.now;
        rules.predict(&mut known.now) == fracas_protocol::game::rules::Fate::Lives
    });
    let mut leaves = Vec::new();
    frame::code_leaves(&mut leaves, known.len(), &mut bits)?;
    let kept_leaves = if sabotage == Sabotage::Leave { leaves[1..].to_vec() } else { leaves.clone() };
    frame::code_leaves(&mut kept_leaves.clone(), known.len(), &mut out)?;

    let mut dropped = false;
    for (place, known) in known.iter_mut().enumerate() {
        let leaving = leaves.contains(&(place as u16));
        if !Arena::is_corrected(known.id) {
            continue;
        }
        // What was to leave and does not is corrected by nothing.
        if leaving {
            if !kept_leaves.contains(&(place as u16)) {
                out.flag(false)?;
            }
            continue;
        }
        let (predicted, told) = (known.now, bits.flag(false)?);
        if told {
            rules.code_delta(&known.before, &mut known.now, &predicted, &mut bits)?;
        }
        let keep = told && (sabotage != Sabotage::Delta || std::mem::replace(&mut dropped, true));
        out.flag(keep)?;
        if keep {
            let target = known.now;
            rules.code_delta(&known.before, &mut predicted.clone(), &target, &mut out)?;
        } else {
            known.now = predicted;
        }
    }
    copy_entries(replica, &rules, &known, sabotage, &mut bits, &mut out)?;
    frame::code_hash(&mut Some(hash), &mut out)?;
    Ok(out.finish())
}

/// Copies the private block; returns the rules with the world state it told.
fn copy_private(replica: &Replica<Arena>, bits: &mut BitReader<'_>, out: &mut BitWriter) -> Result<Arena, WireError> {
    let mut rules = replica.rules().clone();
    let any = bits.flag(false)?;
    if !out.flag(any)? {
        return Ok(rules);
    }
    let told = bits.flag(false)?;
    if out.flag(told)? {
        let mut world = rules.world();
        world.code(bits)?;
        world.code(out)?;
        rules.set_world(world)?;
    }
    let told = bits.flag(false)?;
    if out.flag(told)? {
        let mut follow = None;
        frame::code_follow(&mut follow, bits)?;
        frame::code_follow(&mut follow, out)?;
    }
    let told = bits.flag(false)?;
    if out.flag(told)? {
        let mut report = replica.report();
        report.code(bits)?;
        report.code(out)?;
    }
    let told = bits.flag(false)?;
    if out.flag(told)? {
        let mut own = *replica.own();
        own.code(bits)?;
        own.code(out)?;
    }
    Ok(rules)
}

fn copy_entries(
    replica: &Replica<Arena>,
    rules: &Arena,
    known: &[fracas_protocol::replica::Known<Arena>],
    sabotage: Sabotage,
    bits: &mut BitReader<'_>,
    out: &mut BitWriter,
) -> Result<(), WireError> {
    // Room for any name; which of them is written matters to nobody here.
    let count = bits.count(0, 8192)?;
    let skip = u32::from(sabotage == Sabotage::Entry);
    out.count(count - skip, 8192)?;
    let follow = replica.follow();
    let anchor = known.iter().find(|k| Some(k.id) == follow).map(|k| Arena::position(&k.now));
    let mut names = ReadNames::of(replica);
    for index in 0..count {
        let mut kept = BitWriter::new();
        let id = EntityId(bits.uint(0, 16)? as u16);
        kept.uint(u32::from(id.0), 16)?;
        if Arena::IDS.is_player(id) {
            names.copy(bits, &mut kept)?;
        }
        let mut entity = rules.blank(id);
        rules.code(&mut entity, anchor, bits)?;
        rules.code(&mut entity, anchor, &mut kept)?;
        if index >= skip {
            let mut words = Vec::new();
            let len = kept.drain_words(&mut words);
            out.append(&words, len);
        }
    }
    Ok(())
}

/// Copies names bit by bit: their table stays out of it.
struct ReadNames;

impl ReadNames {
    fn of(_: &Replica<Arena>) -> Self {
        Self
    }

    fn copy(&mut self, bits: &mut BitReader<'_>, out: &mut BitWriter) -> Result<(), WireError> {
        let known = bits.flag(false)?;
        if out.flag(known)? {
            let index = bits.uint(0, 7)?;
            out.uint(index, 7)?;
            return Ok(());
        }
        let len = bits.uint(0, 6)?;
        out.uint(len, 6)?;
        for _ in 0..=len {
            let byte = bits.uint(0, 8)?;
            out.uint(byte, 8)?;
        }
        Ok(())
    }
}

#[test]
fn a_frame_without_one_leave_delta_or_entry_turns_the_check_red() {
    let (stage, index, frame) = eventful();
    let replica = &stage.players[index].replica;
    let mut whole = replica.clone();
    whole.apply_frame(&frame).expect("the frame as it was");
    let check = |sabotage| {
        let frame = tampered(replica, &frame, sabotage, whole.hash()).expect("takes the frame apart");
        replica.clone().apply_frame(&frame).map(|body| body.hash_agrees)
    };
    assert_eq!(check(Sabotage::Nothing), Ok(Some(true)), "taken apart and put together it is still right");
    for sabotage in [Sabotage::Leave, Sabotage::Delta, Sabotage::Entry] {
        let checked = check(sabotage);
        assert!(checked != Ok(Some(true)) && checked != Ok(None), "{sabotage:?} went unnoticed: {checked:?}");
    }
}

#[test]
fn a_replica_with_one_wrong_number_turns_the_check_red() {
    let (stage, index, frame) = eventful();
    let mut viewer_hash = stage.players[index].replica.clone();
    viewer_hash.apply_frame(&frame).expect("the frame as it was");
    let records = &stage.output.records;
    let mut entities = Vec::new();
    for known in viewer_hash.known() {
        let mut entity = *records.get(known.id).expect("a record");
        if known.id == ship_id(stage.players[index].session.player.0)
            && let Entity::Ship(ship) = &mut entity
        {
            ship.hull ^= 1;
        }
        entities.push((known.id, entity));
    }
    let hash = record::hash(&stage.output.rules, entities.iter().map(|(id, entity)| (*id, entity)));
    assert_ne!(hash, viewer_hash.hash());
}
