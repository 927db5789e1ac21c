//! The layers that a setting may come from, in their order: flag, environment, file, default.
//!
//! What the environment and the file set is handed to clap as if it had been a flag, unless a layer above sets it too: every
//! layer is read by the same parser. Where a value came from is kept for messages.

use super::bounded_file::read_text;
use super::cli::Cli;
use super::game::GameInfo;
use super::sources::Sources;
use super::usage_error::UsageError;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Bytes of the largest config file that is read.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// What variables of ours begin with.
const PREFIX: &str = "FRACAS_";

/// The command line of a program of this name, which serves this game.
pub(super) fn plain_command(game: &GameInfo, program: &str) -> Command {
    game.add_to(Cli::command().name(program.to_owned()))
}

/// The same, with the variable of each setting in its help.
pub(super) fn command(game: &GameInfo, program: &str) -> Command {
    plain_command(game, program).mut_args(|argument| match (argument.get_long(), argument.get_help()) {
        (Some(name), Some(help)) => {
            let help = format!("{help} [env: {}]", variable(name));
            argument.help(help)
        }
        _ => argument,
    })
}

/// The settings among the arguments, with their names.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let named = command.get_arguments().filter_map(|argument| Some((argument.get_long()?, argument)));
    named.filter(|(name, _)| *name != "config")
}

fn variable(name: &str) -> String {
    PREFIX.to_owned() + &name.to_uppercase().replace('-', "_")
}

/// Variables that look like settings and are none, each in a sentence. They are no mistake for certain: an orchestrator may
/// make some for a service of this name.
pub fn unknown_variables(game: &GameInfo) -> Vec<String> {
    let command = plain_command(game, "");
    let known: Vec<_> = command.get_arguments().filter_map(|argument| argument.get_long().map(variable)).collect();
    let given = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = given.filter(|name| name.starts_with(PREFIX) && !known.contains(name));
    unknown
        .map(|name| format!("{name} is no setting and does nothing; did you mean {}?", nearest(&known, &name)))
        .collect()
}

fn nearest<'a>(names: &'a [impl AsRef<str>], wrong: &str) -> &'a str {
    let nearest = names.iter().min_by_key(|name| strsim::levenshtein(name.as_ref(), wrong));
    nearest.map_or("", AsRef::as_ref)
}

type Read = Result<(ArgMatches, Sources), UsageError>;

/// Reads all layers.
///
/// # Errors
/// The outer one is clap's, also where help was asked for; the inner one tells of the environment or the file.
pub(super) fn read(command: &Command, mut arguments: Vec<OsString>) -> Result<Read, clap::Error> {
    let flags = command.clone().try_get_matches_from(&arguments)?;
    let is_flag = |argument: &Arg| flags.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine);
    let below = match Below::read(command, flags.get_one("config").cloned(), is_flag) {
        Ok(below) => below,
        Err(mistake) => return Ok(Err(mistake)),
    };
    let (mut sources, mut more) = (Sources::default(), Vec::new());
    for (name, argument) in settings(command) {
        if is_flag(argument) {
            sources.0.insert(name.into(), format!("--{name}"));
        } else if let Some(setting) = below.0.iter().find(|setting| setting.name == name) {
            sources.0.insert(name.into(), setting.source.clone());
            more.extend(setting.as_flags());
        }
    }
    // Before all others: behind `--` they would be none.
    let front = arguments.len().min(1);
    arguments.splice(front..front, more);
    Ok(Ok((command.clone().try_get_matches_from(arguments)?, sources)))
}

/// A setting of the environment or the file.
struct Setting {
    name: String,
    values: Vec<OsString>,
    source: String,
}

impl Setting {
    fn as_flags(&self) -> impl Iterator<Item = OsString> {
        let flag =
            |value: &OsString| [OsStr::new("--"), OsStr::new(&self.name), OsStr::new("="), value].into_iter().collect();
        self.values.iter().map(flag)
    }

    /// Reads it alone, so that a message can name its place.
    fn check(&self, argument: &Arg) -> Result<(), String> {
        let alone = Command::new("setting").no_binary_name(true).disable_help_flag(true).arg(argument.clone());
        let read = alone.try_get_matches_from(self.as_flags());
        let why = |error: clap::Error| {
            std::error::Error::source(&error).map_or_else(|| one_line(&error), ToString::to_string)
        };
        read.map(drop).map_err(|error| format!("{}: {}", self.source, why(error)))
    }
}

/// What is set below the flags, the environment's before the file's.
struct Below(Vec<Setting>);

impl Below {
    fn read(command: &Command, file: Option<PathBuf>, is_flag: impl Fn(&Arg) -> bool) -> Result<Self, UsageError> {
        let mut found = Vec::new();
        for (name, argument) in settings(command).filter(|(_, argument)| !is_flag(argument)) {
            let Some(value) = std::env::var_os(variable(name)) else { continue };
            let setting = Setting { name: name.into(), values: vec![value], source: variable(name) };
            setting.check(argument).map_err(UsageError)?;
            found.push(setting);
        }
        if let Some(path) = file.or_else(|| std::env::var_os(variable("config")).map(PathBuf::from)) {
            let in_file = read_file(command, &path);
            found.extend(in_file.map_err(|why| UsageError(format!("--config {}: {why}", path.display())))?);
        }
        Ok(Self(found))
    }
}

fn read_file(command: &Command, path: &Path) -> Result<Vec<Setting>, String> {
    let text = read_text(path, CONFIG_BYTES_MAX)?;
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        format!("{}: {}", place(&text, at), error.message())
    })?;
    let names: Vec<_> = settings(command).map(|(name, _)| name).collect();
    let read = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let (key, at): (&std::borrow::Cow<'_, str>, _) = (key.get_ref(), place(&text, key.span().start));
        let Some((_, argument)) = settings(command).find(|(name, _)| name == key) else {
            return Err(format!("{at}: unknown key \"{key}\"; did you mean \"{}\"?", nearest(&names, key)));
        };
        let values =
            values(value.get_ref()).filter(|values| !values.is_empty() || argument.get_default_values().is_empty());
        let values =
            values.ok_or_else(|| format!("{at}: {key}: write a number, a text, true, false, or a list of texts"))?;
        let setting = Setting { name: key.to_string(), values, source: format!("{at}: {key}") };
        setting.check(argument)?;
        Ok(Setting { source: format!("{key} ({}, {at})", path.display()), ..setting })
    };
    table.get_ref().iter().map(read).collect()
}

/// What a flag would be given; none if no setting is written so.
fn values(value: &DeValue<'_>) -> Option<Vec<OsString>> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Integer(number) => Some(i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string().into()),
        DeValue::Boolean(is) => Some(is.to_string().into()),
        _ => None,
    };
    match value {
        DeValue::Array(list) => list.iter().map(|value| one(value.get_ref())).collect(),
        value => Some(vec![one(value)?]),
    }
}

/// Line and column, as editors count them.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {}, column {column}", before.matches('\n').count() + 1)
}

/// The log format of a config file, as far as the file can be read. A pipe is not read, since it can be read only once.
pub(super) fn file_format(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let text = read_text(path, CONFIG_BYTES_MAX).ok()?;
    let table = DeTable::parse(&text).ok()?;
    Some(table.get_ref().get("log-format")?.get_ref().as_str()?.to_owned())
}

/// clap's message without colours, usage and pointers, in one line.
pub(super) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let kept: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    let text = kept.join(" ");
    format!("{} (see --help)", text.strip_prefix("error: ").unwrap_or(&text))
}
