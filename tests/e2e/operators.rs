//! Who may use the operators' port.

use fracas_tests::http::{HttpAnswer, request};
use fracas_tests::{Server, run_server};

const TOKEN: &str = "a-secret-of-some-length";

/// Asks by some method for `path`, with an `Authorization` and a `Host` header.
fn ask(server: &Server, method: &str, path: &str, shown: Option<&str>, host: &str) -> HttpAnswer {
    let bearer = shown.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("Host", host)];
    headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
    request(server.ops, method, path, &headers)
}

#[test]
fn a_port_that_others_can_reach_needs_a_token_to_start_and_a_short_one_is_none() {
    let open = run_server(&["--ops-listen", "0.0.0.0:0"]);
    assert_eq!(open.code, Some(2), "{open:?}");
    assert!(open.stderr.contains("FRACAS_OPS_TOKEN") && open.stderr.contains("127.0.0.1"), "{open:?}");
    let short = run_server(&["--ops-token", "hunter2"]);
    assert_eq!(short.code, Some(2), "{short:?}");
    assert!(short.stderr.contains("16 characters") && !short.stderr.contains("hunter2"), "{short:?}");
    let checked = run_server(&["check-config", "--ops-listen", "0.0.0.0:0", "--ops-token", TOKEN]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(!checked.stdout.contains(TOKEN), "it is not shown: {checked:?}");
}

#[test]
fn without_the_token_or_by_a_foreign_name_nothing_is_told_but_health() {
    let server = Server::start(&["--fill", "0", "--ops-token", TOKEN, "--ops-host", "ops.example"]);
    let status = |shown: Option<&str>, path: &str, host: &str| ask(&server, "GET", path, shown, host).status;
    for path in ["/metrics", "/version"] {
        assert_eq!(status(Some(TOKEN), path, "127.0.0.1"), 200, "{path}");
        assert_eq!(status(Some(TOKEN), path, "ops.example"), 200, "{path}");
        assert_eq!(status(Some(TOKEN), path, "evil.example"), 421, "{path}");
        assert_eq!(status(None, path, "127.0.0.1"), 401, "{path}");
        for wrong in ["", "a-secret-of-some-lengtH", "a-secret-of-some-length2", "a-secret-of-some"] {
            assert_eq!(status(Some(wrong), path, "127.0.0.1"), 401, "{path} with {wrong:?}");
        }
    }
    assert_eq!(status(None, "/readyz", "127.0.0.1"), 200);
    assert_eq!(status(None, "/readyz", "evil.example"), 421);
    assert_eq!(request(server.ops, "GET", "/metrics", &[("Host", "a"), ("Host", "127.0.0.1")]).status, 421);
}

#[test]
fn a_change_needs_post_and_the_token_and_then_the_server_stops_in_good_order() {
    let server = Server::start(&["--fill", "0"]);
    let refused = ask(&server, "POST", "/drain", Some(TOKEN), "localhost");
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("--ops-token"), "{refused:?}");
    let server = Server::start(&["--fill", "4", "--ops-token", TOKEN]);
    let by_get = ask(&server, "GET", "/drain", Some(TOKEN), "localhost");
    assert_eq!((by_get.status, by_get.header("allow")), (405, Some("POST")));
    assert_eq!(ask(&server, "POST", "/drain", None, "localhost").status, 401);
    assert_eq!(ask(&server, "POST", "/drain", Some("a-secret-of-any-length"), "localhost").status, 401);
    assert_eq!(ask(&server, "POST", "/drain", Some(TOKEN), "evil.example").status, 421);
    assert_eq!(server.get("/readyz").status, 200, "nothing has happened yet");
    assert_eq!(ask(&server, "POST", "/drain", Some(TOKEN), "localhost").status, 202);
    assert_eq!(server.wait().0, Some(0));
}
