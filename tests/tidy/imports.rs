//! Who imports whom: no circle between files, and the folders' order.
//!
//! An import counts for the file that defines what is imported, not for the one that passes it on. A path written out in
//! the code counts as an import. A parent's `mod` and `pub use` lines, which only show what its children have, do not
//! count, and neither do tests.

use crate::rust_text::{Import, Item, RustText};
use crate::{File, files};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The files that each file imports from.
pub(crate) type Edges = BTreeMap<String, BTreeSet<String>>;

/// The crates by the name that others import them by, and their sources.
const CRATES: [(&str, &str); 7] = [
    ("fracas_protocol", "protocol/src/"),
    ("fracas_server", "server/src/"),
    ("fracas_bots", "bot-client/src/"),
    ("fracas_web", "assets/web/core/src/"),
    ("fracas_arena", "assets/games/arena/src/"),
    ("fracas_paint", "assets/games/paint/src/"),
    ("fracas_tag", "assets/games/tag/src/"),
];

/// Why somebody may not join: the simulation's part of what a client is told, whoever tells it.
const REFUSAL: &str = "server/sim/join_refusal";

/// Who may import whom, by folder, without `/src/` and `.rs`; a folder stands for all that is in it. Every folder may
/// import from itself, and the first row that fits a file is its row.
const ALLOWED: &[(&str, &[&str])] = &[
    // What both ends share.
    ("protocol/lib", &[]),
    ("protocol/ids", &["protocol/lib"]),
    ("protocol/point", &["protocol/tick"]),
    ("protocol/tick", &["protocol/lib"]),
    ("protocol/fixed", &["protocol/lib", "protocol/point", "protocol/tick", "protocol/wire/bits"]),
    ("protocol/rng", &["protocol/lib", "protocol/point"]),
    ("protocol/grid", &["protocol/ids", "protocol/point"]),
    ("protocol/name", &["protocol/lib", "protocol/wire"]),
    (
        "protocol/wire",
        &["protocol/lib", "protocol/ids", "protocol/point", "protocol/name", "protocol/tick", "protocol/game"],
    ),
    // A brain sees what a client has, and the test kit plays clients.
    ("protocol/game/brain", &["protocol"]),
    ("protocol/game/check", &["protocol"]),
    ("protocol/game/toy", &["protocol"]),
    (
        "protocol/game",
        &[
            "protocol/lib",
            "protocol/fixed",
            "protocol/ids",
            "protocol/name",
            "protocol/point",
            "protocol/rng",
            "protocol/tick",
            "protocol/wire",
            "protocol/record",
        ],
    ),
    ("protocol/record", &["protocol/lib", "protocol/ids", "protocol/wire", "protocol/game"]),
    ("protocol/replica", &["protocol"]),
    ("protocol/client", &["protocol"]),
    ("protocol/prelude", &["protocol"]),
    // The server, in the order of what it stands on.
    ("server/lib", &[]),
    ("server/ids", &["protocol"]),
    ("server/replication", &["protocol", "server/ids"]),
    ("server/sim", &["protocol", "server/ids", "server/replication"]),
    ("server/host", &["protocol"]),
    // The operators' port is served as the players' port is.
    ("server/ops/server", &["protocol", "server/ops", "server/front", "server/config"]),
    ("server/ops", &["protocol", "server/ids", "server/host", REFUSAL]),
    ("server/admission", &["protocol", "server/ids", "server/host", "server/ops", REFUSAL]),
    ("server/io", &["protocol", "server/ids", "server/host", "server/ops", "server/admission", REFUSAL]),
    (
        "server/front",
        &["protocol", "server/ids", "server/host", "server/ops", "server/admission", "server/io", REFUSAL],
    ),
    (
        "server/session",
        &["protocol", "server/ids", "server/ops", "server/admission", "server/io", "server/replication", "server/sim"],
    ),
    ("server/config", &["protocol", "server/ids"]),
    // The only place that knows every part, the game and the bots too.
    ("server/run", &["protocol", "server", "bot-client"]),
    ("server/new_game", &[]),
    ("server/program", &["protocol", "server/config", "server/new_game", "server/run"]),
    // A developer's tests play whole matches.
    ("server/testkit", &["protocol", "server", "bot-client"]),
    ("server/main", &["server/program", "assets/games/arena"]),
    // The programs at the other end: they know the protocol, and no server.
    ("bot-client/main", &["bot-client", "assets/games/arena"]),
    ("bot-client", &["protocol"]),
    ("assets/web/core", &["protocol"]),
    // A game: what both ends share, and the page's core. Another game's program is the server's, with that game.
    ("assets/games/arena", &["protocol", "assets/web/core"]),
    ("assets/games/paint", &["protocol", "server", "assets/web/core"]),
    ("assets/games/tag", &["protocol", "server", "assets/web/core"]),
];

/// Imports that the table does not allow: who, whom, and why it is so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("server/admission/control", "server/front/forwarded", "admission limits by the address that a proxy names"),
    ("server/admission/control", "server/front/http_connections", "admission says how many a network may have"),
    ("server/admission/control", "server/front/origin", "admission checks the page that a client comes from"),
    ("server/admission/control", "server/front/rejection", "admission refuses with an HTTP status"),
    ("server/admission/control", "server/session/token", "admission counts the tokens that nobody knows"),
    ("server/config/settings", "server/front/forwarded", "the type of a setting"),
    ("server/config/settings", "server/front/origin", "the type of a setting"),
    ("server/config/settings", "server/admission/join_budget", "the type of a setting"),
    ("server/config/settings", "server/sim/idle", "the type of a setting"),
    ("server/config/settings", "server/sim/roster", "the type of a setting"),
    ("server/config/game", "server/sim/roster", "the seats that a game has ids for"),
    ("server/config/time", "server/sim/idle", "the type of a setting"),
    ("server/host/memory", "server/admission/memory_budget", "what is measured goes to admission's budget"),
    ("server/host/memory", "server/front/http", "what is measured goes to admission by way of the front"),
    ("server/ops/metrics", "server/admission/memory_budget", "a metric shows it"),
    ("server/ops/metrics", "server/front/rejection", "its values are a metric's labels"),
    ("server/ops/metrics", "server/sim/phase", "its values are a metric's labels"),
    ("server/ops/metrics", "server/sim/room/result", "what a tick counted"),
    ("server/ops/metrics", "server/sim/roster", "what a tick counted"),
    ("server/ops/metrics", "server/sim/tick_loop", "what a tick counted"),
    ("server/ops/server", "server/run/shutdown", "it ends when the server does"),
];

/// At most so many imports and re-exports are followed for one path.
const STEPS_MAX: usize = 32;

/// A file as the module that it is.
struct Module {
    file: String,
    imports: Vec<Import>,
    items: Vec<Item>,
    paths: Vec<Vec<String>>,
}

/// All modules by their whole path, the crate's name first.
struct Modules(BTreeMap<Vec<String>, Module>);

/// What a path leads to.
enum Target {
    /// This module itself.
    Module(Vec<String>),
    /// Something that this module defines.
    ItemOf(Vec<String>),
}

impl Modules {
    fn of(files: &[File]) -> Self {
        let mut modules = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for file in files {
            let Some(path) = module_path(&file.path) else { continue };
            let declared = RustText::whole(&file.text).items();
            let declared = declared.into_iter().filter(|item| item.kind == "mod" && item.is_test);
            tests.extend(declared.map(|item| [path.as_slice(), &[item.name]].concat()));
            let text = RustText::program(&file.text);
            let module =
                Module { file: file.path.clone(), imports: text.imports(), items: text.items(), paths: text.paths() };
            modules.insert(path, module);
        }
        modules.retain(|path: &Vec<String>, _| !(1..=path.len()).any(|length| tests.contains(&path[..length])));
        Self(modules)
    }

    /// Where `path`, written in the module `from`, leads to; `None` if it leads out of these crates.
    fn resolve(&self, from: &[String], path: &[String], steps: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        if steps == 0 {
            return None;
        }
        match first.as_str() {
            "crate" => self.descend(&from[..1], rest, steps),
            "self" => self.descend(from, rest, steps),
            "super" if from.len() > 1 => match rest.first() {
                Some(next) if next == "super" => self.resolve(&from[..from.len() - 1], rest, steps),
                _ => self.descend(&from[..from.len() - 1], rest, steps),
            },
            name if CRATES.iter().any(|(known, _)| *known == name) => self.descend(&path[..1], rest, steps),
            _ => self.step(from, path, steps),
        }
    }

    /// Follows `path` from a module downwards.
    fn descend(&self, module: &[String], path: &[String], steps: usize) -> Option<Target> {
        if path.is_empty() {
            return self.0.contains_key(module).then(|| Target::Module(module.to_vec()));
        }
        // A name without a definition is made by a macro of that module.
        self.step(module, path, steps).or_else(|| self.0.contains_key(module).then(|| Target::ItemOf(module.to_vec())))
    }

    /// Looks the first name of `path` up in a module.
    fn step(&self, at: &[String], path: &[String], steps: usize) -> Option<Target> {
        let (name, rest) = path.split_first()?;
        let child = [at, std::slice::from_ref(name)].concat();
        if self.0.contains_key(&child) {
            return self.descend(&child, rest, steps);
        }
        let module = self.0.get(at)?;
        if module.items.iter().any(|item| item.name == *name) {
            return Some(Target::ItemOf(at.to_vec()));
        }
        // `use name;` would lead to itself.
        let named = module.imports.iter().filter(|import| import.name == *name && import.path != [name.clone()]);
        let everything = module.imports.iter().filter(|import| import.name == "*");
        let named = named.map(|import| [import.path.as_slice(), rest].concat());
        let everything = everything.map(|import| [import.path.as_slice(), path].concat());
        named.chain(everything).find_map(|whole| self.resolve(at, &whole, steps - 1))
    }

    /// The file that `target` is in.
    fn file(&self, target: &Target) -> &str {
        let (Target::Module(path) | Target::ItemOf(path)) = target;
        &self.0[path].file
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (path, module) in &self.0 {
            let is_below = |target: &Target| match target {
                Target::Module(found) | Target::ItemOf(found) => found.len() > path.len() && found.starts_with(path),
            };
            let imports = module.imports.iter().filter_map(|import| {
                let target = self.resolve(path, &import.path, STEPS_MAX)?;
                (!(import.is_public && is_below(&target))).then_some(target)
            });
            let paths = module.paths.iter().filter_map(|named| self.resolve(path, named, STEPS_MAX));
            let files = imports.chain(paths).map(|target| self.file(&target).to_owned());
            edges.entry(module.file.clone()).or_default().extend(files.filter(|file| *file != module.file));
        }
        edges
    }
}

/// `protocol/src/wire/bits.rs` is `fracas_protocol, wire, bits`.
fn module_path(file: &str) -> Option<Vec<String>> {
    let (name, inner) = CRATES.iter().find_map(|(name, folder)| Some((name, file.strip_prefix(folder)?)))?;
    let inner = inner.strip_suffix(".rs")?;
    // A program beside its library is a crate of its own.
    let name = if inner == "main" { format!("{name}_main") } else { (*name).to_owned() };
    let inner = inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(String::from);
    Some(std::iter::once(name).chain(inner).collect())
}

/// Who imports whom in `files`.
pub(crate) fn edges(files: &[File]) -> Edges {
    Modules::of(files).edges()
}

/// The shortest circle through each file that is in one, each written once, from its first file on.
pub(crate) fn circles(edges: &Edges) -> BTreeSet<Vec<String>> {
    edges.keys().filter_map(|file| shortest_circle(edges, file)).map(from_its_first).collect()
}

fn shortest_circle(edges: &Edges, start: &str) -> Option<Vec<String>> {
    let mut before = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in edges.get(file).into_iter().flatten() {
            if next == start {
                let mut circle = vec![file.to_owned()];
                while circle[circle.len() - 1] != start {
                    circle.push(String::from(before[circle[circle.len() - 1].as_str()]));
                }
                circle.reverse();
                return Some(circle);
            }
            if !before.contains_key(next.as_str()) {
                before.insert(next.as_str(), file);
                queue.push_back(next);
            }
        }
    }
    None
}

fn from_its_first(mut circle: Vec<String>) -> Vec<String> {
    let first = (0..circle.len()).min_by_key(|at| &circle[*at]).expect("one file at least");
    circle.rotate_left(first);
    circle
}

/// `a -> b -> a`
pub(crate) fn written(circle: &[String]) -> String {
    circle.iter().chain(circle.first()).map(String::as_str).collect::<Vec<_>>().join(" -> ")
}

/// `server/src/sim/room.rs` is `server/sim/room`, and `server/src/sim/mod.rs` is `server/sim`.
fn short(file: &str) -> String {
    let name = file.replacen("/src/", "/", 1);
    let name = name.strip_suffix(".rs").unwrap_or(&name);
    name.strip_suffix("/mod").unwrap_or(name).to_owned()
}

fn is_in(file: &str, folder: &str) -> bool {
    file.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The imports between folders that the table does not allow.
fn refused(edges: &Edges, allowed: &[(&str, &[&str])], exceptions: &[(&str, &str, &str)]) -> Vec<String> {
    let mut refused = Vec::new();
    for (file, others) in edges {
        let file = short(file);
        let Some((own, whom)) = allowed.iter().find(|(folder, _)| is_in(&file, folder)) else {
            refused.push(format!("{file} is in no row"));
            continue;
        };
        for other in others.iter().map(|other| short(other)) {
            let is_exception = exceptions.iter().any(|(who, whom, _)| *who == file && *whom == other);
            if !is_in(&other, own) && !whom.iter().any(|folder| is_in(&other, folder)) && !is_exception {
                refused.push(format!("{file} imports {other}"));
            }
        }
    }
    refused
}

/// The sources whose imports are held.
fn sources() -> Vec<File> {
    files(&["protocol/src", "server/src", "bot-client/src", "assets/web/core/src", "assets/games"], &["rs"])
}

#[test]
fn no_two_files_of_server_and_protocol_import_each_other() {
    let circles: Vec<_> = circles(&edges(&files(&["protocol/src", "server/src"], &["rs"])))
        .iter()
        .map(|circle| written(circle))
        .collect();
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn folders_import_only_what_they_may() {
    let refused = refused(&edges(&sources()), ALLOWED, EXCEPTIONS);
    assert!(refused.is_empty(), "{} imports:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let edges = edges(&sources());
    let pairs = edges.iter().flat_map(|(who, others)| others.iter().map(|whom| (short(who), short(whom))));
    let pairs: BTreeSet<_> = pairs.collect();
    for (who, whom, reason) in EXCEPTIONS {
        let is_there = pairs.contains(&((*who).to_owned(), (*whom).to_owned()));
        assert!(is_there, "{who} does not import {whom} ({reason})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges_of(texts: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File { path: format!("server/src/{path}"), text: (*text).into() };
        let files: Vec<_> = texts.iter().map(file).collect();
        let bare = |path: &str| path.trim_start_matches("server/src/").to_owned();
        let edges = edges(&files);
        edges.iter().flat_map(|(from, to)| to.iter().map(move |to| format!("{} {}", bare(from), bare(to)))).collect()
    }

    #[test]
    fn an_import_leads_to_the_file_that_defines_what_is_imported() {
        let lib = ("lib.rs", "mod a; mod b;");
        let shown = ("a/mod.rs", "mod c;\npub(crate) use c::D;");
        let defined = ("a/c.rs", "pub(crate) struct D;");
        assert_eq!(edges_of(&[lib, shown, defined, ("b.rs", "use crate::a::D;")]), ["b.rs a/c.rs"]);
        assert_eq!(
            edges_of(&[lib, shown, defined, ("b.rs", "use super::a;\nfn e(d: a::D) {}")]),
            ["b.rs a/c.rs", "b.rs a/mod.rs"]
        );
        assert_eq!(edges_of(&[lib, shown, defined, ("b.rs", "fn e() { crate::a::D::new() }")]), ["b.rs a/c.rs"]);
    }

    #[test]
    fn a_private_import_of_a_child_and_of_a_parent_count() {
        let lib = ("lib.rs", "mod a;");
        let (parent, child) =
            (("a.rs", "mod b;\nuse b::C;\nstruct D;"), ("a/b.rs", "use super::D;\npub(super) struct C;"));
        assert_eq!(edges_of(&[lib, parent, child]), ["a.rs a/b.rs", "a/b.rs a.rs"]);
    }

    #[test]
    fn tests_do_not_count() {
        let lib = ("lib.rs", "mod a;\n#[cfg(test)]\nmod tests;");
        let inside = ("a.rs", "struct B;\n#[cfg(test)]\nmod tests { use crate::tests::C; }");
        assert_eq!(edges_of(&[lib, inside, ("tests.rs", "use crate::a::B;\nstruct C;")]), [""; 0]);
    }

    #[test]
    fn each_circle_is_found_once() {
        let edges = |pairs: &[(&str, &str)]| {
            let mut edges = Edges::new();
            for (from, to) in pairs {
                edges.entry((*from).into()).or_default().insert((*to).into());
            }
            edges
        };
        let told = |edges: &Edges| circles(edges).iter().map(|circle| written(circle)).collect::<Vec<_>>();
        assert_eq!(told(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])), [""; 0]);
        assert_eq!(told(&edges(&[("c", "b"), ("b", "c"), ("a", "c")])), ["b -> c -> b"]);
        let two = edges(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "c")]);
        assert_eq!(told(&two), ["a -> b -> c -> a", "c -> d -> c"]);
    }

    #[test]
    fn an_import_that_the_table_lacks_is_refused() {
        let (room, socket) = ("server/src/sim/room.rs", "server/src/io/socket.rs");
        let edges = Edges::from([(room.into(), BTreeSet::from([socket.into(), "server/src/ids.rs".into()]))]);
        let allowed: [(&str, &[&str]); 1] = [("server/sim", &["server/ids"])];
        assert_eq!(refused(&edges, &allowed, &[]), ["server/sim/room imports server/io/socket"]);
        assert_eq!(refused(&edges, &allowed, &[("server/sim/room", "server/io/socket", "a reason")]), [""; 0]);
        assert_eq!(refused(&edges, &[], &[]), ["server/sim/room is in no row"]);
    }
}
