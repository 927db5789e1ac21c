//! What listens, and what the operators' port refuses.

use anyhow::Result;
use fracas_tests::Server;
use fracas_tests::http::request;
use fracas_tests::program::listening_ports;
use fracas_tests::verdict::VerdictRow;

const TOKEN: &str = "a-secret-of-some-length";

pub(crate) fn run() -> Result<Vec<VerdictRow>> {
    let server = Server::start(&["--fill", "4", "--ops-token", TOKEN]);
    let mut ports = listening_ports(server.pid());
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
