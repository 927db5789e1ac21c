//! The rules for players' names: visible, of a bounded width, and in any script that people write today. They use
//! Unicode properties, not lists of characters.

use fracas_protocol::name::Name;
use fracas_protocol::wire::limits::{NAME_BYTES_MAX, NAME_CHARS_MAX};
use unicode_joining_type::{JoiningType, get_joining_type};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};
use unicode_security::GeneralSecurityProfile;
use unicode_security::general_security_profile::IdentifierType;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a name may have on a screen, as terminals count them: a letter has one, a Chinese character or an emoji two.
const COLUMNS_MAX: usize = 24;
/// The columns of a sign that is neither a letter nor an emoji. No property says how wide it is drawn (the longest dash
/// has three) ...
const SIGN_COLUMNS: usize = 3;
/// ... and of a symbol: some of them are whole sentences.
const SYMBOL_COLUMNS: usize = 8;
/// Combining marks on one letter. Today's scripts need no more, and a pile of them covers other lines.
const MARKS_MAX: usize = 2;
/// Letters of the longest flag of a region (`gbeng`, and one more).
const FLAG_TAGS_MAX: usize = 6;
/// The combining class of signs that suppress a vowel, after which a joiner may stand.
const VIRAMA: u8 = 9;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';
const END_OF_TAGS: char = '\u{e007f}';

/// Why a text cannot be a name. The message is for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameFault {
    /// Nothing, or only spaces.
    #[error("The name is empty: type 1 to {NAME_CHARS_MAX} characters.")]
    Empty,
    /// Over the limit of characters or bytes.
    #[error("The name is too long: at most {NAME_CHARS_MAX} characters and {NAME_BYTES_MAX} bytes.")]
    TooLong,
    /// Over the limit of columns.
    #[error("The name is too wide: at most {COLUMNS_MAX} columns; a letter has 1, an emoji 2, a sign 3, a symbol 8.")]
    TooWide,
    /// A control, invisible or direction-changing character.
    #[error("The name holds a control or invisible character: use letters, digits, emoji and spaces.")]
    Invisible,
    /// A character that fonts may lack: unassigned, private, or of a dead script.
    #[error("The name holds a character that few screens can show: use another.")]
    Unshowable,
    /// A mark on nothing, or too many on one letter.
    #[error("The name has a mark without a letter, or more than {MARKS_MAX} on one.")]
    Marks,
}

/// Reads a name as its player typed it: composed, with plain single spaces and none around it.
///
/// # Errors
/// [`NameFault`], with a message for the player.
pub(crate) fn read(text: &str) -> Result<Name, NameFault> {
    // Bytes first, so that all other checks run over a bounded text.
    if text.len() > 4 * NAME_BYTES_MAX {
        return Err(NameFault::TooLong);
    }
    let text = with_plain_spaces(text);
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return Err(NameFault::Empty);
    }
    if text.len() > NAME_BYTES_MAX || chars.len() > NAME_CHARS_MAX {
        return Err(NameFault::TooLong);
    }
    check_characters(&chars)?;
    check_marks(&chars)?;
    if columns(&text) > COLUMNS_MAX {
        return Err(NameFault::TooWide);
    }
    Name::parse(&text).map_err(|_| NameFault::Invisible)
}

/// Composes the text, and turns each run of spaces into one plain space. Spaces at the ends are removed.
fn with_plain_spaces(text: &str) -> String {
    let plain: String = text.nfc().map(|c| if is_space(c) { ' ' } else { c }).collect();
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Spaces by their category, and the signs that Unicode calls blank, empty or filler without a property for it.
fn is_space(c: char) -> bool {
    const BLANK_SIGNS: [char; 4] = ['\u{2800}', '\u{1d159}', '\u{13441}', '\u{13442}'];
    c.general_category() == GeneralCategory::SpaceSeparator || BLANK_SIGNS.contains(&c)
}

/// Whether it prints nothing by itself (the property Default_Ignorable_Code_Point). A skeleton drops such characters.
fn is_ignorable(c: char) -> bool {
    unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

fn check_characters(chars: &[char]) -> Result<(), NameFault> {
    for (at, &c) in chars.iter().enumerate() {
        match c.general_category() {
            _ if is_ignorable(c) && is_valid_ignorable(chars, at) => {}
            _ if is_ignorable(c) => return Err(NameFault::Invisible),
            GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator => return Err(NameFault::Invisible),
            GeneralCategory::Unassigned | GeneralCategory::PrivateUse | GeneralCategory::Surrogate => {
                return Err(NameFault::Unshowable);
            }
            _ if c.identifier_type() == Some(IdentifierType::Exclusion) => return Err(NameFault::Unshowable),
            _ => {}
        }
    }
    Ok(())
}

/// Whether an ignorable character is part of a sequence in which it has an effect.
fn is_valid_ignorable(chars: &[char], at: usize) -> bool {
    let before = &chars[..at];
    let next = chars.get(at + 1).copied();
    match chars[at] {
        ZERO_WIDTH_JOINER => follows_virama(before) || (follows_emoji(before) && next.is_some_and(is_emoji)),
        ZERO_WIDTH_NON_JOINER => follows_virama(before) || parts_joined_letters(before, &chars[at + 1..]),
        // How an emoji is to be shown.
        '\u{fe0e}' | '\u{fe0f}' => before.last().is_some_and(|c| c.is_emoji_char()),
        // Which form of a Chinese character is meant.
        '\u{e0100}'..='\u{e01ef}' => before.last().is_some_and(|c| c.script() == Script::Han),
        '\u{e0030}'..='\u{e007f}' => is_in_flag(chars, at),
        _ => false,
    }
}

fn is_emoji(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

fn follows_virama(before: &[char]) -> bool {
    before.last().is_some_and(|c| canonical_combining_class(*c) == VIRAMA)
}

fn follows_emoji(before: &[char]) -> bool {
    let shown = before.iter().rev().find(|c| **c != '\u{fe0f}');
    shown.is_some_and(|c| is_emoji(*c))
}

/// Whether the letters on both sides would join without what is between them (RFC 5892, appendix A.1).
fn parts_joined_letters(before: &[char], after: &[char]) -> bool {
    let joining = |c: &&char| get_joining_type(**c) != JoiningType::Transparent;
    let left = before.iter().rev().find(joining).map(|c| get_joining_type(*c));
    let right = after.iter().find(joining).map(|c| get_joining_type(*c));
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Whether a tag is part of a region's flag: a black flag, the region's letters as tags, and an end tag.
fn is_in_flag(chars: &[char], at: usize) -> bool {
    let is_tag = |c: &&char| matches!(**c, '\u{e0030}'..='\u{e007e}');
    let before = chars[..at].iter().rev().take_while(is_tag).count();
    let after = chars[at..].iter().take_while(is_tag).count();
    let ends = chars.get(at + after) == Some(&END_OF_TAGS);
    let begins = at.checked_sub(before + 1).is_some_and(|place| chars[place] == BLACK_FLAG);
    begins && ends && (1..=FLAG_TAGS_MAX).contains(&(before + after))
}

fn check_marks(chars: &[char]) -> Result<(), NameFault> {
    // A mark without a letter is refused, like one after the maximum.
    let mut marks = MARKS_MAX;
    for &c in chars {
        match c.general_category() {
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark if !is_ignorable(c) => {
                marks += 1;
                if marks > MARKS_MAX {
                    return Err(NameFault::Marks);
                }
            }
            GeneralCategory::SpaceSeparator => marks = MARKS_MAX,
            _ if is_ignorable(c) => {}
            _ => marks = 0,
        }
    }
    Ok(())
}

/// How wide a text may be drawn. A character that stands for several is as wide as these.
fn columns(text: &str) -> usize {
    let more: usize = text
        .chars()
        .map(|c| {
            let own = c.width().unwrap_or(0);
            let mut parts = 0;
            decompose_compatible(c, |part| parts += part.width().unwrap_or(0));
            let least = least_columns(c).unwrap_or(own);
            parts.max(least).saturating_sub(own)
        })
        .sum();
    text.width() + more
}

/// The least columns of a character without a width property. That is one that is no letter, digit, mark or emoji, and
/// no sign of Latin-1.
fn least_columns(c: char) -> Option<usize> {
    let is_known = c <= '\u{ff}' || is_ignorable(c) || c.is_alphanumeric() || c.is_emoji_char_or_emoji_component();
    match c.general_category() {
        _ if is_known || c.width() != Some(1) => None,
        GeneralCategory::OtherSymbol => Some(SYMBOL_COLUMNS),
        _ => Some(SIGN_COLUMNS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_to_string(text: &str) -> Result<String, NameFault> {
        read(text).map(String::from)
    }

    #[test]
    fn names_of_all_over_the_world_are_let_in() {
        let names = [
            "Ada",
            "Łukasz 🚀 (3rd)",
            "José",
            "Nguyễn Văn",
            "Ελένη",
            "Ольга",
            "محمد",
            "علی\u{200c}رضا",
            "שרה",
            "राम",
            "क्\u{200d}ष",
            "สมชาย",
            "さくら",
            "山田太郎",
            "葛\u{e0100}城",
            "김민준",
            "x_X_x",
            "❤\u{fe0f}",
            "I ❤\u{fe0f} U",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "👩🏽\u{200d}🚀",
            "🇯🇵",
            "1\u{fe0f}\u{20e3}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "★Kira★",
            "ﾊﾟｲﾛｯﾄ",
        ];
        for name in names {
            assert_eq!(read_to_string(name).as_deref(), Ok(name.nfc().collect::<String>().as_str()), "{name:?}");
        }
    }

    #[test]
    fn spaces_of_any_kind_become_single_plain_ones() {
        assert_eq!(read_to_string(" \u{3000}山田\u{3000}\u{2003}太郎\u{a0}").as_deref(), Ok("山田 太郎"));
        assert_eq!(read_to_string("Ada \u{2800}\u{2800} II\u{2800}").as_deref(), Ok("Ada II"));
        for blank in ["", " ", "\u{2800}", "\u{3000}\u{2800}", "\u{1d159}"] {
            assert_eq!(read_to_string(blank), Err(NameFault::Empty), "{blank:?}");
        }
    }

    #[test]
    fn a_name_that_shows_nothing_or_hides_something_is_refused() {
        let hidden = [
            "\u{3164}",
            "Ada\u{3164}",
            "\u{115f}",
            "\u{ffa0}",
            "\u{200b}",
            "A\u{200b}da",
            "A\u{200d}da",
            "A\u{200c}da",
            "\u{200d}",
            "Ada\u{fe0f}",
            "A\u{fe00}da",
            "\u{34f}",
            "\u{17b4}",
            "\u{180e}",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200f}b",
            "\u{feff}a",
            "a\u{ad}b",
            "a\u{0}b",
            "a\nb",
            "a\tb",
            "a\u{2028}b",
            "a\u{85}b",
            "Ada\u{e0041}",
            "🏴\u{e0067}\u{e0062}",
            "🏴\u{e007f}",
            "x\u{e007f}",
            "A\u{e0100}",
            "\u{fff9}a",
            "\u{1bca0}a",
            "\u{1d173}a",
            "👨\u{200d}",
            "\u{2064}a",
        ];
        for text in hidden {
            assert_eq!(read_to_string(text), Err(NameFault::Invisible), "{text:?}");
        }
        for text in ["\u{e000}", "\u{378}", "\u{10ffff}", "\u{12000}", "\u{13000}"] {
            assert_eq!(read_to_string(text), Err(NameFault::Unshowable), "{text:?}");
        }
    }

    #[test]
    fn marks_stand_on_letters_and_do_not_pile_up() {
        assert!(read("a\u{332}\u{338}b").is_ok());
        for piled in ["\u{301}a", "a \u{301}", "a\u{332}\u{333}\u{338}", "Z\u{327}\u{332}\u{333}\u{338}", "\u{20dd}"] {
            assert_eq!(read_to_string(piled), Err(NameFault::Marks), "{piled:?}");
        }
    }

    #[test]
    fn a_name_does_not_cover_the_screen() {
        assert!(read(&"w".repeat(20)).is_ok() && read(&"山".repeat(12)).is_ok());
        assert_eq!(read_to_string(&"w".repeat(21)), Err(NameFault::TooLong));
        assert_eq!(read_to_string(&"w".repeat(10_000)), Err(NameFault::TooLong));
        let wide = [
            "\u{fdfd}".repeat(20),
            "\u{fdfd}".repeat(4),
            "\u{2e3b}".repeat(20),
            "山".repeat(13),
            "\u{bf5}".repeat(20),
            "\u{a9c5}".repeat(20),
        ];
        for text in wide {
            assert_eq!(read_to_string(&text), Err(NameFault::TooWide), "{text:?}");
        }
    }
}
