//! What the operator sets: flags, environment, a TOML file, defaults, in that order; checked before anything starts.

mod check;
mod idle;
mod logging;
mod time_span;

use crate::admission::join_budget::JoinRate;
use crate::front::forwarded::TrustedProxy;
use crate::front::origin::{HostNames, Origin};
use crate::ids::ROOMS_MAX;
use crate::sim::idle::IdleLimit;
use crate::sim::roster::Capacity;
use clap::{Args, CommandFactory, Parser, Subcommand};
use fracas_protocol::arena::SHIPS_MAX;
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::limits::{DEFAULT_ROOM, ROOM_NAME_BYTES_MAX};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time_span::TimeSpan;

pub use check::{ArenaMap, why_not_writable};
use idle::IdleTime;
pub use logging::{LogFormat, LogLevel, expected_format};

/// Fracas: a real-time multiplayer game server. Started without any argument it serves the game on
/// http://127.0.0.1:8080.
#[derive(Parser, Debug)]
#[command(name = "fracas-server", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    /// Read settings from this TOML file; its keys are the flags' names.
    #[arg(long, env = "FRACAS_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand, Debug, Clone)]
enum Subcommands {
    /// Check flags, environment and file, print what is in effect, and end.
    CheckConfig,
    /// Print a config file with every setting, its default and what it does.
    ConfigTemplate,
    /// Repeat what a crash file holds; exit 0 if the same panic comes again.
    Replay {
        /// As the log named it, for example /tmp/fracas-crash-main-1234-56.replay
        file: PathBuf,
    },
    /// Ask a server whether it is ready; exit 0 if it is.
    Healthcheck {
        /// For example http://127.0.0.1:8080/readyz
        url: String,
    },
}

/// Every setting, as given or not.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[group(skip)]
struct Settings {
    /// Where players connect: the page and the game. [default: 127.0.0.1:8080]
    #[arg(long, env = "FRACAS_LISTEN", value_name = "ADDR:PORT", global = true)]
    listen: Option<SocketAddr>,
    /// Where operators look: metrics and health. Keep it private. [default: 127.0.0.1:8081]
    #[arg(long, env = "FRACAS_OPS_LISTEN", value_name = "ADDR:PORT", global = true)]
    ops_listen: Option<SocketAddr>,
    /// What operators must show, as `Authorization: Bearer TOKEN`, at least 16 characters. Needed where others than this machine
    /// reach the operators' port, and to change anything there. Better in the environment, where `ps` does not show it.
    #[arg(long, env = "FRACAS_OPS_TOKEN", value_name = "TOKEN", hide_env_values = true, global = true)]
    ops_token: Option<String>,
    /// Name by which operators reach their port, beside addresses and localhost; may be given several times.
    #[arg(long, env = "FRACAS_OPS_HOST", value_name = "NAME", value_delimiter = ',', global = true)]
    ops_host: Option<Vec<String>>,
    /// Ticks per second: 20, 30 or 60. [default: 30]
    #[arg(long, env = "FRACAS_TICK_HZ", value_name = "HZ", value_parser = parse_rate, global = true)]
    tick_hz: Option<TickRate>,
    /// Name of a room, which players ask for; may be given several times. Each is a game of its own. [default: main]
    #[arg(long, env = "FRACAS_ROOM", value_name = "NAME", value_delimiter = ',', global = true)]
    room: Option<Vec<String>>,
    /// People who may play in one room at the same time. [default: 5000]
    #[arg(long, env = "FRACAS_MAX_PLAYERS", value_name = "N", global = true)]
    max_players: Option<u16>,
    /// Spectators of a room with people in it are shown it so late, at most 60s, so that nobody can watch what their own ship
    /// cannot see; 0 for not at all. [default: 5s]
    #[arg(long, env = "FRACAS_SPECTATOR_DELAY", value_name = "TIME", global = true)]
    spectator_delay: Option<TimeSpan>,
    /// Threads that own the players' sockets. [default: one per 2000 of --max-players in all rooms, at most the cores]
    #[arg(long, env = "FRACAS_EVENT_LOOPS", value_name = "N", global = true)]
    event_loops: Option<u8>,
    /// Keep at least so many ships in each room by adding bots. [default: 24]
    #[arg(long, env = "FRACAS_FILL", value_name = "N", global = true)]
    fill: Option<u16>,
    /// Decides all chances of the rooms. [default: another one each time]
    #[arg(long, env = "FRACAS_SEED", value_name = "N", global = true)]
    seed: Option<u64>,
    /// Where the journal is kept. There is no journal yet, so this is refused.
    #[arg(long, env = "FRACAS_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Folder for what led to a panic in a room's game; `replay` repeats it. [default: the system's temporary folder]
    #[arg(long, env = "FRACAS_CRASH_DIR", value_name = "DIR", global = true)]
    crash_dir: Option<PathBuf>,
    /// Name by which browsers reach the game, beside addresses and localhost; may be given several times.
    #[arg(long, env = "FRACAS_PUBLIC_HOST", value_name = "NAME", value_delimiter = ',', global = true)]
    public_host: Option<Vec<String>>,
    /// Web origin that may connect beside the server's own, such as `https://play.example`; may be given several times.
    #[arg(long, env = "FRACAS_ALLOW_ORIGIN", value_name = "URL", value_delimiter = ',', global = true)]
    allow_origin: Option<Vec<String>>,
    /// Connections from one address; for IPv6 from one /64. [default: 64]
    #[arg(long, env = "FRACAS_MAX_PER_ADDRESS", value_name = "N", global = true)]
    max_per_address: Option<usize>,
    /// New players a second from one address (for IPv6 one /64), and how many at once; who comes back for a ship does not count.
    /// N alone means 32 N at once. [default: 2:64]
    #[arg(long, env = "FRACAS_JOINS_PER_ADDRESS", value_name = "N:BURST", global = true)]
    joins_per_address: Option<JoinRate>,
    /// Hold --max-per-address and --joins-per-address against loopback addresses too. [default: false]
    #[arg(long, env = "FRACAS_LIMIT_LOOPBACK", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", global = true)]
    limit_loopback: Option<bool>,
    /// How long a player may do nothing, such as 90s or 5m; in a full room a minute at most; 0 for ever. [default: 5m]
    #[arg(long, env = "FRACAS_IDLE", value_name = "TIME", global = true)]
    idle: Option<IdleTime>,
    /// How log lines look. [default: text]
    #[arg(long, env = "FRACAS_LOG_FORMAT", value_name = "FORMAT", global = true)]
    log_format: Option<LogFormat>,
    /// The least important lines that are logged: error, warn, info, debug or trace. [default: info]
    #[arg(long, env = "FRACAS_LOG_LEVEL", value_name = "LEVEL", global = true)]
    log_level: Option<LogLevel>,
    /// Ships to a view: the arena's open part grows and shrinks for it. [default: 20]
    #[arg(long, env = "FRACAS_DENSITY", value_name = "N", global = true)]
    density: Option<u32>,
    /// Open the arena for so many ships, whoever is there; for measuring. [default: follow the population]
    #[arg(long, env = "FRACAS_ARENA_FOR", value_name = "N", global = true)]
    arena_for: Option<u32>,
    /// A map drawn with Tiled and saved as .tmj, instead of the built-in one.
    #[arg(long, env = "FRACAS_MAP", value_name = "FILE", global = true)]
    map: Option<PathBuf>,
    /// Address or network (10.0.0.0/8) of proxies whose X-Forwarded-For is believed; may be given several times. They must
    /// send it with every game connection.
    #[arg(long, env = "FRACAS_TRUSTED_PROXY", value_name = "ADDR", value_delimiter = ',', global = true)]
    trusted_proxy: Option<Vec<TrustedProxy>>,
}

/// A setting that no log and no message may show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Whether somebody knows it; how long that takes tells nothing of it but its length.
    pub fn is(&self, shown: &str) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), shown.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(not shown)")
    }
}

/// What the operator wants, checked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the flag of that name")]
pub struct Config {
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
    pub ops_token: Option<Secret>,
    pub ops_hosts: HostNames,
    pub tick_rate: TickRate,
    pub rooms: Vec<String>,
    pub max_players: u16,
    pub spectator_delay: Duration,
    pub event_loops: u8,
    pub fill: u16,
    pub seed: Option<u64>,
    pub crash_dir: PathBuf,
    pub public_hosts: HostNames,
    pub allow_origins: Vec<Origin>,
    pub max_per_address: usize,
    pub joins_per_address: JoinRate,
    pub limit_loopback: bool,
    pub idle: IdleLimit,
    pub log_format: LogFormat,
    pub log_level: LogLevel,
    pub density: u32,
    pub arena_for: Option<u32>,
    pub map: ArenaMap,
    pub trusted_proxies: Vec<TrustedProxy>,
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// Run the server.
    Serve(Box<Config>),
    /// Tell whether the server could run so, and print this if it could.
    Check(Box<Config>, String),
    /// Print this and end well.
    Print(String),
    /// Repeat what a crash file holds.
    Replay(PathBuf),
    /// Ask a server for its health.
    Healthcheck(String),
}

/// A mistake in flags, environment or config file, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

/// Reads the command line, without the program's name left out, and everything it refers to.
pub fn read(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Action, UsageError> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return Err(UsageError(one_line(&error))),
        Err(help) => return Ok(Action::Print(help.to_string())),
    };
    let from_file = cli.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
    match cli.command {
        Some(Subcommands::ConfigTemplate) => Ok(Action::Print(template())),
        Some(Subcommands::Replay { file }) => Ok(Action::Replay(file)),
        Some(Subcommands::Healthcheck { url }) => Ok(Action::Healthcheck(url)),
        Some(Subcommands::CheckConfig) => {
            let config = resolve(cli.settings.or(from_file))?;
            let text = format!("{config:#?}\nThe configuration is good.\n");
            Ok(Action::Check(Box::new(config), text))
        }
        None => Ok(Action::Serve(Box::new(resolve(cli.settings.or(from_file))?))),
    }
}

impl Settings {
    /// These settings, and those of `other` where these say nothing.
    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            ops_listen: self.ops_listen.or(other.ops_listen),
            ops_token: self.ops_token.or(other.ops_token),
            ops_host: self.ops_host.or(other.ops_host),
            tick_hz: self.tick_hz.or(other.tick_hz),
            room: self.room.or(other.room),
            max_players: self.max_players.or(other.max_players),
            spectator_delay: self.spectator_delay.or(other.spectator_delay),
            event_loops: self.event_loops.or(other.event_loops),
            fill: self.fill.or(other.fill),
            seed: self.seed.or(other.seed),
            data_dir: self.data_dir.or(other.data_dir),
            crash_dir: self.crash_dir.or(other.crash_dir),
            public_host: self.public_host.or(other.public_host),
            allow_origin: self.allow_origin.or(other.allow_origin),
            max_per_address: self.max_per_address.or(other.max_per_address),
            joins_per_address: self.joins_per_address.or(other.joins_per_address),
            limit_loopback: self.limit_loopback.or(other.limit_loopback),
            idle: self.idle.or(other.idle),
            log_format: self.log_format.or(other.log_format),
            log_level: self.log_level.or(other.log_level),
            density: self.density.or(other.density),
            arena_for: self.arena_for.or(other.arena_for),
            map: self.map.or(other.map),
            trusted_proxy: self.trusted_proxy.or(other.trusted_proxy),
        }
    }
}

fn resolve(settings: Settings) -> Result<Config, UsageError> {
    if settings.data_dir.is_some() {
        return Err(UsageError("--data-dir: there is no journal yet; leave the setting out".into()));
    }
    let max_players = within("--max-players", settings.max_players.unwrap_or(5000), 1, SHIPS_MAX)?;
    let fill = within("--fill", settings.fill.unwrap_or(24), 0, SHIPS_MAX)?;
    let seats = u32::from(max_players) + u32::from(fill);
    let most = u32::from(SHIPS_MAX - 16) * 8 / 9;
    if seats > most {
        return Err(UsageError(format!(
            "--max-players {max_players} and --fill {fill} are {seats} ships; one arena has room for {most}"
        )));
    }
    let ops_listen = settings.ops_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8081)));
    let listen = settings.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    check::ports(listen, ops_listen)?;
    let ops_token = settings.ops_token.map(ops_token).transpose()?;
    if ops_token.is_none() && !ops_listen.ip().is_loopback() {
        return Err(UsageError(format!(
            "--ops-listen {ops_listen}: others can reach that; set FRACAS_OPS_TOKEN, or listen on 127.0.0.1"
        )));
    }
    let rooms = rooms(settings.room.unwrap_or_else(|| vec![DEFAULT_ROOM.into()]))?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(64)) as u8;
    let loops = (usize::from(max_players) * rooms.len()).div_ceil(2000).clamp(1, usize::from(cores)) as u8;
    Ok(Config {
        listen,
        ops_listen,
        ops_token,
        ops_hosts: host_names("--ops-host", settings.ops_host)?,
        tick_rate: settings.tick_hz.unwrap_or(TickRate::HZ_30),
        rooms,
        max_players,
        spectator_delay: spectator_delay(settings.spectator_delay)?,
        event_loops: within("--event-loops", settings.event_loops.unwrap_or(loops), 1, 64)?,
        fill,
        seed: settings.seed,
        crash_dir: check::crash_dir(settings.crash_dir)?,
        public_hosts: host_names("--public-host", settings.public_host)?,
        allow_origins: origins(settings.allow_origin.unwrap_or_default())?,
        max_per_address: within("--max-per-address", settings.max_per_address.unwrap_or(64), 1, 100_000)?,
        joins_per_address: settings.joins_per_address.unwrap_or_default(),
        limit_loopback: settings.limit_loopback.unwrap_or(false),
        idle: settings.idle.unwrap_or_default().0,
        log_format: settings.log_format.unwrap_or_default(),
        log_level: settings.log_level.unwrap_or_default(),
        density: within("--density", settings.density.unwrap_or(20), 1, 1000)?,
        arena_for: settings.arena_for.map(|ships| within("--arena-for", ships, 1, 100_000)).transpose()?,
        map: check::arena_map(settings.map)?,
        trusted_proxies: settings.trusted_proxy.unwrap_or_default(),
    })
}

impl Config {
    /// How many one room takes.
    pub fn capacity(&self) -> Capacity {
        // As many may watch as may play.
        Capacity { people: self.max_players, bots: self.fill, spectators: self.max_players }
    }

    /// How many connections there may be: everybody the rooms take, and some whose hello is still awaited.
    pub fn connections_max(&self) -> usize {
        self.rooms.len() * (2 * usize::from(self.max_players) + usize::from(self.fill)) + 256
    }
}

fn within<T: PartialOrd + std::fmt::Display>(flag: &str, value: T, least: T, most: T) -> Result<T, UsageError> {
    if value < least || value > most {
        return Err(UsageError(format!("{flag} is {value}; it must be {least} to {most}")));
    }
    Ok(value)
}

/// What is late is kept in memory meanwhile, so it has a limit.
fn spectator_delay(given: Option<TimeSpan>) -> Result<Duration, UsageError> {
    let [usual, most] = [5, 60].map(|seconds| TimeSpan(Duration::from_secs(seconds)));
    Ok(within("--spectator-delay", given.unwrap_or(usual), TimeSpan(Duration::ZERO), most)?.0)
}

/// Checks the rooms' names, which stand in addresses and file names.
fn rooms(names: Vec<String>) -> Result<Vec<String>, UsageError> {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() || name.len() > ROOM_NAME_BYTES_MAX || !name.bytes().all(may_stand) {
            return Err(UsageError(format!(
                "--room {name:?}: a name has 1 to {ROOM_NAME_BYTES_MAX} letters, digits, - and _"
            )));
        }
        if names[..index].contains(name) {
            return Err(UsageError(format!("--room {name}: there is one of that name already")));
        }
    }
    if names.is_empty() || names.len() > ROOMS_MAX {
        return Err(UsageError(format!("--room: {} rooms; there must be 1 to {ROOMS_MAX}", names.len())));
    }
    Ok(names)
}

/// The shortest token that cannot be guessed, in characters.
const OPS_TOKEN_LEN_MIN: usize = 16;

fn ops_token(token: String) -> Result<Secret, UsageError> {
    if token.len() < OPS_TOKEN_LEN_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UsageError(format!(
            "--ops-token must have at least {OPS_TOKEN_LEN_MIN} characters, all of them visible ASCII"
        )));
    }
    Ok(Secret(token))
}

fn host_names(flag: &str, names: Option<Vec<String>>) -> Result<HostNames, UsageError> {
    HostNames::parse(names.unwrap_or_default()).map_err(|wrong| UsageError(format!("{flag} {wrong}")))
}

fn origins(texts: Vec<String>) -> Result<Vec<Origin>, UsageError> {
    let parse = |text: String| {
        let wrong = || UsageError(format!("--allow-origin {text}: write it as https://host or http://host:port"));
        Origin::parse(&text).ok_or_else(wrong)
    };
    texts.into_iter().map(parse).collect()
}

fn parse_rate(text: &str) -> Result<TickRate, String> {
    let wrong = "the tick rate must be 20, 30 or 60";
    text.parse::<u8>().ok().and_then(|hz| TickRate::try_from(hz).ok()).ok_or_else(|| wrong.into())
}

fn read_file(path: &Path) -> Result<Settings, UsageError> {
    let failed = |why: String| UsageError(format!("--config {}: {why}", path.display()));
    let text = check::read_text(path, check::CONFIG_BYTES_MAX).map_err(failed)?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        failed(format!("line {line}: {}", error.message()))
    })?;
    let names: Vec<_> = setting_names();
    for key in table.keys() {
        if !names.contains(key) {
            let nearest = names.iter().min_by_key(|name| strsim::levenshtein(name, key)).cloned().unwrap_or_default();
            return Err(failed(format!("unknown key \"{key}\"; did you mean \"{nearest}\"?")));
        }
    }
    for (key, value) in &table {
        // One by one, so that the message can name the key.
        let one = toml::Table::from_iter([(key.clone(), value.clone())]);
        let read: Result<Settings, _> = one.try_into();
        read.map_err(|error| failed(format!("{key}: {}", error.message())))?;
    }
    table.try_into().map_err(|error: toml::de::Error| failed(error.message().into()))
}

/// The log format that a config file asks for, if it can be read so far. What comes through a pipe can be read only once.
fn file_format(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let table: toml::Table = check::read_text(path, check::CONFIG_BYTES_MAX).ok()?.parse().ok()?;
    Some(table.get("log-format")?.as_str()?.to_owned())
}

/// The names of all settings, as flags without the dashes.
fn setting_names() -> Vec<String> {
    let command = Settings::augment_args(clap::Command::new("settings"));
    command.get_arguments().filter_map(|argument| argument.get_long().map(String::from)).collect()
}

/// A config file with every setting commented out.
fn template() -> String {
    let mut text =
        String::from("# Settings of fracas-server; each can also be a flag or FRACAS_... in the environment.\n");
    let command = Settings::augment_args(clap::Command::new("settings"));
    for argument in command.get_arguments() {
        let (Some(name), Some(help)) = (argument.get_long(), argument.get_help()) else { continue };
        text += &format!("\n# {help}\n# {name} = {}\n", example(name));
    }
    text
}

fn example(name: &str) -> &'static str {
    match name {
        "listen" => "\"127.0.0.1:8080\"",
        "ops-listen" => "\"127.0.0.1:8081\"",
        "ops-token" => "\"write-a-secret-of-your-own-here\"",
        "ops-host" => "[\"ops.example\"]",
        "tick-hz" => "30",
        "room" => "[\"main\"]",
        "max-players" => "5000",
        "spectator-delay" => "\"5s\"",
        "event-loops" => "2",
        "fill" => "24",
        "seed" => "1",
        "data-dir" => "\"/var/lib/fracas\"",
        "crash-dir" => "\"/tmp\"",
        "public-host" => "[\"play.example\"]",
        "allow-origin" => "[\"https://play.example\"]",
        "max-per-address" => "64",
        "joins-per-address" => "\"2:64\"",
        "limit-loopback" => "false",
        "idle" => "\"5m\"",
        "log-format" => "\"text\"",
        "log-level" => "\"info\"",
        "density" => "20",
        "arena-for" => "1000",
        "map" => "\"map.tmj\"",
        "trusted-proxy" => "[\"10.0.0.1\", \"10.1.0.0/16\"]",
        _ => unreachable!("a test holds this list against the settings"),
    }
}

/// clap's message without colours, usage and pointers, in one line.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let kept: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    let text = kept.join(" ");
    format!("{} (see --help)", text.strip_prefix("error: ").unwrap_or(&text))
}

/// Checks the definition of the command line itself.
#[doc(hidden)]
pub fn debug_assert() {
    Cli::command().debug_assert();
}

#[cfg(test)]
mod tests;
