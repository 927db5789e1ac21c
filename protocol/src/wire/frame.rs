//! The server's message of one or more ticks to one player: its header, and the parts of a [`super::body`] that do not
//! depend on the game.
//!
//! ```text
//! frame   bodies - 1 : 4 | fresh : 1 | explicit tick : 1 | 0 : 1 | 1 : 1 | [tick : 32] | body ...   (zero padding)
//! ```

use crate::WireError;
use crate::ids::EntityId;
use crate::tick::Tick;
use crate::wire::bits::{BitReader, Coder, index_bits};
use crate::wire::limits::{BODIES_MAX, VISIBLE_MAX};

/// The first byte of a frame has this bit. That of a control message does not.
pub const FRAME_MARK: u8 = 0x80;

/// What comes before the first body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bodies in the frame, 1 to [`BODIES_MAX`], of ticks that follow one another.
    pub bodies: u32,
    /// Whether the client must first forget everything.
    pub fresh: bool,
    /// The tick of the first body. None if it follows the last body of the frame before.
    pub first: Option<Tick>,
}

impl FrameHeader {
    /// Codes the header. A fresh start always carries its tick.
    pub fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.bodies = coder.uint(self.bodies - 1, BODIES_MAX.ilog2())? + 1;
        self.fresh = coder.flag(self.fresh)?;
        let explicit = coder.flag(self.first.is_some())?;
        if coder.uint(0b10, 2)? != 0b10 || (self.fresh && !explicit) {
            return Err(WireError::Malformed);
        }
        self.first = match explicit {
            true => Some(Tick(coder.uint(self.first.unwrap_or_default().0, 32)?)),
            false => None,
        };
        Ok(())
    }
}

impl Default for FrameHeader {
    fn default() -> Self {
        Self { bodies: 1, fresh: false, first: None }
    }
}

/// Follows the ticks of a connection's frames by their headers alone, for a client that does not decode bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct TickFollower {
    /// The tick of the last body; none before the first frame.
    pub tick: Option<Tick>,
}

/// The ticks of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTicks {
    /// The tick of the first body.
    pub first: Tick,
    /// Bodies in the frame, 1 to [`BODIES_MAX`], of ticks that follow one another.
    pub bodies: u32,
    /// Whether the frame starts afresh.
    pub fresh: bool,
}

impl TickFollower {
    /// Takes a frame's header.
    pub fn follow(&mut self, frame: &[u8]) -> Result<FrameTicks, WireError> {
        let mut header = FrameHeader::default();
        header.code(&mut BitReader::new(frame))?;
        let first = header.first.or(self.tick.map(Tick::next)).ok_or(WireError::NotStarted)?;
        self.tick = Some(first.plus(header.bodies - 1));
        Ok(FrameTicks { first, bodies: header.bodies, fresh: header.fresh })
    }
}

const _: () = assert!(BODIES_MAX == 16, "the header has four bits for the number of bodies");

/// How the player's inputs arrived, as of the body's tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputReport {
    /// Age of the input applied on the body's tick, in ticks. 0 is on time. More means that the input for this tick was
    /// missing, and an older one was held. 63 also means more, or no input yet.
    pub age: u8,
    /// How many ticks before its own the newest input was read, -8 to 7. 0 is just in time, negative is late.
    pub lead: i8,
}

impl InputReport {
    /// The largest age that is sent.
    pub const AGE_MAX: u8 = 63;

    /// Codes the report in ten bits.
    pub fn code<C: Coder>(&mut self, coder: &mut C) -> Result<(), WireError> {
        self.age = coder.uint(u32::from(self.age), 6)? as u8;
        self.lead = coder.int(i32::from(self.lead), 4)? as i8;
        Ok(())
    }
}

/// Codes the entity the view follows: the player's own, or the one a spectator watches.
pub fn code_follow<C: Coder>(follow: &mut Option<EntityId>, coder: &mut C) -> Result<(), WireError> {
    if !coder.flag(follow.is_some())? {
        *follow = None;
        return Ok(());
    }
    let id = coder.uint(follow.map_or(0, |id| u32::from(id.0)), EntityId::BITS)?;
    *follow = Some(EntityId(id as u16));
    Ok(())
}

/// Codes the leaves of a known list of `len` entities: indices into the list, ascending, each below `len`.
///
/// `leaves` holds them when writing. When reading it comes in empty and receives them.
pub fn code_leaves<C: Coder>(leaves: &mut Vec<u16>, len: usize, coder: &mut C) -> Result<(), WireError> {
    debug_assert!(len <= VISIBLE_MAX);
    let count = coder.count(leaves.len() as u32, len as u32)?;
    let width = index_bits(len);
    let mut least = 0;
    for i in 0..count as usize {
        let written = leaves.get(i).copied();
        let index = coder.uint(u32::from(written.unwrap_or(0)), width)?;
        if index < least || index as usize >= len {
            return Err(WireError::WrongKnownList);
        }
        least = index + 1;
        if written.is_none() {
            leaves.push(index as u16);
        }
    }
    Ok(())
}

/// Codes the 32-bit hash that a body carries about once a second.
pub fn code_hash<C: Coder>(hash: &mut Option<u32>, coder: &mut C) -> Result<(), WireError> {
    let present = coder.flag(hash.is_some())?;
    *hash = if present { Some(coder.uint(hash.unwrap_or(0), 32)?) } else { None };
    Ok(())
}
