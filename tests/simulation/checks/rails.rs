//! Whoever pays for a rail has fired it: each is answered on its own tick, also when the ship that fired it is destroyed on
//! that tick by another one's.

use crate::annals::{Annals, TickRecord};
use fracas_arena::rules::{Arena, Entity, News, ship_id};
use fracas_protocol::game::rules::MessageOf;
use fracas_protocol::wire::codec;
use fracas_protocol::wire::limits::SERVER_MESSAGE_BYTES_MAX;
use fracas_protocol::wire::message::ServerMessage;
use fracas_server::sim::channel::Audience;

/// The ship in a place as it was on a tick.
pub(super) fn ship(record: &TickRecord, place: u16) -> Option<fracas_arena::rules::Ship> {
    match record.entity(ship_id(place))? {
        Entity::Ship(ship) => Some(*ship),
        _ => None,
    }
}

/// Whether the ship in a place paid for a rail on the last tick, `now`, which followed `before`.
pub(super) fn paid(before: &TickRecord, now: &TickRecord, place: u16, pause: u8) -> bool {
    let own = |record: &TickRecord| record.seat(place).and_then(|seat| seat.own);
    let asked = now.seat(place).and_then(|seat| seat.input).is_some_and(|input| input.rail.is_some());
    let was_alive = ship(before, place).is_some_and(|ship| ship.is_alive());
    let began = own(now).is_some_and(|own| own.rail_pause == pause);
    asked && was_alive && began && own(before).is_some_and(|own| own.rail_pause <= 1)
}

/// Checks the last tick. Returns how many rails were fired, and on how many of them both of two were destroyed.
pub(crate) fn check(annals: &Annals, pause: u8) -> Result<(u64, u64), String> {
    let Some(now) = annals.last() else { return Ok((0, 0)) };
    let Some(before) = annals.back_from(now.tick).nth(1) else { return Ok((0, 0)) };
    let shooters: Vec<_> =
        now.seats.iter().map(|seat| seat.place).filter(|place| paid(before, now, *place, pause)).collect();
    for place in &shooters {
        if !is_answered(annals, now, *place) {
            return Err(format!("place {place} has paid for a rail on tick {}, and nothing came of it", now.tick));
        }
    }
    let fell = |place: &&u16| ship(now, **place).is_some_and(|ship| !ship.is_alive());
    let fallen = shooters.iter().filter(fell).count();
    Ok((shooters.len() as u64, u64::from(fallen >= 2)))
}

fn is_answered(annals: &Annals, now: &TickRecord, place: u16) -> bool {
    let game_events = &annals.game_events[annals.passed.notices_from..];
    game_events.iter().filter(|event| matches!(event.to, Audience::One(session) if session.player.0 == place)).any(
        |event| {
            let told = codec::decode::<MessageOf<Arena>, SERVER_MESSAGE_BYTES_MAX>(&event.message);
            matches!(told, Ok(ServerMessage::News(News::Rail { tick, .. })) if tick == now.tick)
        },
    )
}
