//! Every setting, how each value is read, and what follows from several of them.

use super::game::GameConfig;
use super::logging::{LogFormat, LogLevel};
use super::time;
use crate::admission::join_budget::JoinRate;
use crate::front::forwarded::TrustedProxy;
use crate::front::origin::{HostNames, Origin};
use crate::sim::idle::IdleLimit;
use crate::sim::roster::Capacity;
use clap::{ArgAction, Args, value_parser};
use fracas_protocol::tick::TickRate;
use fracas_protocol::wire::limits::{DEFAULT_ROOM, ROOM_NAME_BYTES_MAX};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Every setting, as the server uses it: a field's documentation is its help, and its flag's name is also its name in the
/// environment and in the file. A setting without a default has an example, which the config template shows. Defaults and
/// bounds of `max_players` and `fill` follow from the game: see [`super::GameInfo`].
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Config {
    /// Where players connect: the page and the game.
    #[arg(long, value_name = "ADDR:PORT", global = true, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where operators look: metrics and health. Keep it private.
    #[arg(long, value_name = "ADDR:PORT", global = true, default_value = "127.0.0.1:8081")]
    pub ops_listen: SocketAddr,
    /// What operators must show, as `Authorization: Bearer TOKEN`, at least 16 characters. Needed where others than this machine
    /// reach the operators' port, and to change anything there. Better in the environment, where `ps` does not show it.
    /// [example: write-a-secret-of-your-own-here]
    #[arg(long, value_name = "TOKEN", global = true)]
    pub ops_token: Option<Secret>,
    /// Name by which operators reach their port, beside addresses and localhost; may be given several times.
    /// [example: ops.example]
    #[arg(long = "ops-host", value_name = "NAME", value_delimiter = ',', global = true, value_parser = HostNames::check)]
    pub ops_hosts: Vec<String>,
    /// Ticks per second: 20, 30 or 60.
    #[arg(long = "tick-hz", value_name = "HZ", global = true, value_parser = parse_rate, default_value_t = TickRate::HZ_30)]
    pub tick_rate: TickRate,
    /// Name of a room, which players ask for; may be given several times. Each is a game of its own.
    #[arg(long = "room", value_name = "NAME", value_delimiter = ',', global = true, value_parser = parse_room, default_value = DEFAULT_ROOM)]
    pub rooms: Vec<String>,
    /// People who may play in one room at the same time.
    #[arg(long, value_name = "N", global = true, default_value_t)]
    pub max_players: u16,
    /// Spectators of a room with people in it are shown it so late, at most 60s, so that nobody can watch what they cannot
    /// see as players; 0 for not at all.
    #[arg(long, value_name = "TIME", global = true, value_parser = time::spectator_delay, default_value = "5s")]
    pub spectator_delay: Duration,
    /// Threads that own the players' sockets. [default: one per 2000 of --max-players in all rooms, at most the cores]
    /// [example: 2]
    #[arg(long, value_name = "N", global = true, value_parser = value_parser!(u8).range(1..=64))]
    pub(super) event_loops: Option<u8>,
    /// Keep at least so many players in each room by adding bots.
    #[arg(long, value_name = "N", global = true, default_value_t)]
    pub fill: u16,
    /// Decides all chances of the rooms. [default: another one each time] [example: 1]
    #[arg(long, value_name = "N", global = true)]
    pub seed: Option<u64>,
    /// Where the journal is kept. There is no journal yet, so this is refused. [example: /var/lib/fracas]
    #[arg(long, value_name = "DIR", global = true, value_parser = no_journal)]
    data_dir: Option<PathBuf>,
    /// Folder for what led to a panic in a room's game; `replay` repeats it.
    #[arg(long, value_name = "DIR", global = true, default_value_os_t = std::env::temp_dir())]
    pub crash_dir: PathBuf,
    /// Name by which browsers reach the game, beside addresses and localhost; may be given several times.
    /// [example: play.example]
    #[arg(long = "public-host", value_name = "NAME", value_delimiter = ',', global = true, value_parser = HostNames::check)]
    pub public_hosts: Vec<String>,
    #[allow(rustdoc::bare_urls, reason = "it is the help text of the flag")]
    /// Web origin that may connect beside the server's own; may be given several times. [example: https://play.example]
    #[arg(long = "allow-origin", value_name = "URL", value_delimiter = ',', global = true, value_parser = parse_origin)]
    pub allow_origins: Vec<Origin>,
    /// Connections from one address; for IPv6 from one /64.
    #[arg(long, value_name = "N", global = true, value_parser = value_parser!(u32).range(1..=100_000), default_value_t = 64)]
    pub max_per_address: u32,
    /// New players a second from one address (for IPv6 one /64), and how many at once; who comes back does not count.
    /// N alone means 32 N at once.
    #[arg(long, value_name = "N:BURST", global = true, default_value_t)]
    pub joins_per_address: JoinRate,
    /// Hold --max-per-address and --joins-per-address against loopback addresses too.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", global = true, action = ArgAction::Set, default_value_t)]
    pub limit_loopback: bool,
    /// How long a player may do nothing, such as 90s or 5m; in a full room a minute at most; 0 for ever.
    #[arg(long, value_name = "TIME", global = true, value_parser = time::idle, default_value = "5m")]
    pub idle: IdleLimit,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text")]
    pub log_format: LogFormat,
    /// The least important lines that are logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", global = true, default_value = "info")]
    pub log_level: LogLevel,
    /// Serve the page's files from this folder first, as they are at each request: for whoever works on a page. [example: page]
    #[arg(long, value_name = "DIR", global = true)]
    pub web: Option<PathBuf>,
    /// What the game adds to the settings.
    #[arg(skip)]
    pub game: GameConfig,
    /// Address or network (10.0.0.0/8) of proxies whose X-Forwarded-For is believed; may be given several times. They must
    /// send it with every game connection. [example: 10.0.0.1,10.1.0.0/16]
    #[arg(long = "trusted-proxy", value_name = "ADDR", value_delimiter = ',', global = true)]
    pub trusted_proxies: Vec<TrustedProxy>,
}

/// A setting that no log or message may contain.
#[derive(Clone)]
pub struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Secret {
    /// The shortest that cannot be guessed, in characters.
    pub(super) const LEN_MIN: usize = 16;

    /// Whether `shown` is the secret. The time of the comparison reveals only its length.
    pub fn is(&self, shown: &str) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), shown.as_bytes()).into()
    }

    pub(super) fn is_good(&self) -> bool {
        self.0.len() >= Self::LEN_MIN && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(not shown)")
    }
}

impl Config {
    /// Threads that own the players' sockets.
    pub fn event_loops(&self) -> u8 {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(64));
        let usual = (usize::from(self.max_players) * self.rooms.len()).div_ceil(2000).clamp(1, cores) as u8;
        self.event_loops.unwrap_or(usual)
    }

    /// The capacity of one room.
    pub fn capacity(&self) -> Capacity {
        // As many may watch as may play.
        Capacity { people: self.max_players, bots: self.fill, spectators: self.max_players }
    }

    /// How many connections there may be: all that the rooms take, and some before their hello.
    pub fn connections_max(&self) -> usize {
        self.rooms.len() * (2 * usize::from(self.max_players) + usize::from(self.fill)) + 256
    }
}

/// A room's name stands in addresses and file names.
fn parse_room(name: &str) -> Result<String, String> {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_good = !name.is_empty() && name.len() <= ROOM_NAME_BYTES_MAX && name.bytes().all(may_stand);
    let wrong = || format!("{name:?}: a name has 1 to {ROOM_NAME_BYTES_MAX} letters, digits, - and _");
    is_good.then(|| name.into()).ok_or_else(wrong)
}

fn parse_origin(text: &str) -> Result<Origin, String> {
    Origin::parse(text).ok_or_else(|| format!("{text}: write it as https://host or http://host:port"))
}

fn parse_rate(text: &str) -> Result<TickRate, String> {
    let wrong = "the tick rate must be 20, 30 or 60";
    text.parse::<u8>().ok().and_then(|hz| TickRate::try_from(hz).ok()).ok_or_else(|| wrong.into())
}

fn no_journal(_: &str) -> Result<PathBuf, String> {
    Err("there is no journal yet; leave the setting out".into())
}
