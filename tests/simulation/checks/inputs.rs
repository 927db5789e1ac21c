//! What the server acknowledged of a player's inputs is what the room applied; and what is done once was asked for, and was
//! done once.

use crate::annals::{Annals, TickRecord};
use fracas_arena::rules::{Input, RailShot};
use fracas_protocol::game::rules::Intent;
use fracas_protocol::tick::Tick;
use fracas_protocol::wire::frame::InputReport;
use std::collections::{BTreeMap, BTreeSet};

/// The inputs that a connection's client sent, by their ticks.
#[derive(Debug, Default)]
pub(crate) struct Sent(Vec<(Tick, Input)>);

impl Sent {
    /// The client says what it wants on a tick. Stamps never go back, so that they can be looked up.
    pub(crate) fn push(&mut self, tick: Tick, input: Input) -> Result<(), String> {
        if self.0.last().is_some_and(|(last, _)| *last >= tick) {
            return Err(format!("it sent an input for tick {tick} after one for that or a later one"));
        }
        self.0.push((tick, input));
        Ok(())
    }

    fn on(&self, tick: Tick) -> Option<Input> {
        self.0.binary_search_by_key(&tick, |(stamp, _)| *stamp).ok().map(|index| self.0[index].1)
    }

    /// Checks a report against what the room applied. Returns whether it acknowledged anything.
    pub(crate) fn check(&self, place: u16, tick: Tick, report: InputReport, annals: &Annals) -> Result<bool, String> {
        if report.age >= InputReport::AGE_MAX {
            return Ok(false);
        }
        let stamp = Tick(tick.0.saturating_sub(u32::from(report.age)));
        let Some(sent) = self.on(stamp) else {
            return Err(format!("an input for tick {stamp} is acknowledged, which it never sent"));
        };
        let applied = annals.on(tick).and_then(|record| record.seat(place)).and_then(|seat| seat.input);
        let Some(applied) = applied else { return Err("an input is acknowledged, and none was applied".into()) };
        if applied.held() != sent.held() {
            return Err(format!("{sent:?} for tick {stamp} is acknowledged, and {applied:?} was applied"));
        }
        let is_done = (applied.dash || !sent.dash) && (sent.rail.is_none() || applied.rail == sent.rail);
        if report.age == 0 && !is_done {
            return Err(format!("{sent:?} is acknowledged in full, and {applied:?} was applied"));
        }
        Ok(true)
    }
}

/// Something that a client asked to be done once.
#[derive(Clone, Copy, Debug)]
struct Edge {
    connection: u32,
    stamp: Tick,
    dash: bool,
    rail: Option<RailShot>,
    /// Nothing has ever happened to the connection, and the server keeps what is so far ahead: then what is asked must be done
    /// as soon as it, or something newer, is acknowledged.
    is_plain: bool,
}

/// What was asked to be done once and has not been done yet.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    by_place: BTreeMap<u16, Vec<Edge>>,
    /// Connections that say nothing more.
    parted: BTreeSet<u32>,
}

impl Edges {
    /// A client sends an input; `is_plain` if nothing has ever happened to its connection.
    pub(crate) fn ask(&mut self, place: u16, connection: u32, is_plain: bool, stamp: Tick, input: &Input) {
        if input.dash || input.rail.is_some() {
            let edge = Edge { connection, stamp, dash: input.dash, rail: input.rail, is_plain };
            self.by_place.entry(place).or_default().push(edge);
        }
    }

    /// Something happens to a connection: what it has asked may be lost.
    pub(crate) fn spoil(&mut self, connection: u32) {
        for edge in self.by_place.values_mut().flatten().filter(|edge| edge.connection == connection) {
            edge.is_plain = false;
        }
    }

    /// A connection says nothing more. What it has said may still be on its way.
    pub(crate) fn disconnected(&mut self, connection: u32) {
        self.parted.insert(connection);
    }

    /// A connection has got the place: what was asked over those before is not done any more. One that has been given a
    /// ship back may have a rival, whose turn may be yet to come.
    pub(crate) fn seat(&mut self, place: u16, connection: u32, resumed: bool) {
        let parted = &self.parted;
        let may_come = |edge: &Edge| edge.connection == connection || resumed && !parted.contains(&edge.connection);
        self.by_place.entry(place).or_default().retain(may_come);
    }

    /// Checks what was done on a tick. Returns how much that was.
    pub(crate) fn check(&mut self, record: &TickRecord) -> Result<u64, String> {
        let mut done = 0;
        for seat in &record.seats {
            let Some(input) = seat.input else { continue };
            let Some(asked) = self.by_place.get_mut(&seat.place) else {
                if input.dash || input.rail.is_some() {
                    return Err(format!("place {} did {input:?}, and never asked for anything", seat.place));
                }
                continue;
            };
            // What a connection sends comes in order: up to the input in effect all of it has come, and nothing beyond.
            let is_told = seat.report.age < InputReport::AGE_MAX;
            if !is_told && !input.dash && input.rail.is_none() {
                continue;
            }
            let newest = if is_told { record.tick.0.saturating_sub(u32::from(seat.report.age)) } else { record.tick.0 };
            let due = asked.extract_if(.., |edge| edge.stamp.0 <= newest).collect::<Vec<_>>();
            let is_asked = due.iter().any(|edge| edge.dash);
            let must_be = due.iter().any(|edge| edge.dash && edge.is_plain && is_told);
            if (input.dash && !is_asked) || (must_be && !input.dash) {
                return Err(format!("place {} did {input:?}, and of it was asked {due:?}", seat.place));
            }
            let is_asked = due.iter().any(|edge| edge.rail == input.rail);
            let must_be = due.iter().any(|edge| edge.rail.is_some() && edge.is_plain && is_told);
            if (input.rail.is_some() && !is_asked) || (must_be && input.rail.is_none()) {
                return Err(format!("place {} did {input:?}, and of it was asked {due:?}", seat.place));
            }
            done += u64::from(input.dash) + u64::from(input.rail.is_some());
        }
        Ok(done)
    }
}
