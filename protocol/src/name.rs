//! A player's name: its rules, and [`NameTable`], with which a name is sent once and later only as an index.

use crate::WireError;
use crate::wire::bits::Coder;
use crate::wire::limits::{NAME_BYTES_MAX, NAME_CHARS_MAX, NAME_TABLE_LEN};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A name on the wire: 1 to [`NAME_CHARS_MAX`] characters, without control characters and characters that reorder text.
/// The server may refuse more.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only spaces.
    #[error("the name is empty: type 1 to {NAME_CHARS_MAX} characters")]
    Empty,
    /// Over the limit of characters or bytes.
    #[error("the name is too long: at most {NAME_CHARS_MAX} characters and {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// A control or direction-changing character.
    #[error("the name holds a control character: use letters, digits, signs and spaces")]
    ControlCharacter,
    /// White space around it, which [`Name::parse`] takes away, but which no name on the wire has.
    #[error("the name has white space around it")]
    Padded,
}

impl Name {
    /// Takes `text` without the white space around it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        // Bytes first, so that the other checks run over a bounded text.
        if text.len() > NAME_BYTES_MAX || text.chars().count() > NAME_CHARS_MAX {
            return Err(NameError::TooLong);
        }
        if text.chars().any(is_control) {
            return Err(NameError::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, those that turn the direction of what follows, and those that end a line.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

impl TryFrom<String> for Name {
    type Error = NameError;

    /// A name as it stands on the wire, where it has one form.
    fn try_from(text: String) -> Result<Self, NameError> {
        let name = Self::parse(&text)?;
        if name.as_str() == text { Ok(name) } else { Err(NameError::Padded) }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().into()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const INDEX_BITS: u32 = NAME_TABLE_LEN.ilog2();
const LEN_BITS: u32 = NAME_BYTES_MAX.ilog2();
const _: () = assert!(NAME_TABLE_LEN.is_power_of_two() && NAME_BYTES_MAX.is_power_of_two());

/// The last [`NAME_TABLE_LEN`] names sent over a connection, overwritten in turn at both ends.
///
/// `T` is what an end needs to find a name again: the server keeps a number per player, the client the text.
#[derive(Clone, Debug)]
pub struct NameTable<T> {
    slots: Vec<T>,
    next: usize,
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), next: 0 }
    }
}

impl<T> NameTable<T> {
    /// Forgets everything, as a fresh start does.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.next = 0;
    }

    fn push(&mut self, slot: T) {
        if self.slots.len() < NAME_TABLE_LEN {
            self.slots.push(slot);
        } else {
            self.slots[self.next] = slot;
        }
        self.next = (self.next + 1) % NAME_TABLE_LEN;
    }
}

impl<T: PartialEq> NameTable<T> {
    /// Writes `name`: its index if `key` was written lately, else the text, which both ends then remember.
    pub fn write<C: Coder>(&mut self, key: T, name: &Name, coder: &mut C) -> Result<(), WireError> {
        let known = self.slots.iter().position(|slot| *slot == key);
        coder.flag(known.is_some())?;
        if let Some(index) = known {
            coder.uint(index as u32, INDEX_BITS)?;
            return Ok(());
        }
        let bytes = name.as_str().as_bytes();
        coder.uint(bytes.len() as u32 - 1, LEN_BITS)?;
        for &byte in bytes {
            coder.uint(u32::from(byte), 8)?;
        }
        self.push(key);
        Ok(())
    }
}

impl NameTable<Name> {
    /// Reads what [`Self::write`] wrote.
    pub fn read<C: Coder>(&mut self, coder: &mut C) -> Result<Name, WireError> {
        if coder.flag(false)? {
            let index = coder.uint(0, INDEX_BITS)? as usize;
            return self.slots.get(index).cloned().ok_or(WireError::OutOfRange);
        }
        let len = coder.uint(0, LEN_BITS)? as usize + 1;
        let mut bytes = [0; NAME_BYTES_MAX];
        for byte in &mut bytes[..len] {
            *byte = coder.uint(0, 8)? as u8;
        }
        let text = std::str::from_utf8(&bytes[..len]).map_err(|_| WireError::Malformed)?;
        let name = Name::parse(text).map_err(|_| WireError::Malformed)?;
        self.push(name.clone());
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bits::{BitReader, BitWriter};

    #[test]
    fn names_are_trimmed_and_checked() {
        assert_eq!(Name::parse("  Ada ").map(|name| name.to_string()), Ok("Ada".into()));
        assert_eq!(Name::parse(" \t"), Err(NameError::Empty));
        assert_eq!(Name::parse(&"x".repeat(21)), Err(NameError::TooLong));
        assert_eq!(Name::parse(&"\u{1F680}".repeat(17)), Err(NameError::TooLong), "17 rockets are 68 bytes");
        for sneaky in ["a\u{0}b", "a\u{202e}b", "a\u{2066}b", "a\nb", "a\u{2028}b"] {
            assert_eq!(Name::parse(sneaky), Err(NameError::ControlCharacter), "{sneaky:?}");
        }
        for name in ["Łukasz 🚀 (3rd)", "علی\u{200c}رضا", "👩\u{200d}🚀", "❤\u{fe0f}"] {
            assert!(Name::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_name_travels_once_until_the_table_has_gone_round() {
        let (mut ours, mut theirs) = (NameTable::default(), NameTable::default());
        let mut send = |key: usize| {
            let name = Name::parse(&format!("player {key}")).expect("a name");
            let mut writer = BitWriter::new();
            ours.write(key, &name, &mut writer).expect("writes");
            let bits = writer.bit_len();
            assert_eq!(theirs.read(&mut BitReader::new(&writer.finish())), Ok(name));
            bits
        };
        let first = send(0);
        assert_eq!(send(0), 1 + INDEX_BITS as usize);
        for key in 1..NAME_TABLE_LEN {
            send(key);
        }
        assert_eq!(send(0), 1 + INDEX_BITS as usize);
        send(NAME_TABLE_LEN);
        assert_eq!(send(0), first, "the oldest was overwritten");
    }
}
