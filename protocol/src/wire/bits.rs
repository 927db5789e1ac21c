//! Bits in and out of bytes, and [`Coder`], with which one function both writes and reads a value.
//!
//! Bits fill a byte from its lowest; a number's lowest bit comes first.

use crate::WireError;

/// Writes bits to a growing buffer that its owner reuses.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits not yet in `bytes`, lowest first; always fewer than 32 between calls.
    pending: u64,
    pending_len: u32,
}

impl BitWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that goes on behind `bytes`, which it gives back from [`Self::finish`].
    pub fn continuing(bytes: Vec<u8>) -> Self {
        Self { bytes, pending: 0, pending_len: 0 }
    }

    /// Writes the lowest `width` bits (0 to 32) of `value`.
    #[inline]
    pub fn write(&mut self, value: u32, width: u32) {
        debug_assert!(width <= 32 && (width == 32 || value >> width == 0), "{value} does not fit {width} bits");
        self.pending |= u64::from(value) << self.pending_len;
        self.pending_len += width;
        if self.pending_len >= 32 {
            // `as` keeps the low half, which is what goes out.
            self.bytes.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.pending_len -= 32;
        }
    }

    /// Appends the first `len` bits of `words`, as another writer's [`Self::drain_words`] left them.
    #[inline]
    pub fn append(&mut self, words: &[u32], len: u32) {
        let mut left = len;
        for &word in words {
            let width = left.min(32);
            self.write(word, width);
            left -= width;
        }
        debug_assert_eq!(left, 0, "{len} bits need more words");
    }

    /// Writes `count` zero bits.
    #[inline]
    pub fn zeros(&mut self, count: u32) {
        let mut left = count;
        while left > 0 {
            let width = left.min(32);
            self.write(0, width);
            left -= width;
        }
    }

    /// Bits written so far, those already in a continued buffer included.
    pub fn bit_len(&self) -> usize {
        self.bytes.len() * 8 + self.pending_len as usize
    }

    /// Pads the last byte with zeros and gives the buffer back.
    pub fn finish(mut self) -> Vec<u8> {
        let last = self.pending.to_le_bytes();
        self.bytes.extend_from_slice(&last[..self.pending_len.div_ceil(8) as usize]);
        self.bytes
    }

    /// Moves what was written to the end of `words`, padded to whole words, and returns its length in bits.
    /// The writer is empty afterwards and keeps its memory.
    pub fn drain_words(&mut self, words: &mut Vec<u32>) -> u32 {
        let len = self.bit_len() as u32;
        words.extend(self.bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
        if self.pending_len > 0 {
            words.push(self.pending as u32);
        }
        self.bytes.clear();
        (self.pending, self.pending_len) = (0, 0);
        len
    }
}

/// Reads bits from a slice. Reading past the end is an error, never a panic.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits taken from `bytes` but not yet read, lowest first.
    pending: u64,
    pending_len: u32,
}

impl<'a> BitReader<'a> {
    /// A reader at the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pending: 0, pending_len: 0 }
    }

    /// Reads `width` bits (0 to 32).
    #[inline]
    pub fn read(&mut self, width: u32) -> Result<u32, WireError> {
        debug_assert!(width <= 32);
        while self.pending_len < width {
            let Some((&byte, rest)) = self.bytes.split_first() else { return Err(WireError::Truncated) };
            self.pending |= u64::from(byte) << self.pending_len;
            self.pending_len += 8;
            self.bytes = rest;
        }
        let value = self.pending & ((1 << width) - 1);
        self.pending >>= width;
        self.pending_len -= width;
        Ok(value as u32)
    }

    /// Checks that nothing is left but zero padding of the last byte.
    pub fn finish(self) -> Result<(), WireError> {
        if self.bytes.is_empty() && self.pending == 0 { Ok(()) } else { Err(WireError::TrailingBytes) }
    }
}

/// One description of a value's bits that writes it and reads it back, so that the two ends cannot differ.
///
/// Each method takes the value to write and returns the value that both ends now know. A writer returns its argument. A
/// reader ignores its argument and returns what it read. The caller checks ranges on both sides, with [`Self::ranged`]
/// where the width alone does not.
pub trait Coder {
    /// An unsigned number of `width` bits (0 to 32).
    fn uint(&mut self, value: u32, width: u32) -> Result<u32, WireError>;

    /// One bit.
    #[inline]
    fn flag(&mut self, value: bool) -> Result<bool, WireError> {
        Ok(self.uint(u32::from(value), 1)? != 0)
    }

    /// A signed number in two's complement of `width` bits (1 to 32).
    #[inline]
    fn int(&mut self, value: i32, width: u32) -> Result<i32, WireError> {
        let unused = 32 - width;
        debug_assert!(value << unused >> unused == value, "{value} does not fit {width} bits");
        let bits = self.uint((value as u32) << unused >> unused, width)?;
        Ok((bits << unused) as i32 >> unused)
    }

    /// An unsigned number of `width` bits that must not exceed `max`.
    #[inline]
    fn ranged(&mut self, value: u32, width: u32, max: u32) -> Result<u32, WireError> {
        let value = self.uint(value, width)?;
        if value <= max { Ok(value) } else { Err(WireError::OutOfRange) }
    }

    /// A number that is mostly zero: one zero bit for 0, else a one and `width` bits.
    #[inline]
    fn seldom(&mut self, value: u32, width: u32) -> Result<u32, WireError> {
        if self.flag(value != 0)? { self.uint(value, width) } else { Ok(0) }
    }

    /// A value that may be missing: a bit, and then the value as `code` codes it.
    #[inline]
    fn option<T: Default>(
        &mut self,
        value: &mut Option<T>,
        code: impl FnOnce(&mut T, &mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if self.flag(value.is_some())? {
            code(value.get_or_insert_default(), self)
        } else {
            *value = None;
            Ok(())
        }
    }

    /// A count that is mostly zero: one zero bit for 0, else a one and `count - 1` in groups of four bits, lowest
    /// first. A bit after each group says whether another one follows. At most `max`, which is below 65,536.
    fn count(&mut self, count: u32, max: u32) -> Result<u32, WireError> {
        if !self.flag(count > 0)? {
            return Ok(0);
        }
        let (mut left, mut total) = (count.wrapping_sub(1), 0);
        for shift in [0, 4, 8, 12] {
            total |= self.uint(left & 15, 4)? << shift;
            left >>= 4;
            if !self.flag(left > 0)? {
                return if total < max { Ok(total + 1) } else { Err(WireError::OutOfRange) };
            }
            // When reading, `left` comes from the argument, which has no meaning then.
        }
        Err(WireError::OutOfRange)
    }
}

impl Coder for BitWriter {
    #[inline]
    fn uint(&mut self, value: u32, width: u32) -> Result<u32, WireError> {
        self.write(value, width);
        Ok(value)
    }
}

impl Coder for BitReader<'_> {
    #[inline]
    fn uint(&mut self, _: u32, width: u32) -> Result<u32, WireError> {
        self.read(width)
    }
}

/// Bits needed to write any number below `len`.
pub fn index_bits(len: usize) -> u32 {
    usize::BITS - len.saturating_sub(1).leading_zeros()
}
