//! What the system knows of the server's sockets: whether the process still has them, and what they cost.

use anyhow::{Context, Result, ensure};
use procfs::net::{TcpNetEntry, TcpState};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::process::Command;

/// The peers whose connections with `server` the process has or will have: a socket that it has closed belongs to nobody, even
/// if the kernel still tells the peer so; one that waits to be accepted belongs to nobody either, but is not closed on our
/// side. From `/proc/net/tcp`.
pub(crate) fn held(server: SocketAddr) -> Result<HashSet<SocketAddr>> {
    let table = procfs::net::tcp().context("the kernel does not tell of its sockets")?;
    let is_held = |socket: &TcpNetEntry| {
        let is_open = socket.inode != 0 || matches!(socket.state, TcpState::Established | TcpState::CloseWait);
        socket.local_address == server && is_open && socket.state != TcpState::Listen
    };
    Ok(table.into_iter().filter(is_held).map(|socket| socket.remote_address).collect())
}

/// What the kernel has set aside for each of the server's connections, in bytes, by peer: for what was received and not read,
/// for what was sent and not acknowledged, and for what may come. From `ss`, which asks the kernel for `sock_diag(7)`'s skmem.
pub(crate) fn memory(server: SocketAddr) -> Result<HashMap<SocketAddr, u64>> {
    let source = format!("sport = :{}", server.port());
    let output = Command::new("ss").args(["-tmnHO", &source]).output().context("there is no `ss` (iproute2)")?;
    ensure!(output.status.success(), "ss: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let socket = |line: &str| {
        let peer = line.split_whitespace().nth(4)?.parse().ok()?;
        let (_, list) = line.split_once("skmem:(")?;
        let number = |name: &str| {
            let number = |item: &str| item.strip_prefix(name)?.parse::<u64>().ok();
            list.trim_end_matches(')').split([',', ')']).find_map(number).unwrap_or(0)
        };
        // Read queue, write queue, what is kept for either, options, and what came while the socket was in use.
        Some((peer, ["r", "w", "f", "o", "bl"].map(number).iter().sum()))
    };
    Ok(text.lines().filter_map(socket).collect())
}
