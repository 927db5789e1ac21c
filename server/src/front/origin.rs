//! The names by which the server may be reached, and the pages from which browsers may connect. Another site cannot get
//! round it by pointing its own name here (DNS rebinding). No I/O in here.

use crate::front::rejection::{Rejection, RejectionResponse};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::uri::{Authority, Uri};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest host name (RFC 1035, 2.3.4).
const HOST_NAME_BYTES_MAX: usize = 253;
/// Bytes of an unknown host name that are logged.
const EXCERPT_BYTES: usize = 80;

/// A web origin: scheme, host and port, compared as browsers compare them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `http://host[:port]` or `https://host[:port]`, with nothing behind it.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains(['@', '#']) {
            return None;
        }
        let port = uri.port_u16().unwrap_or(default_port(secure));
        Some(Self { secure, host: plain_host(uri.host()?), port })
    }

    fn has_default_port(&self) -> bool {
        self.port == default_port(self.secure)
    }

    /// Whether a request to this host, with the page's scheme, went to this origin's own server.
    fn is_of(&self, host: &Host) -> bool {
        self.host == host.name && self.port == host.port.unwrap_or(default_port(self.secure))
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// A host in its normal form: in lower case, without the dot at the end.
fn plain_host(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The host that a request was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    /// The host of a request, from its target or else from its `Host` header. None if there is no header, several, or
    /// an unreadable one.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        if let Some(authority) = uri.authority() {
            return Self::read(authority.as_str());
        }
        let mut lines = headers.get_all(header::HOST).iter();
        let line = lines.next().filter(|_| lines.next().is_none())?;
        Self::read(line.to_str().ok()?)
    }

    fn read(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let host = Self { name: plain_host(authority.host()), port: authority.port_u16() };
        // Text before an @ is not part of a host, and text after a colon must be a port.
        let has_more = text.contains('@') || host.port.is_none() && authority.as_str().len() > authority.host().len();
        (!has_more && !host.name.is_empty()).then_some(host)
    }

    /// Whether no one can redirect this host. A browser does not look up an address or localhost.
    fn is_fixed(&self) -> bool {
        let address = self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&self.name);
        address.parse::<IpAddr>().is_ok() || self.name == "localhost"
    }
}

/// Names by which a port may be reached, beside addresses and localhost.
#[derive(Clone, Debug, Default)]
pub struct HostNames(Vec<String>);

impl HostNames {
    /// Those of an operator, each as [`Self::check`] gives it.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Reads one as an operator writes it.
    ///
    /// # Errors
    /// If it is none, in words.
    pub fn check(name: &str) -> Result<String, String> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > HOST_NAME_BYTES_MAX || !name.bytes().all(is_letter) {
            return Err(format!("{name:?}: write a name alone, such as play.example, without scheme and port"));
        }
        Ok(plain_host(name))
    }

    /// Whether a request to this host was meant for the port.
    pub(crate) fn know(&self, host: &Host) -> bool {
        host.is_fixed() || self.has(&host.name)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }
}

/// Which pages may connect to the game.
#[derive(Debug, Default)]
pub(crate) struct OriginPolicy {
    names: HostNames,
    allowed: Vec<Origin>,
    told_of_name: AtomicBool,
    told_of_page: AtomicBool,
}

impl OriginPolicy {
    /// A policy for the server's own page under these names, and for pages of these origins.
    pub(crate) fn new(names: HostNames, allowed: Vec<Origin>) -> Self {
        Self { names, allowed, ..Self::default() }
    }

    /// Checks a handshake's `Origin`. A handshake without one is accepted, since only browsers send it, and they always
    /// do. Several are refused.
    pub(crate) fn check_handshake(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
        let mut lines = headers.get_all(header::ORIGIN).iter();
        let Some(line) = lines.next() else { return Ok(()) };
        let origin = line.to_str().ok().and_then(Origin::parse).filter(|_| lines.next().is_none());
        let host = Host::of(uri, headers);
        match origin {
            Some(origin) if self.may_connect(&origin, host.as_ref()) => Ok(()),
            origin => {
                self.tell_refused(line.as_bytes(), origin.as_ref(), host.as_ref());
                Err(Rejection::Origin)
            }
        }
    }

    /// The page that a browser asks for, as it names it, if that may connect: then it may read as well what a client needs for
    /// that. A page that may not is not told of here, since the browser tells its author.
    pub(super) fn reader(&self, uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut lines = headers.get_all(header::ORIGIN).iter();
        let line = lines.next().filter(|_| lines.next().is_none())?;
        let origin = Origin::parse(line.to_str().ok()?)?;
        self.may_connect(&origin, Host::of(uri, headers).as_ref()).then(|| line.clone())
    }

    fn may_connect(&self, origin: &Origin, host: Option<&Host>) -> bool {
        // A proxy may use another name for the server than the browser uses for the proxy. The proxy has its scheme's
        // own port.
        let is_public = self.names.has(&origin.host) && origin.has_default_port();
        let is_own = || host.is_some_and(|host| self.names.know(host) && origin.is_of(host));
        self.allowed.contains(origin) || is_public || is_own()
    }

    /// Checks that a request for the page uses one of the server's names. An allowed origin counts as a name of it.
    pub(crate) fn check_page(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), RejectionResponse> {
        let host = Host::of(uri, headers);
        let is_known =
            |host: &Host| self.names.know(host) || self.allowed.iter().any(|origin| origin.host == host.name);
        if host.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let seen = headers.get(header::HOST).map_or(b"".as_slice(), |line| line.as_bytes());
        self.tell_unknown_name(host.as_ref(), seen);
        let message = match host.as_ref().and_then(shown_name) {
            Some(name) => format!(
                "This server does not go by the name {name}. If it is its own, start it with --public-host {name}."
            )
            .into(),
            None => Cow::from(Rejection::Host.message()),
        };
        Err(RejectionResponse { message, ..Rejection::Host.into() })
    }

    /// Logs which setting to add, for the server's own page under an unknown name, or for another page.
    fn tell_refused(&self, seen: &[u8], origin: Option<&Origin>, host: Option<&Host>) {
        let is_same = origin.zip(host).is_some_and(|(origin, host)| origin.is_of(host));
        if is_same {
            return self.tell_unknown_name(host, seen);
        }
        if !self.told_of_page.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                origin = excerpt(seen),
                "refusing a page of another origin; if it is yours, add --allow-origin URL, or --public-host NAME for the \
                 server's own name; this is said once"
            );
        }
    }

    fn tell_unknown_name(&self, host: Option<&Host>, seen: &[u8]) {
        if !self.told_of_name.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                host = excerpt(seen),
                "refusing browsers that come by a name this server does not know; if it is its own, add --public-host {}; this \
                 is said once",
                host.and_then(shown_name).unwrap_or("NAME")
            );
        }
    }
}

/// A name that may be logged. It must be possible as a host name, since any client may have sent it.
fn shown_name(host: &Host) -> Option<&str> {
    let name = &*host.name;
    (name.len() <= EXCERPT_BYTES && HostNames::check(name).is_ok()).then_some(name)
}

/// The beginning of untrusted text, in a form that may be logged.
fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(EXCERPT_BYTES)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(names: &[&str], allowed: &[&str]) -> OriginPolicy {
        let names = HostNames::new(names.iter().map(|name| HostNames::check(name).expect("a name")).collect());
        OriginPolicy::new(names, allowed.iter().map(|origin| Origin::parse(origin).expect("an origin")).collect())
    }

    fn headers(host: &str, origins: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("a header"));
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_str(origin).expect("a header"));
        }
        headers
    }

    fn connects(policy: &OriginPolicy, host: &str, origin: &str) -> bool {
        policy.check_handshake(&Uri::from_static("/ws"), &headers(host, &[origin])).is_ok()
    }

    fn serves(policy: &OriginPolicy, host: &str) -> Result<(), RejectionResponse> {
        policy.check_page(&Uri::from_static("/"), &headers(host, &[]))
    }

    #[test]
    fn a_page_whose_own_name_leads_here_cannot_connect() {
        for names in [[].as_slice(), &["play.example"]] {
            let policy = policy(names, &[]);
            for (host, origin) in [
                ("evil.example:8080", "http://evil.example:8080"),
                ("evil.example", "https://evil.example"),
                ("localhost.evil.example", "http://localhost.evil.example"),
                ("127.0.0.1.evil.example", "http://127.0.0.1.evil.example"),
                ("127.0.0.1:8080", "http://evil.example:8080"),
                ("play.example", "http://evil.example"),
                ("evil.example", "http://127.0.0.1"),
            ] {
                assert!(!connects(&policy, host, origin), "{host} {origin}");
            }
        }
    }

    #[test]
    fn the_servers_own_page_connects_by_address_localhost_and_public_names() {
        let policy = policy(&["Play.Example", "lan-box."], &[]);
        for (host, origin) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("192.168.1.5", "http://192.168.1.5"),
            ("LOCALHOST:8080", "http://localhost:8080"),
            ("play.example:8080", "http://PLAY.example:8080"),
            ("play.example.:8080", "http://play.example.:8080"),
            ("lan-box:8080", "http://lan-box:8080"),
            // Behind a proxy that speaks TLS, whether or not it passes on the name.
            ("play.example", "https://play.example"),
            ("127.0.0.1:8080", "https://play.example"),
        ] {
            assert!(connects(&policy, host, origin), "{host} {origin}");
        }
        for (host, origin) in [
            ("127.0.0.1:8080", "http://127.0.0.1:9090"),
            ("127.0.0.1:8080", "http://localhost:8080"),
            ("play.example:8080", "http://play.example:9090"),
            ("127.0.0.1:8080", "null"),
            ("127.0.0.1:8080", "http://user@127.0.0.1:8080"),
            ("user@127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/path"),
        ] {
            assert!(!connects(&policy, host, origin), "{host} {origin}");
        }
        let twice = headers("127.0.0.1", &["http://127.0.0.1", "http://127.0.0.1"]);
        assert!(policy.check_handshake(&Uri::from_static("/ws"), &twice).is_err());
    }

    #[test]
    fn allowed_origins_connect_whatever_the_host_and_only_they() {
        let policy = policy(&[], &["https://play.example"]);
        for host in ["127.0.0.1:8080", "play.example", "anything.example"] {
            assert!(
                connects(&policy, host, "https://play.example") && connects(&policy, host, "https://play.example:443")
            );
            assert!(
                !connects(&policy, host, "http://play.example")
                    && !connects(&policy, host, "https://play.example.evil")
            );
        }
        assert_eq!(serves(&policy, "play.example"), Ok(()), "its page is served by that name");
    }

    #[test]
    fn who_is_no_browser_connects_by_any_name() {
        for host in ["anything.example", "127.0.0.1", "", "a b"] {
            assert_eq!(
                policy(&[], &[]).check_handshake(&Uri::from_static("/ws"), &headers(host, &[])),
                Ok(()),
                "{host}"
            );
        }
    }

    #[test]
    fn a_page_by_an_unknown_name_is_refused_with_what_to_add() {
        let policy = policy(&["play.example"], &[]);
        for host in ["127.0.0.1:8080", "localhost", "[::1]:8080", "10.1.2.3", "PLAY.example:9000"] {
            assert_eq!(serves(&policy, host), Ok(()), "{host}");
        }
        let refused = serves(&policy, "lan-box:8080").expect_err("unknown");
        assert_eq!((refused.why, refused.status), (Rejection::Host, 421));
        assert!(refused.message.ends_with("--public-host lan-box."), "{}", refused.message);
        for host in ["evil.example<script>", "", "@", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1.evil", &"x".repeat(300)] {
            let message = serves(&policy, host).expect_err(host).message;
            assert!(!message.contains('<') && message.contains("--public-host") && message.len() < 300, "{message}");
        }
        let target = Uri::from_static("http://evil.example/");
        assert!(
            policy.check_page(&target, &headers("127.0.0.1", &[])).is_err(),
            "a target's own host goes before the header"
        );
    }

    #[test]
    fn a_name_is_written_without_scheme_and_port() {
        for wrong in
            ["", "http://play.example", "play.example:8080", "b\u{fc}cher.example", "[::1]", "a b", &"x".repeat(254)]
        {
            assert!(HostNames::check(wrong).is_err(), "{wrong}");
        }
    }
}
