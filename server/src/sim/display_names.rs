//! The names by which a room shows its players. Of two names that look alike the later one gets a number.

use crate::ids::{PlayerId, PlayerKind};
use fracas_protocol::name::Name;
use fracas_protocol::wire::limits::{NAME_BYTES_MAX, NAME_CHARS_MAX};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The largest number added to a name; then numbers restart. It is more than a room has players.
const NUMBER_MAX: u32 = 9999;

/// The skeleton of a name: two names that look alike have the same one (Unicode Technical Standard 39, section 4).
fn skeleton(name: &str) -> String {
    unicode_security::skeleton(name).collect()
}

/// How one player is shown.
#[derive(Debug)]
struct ShownName {
    /// Skeletons of the shown name, and of the name that the player typed.
    shown: String,
    typed: String,
}

/// The players that share a name.
#[derive(Debug)]
struct Sharers {
    count: u32,
    last_number: u32,
}

/// The names taken in a room. Bounded by the room's slots.
#[derive(Debug, Default)]
pub(super) struct DisplayNames {
    /// Skeletons that only built-in bots may have.
    reserved: Arc<ReservedNames>,
    taken: BTreeSet<String>,
    /// By the skeleton of the typed name.
    sharers: BTreeMap<String, Sharers>,
    /// By player.
    shown: Vec<Option<ShownName>>,
}

/// Names of the built-in bots. A person with such a name gets a number added.
#[derive(Debug, Default)]
pub struct ReservedNames(BTreeSet<String>);

impl<'a> FromIterator<&'a str> for ReservedNames {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        Self(names.into_iter().map(skeleton).collect())
    }
}

impl DisplayNames {
    /// From now on people with these names get a number added.
    pub(super) fn reserve(&mut self, reserved: Arc<ReservedNames>) {
        self.reserved = reserved;
    }

    /// The name by which a new player is shown.
    pub(super) fn join(&mut self, player: PlayerId, kind: PlayerKind, name: &Name) -> Name {
        let typed = skeleton(name.as_str());
        let sharers = self.sharers.entry(typed.clone()).or_insert(Sharers { count: 0, last_number: 1 });
        sharers.count += 1;
        let is_reserved = |skeleton: &str| kind == PlayerKind::Person && self.reserved.0.contains(skeleton);
        let is_free = |skeleton: &str| !self.taken.contains(skeleton) && !is_reserved(skeleton);
        let (mut shown, mut result) = (typed.clone(), name.clone());
        let mut tries = 0;
        while !is_free(&shown) && tries < NUMBER_MAX {
            sharers.last_number = if sharers.last_number < NUMBER_MAX { sharers.last_number + 1 } else { 2 };
            result = numbered(name, sharers.last_number);
            (shown, tries) = (skeleton(result.as_str()), tries + 1);
        }
        self.taken.insert(shown.clone());
        if self.shown.len() <= player.index() {
            self.shown.resize_with(player.index() + 1, || None);
        }
        self.shown[player.index()] = Some(ShownName { shown, typed });
        result
    }

    /// A player has left, and its name is free.
    pub(super) fn leave(&mut self, player: PlayerId) {
        let Some(ShownName { shown, typed }) = self.shown.get_mut(player.index()).and_then(Option::take) else {
            return;
        };
        self.taken.remove(&shown);
        if let Some(sharers) = self.sharers.get_mut(&typed) {
            sharers.count -= 1;
            if sharers.count == 0 {
                self.sharers.remove(&typed);
            }
        }
    }
}

/// The name with a number added, shortened if it has to be.
fn numbered(name: &Name, number: u32) -> Name {
    let suffix = format!(" #{number}");
    let (bytes, chars) = (NAME_BYTES_MAX - suffix.len(), NAME_CHARS_MAX - suffix.len());
    let text = name.as_str();
    let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let kept = &text[..text.floor_char_boundary(end.min(bytes))];
    // Joiners and marks of the removed character are removed as well.
    let kept = kept.trim_end_matches(|c: char| c == ' ' || skeleton(c.encode_utf8(&mut [0; 4])).is_empty());
    Name::parse(&format!("{kept}{suffix}")).unwrap_or_else(|_| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn join(names: &mut DisplayNames, player: u16, text: &str) -> String {
        names.join(PlayerId(player), PlayerKind::Person, &name(text)).into()
    }

    #[test]
    fn names_that_look_alike_are_told_apart_by_a_number() {
        let mut names = DisplayNames::default();
        assert_eq!(join(&mut names, 0, "Ada"), "Ada");
        assert_eq!(join(&mut names, 1, "Ada"), "Ada #2");
        assert_eq!(join(&mut names, 2, "Аdа"), "Аdа #3", "in Cyrillic, which is no difference to see");
        assert_eq!(join(&mut names, 3, "Grace"), "Grace");
    }

    #[test]
    fn a_number_that_somebody_typed_is_not_given_again() {
        let mut names = DisplayNames::default();
        assert_eq!(join(&mut names, 0, "Ada #2"), "Ada #2");
        assert_eq!(join(&mut names, 1, "Ada"), "Ada");
        assert_eq!(join(&mut names, 2, "Ada"), "Ada #3");
        assert_eq!(join(&mut names, 3, "Ada #3"), "Ada #3 #2");
    }

    #[test]
    fn a_name_is_free_again_when_its_player_is_gone() {
        let mut names = DisplayNames::default();
        for _ in 0..3 {
            assert_eq!(join(&mut names, 7, "Ada"), "Ada");
            names.leave(PlayerId(7));
        }
        assert!(names.taken.is_empty() && names.sharers.is_empty());
        names.leave(PlayerId(7));
    }

    #[test]
    fn people_do_not_get_the_name_of_a_bot_but_bots_do() {
        let mut names = DisplayNames::default();
        names.reserve(Arc::new(["Kestrel", "Nova"].into_iter().collect()));
        assert_eq!(join(&mut names, 0, "Kestrel"), "Kestrel #2");
        assert_eq!(join(&mut names, 1, "Κestrel"), "Κestrel #3", "its first letter is Greek");
        let bot = names.join(PlayerId(2), PlayerKind::Bot, &name("Kestrel"));
        assert_eq!(bot.as_str(), "Kestrel");
    }

    #[test]
    fn the_longest_name_has_room_for_its_number() {
        let mut names = DisplayNames::default();
        let long = "w".repeat(NAME_CHARS_MAX);
        assert_eq!(join(&mut names, 0, &long), long);
        assert_eq!(join(&mut names, 1, &long), "w".repeat(NAME_CHARS_MAX - 3) + " #2");
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦👨\u{200d}👩\u{200d}👧\u{200d}👦";
        assert_eq!(join(&mut names, 2, family), family);
        let second = join(&mut names, 3, family);
        assert!(second.ends_with("👦 #2") || second.ends_with("👧 #2"), "{second}: no joiner is left at its end");
    }

    #[test]
    fn thousands_of_one_name_each_get_another_number_in_good_time() {
        let mut names = DisplayNames::default();
        let shown: BTreeSet<String> = (0..7680).map(|player| join(&mut names, player, "Ada")).collect();
        assert_eq!(shown.len(), 7680);
    }
}
