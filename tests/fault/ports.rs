//! What listens, and what the operators' port refuses.

use anyhow::{Context, Result};
use fracas_tests::Server;
use fracas_tests::http::request;
use fracas_tests::verdict::VerdictRow;
use std::collections::HashSet;
use std::path::Path;

const TOKEN: &str = "a-secret-of-some-length";

pub(crate) fn run() -> Result<Vec<VerdictRow>> {
    let server = Server::start(&["--fill", "4", "--ops-token", TOKEN]);
    let mut ports = listening(server.pid())?;
    let configured = [server.game.port(), server.ops.port()];
    let expected = configured.iter().filter(|port| ports.remove(*port)).count() as u64;
    let bearer = format!("Bearer {TOKEN}");
    let ask = |method: &str, host: &str, shown: Option<&str>| {
        let mut headers = vec![("Host", host)];
        headers.extend(shown.map(|shown| ("Authorization", shown)));
        u64::from(request(server.ops, method, "/drain", &headers).status)
    };
    Ok(vec![
        VerdictRow::exactly("configured ports that listen", expected, 2),
        VerdictRow::exactly("others that do", ports.len() as u64, 0),
        VerdictRow::exactly("operators' port without a token", ask("POST", "localhost", None), 401),
        VerdictRow::exactly(
            "operators' port with a wrong token",
            ask("POST", "localhost", Some("Bearer a-secret-of-any-length")),
            401,
        ),
        VerdictRow::exactly("operators' port by a foreign name", ask("POST", "game.example", Some(&bearer)), 421),
        VerdictRow::exactly("GET for a change", ask("GET", "localhost", Some(&bearer)), 405),
        VerdictRow::exactly("and nothing has changed", u64::from(server.get("/readyz").status), 200),
    ])
}

/// TCP ports on which a process listens, and UDP ports that it has, over either IP. From `/proc`.
fn listening(pid: u32) -> Result<HashSet<u16>> {
    let mut inodes = HashSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let target = std::fs::read_link(entry?.path()).unwrap_or_default();
        let inode = target.to_str().and_then(|name| name.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        inodes.extend(inode.map(|inode: u64| inode));
    }
    let mut ports = HashSet::new();
    for (table, is_tcp) in [("tcp", true), ("tcp6", true), ("udp", false), ("udp6", false)] {
        let file = Path::new("/proc").join(pid.to_string()).join("net").join(table);
        // A system without IPv6 has no table of it.
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state) = (fields.get(1).context("no address")?, fields.get(3).context("no state")?);
            let is_theirs =
                fields.get(9).and_then(|inode| inode.parse().ok()).is_some_and(|inode| inodes.contains(&inode));
            let port = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            if is_theirs && (*state == "0A" || !is_tcp) {
                ports.extend(port);
            }
        }
    }
    Ok(ports)
}
