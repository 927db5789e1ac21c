//! Checks of files, folders, names and ports before anything is opened. `check-config` and the start both use them, so
//! both accept the same settings.

use super::game::GameInfo;
use super::settings::Config;
use super::sources::Sources;
use super::usage_error::UsageError;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why no file can be made in a folder, if none can. Permissions alone do not tell: the file system may be read-only.
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
            // It was made a moment ago. If another process removed it first, it is gone as well.
            let _ = std::fs::remove_file(&probe);
            None
        }
        // A file of another process with the same number, in another container.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
        Err(error) => Some(format!("cannot write there: {error}; name a folder that this user may write to")),
    }
}

/// Why page files cannot be served from a folder.
pub(super) fn why_no_page_folder(folder: &Path) -> Option<String> {
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some("it is no folder; name the folder that the page's files are in".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Some("there is no such folder".into()),
        Err(error) => Some(format!("cannot look at it: {error}")),
    }
}

/// Refuses more seats than the game has ids for.
pub(super) fn seats(config: &Config, game: &GameInfo, sources: &Sources) -> Result<(), UsageError> {
    if config.capacity().fits(game.players_max) {
        return Ok(());
    }
    let (max_players, fill) = (config.max_players, config.fill);
    let (players, bots) = (sources.of("max-players"), sources.of("fill"));
    let (seats, most) = (u32::from(max_players) + u32::from(fill), game.seats_max());
    let why = format!("{players} {max_players} and {bots} {fill} are {seats} players; one room has seats for {most}");
    Err(UsageError(why))
}

/// Refuses one address for both listeners, since the second could not be opened.
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
