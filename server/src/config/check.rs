//! What can be found wrong with files, folders, names and ports before anything is opened. `check-config` and the start both
//! come through here, so the one approves what the other takes.

use super::{Config, Sources, UsageError};
use crate::arena::{default_map, read_tiled};
use fracas_protocol::arena::{Map, SHIPS_MAX};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of the largest config file that is read.
pub(super) const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of the largest map that is read: the cells of one take 4 KiB, and pictures and notes may stand beside them.
const MAP_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The map that is played on, read and found good.
#[derive(Clone)]
pub struct ArenaMap {
    file: Option<PathBuf>,
    /// Its walls.
    pub map: Map,
}

/// For whoever looks what is in effect: the file, and not its walls.
impl std::fmt::Debug for ArenaMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("the built-in one"),
        }
    }
}

impl Default for ArenaMap {
    fn default() -> Self {
        Self { file: None, map: default_map() }
    }
}

impl ArenaMap {
    /// Reads the map in a file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = read_text(path, MAP_BYTES_MAX).map_err(|why| format!("cannot read the map: {why}"))?;
        let map = read_tiled(&text).map_err(|why| format!("the map cannot be used: {why}"))?;
        Ok(Self { file: Some(path.into()), map })
    }
}

/// Reads a file of text. The byte order mark that some editors put in front is no part of it.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    if path.is_dir() {
        return Err("it is a folder; name a file".into());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {} MiB", bytes_max / (1024 * 1024)));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8; save it as UTF-8")?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Why no file can be made in a folder, if none can. Rights alone do not tell: the file system may be read-only.
pub fn why_not_writable(folder: &Path) -> Option<String> {
    match std::fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Some("there is no such folder; make it".into()),
        Err(error) => return Some(format!("cannot look at it: {error}")),
        Ok(found) if !found.is_dir() => return Some("it is a file; name a folder".into()),
        Ok(_) => {}
    }
    let probe = folder.join(format!(".fracas-can-write-{}", std::process::id()));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe) {
        Ok(_) => {
            // It was made a moment ago; if somebody else was quicker it is gone all the same.
            let _ = std::fs::remove_file(&probe);
            None
        }
        // Of another process with the same number, in another container.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
        Err(error) => Some(format!("cannot write there: {error}; name a folder that this user may write to")),
    }
}

/// More ships than an arena has room for.
pub(super) fn seats(config: &Config, sources: &Sources) -> Result<(), UsageError> {
    let (max_players, fill) = (config.max_players, config.fill);
    let (seats, most) = (u32::from(max_players) + u32::from(fill), u32::from(SHIPS_MAX - 16) * 8 / 9);
    if seats > most {
        let (players, bots) = (sources.of("max-players"), sources.of("fill"));
        let why = format!("{players} {max_players} and {bots} {fill} are {seats} ships; one arena has room for {most}");
        return Err(UsageError(why));
    }
    Ok(())
}

/// Two listeners at one address: the second could not be opened.
pub(super) fn ports(listen: SocketAddr, ops_listen: SocketAddr, sources: &Sources) -> Result<(), UsageError> {
    let (game, ops) = (listen.ip().to_canonical(), ops_listen.ip().to_canonical());
    let covers_all = |one: std::net::IpAddr, other: std::net::IpAddr| {
        // The kernel gives IPv6's "any" the IPv4 port as well.
        one.is_unspecified() && (one.is_ipv6() || other.is_ipv4())
    };
    let is_same = game == ops || covers_all(game, ops) || covers_all(ops, game);
    if listen.port() != 0 && listen.port() == ops_listen.port() && is_same {
        return Err(UsageError(format!(
            "{} {listen} and {} {ops_listen} are the same port; give one of them another",
            sources.of("listen"),
            sources.of("ops-listen")
        )));
    }
    Ok(())
}
