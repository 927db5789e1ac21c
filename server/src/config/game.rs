//! The game's part of the settings: what the server has to know of the game, the flags that it adds, and their values.

use super::bounded_file::read_bytes;
use super::sources::Sources;
use super::usage_error::UsageError;
use crate::sim::roster::Capacity;
use clap::builder::RangedI64ValueParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use fracas_protocol::game::authority::Game;
use fracas_protocol::game::brain::{Brain, BrainKind};
use fracas_protocol::game::data::{DATA_BYTES_MAX, StartData};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::game::settings::{Setting, SettingKind, SettingValue, Settings};
use fracas_protocol::tick::TickRate;
use std::path::PathBuf;

/// People in a room, if the game has ids for so many and nobody says otherwise.
const PLAYERS: u16 = 5000;
/// Players that bots fill a room up to, likewise.
const FILL: u16 = 24;
/// Players that must be able to have ids: the slots of the smallest room that is allowed.
const ROOM_LEAST: u16 = Capacity { people: 2, bots: 0, spectators: 2 }.player_slots();
/// Where the game's flags stand in the help.
const HEADING: &str = "Options of the game";

/// What the settings depend on in a game.
#[derive(Clone, Copy, Debug)]
pub struct GameInfo {
    /// Its name.
    pub name: &'static str,
    /// The settings that it adds.
    pub settings: &'static [Setting],
    /// Players that can have an id.
    pub players_max: u16,
    /// What its bots can be.
    pub brains: &'static [BrainKind],
    /// Makes the start-up data, and checks that the game takes it.
    pub(super) start_data: fn(&Settings, TickRate) -> Result<StartData, String>,
}

impl GameInfo {
    /// Of a game.
    pub fn of<G: Game>() -> Self {
        Self {
            name: G::NAME,
            settings: G::SETTINGS,
            players_max: G::Rules::IDS.players_max(),
            brains: <G::Brain as Brain<G::Rules>>::KINDS,
            start_data: start_data::<G>,
        }
    }

    /// The most seats that a room can have, of people and bots together.
    pub(super) fn seats_max(&self) -> u16 {
        let fits = |people: &u16| Capacity { people: *people, bots: 0, spectators: *people }.fits(self.players_max);
        (1..=self.players_max).rev().find(fits).unwrap_or(0)
    }

    /// Refuses a game that has too few ids for any room.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        let (name, players_max) = (self.name, self.players_max);
        let why =
            || format!("the game \"{name}\" has ids for {players_max} players; the smallest room takes {ROOM_LEAST}");
        if players_max < ROOM_LEAST { Err(UsageError(why())) } else { Ok(()) }
    }

    /// How many players bots fill a room up to. None for a game whose bots do nothing.
    fn fill(&self) -> u16 {
        let is_idle = self.brains.iter().all(|kind| kind.is_idle);
        if is_idle { 0 } else { FILL.min(self.seats_max() / 2) }
    }

    /// Adds the game's flags, and limits the server's own by what the game can take.
    pub(super) fn add_to(&self, command: Command) -> Command {
        let (fill, players) = (self.fill(), PLAYERS.min(self.seats_max() - self.fill()));
        let most = i64::from(self.players_max);
        let range = |least: i64| -> RangedI64ValueParser<u16> { value_parser!(u16).range(least..=most) };
        // Not by `mut_arg`, which would put each behind all others.
        let command = command.mut_args(|argument| match argument.get_id().as_str() {
            "max_players" => argument.value_parser(range(1)).default_value(players.to_string()),
            "fill" => argument.value_parser(range(0)).default_value(fill.to_string()),
            _ => argument,
        });
        command.args(self.settings.iter().map(argument))
    }
}

fn start_data<G: Game>(settings: &Settings, rate: TickRate) -> Result<StartData, String> {
    let bytes = G::start_data(settings)?;
    if bytes.len() > DATA_BYTES_MAX {
        return Err(format!("the start-up data has {} bytes; a game may have {DATA_BYTES_MAX}", bytes.len()));
    }
    G::Rules::new(rate, &bytes).map_err(|error| error.to_string())?;
    Ok(StartData::new(bytes))
}

/// The flag of a setting.
fn argument(setting: &Setting) -> Arg {
    let argument = Arg::new(setting.name).long(setting.name).value_name(setting.value_name).global(true);
    let argument = argument.help(setting.help.trim_end_matches('.')).help_heading(HEADING);
    match setting.kind {
        SettingKind::Number { default, min, max } => {
            let argument = argument.value_parser(value_parser!(u32).range(i64::from(min)..=i64::from(max)));
            default.into_iter().fold(argument, |argument, default| argument.default_value(default.to_string()))
        }
        SettingKind::File { .. } => argument.value_parser(value_parser!(PathBuf)),
    }
}

/// What the game's settings are set to, and the start-up data that follows from them.
#[derive(Clone)]
pub struct GameConfig {
    /// The game's name.
    name: &'static str,
    /// Its settings.
    pub settings: Settings,
    /// Its start-up data.
    pub data: StartData,
    /// What each setting was set to, in words.
    told: Vec<(&'static str, String)>,
}

impl Default for GameConfig {
    /// Of a game that has none.
    fn default() -> Self {
        Self { name: "game", settings: Settings::default(), data: StartData::new(Vec::new()), told: Vec::new() }
    }
}

/// Shows each value as it was written, and of a file only its name, for the output of `check-config`.
impl std::fmt::Debug for GameConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = f.debug_struct(self.name);
        for (name, value) in &self.told {
            fields.field(name, &format_args!("{value}"));
        }
        fields.finish()
    }
}

impl GameConfig {
    /// Takes the game's settings from what was read, reads their files, and makes the start-up data.
    pub(super) fn read(
        game: &GameInfo,
        matches: &ArgMatches,
        sources: &Sources,
        rate: TickRate,
    ) -> Result<Self, UsageError> {
        let (mut settings, mut told, mut files) = (Settings::default(), Vec::new(), Vec::new());
        for Setting { name, kind, .. } in game.settings {
            let (value, words) = match kind {
                SettingKind::Number { .. } => {
                    let number = matches.get_one::<u32>(name).copied();
                    (number.map(SettingValue::Number), number.map(|number| number.to_string()))
                }
                SettingKind::File { bytes_max } => {
                    let path = matches.get_one::<PathBuf>(name);
                    let place = path.map(|path| format!("{} {}", sources.of(name), path.display()));
                    files.extend(place.clone());
                    let content = path.map(|path| read_bytes(path, *bytes_max)).transpose();
                    let wrong =
                        |why| UsageError(format!("{}: cannot read the {name}: {why}", place.unwrap_or_default()));
                    (content.map_err(wrong)?.map(SettingValue::File), path.map(|path| path.display().to_string()))
                }
            };
            settings = value.into_iter().fold(settings, |settings, value| settings.with(name, value));
            told.push((*name, words.unwrap_or_else(|| "not set".into())));
        }
        let data = (game.start_data)(&settings, rate).map_err(|why| match &files[..] {
            [] => UsageError(why),
            files => UsageError(format!("{}: {why}", files.join(" and "))),
        })?;
        Ok(Self { name: game.name, settings, data, told })
    }
}
