//! One name, one meaning: public types of the workspace, and words that are no longer used.

use crate::imports::{circles, edges, written};
use crate::rust_text::RustText;
use crate::{File, files, read, rust};
use std::collections::{BTreeMap, BTreeSet};

/// Sources whose types must differ in name.
const PRODUCT: [&str; 5] =
    ["protocol/src/", "server/src/", "bot-client/src/", "assets/web/core/src/", "assets/games/arena/src/"];
/// The tests' own library: what it shows counts too.
const HARNESS: &str = "tests/harness/";

/// Names that stand for two public types, and why.
const ALLOWED: &[(&str, &str)] = &[];

/// What a retired word named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    /// A type: refused as a name in code, and between backquotes in comments.
    Type,
    /// A function or method: refused where one is defined.
    Function,
    /// Part of a name in code, or a word in a comment.
    Word,
    /// Words in any text, upper or lower case, with a space, hyphen or underscore between them.
    Phrase,
}
use Was::{Function, Phrase, Type, Word};

/// A retired word, what it named, and what to use instead.
const RETIRED: &[(&str, Was, &str)] = &[
    ("Seat", Type, "ClientConn"),
    ("Desk", Type, "InboundCtx"),
    ("Easel", Type, "RoomComposer"),
    ("Asides", Type, "RoomEvents"),
    ("Bulletin", Type, "GameEvent"),
    ("Notice", Type, "EncodedEvent"),
    ("Guesses", Type, "TokenAbuse"),
    ("Shares", Type, "AddressQuota"),
    ("Share", Type, "QuotaGuard"),
    ("Pace", Type, "RetryScheduler"),
    ("Allowance", Type, "RateLimiter"),
    ("Dice", Type, "Rng"),
    ("doors", Word, "endpoints"),
    (concat!("house", " bot"), Phrase, "built-in bot"),
    ("take", Function, "try_acquire, record, pop, drain, handle"),
    ("judge", Function, "check, update, or what the judgement is about"),
    ("tell", Function, "send, publish, log, report"),
    ("part", Function, "leave, disconnect, fraction"),
    ("meet", Function, "accept, connect"),
    ("words", Function, "message"),
];

/// Every place where a retired word is used.
fn retired(files: &[File]) -> Vec<String> {
    let mut hits = Vec::new();
    for file in files {
        let said: Vec<_> = file.text.lines().map(said).collect();
        let rust = file.path.ends_with(".rs").then(|| RustText::whole(&file.text));
        let read = rust.as_ref().map(|text| (text.names(), text.comments()));
        for (word, was, instead) in RETIRED {
            let lines = match (was, &read) {
                (Phrase, _) => lines_where(said.iter().map(String::as_str), |line| line.contains(word)),
                (_, Some((names, comments))) => used(names, comments, word, *was),
                (_, None) => BTreeSet::new(),
            };
            hits.extend(lines.into_iter().map(|line| format!("{}:{line}: {word}: use {instead}", file.path)));
        }
    }
    hits
}

/// The lines in which a word is used as what it was.
fn used(names: &[(usize, String)], comments: &str, word: &str, was: Was) -> BTreeSet<usize> {
    let named = |is_meant: &dyn Fn(&str) -> bool| -> BTreeSet<usize> {
        names.iter().filter(|(_, name)| is_meant(name)).map(|(line, _)| *line).collect()
    };
    let commented = |is_meant: &dyn Fn(&str) -> bool| lines_where(comments.lines(), is_meant);
    match was {
        Type => {
            let is_quoted = |line: &str| quoted(line).any(|quoted| quoted.split("::").any(|part| part == word));
            &named(&|name| name == word) | &commented(&is_quoted)
        }
        Word => {
            let is_said = |line: &str| line.split(|letter: char| !letter.is_alphanumeric()).any(|said| said == word);
            &named(&|name| parts(name).iter().any(|part| part == word)) | &commented(&is_said)
        }
        Function => {
            let pairs = names.windows(2).filter(|pair| pair[0].1 == "fn" && pair[1].1 == word);
            pairs.map(|pair| pair[1].0).collect()
        }
        Phrase => BTreeSet::new(),
    }
}

fn lines_where<'a>(lines: impl Iterator<Item = &'a str>, is_meant: impl Fn(&str) -> bool) -> BTreeSet<usize> {
    lines.enumerate().filter(|(_, line)| is_meant(line)).map(|(number, _)| number + 1).collect()
}

/// A line in lower case, with a space for `-`, `_` and `'s `.
fn said(line: &str) -> String {
    line.to_lowercase().replace("'s ", " ").replace(['-', '_'], " ")
}

/// What stands between backquotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The words that a name is made of, in lower case: `LoopEnd` and `loop_end` are both `loop`, `end`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        was_lower = letter.is_lowercase();
        if letter != '_' {
            parts.last_mut().expect("one at least").extend(letter.to_lowercase());
        }
    }
    parts
}

/// Names of types and the files that define them, one entry a definition.
type Meanings = BTreeMap<String, Vec<String>>;

/// The types in `files` that `counts` accepts, by file, and by whether they are public.
fn meanings(files: &[File], counts: impl Fn(&File, bool) -> bool) -> Meanings {
    let mut meanings = Meanings::new();
    for file in files {
        for item in RustText::whole(&file.text).items().iter().filter(|item| item.is_type()) {
            if counts(file, item.is_public && !item.is_test) {
                meanings.entry(item.name.clone()).or_default().push(file.path.clone());
            }
        }
    }
    meanings.retain(|_, places| places.len() > 1);
    meanings
}

/// The public types of the product and of the tests' library that share a name.
fn public_meanings(files: &[File]) -> Meanings {
    let folders = [&PRODUCT[..], &[HARNESS]].concat();
    meanings(files, |file, is_public| is_public && folders.iter().any(|folder| file.path.starts_with(folder)))
}

/// A line of a table: how many, and how long in the middle, at the ninth tenth, and at most.
fn lengths(title: &str, mut lines: Vec<usize>) -> String {
    lines.sort_unstable();
    let at = |tenth: usize| lines.get(lines.len() * tenth / 10).copied().unwrap_or(0);
    let most = lines.last().copied().unwrap_or(0);
    format!("| {title} | {} | {} | {} | {most} |", lines.len(), at(5), at(9))
}

/// Whether a circle is one of those that `imports` refuses.
fn is_held(circle: &str) -> bool {
    circle.starts_with("server/") || circle.starts_with("protocol/")
}

/// Statistics of the code as a whole, as Markdown.
fn report(files: &[File]) -> String {
    let is_product = |file: &&File| PRODUCT.iter().any(|folder| file.path.starts_with(folder));
    let private = meanings(files, |file, _| is_product(&file));
    let all = meanings(files, |_, _| true);
    let mut lines = vec!["| type names with two meanings or more | number |".to_owned(), "|---|---|".to_owned()];
    for (title, found) in [
        ("public ones of the product and of the tests' library", &public_meanings(files)),
        ("all of the product, private ones too", &private),
        ("all, with tests", &all),
    ] {
        lines.push(format!("| {title} | {} |", found.len()));
    }
    let circles = circles(&edges(files));
    let (held, others): (Vec<_>, Vec<_>) =
        circles.iter().map(|circle| written(circle)).partition(|circle| is_held(circle));
    for (title, circles) in [("in server and protocol", held), ("elsewhere", others)] {
        lines.extend([String::new(), format!("{} circles of imports {title}:", circles.len()), String::new()]);
        lines.extend(circles.iter().map(|circle| format!("- {circle}")));
    }
    lines.extend(["", "| lines of | number | median | p90 | max |", "|---|---|---|---|---|"].map(String::from));
    let functions = |text: RustText<'_>| -> Vec<usize> {
        text.functions().iter().map(|function| function.last_line - function.first_line + 1).collect()
    };
    let (product, tests): (Vec<&File>, Vec<&File>) = files.iter().partition(is_product);
    let file_lines = |group: &[&File]| group.iter().map(|file| file.text.lines().count()).collect();
    lines.push(lengths("files, product", file_lines(&product)));
    lines.push(lengths("files, tests, benches, examples", file_lines(&tests)));
    let programs = product.iter().filter(|file| !file.path.ends_with("tests.rs"));
    let programs = programs.flat_map(|file| functions(RustText::program(&file.text))).collect();
    lines.push(lengths("functions, product without unit tests", programs));
    let tests = tests.iter().flat_map(|file| functions(RustText::whole(&file.text))).collect();
    lines.push(lengths("functions, tests, benches, examples", tests));
    lines.extend(["".into(), "Type names with two meanings or more:".into(), "".into()]);
    lines.extend(all.iter().map(|(name, places)| format!("- `{name}`: {}", places.join(", "))));
    lines.join("\n")
}

#[test]
fn no_two_public_types_have_one_name() {
    let mut found = public_meanings(&rust());
    for (name, reason) in ALLOWED {
        assert!(found.remove(*name).is_some(), "{name} has one meaning now: it needs no reason ({reason})");
    }
    let found: Vec<_> = found.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn retired_words_are_not_used() {
    let folders = ["protocol", "server", "bot-client", "tests", "assets"];
    let mut texts = files(&folders, &["rs", "js", "mjs", "html", "md", "toml"]);
    for document in ["README.md", "ARCHITECTURE.md", "PROTOCOL.md", "CONTRIBUTING.md", "DECISIONS.md"] {
        texts.push(File { path: document.into(), text: read(document) });
    }
    let hits = retired(&texts);
    assert!(hits.is_empty(), "{} uses of retired words:\n{}", hits.len(), hits.join("\n"));
}

/// Prints statistics of the code if `FRACAS_TIDY_REPORT` is set; run it with `--nocapture`.
#[test]
fn the_code_can_be_measured() {
    let report = report(&rust());
    assert!(report.contains("| functions, product without unit tests |"));
    if std::env::var_os("FRACAS_TIDY_REPORT").is_some() {
        println!("{report}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn hits(text: &str) -> Vec<String> {
        retired(&[file("a.rs", text)])
    }

    #[test]
    fn a_retired_type_is_found_in_code_and_between_backquotes() {
        assert_eq!(hits("fn a(seat: &Seat) {}"), ["a.rs:1: Seat: use ClientConn"]);
        assert_eq!(hits("//! A [`Seat::new`] b.\n"), ["a.rs:1: Seat: use ClientConn"]);
        assert_eq!(hits("//! Seats are limited. The seat `seat`.\nlet a = \"Seat\";"), [""; 0]);
    }

    #[test]
    fn a_retired_function_is_found_where_it_is_defined() {
        assert_eq!(hits("fn judge(&self) {}"), ["a.rs:1: judge: use check, update, or what the judgement is about"]);
        assert_eq!(hits("fn judged() { iterator.take(2); words.len(); }"), [""; 0]);
    }

    #[test]
    fn a_retired_word_is_found_within_names_and_in_comments() {
        let hit = ["a.rs:1: doors: use endpoints"];
        for text in ["let loop_doors = 1;", "struct LoopDoors;", "// Its doors are bounded.\n"] {
            assert_eq!(hits(text), hit, "{text}");
        }
        assert_eq!(hits("let indoors = outdoors;"), [""; 0]);
    }

    #[test]
    fn a_retired_phrase_is_found_in_any_text() {
        for (one, two) in [("house", " bots"), ("House", "-bot"), ("house's", " bots")] {
            assert_eq!(retired(&[file("a.md", &[one, two].concat())]).len(), 1, "{one}{two}");
        }
    }

    #[test]
    fn names_of_two_public_types_are_found_and_private_ones_are_not() {
        let one = || file("server/src/a.rs", "pub(crate) struct A; struct B; impl C { type D = E; }");
        let other = || file("protocol/src/b.rs", "pub trait A {} pub struct B; pub type D = E;");
        let found = public_meanings(&[one(), other()]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("A".into(), vec![one().path, other().path])]);
        let test = file("protocol/src/c.rs", "#[cfg(test)] mod tests { pub struct A; }");
        assert_eq!(public_meanings(&[one(), test]), Meanings::new());
    }

    #[test]
    fn lengths_are_told_in_the_middle_and_at_the_ends() {
        assert_eq!(lengths("a", (1..=100).collect()), "| a | 100 | 51 | 91 | 100 |");
        assert_eq!(lengths("a", Vec::new()), "| a | 0 | 0 | 0 | 0 |");
    }
}
