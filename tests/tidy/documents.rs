//! The shape of the documents: short sentences and lines, links and paths that lead somewhere, and figures that are equal.
//!
//! The rules are told to writers in `tests/README.md`.

use crate::{read, walk};
use fracas_tests::program::repository;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The documents that are read from beginning to end.
pub(crate) const DOCUMENTS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "PROTOCOL.md",
    "DECISIONS.md",
    "CONTRIBUTING.md",
    "server/README.md",
    "bot-client/README.md",
    "protocol/README.md",
    "tests/README.md",
];
/// The documents that are records. Their sentences are not measured.
pub(crate) const RECORDS: [&str; 2] = ["BENCHMARKS.md", "CHANGELOG.md"];

/// Words of a document's median sentence.
const MEDIAN_WORDS_MAX: usize = 15;
/// Words that nine of ten sentences do not exceed.
const NINTH_TENTH_WORDS_MAX: usize = 28;
/// Words of the longest sentence.
const SENTENCE_WORDS_MAX: usize = 40;
/// Fewer words are a label and no sentence.
const SENTENCE_WORDS_MIN: usize = 3;
/// Characters of a line of prose.
const LINE_CHARS_MAX: usize = 100;
/// Lines of the README.
const README_LINES_MAX: usize = 120;

/// The table that figures are quoted from, and how a table that quotes it begins.
const HEADLINES: &str = "## Headline figures";
const FIGURES_HEADER: &str = "| what | figure | command |";
/// Where a figure in prose links to, from any folder.
const FIGURES_TARGET: &str = "BENCHMARKS.md#headline-figures";
/// Rows that the README quotes at least.
const README_FIGURES_MIN: usize = 5;

/// Folders that a path from the root begins with.
const FOLDERS: [&str; 6] = [".ci", "assets", "bot-client", "protocol", "server", "tests"];
/// Endings by which a name without its folder is known to be a file's.
const FILE_ENDINGS: [&str; 7] = [".rs", ".md", ".mjs", ".js", ".py", ".sh", ".toml"];

/// What a line of Markdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Prose,
    Row,
    Heading,
    Code,
    Blank,
}

/// The lines of a document, each with its number and kind.
fn lines(text: &str) -> Vec<(usize, Kind, &str)> {
    let mut is_code = false;
    let kind = |line: &str| {
        let line = line.trim_start();
        if line.starts_with("```") {
            is_code = !is_code;
            return Kind::Blank;
        }
        match line.chars().next() {
            _ if is_code => Kind::Code,
            None => Kind::Blank,
            Some('|') => Kind::Row,
            Some('#') => Kind::Heading,
            Some(_) => Kind::Prose,
        }
    };
    let kinds: Vec<Kind> = text.lines().map(kind).collect();
    text.lines().zip(kinds).enumerate().map(|(index, (line, kind))| (index + 1, kind, line)).collect()
}

/// What stands behind the mark of a list's item or a quotation.
fn list_item(line: &str) -> Option<&str> {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let numbered = || line[digits..].strip_prefix('.').filter(|_| digits > 0);
    line.strip_prefix(['-', '*', '+', '>']).or_else(numbered)?.strip_prefix(' ')
}

/// The paragraphs and list items of a document, each on one line.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for (_, kind, line) in lines(text) {
        let (line, item) = (line.trim(), list_item(line.trim()));
        if kind != Kind::Prose || item.is_some() {
            paragraphs.push(String::new());
        }
        if let (Kind::Prose, Some(paragraph)) = (kind, paragraphs.last_mut()) {
            paragraph.push_str(item.unwrap_or(line));
            paragraph.push(' ');
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Everything of a document that is no code block: paragraphs, rows and headings.
fn passages(text: &str) -> Vec<String> {
    let others = lines(text).into_iter().filter(|(_, kind, _)| matches!(kind, Kind::Row | Kind::Heading));
    let mut passages = paragraphs(text);
    passages.extend(others.map(|(_, _, line)| line.to_owned()));
    passages
}

/// A passage with one word in place of each code span.
fn without_code(passage: &str) -> String {
    let parts = passage.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { "CODE" } else { part }).collect()
}

/// A paragraph as it is read: of a link its text stays, and a code span is a word.
fn plain(paragraph: &str) -> String {
    let text = without_code(paragraph);
    let (mut plain, mut rest) = (String::new(), &*text);
    while let Some(at) = rest.find("](") {
        plain.push_str(&rest[..at]);
        rest = rest[at..].find(')').map_or("", |end| &rest[at + end + 1..]);
    }
    plain.push_str(rest);
    plain.replace(['[', ']', '*'], "")
}

/// The sentences of a document, each as its words. What ends without a full stop is one too.
fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    for paragraph in paragraphs(text) {
        let plain = plain(&paragraph);
        let words: Vec<&str> = plain.split_whitespace().collect();
        let mut sentence: Vec<&str> = Vec::new();
        for (index, word) in words.iter().enumerate() {
            if word.contains(char::is_alphanumeric) {
                sentence.push(word);
            }
            let next = words.get(index + 1);
            if next.is_none_or(|next| is_end(word, next)) && sentence.len() >= SENTENCE_WORDS_MIN {
                sentences.push(sentence.join(" "));
                sentence.clear();
            } else if next.is_none_or(|next| is_end(word, next)) {
                sentence.clear();
            }
        }
    }
    sentences
}

/// Whether a sentence ends with this word, before that one.
fn is_end(word: &str, next: &str) -> bool {
    let goes_on = next.trim_start_matches(['(', '"', '\'']).starts_with(char::is_lowercase);
    word.trim_end_matches([')', '"', '\'']).ends_with(['.', '!', '?']) && !goes_on
}

/// How long the sentences of a document are, in words.
#[derive(Debug)]
struct Statistics {
    document: String,
    /// The shortest first.
    sentences: Vec<(usize, String)>,
}

impl Statistics {
    fn of(document: &str, text: &str) -> Self {
        let mut sentences: Vec<_> =
            sentences(text).into_iter().map(|sentence| (sentence.split(' ').count(), sentence)).collect();
        sentences.sort();
        Self { document: document.into(), sentences }
    }

    /// The length that so many of a hundred sentences do not exceed.
    fn at(&self, percent: usize) -> usize {
        let index = (self.sentences.len() * percent).div_ceil(100).saturating_sub(1);
        self.sentences.get(index).map_or(0, |(words, _)| *words)
    }

    fn row(&self) -> String {
        let count = |beyond: usize| self.sentences.iter().filter(|(words, _)| *words > beyond).count();
        let (all, long, too_long) = (self.sentences.len(), count(NINTH_TENTH_WORDS_MAX), count(SENTENCE_WORDS_MAX));
        let Self { document, .. } = self;
        format!("| {document} | {all} | {} | {} | {} | {long} | {too_long} |", self.at(50), self.at(90), self.at(100))
    }

    fn is_good(&self) -> bool {
        let lengths = [self.at(50), self.at(90), self.at(100)];
        let most = [MEDIAN_WORDS_MAX, NINTH_TENTH_WORDS_MAX, SENTENCE_WORDS_MAX];
        lengths.iter().zip(most).all(|(length, most)| *length <= most)
    }

    /// Its longest sentences, for whoever has to shorten some.
    fn longest(&self) -> String {
        let longest = self.sentences.iter().rev().take(8);
        longest.fold(String::new(), |mut text, (words, sentence)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}: {words} words: {sentence}", self.document);
            text
        })
    }
}

fn table(statistics: &[Statistics]) -> String {
    let over = format!("over {NINTH_TENTH_WORDS_MAX} | over {SENTENCE_WORDS_MAX}");
    let rows: Vec<String> = statistics.iter().map(Statistics::row).collect();
    format!(
        "| document | sentences | median | ninth tenth | longest | {over} |\n|---|---|---|---|---|---|---|\n{}",
        rows.join("\n")
    )
}

/// The lines of prose that are too long and could be broken.
fn wide_lines(text: &str) -> Vec<usize> {
    let is_wide = |line: &str| line.chars().count() > LINE_CHARS_MAX && line.trim().contains(' ');
    let wide = lines(text).into_iter().filter(|(_, kind, line)| *kind == Kind::Prose && is_wide(line));
    wide.map(|(number, _, _)| number).collect()
}

/// The links of a document: text and target.
fn links(text: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    for passage in passages(text) {
        let passage = without_code(&passage);
        for (at, _) in passage.match_indices("](") {
            let target = passage[at + 2..].split(')').next().unwrap_or_default();
            let begins = passage[..at].rfind('[').map_or(0, |open| open + 1);
            links.push((passage[begins..at].to_owned(), target.to_owned()));
        }
    }
    links
}

/// What a heading is linked by.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).into_iter().filter(|(_, kind, _)| *kind == Kind::Heading);
    let anchor = |heading: &str| -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(|(_, _, heading)| anchor(heading)).collect()
}

/// Why a link leads nowhere, if it does.
fn dead_link(document: &str, text: &str, target: &str) -> Option<String> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let file = repository().join(folder).join(path);
    if !path.is_empty() && !file.exists() {
        return Some(format!("{document}: no {path}"));
    }
    let other = (path.ends_with(".md") && !anchor.is_empty()).then(|| std::fs::read_to_string(&file).expect("text"));
    let headings = anchors(other.as_deref().unwrap_or(text));
    let is_known = anchor.is_empty() || !(path.is_empty() || path.ends_with(".md")) || headings.contains(anchor);
    (!is_known).then(|| format!("{document}: no heading for {target}"))
}

/// Every file of the repository by its path from the root, and every folder with a slash behind it.
fn repository_paths() -> BTreeSet<String> {
    let root = repository();
    let mut paths = BTreeSet::new();
    for entry in std::fs::read_dir(&root).expect("a folder").map(|entry| entry.expect("an entry")) {
        paths.insert(entry.file_name().to_string_lossy().into_owned());
    }
    for folder in FOLDERS {
        walk(&root.join(folder), &mut |path| {
            let name = path.strip_prefix(&root).expect("it is under the root").display().to_string();
            let folders: Vec<String> = name.match_indices('/').map(|(at, _)| name[..=at].to_owned()).collect();
            paths.extend(folders);
            paths.insert(name);
        });
    }
    paths
}

/// The words of a document's code spans and code blocks.
fn code_words(text: &str) -> Vec<String> {
    let spans = passages(text).into_iter().flat_map(|passage| {
        let spans = passage.split('`').skip(1).step_by(2).map(str::to_owned);
        spans.collect::<Vec<_>>()
    });
    let blocks = lines(text).into_iter().filter(|(_, kind, _)| *kind == Kind::Code);
    let code: Vec<String> = spans.chain(blocks.map(|(_, _, line)| line.to_owned())).collect();
    code.iter()
        .flat_map(|code| code.split_whitespace())
        .map(|word| word.trim_end_matches([',', ':', ';']).to_owned())
        .collect()
}

/// Whether a word names a file or folder that is not there. A path may begin at the root; a file's name, or a folder's with a
/// slash behind it, may also stand without the folders before it.
fn is_missing(word: &str, paths: &BTreeSet<String>) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    if !word.bytes().all(may_stand) || word.starts_with(['/', '-']) {
        return false;
    }
    let first = word.split('/').next().unwrap_or_default();
    if word.contains('/') && FOLDERS.contains(&first) {
        return !paths.contains(word) && !paths.contains(&format!("{word}/"));
    }
    let is_file = FILE_ENDINGS.iter().any(|ending| word.ends_with(ending) && word.len() > ending.len());
    let is_folder = word.ends_with('/') && word.len() > 1;
    let stands_last = |path: &String| path == word || path.ends_with(&format!("/{word}"));
    (is_file || is_folder) && !paths.iter().any(stands_last)
}

/// The rows of all tables of figures, each as its cells.
fn figure_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut is_within) = (Vec::new(), false);
    for (_, kind, line) in lines(text) {
        if kind != Kind::Row {
            is_within = false;
        } else if is_within && !line.starts_with("|---") {
            let cells = line.trim_matches('|').split('|');
            rows.push(cells.map(|cell| cell.trim().to_owned()).collect());
        } else if line == FIGURES_HEADER {
            is_within = true;
        }
    }
    rows
}

/// The numbers in a text.
fn numbers(text: &str) -> BTreeSet<&str> {
    let parts = text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',');
    parts.map(|part| part.trim_matches(['.', ','])).filter(|part| !part.is_empty()).collect()
}

/// Whether words stand in a cell, and not only a part of a longer number or word.
fn quotes(cell: &str, words: &str) -> bool {
    cell.match_indices(words).any(|(at, _)| {
        let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '.' | ',');
        let before = cell[..at].chars().next_back().is_some_and(is_inner);
        let behind = cell[at + words.len()..].chars().next().is_some_and(char::is_alphanumeric);
        !before && !behind
    })
}

/// What a document says otherwise than the headline figures do.
fn other_figures(document: &str, text: &str, headlines: &[Vec<String>]) -> Vec<String> {
    let unknown = figure_rows(text).into_iter().filter(|row| !headlines.contains(row));
    let mut others: Vec<String> = unknown.map(|row| format!("{document}: no row {row:?}")).collect();
    for (words, target) in links(text) {
        let is_quoted = || headlines.iter().any(|row| row.get(1).is_some_and(|figure| quotes(figure, &words)));
        if target.ends_with(FIGURES_TARGET) && words.contains(|c: char| c.is_ascii_digit()) && !is_quoted() {
            others.push(format!("{document}: no figure {words:?}"));
        }
    }
    others
}

#[test]
fn sentences_are_short() {
    let statistics = DOCUMENTS.map(|document| Statistics::of(document, &read(document)));
    println!("{}", table(&statistics));
    let bad: Vec<_> = statistics.iter().filter(|statistics| !statistics.is_good()).collect();
    let longest: String = bad.iter().map(|statistics| statistics.longest()).collect();
    assert!(bad.is_empty(), "shorten sentences:\n{}\n{longest}", table(&statistics));
}

#[test]
fn lines_of_prose_are_wrapped_and_the_readme_is_one_page() {
    for document in DOCUMENTS {
        assert_eq!(wide_lines(&read(document)), [0; 0], "{document}: lines of over {LINE_CHARS_MAX} characters");
    }
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines: move something to a guide");
}

#[test]
fn every_link_and_every_named_path_leads_somewhere() {
    let paths = repository_paths();
    let mut missing = Vec::new();
    for document in DOCUMENTS.into_iter().chain(RECORDS) {
        let text = read(document);
        missing.extend(links(&text).iter().filter_map(|(_, target)| dead_link(document, &text, target)));
        // What a change was once called stays in the list of changes.
        let words = if document == "CHANGELOG.md" { Vec::new() } else { code_words(&text) };
        missing
            .extend(words.iter().filter(|word| is_missing(word, &paths)).map(|word| format!("{document}: no {word}")));
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn figures_are_those_of_the_benchmarks() {
    let benchmarks = read("BENCHMARKS.md");
    let headlines = figure_rows(&benchmarks);
    let (before, from) = benchmarks.split_once(HEADLINES).expect("the headline figures");
    let behind = &from[from.find("\n## ").expect("a section")..];
    let measured = [before, behind].map(numbers);
    for row in &headlines {
        let unmeasured: Vec<_> =
            numbers(&row[1]).into_iter().filter(|number| measured.iter().all(|all| !all.contains(number))).collect();
        assert_eq!(unmeasured, [""; 0], "BENCHMARKS.md has this nowhere else: {row:?}");
    }
    for document in DOCUMENTS {
        assert_eq!(other_figures(document, &read(document), &headlines), [""; 0]);
    }
    assert!(figure_rows(&read("README.md")).len() >= README_FIGURES_MIN, "README.md quotes the headline figures");
}

#[test]
fn sentences_are_told_apart_as_a_reader_does() {
    let text = "# A heading of many words\n\nOne two three. Four five\nsix `a b. c` seven? Yes.\n\n\
                - An item, e.g. this one\n- [A link. Or](b.md) two links (in full).\n\n| a | row of words |\n\n\
                ```\ncode is not prose.\n```\n1. **Numbered** items count.\n";
    let expected = [
        "One two three.",
        "Four five six CODE seven?",
        "An item, e.g. this one",
        "A link.",
        "Or two links (in full).",
        "Numbered items count.",
    ];
    let expected: Vec<_> = expected.into_iter().filter(|sentence| sentence.split(' ').count() >= 3).collect();
    assert_eq!(sentences(text), expected);
    let long = "a ".repeat(SENTENCE_WORDS_MAX + 1);
    assert!(!Statistics::of("x", &long).is_good() && Statistics::of("x", text).is_good());
    assert!(!Statistics::of("x", &format!("{}.\n\n", "a ".repeat(MEDIAN_WORDS_MAX + 1)).repeat(3)).is_good());
}

#[test]
fn what_breaks_a_rule_is_found() {
    let wide = "word ".repeat(21);
    assert_eq!(wide_lines(&format!("short\n{wide}\n| {wide} |\n```\n{wide}\n```\n- {wide}\n")), [2, 7]);
    let text = "See [this](#that-one), [gone](gone.md), [there](#gone).\n\n## That: one\n";
    let dead: Vec<_> = links(text).iter().filter_map(|(_, target)| dead_link("README.md", text, target)).collect();
    assert_eq!(dead, ["README.md: no gone.md", "README.md: no heading for #gone"]);
    let paths = repository_paths();
    for missing in ["tests/gone", "tests/tidy/gone.rs", "gone.rs", "tidy/gone.rs", "gone/"] {
        assert!(is_missing(missing, &paths), "{missing}");
    }
    for there in
        ["tests/run", "tests/tidy/", "tidy/documents.rs", "documents.rs", "tidy/", "/livez", "10.0.0.0/8", "a/b"]
    {
        assert!(!is_missing(there, &paths), "{there}");
    }
    let row = |what: &str, figure: &str| format!("{FIGURES_HEADER}\n|---|---|---|\n| {what} | {figure} | `x` |\n");
    let headlines = figure_rows(&row("speed", "54 bytes, 1.2 s"));
    let check = |text: &str| other_figures("a.md", text, &headlines).len();
    let link = |words: &str| format!("It takes [{words}](../{FIGURES_TARGET}).\n");
    assert_eq!(
        [&row("speed", "54 bytes, 1.2 s"), &link("54 bytes"), &link("1.2 s"), &link("figures")].map(|text| check(text)),
        [0; 4]
    );
    assert_eq!(
        [&row("speed", "55 bytes, 1.2 s"), &link("4 bytes"), &link("2 s"), &link("54 byte")].map(|text| check(text)),
        [1; 4]
    );
}
