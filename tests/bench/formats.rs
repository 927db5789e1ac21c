//! What the same views would cost in the formats that people write first: everything in full, the fields that changed,
//! and the latter through deflate with a window that lasts, all with bincode and floats.

use flate2::{Compress, Compression, FlushCompress};
use fracas_arena::rules::{Arena, Entity};
use fracas_protocol::replica::Replica;
use fracas_protocol::wire::codec;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Fields of an entity that are numbers with a fraction: x, y, velocity x and y, aim.
const FRACTIONS: usize = 5;
/// Fields that are small whole numbers.
const WHOLES: usize = 4;

/// An entity as a plain server would send it. Names, shot numbers and cooldowns are left out, in its favour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
enum Plain {
    Ship { id: u32, x: f32, y: f32, velocity_x: f32, velocity_y: f32, aim: f32, hull: u8, score: u16, fires: bool },
    Bolt { id: u32, x: f32, y: f32, velocity_x: f32, velocity_y: f32 },
    Pickup { id: u32, x: f32, y: f32, kind: u8 },
}

impl Plain {
    fn of(id: u32, entity: &Entity, arena: &Arena) -> Self {
        let units = |quanta: i32| quanta as f32 / 64.0;
        let speed = |subquanta: i32| subquanta as f32 / 1024.0;
        match entity {
            Entity::Ship(ship) => Self::Ship {
                id,
                x: units(ship.position.x),
                y: units(ship.position.y),
                velocity_x: speed(ship.velocity.x),
                velocity_y: speed(ship.velocity.y),
                aim: f32::from(ship.aim.steps()),
                hull: ship.hull,
                score: ship.score,
                fires: ship.controls.fire,
            },
            Entity::Bolt(bolt) => {
                let velocity = bolt.velocity(arena.tuning());
                let (x, y) = (units(bolt.position.x), units(bolt.position.y));
                Self::Bolt { id, x, y, velocity_x: speed(velocity.x), velocity_y: speed(velocity.y) }
            }
            Entity::Pickup(pickup) => {
                let (x, y) = (units(pickup.position.x), units(pickup.position.y));
                Self::Pickup { id, x, y, kind: pickup.kind as u8 }
            }
        }
    }

    fn fields(&self) -> ([f32; FRACTIONS], [u16; WHOLES]) {
        match *self {
            Self::Ship { x, y, velocity_x, velocity_y, aim, hull, score, fires, .. } => {
                ([x, y, velocity_x, velocity_y, aim], [u16::from(hull), score, u16::from(fires), 0])
            }
            Self::Bolt { x, y, velocity_x, velocity_y, .. } => ([x, y, velocity_x, velocity_y, 0.0], [0; WHOLES]),
            Self::Pickup { x, y, kind, .. } => ([x, y, 0.0, 0.0, 0.0], [0, 0, 0, u16::from(kind)]),
        }
    }
}

/// What changed in a view: who left, who came, and of the others a mask of fields with those that differ.
#[derive(Default, Serialize)]
struct Delta {
    left: Vec<u32>,
    came: Vec<Plain>,
    changed: Vec<(u32, u16, Vec<f32>, Vec<u16>)>,
}

/// One viewer's last view, and its compressor.
struct Viewer {
    view: BTreeMap<u32, Plain>,
    deflate: Compress,
}

impl Default for Viewer {
    fn default() -> Self {
        // As permessage-deflate would: level 6, one window for the whole connection.
        Self { view: BTreeMap::new(), deflate: Compress::new(Compression::new(6), false) }
    }
}

/// Sums over all views that were weighed.
#[derive(Default)]
pub(crate) struct Formats {
    viewers: HashMap<usize, Viewer>,
    views: u64,
    full: u64,
    delta: u64,
    deflated: u64,
}

impl Formats {
    /// Weighs what one viewer sees after a tick.
    pub(crate) fn weigh(&mut self, viewer: usize, replica: &Replica<Arena>) {
        let plain = |id: u16, entity: &Entity| (u32::from(id), Plain::of(u32::from(id), entity, replica.rules()));
        let view: BTreeMap<u32, Plain> = replica.known().iter().map(|known| plain(known.id.0, &known.now)).collect();
        let is_first = !self.viewers.contains_key(&viewer);
        let state = self.viewers.entry(viewer).or_default();
        let delta = encode(&delta(&state.view, &view));
        let deflated = deflated_len(&mut state.deflate, &delta);
        // The first view is all entries; a join is not what is compared.
        if !is_first {
            self.views += 1;
            self.full += encode(&view.values().collect::<Vec<_>>()).len() as u64;
            self.delta += delta.len() as u64;
            self.deflated += deflated;
        }
        state.view = view;
    }

    /// Bytes per view by format; empty if none was weighed.
    pub(crate) fn bytes_per_view(&self) -> Vec<(String, f64)> {
        if self.views == 0 {
            return Vec::new();
        }
        let sums =
            [("bincode full", self.full), ("bincode delta", self.delta), ("bincode delta, deflate", self.deflated)];
        sums.map(|(name, sum)| (name.to_owned(), sum as f64 / self.views as f64)).to_vec()
    }
}

fn delta(before: &BTreeMap<u32, Plain>, now: &BTreeMap<u32, Plain>) -> Delta {
    let mut delta =
        Delta { left: before.keys().filter(|id| !now.contains_key(id)).copied().collect(), ..Delta::default() };
    for (id, plain) in now {
        let Some(old) = before.get(id) else {
            delta.came.push(*plain);
            continue;
        };
        let ((fractions, wholes), (old_fractions, old_wholes)) = (plain.fields(), old.fields());
        let fraction_differs = |index: &usize| fractions[*index] != old_fractions[*index];
        let whole_differs = |index: &usize| wholes[*index] != old_wholes[*index];
        let mask = (0..FRACTIONS).filter(fraction_differs).fold(0, |mask, index| mask | 1 << index)
            | (0..WHOLES).filter(whole_differs).fold(0, |mask, index| mask | 1 << (FRACTIONS + index));
        if mask != 0 {
            let changed_fractions = (0..FRACTIONS).filter(fraction_differs).map(|index| fractions[index]).collect();
            let changed_wholes = (0..WHOLES).filter(whole_differs).map(|index| wholes[index]).collect();
            delta.changed.push((*id, mask, changed_fractions, changed_wholes));
        }
    }
    delta
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes);
    bytes
}

fn deflated_len(deflate: &mut Compress, bytes: &[u8]) -> u64 {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let before = deflate.total_out();
    match deflate.compress_vec(bytes, &mut out, FlushCompress::Sync) {
        // The extension leaves out the four bytes that a flush ends with.
        Ok(_) => (deflate.total_out() - before).saturating_sub(4),
        Err(error) => unreachable!("there is room for it: {error}"),
    }
}
