//! Which client a connection behind proxies counts for, by the `X-Forwarded-For` of trusted ones. What is missing is
//! refused. No I/O in here.

use crate::front::rejection::{Rejection, RejectionResponse};
use axum::http::header::{self, HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A peer that sends one of these headers passes on another's request.
const MARKS: [HeaderName; 4] = [X_FORWARDED_FOR, header::FORWARDED, HeaderName::from_static("x-real-ip"), header::VIA];
/// Bytes of an unreadable entry that are logged.
const EXCERPT_BYTES: usize = 64;

/// The address of a proxy whose `X-Forwarded-For` is believed, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl FromStr for TrustedProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "write an address such as 10.0.0.1, or a network such as 10.0.0.0/8";
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| wrong.to_owned())?,
        };
        Ok(Self(canonical(network.trunc())))
    }
}

/// Turns a network of IPv4 addresses written as IPv6 into one of IPv4, the form in which peers are compared.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(mapped) = network else { return network };
    let prefix = mapped.prefix_len().checked_sub(MAPPED_BITS);
    let plain =
        mapped.addr().to_ipv4_mapped().zip(prefix).and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    plain.map_or(network, IpNet::V4)
}

/// Which client a connection counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedClient {
    /// Its address.
    pub address: IpAddr,
    /// Whether a proxy connects for it. Then it is not exempt from any limit, whatever its address.
    pub is_forwarded: bool,
}

impl From<IpAddr> for ForwardedClient {
    /// A client that connects directly.
    fn from(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), is_forwarded: false }
    }
}

/// Why the client of a trusted proxy's connection is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForwardedFault {
    /// There is no `X-Forwarded-For`.
    Missing,
    /// There is only `Forwarded` (RFC 7239). A proxy that sets one of two headers may let a client's own value pass in
    /// the other. So only one of them is ever believed.
    OtherHeader,
    /// An entry cannot be read. It holds the beginning, in a form that may be logged.
    Unreadable(String),
}

impl From<ForwardedFault> for RejectionResponse {
    fn from(fault: ForwardedFault) -> Self {
        let message = match fault {
            ForwardedFault::Missing => {
                "This came from a --trusted-proxy without an X-Forwarded-For header: have the proxy set it to the client's \
                 address, or take the proxy out of --trusted-proxy."
            }
            ForwardedFault::OtherHeader => {
                "This came from a --trusted-proxy with a Forwarded header, which is not read: have the proxy set \
                 X-Forwarded-For to the client's address."
            }
            ForwardedFault::Unreadable(_) => {
                "The X-Forwarded-For header of a --trusted-proxy cannot be read: have the proxy append the client's address \
                 to it, as in 203.0.113.9 or [2001:db8::1]:4711."
            }
        };
        Self { message: message.into(), ..Rejection::Forwarded.into() }
    }
}

/// Distinguishes clients that connect through proxies.
#[derive(Debug, Default)]
pub(crate) struct Forwarding {
    trusted: Vec<TrustedProxy>,
    told_of_fault: AtomicBool,
    told_of_stranger: AtomicBool,
}

impl Forwarding {
    pub(crate) fn new(trusted: Vec<TrustedProxy>) -> Self {
        Self { trusted, ..Self::default() }
    }

    /// Whether an address, in its canonical form, is a trusted proxy's.
    pub(crate) fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|proxy| proxy.0.contains(&address))
    }

    /// Which client a connection from `peer` with these headers counts for.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<ForwardedClient, ForwardedFault> {
        let peer = peer.to_canonical();
        if self.is_trusted(peer) {
            let client = self.walk(headers);
            if let Err(fault) = &client {
                self.tell_fault(peer, fault);
            }
            return client;
        }
        // It says itself that it is not the client. Its claim about the client does not count, but it is no local
        // player either.
        let is_forwarded = MARKS.iter().any(|mark| headers.contains_key(mark));
        if is_forwarded && !self.told_of_stranger.swap(true, Ordering::Relaxed) {
            tracing::warn!(%peer, "ignoring X-Forwarded-For from a peer that is not a --trusted-proxy; this is said once");
        }
        Ok(ForwardedClient { address: peer, is_forwarded })
    }

    /// Reads from the right, since each proxy appends its peer. The first address that is no trusted proxy is the
    /// client. What stands before it is the client's own claim. If all are trusted, the leftmost is the client.
    fn walk(&self, headers: &HeaderMap) -> Result<ForwardedClient, ForwardedFault> {
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        let mut farthest = None;
        for line in lines.into_iter().rev() {
            for entry in line.as_bytes().rsplit(|byte| *byte == b',') {
                let address = read_entry(entry).ok_or_else(|| ForwardedFault::Unreadable(excerpt(entry)))?;
                farthest = Some(ForwardedClient { address, is_forwarded: true });
                if !self.is_trusted(address) {
                    return Ok(ForwardedClient { address, is_forwarded: true });
                }
            }
        }
        let has_other = headers.contains_key(header::FORWARDED);
        farthest.ok_or(if has_other { ForwardedFault::OtherHeader } else { ForwardedFault::Missing })
    }

    fn tell_fault(&self, proxy: IpAddr, fault: &ForwardedFault) {
        if self.told_of_fault.swap(true, Ordering::Relaxed) {
            return;
        }
        let (problem, entry) = match fault {
            ForwardedFault::Missing => ("is missing", None),
            ForwardedFault::OtherHeader => ("is missing, Forwarded is not read", None),
            ForwardedFault::Unreadable(entry) => ("cannot be read", Some(entry)),
        };
        tracing::warn!(
            %proxy, problem, entry,
            "refusing clients of a --trusted-proxy for its X-Forwarded-For header; this is said once"
        );
    }
}

/// The beginning of untrusted text, in a form that may be logged.
fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(EXCERPT_BYTES)].escape_ascii().to_string()
}

/// The address of one entry, without port, brackets, quotes and zone.
fn read_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let text = text.strip_prefix('"').map_or(Some(text), |quoted| quoted.strip_suffix('"'))?;
    let address = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        check_port(port)?;
        IpAddr::V6(read_v6(address)?)
    } else if let Some((address, port)) = text.split_once(':').filter(|(_, port)| !port.contains(':')) {
        check_port(&format!(":{port}"))?;
        IpAddr::V4(address.parse().ok()?)
    } else if text.contains(':') {
        IpAddr::V6(read_v6(text)?)
    } else {
        IpAddr::V4(text.parse().ok()?)
    };
    let address = address.to_canonical();
    // No client can have such an address.
    let is_nobodys = address.is_unspecified() || address.is_multicast();
    (!is_nobodys).then_some(address)
}

/// Nothing, or a colon and a port.
fn check_port(text: &str) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    let port = text.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
    port.parse::<u16>().is_ok().then_some(())
}

/// An IPv6 address. Its zone has a meaning only on its own host.
fn read_v6(text: &str) -> Option<Ipv6Addr> {
    let address = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_graphic()) => address,
        Some(_) => return None,
        None => text,
    };
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn forwarding(trusted: &[&str]) -> Forwarding {
        Forwarding::new(trusted.iter().map(|text| text.parse().expect("a proxy")).collect())
    }

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let line = |line: &&[u8]| (X_FORWARDED_FOR, HeaderValue::from_bytes(line).expect("a header"));
        lines.iter().map(line).collect()
    }

    /// Whom a connection from 10.0.0.1 counts for, where that and 10.1.0.0/16 are trusted.
    fn client(lines: &[&[u8]]) -> Result<IpAddr, ForwardedFault> {
        let client = forwarding(&["10.0.0.1", "10.1.0.0/16", "127.0.0.1"]).client(ip("10.0.0.1"), &headers(lines))?;
        assert!(client.is_forwarded, "never exempt");
        Ok(client.address)
    }

    #[test]
    fn every_way_to_write_an_address_is_read() {
        for (entry, address) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            (" \"203.0.113.9:4711\"\t", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
            ("::1", "::1"),
        ] {
            assert_eq!(client(&[entry.as_bytes()]), Ok(ip(address)), "{entry}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_taken_for_the_proxy() {
        let entries: [&[u8]; 24] = [
            b"",
            b" ",
            b",",
            b"203.0.113.9,",
            b"203.0.113.9, ",
            b"unknown",
            b"_hidden",
            b"-",
            b"\xff",
            b"203.0.113.\x80",
            b"203.0.113",
            b"203.0.113.9:",
            b"203.0.113.9:70000",
            b"203.0.113.9:+80",
            b"203.0.113.9:a",
            b"[203.0.113.9]",
            b"[2001:db8::1",
            b"2001:db8::1]",
            b"[2001:db8::1]443",
            b"fe80::1%",
            b"\"203.0.113.9",
            b"0.0.0.0",
            b"010.0.0.9",
            b"203.0.113.9 203.0.113.8",
        ];
        for entry in entries {
            assert!(matches!(client(&[entry]), Err(ForwardedFault::Unreadable(_))), "{}", entry.escape_ascii());
        }
        assert_eq!(client(&[]), Err(ForwardedFault::Missing));
    }

    #[test]
    fn with_two_proxies_the_client_is_behind_the_outer_one() {
        assert_eq!(client(&[b"203.0.113.9, 10.1.2.3"]), Ok(ip("203.0.113.9")));
        assert_eq!(client(&[b"6.6.6.6, 203.0.113.9:5, [::ffff:10.1.2.3]:80, 10.0.0.1"]), Ok(ip("203.0.113.9")));
        assert_eq!(
            client(&[b"\xff, unknown, , 203.0.113.9"]),
            Ok(ip("203.0.113.9")),
            "what a client claims is not read"
        );
        assert_eq!(client(&[b"203.0.113.9, unknown, 10.1.2.3"]), Err(ForwardedFault::Unreadable(" unknown".into())));
    }

    #[test]
    fn several_lines_are_one_list_in_their_order() {
        assert_eq!(client(&[b"6.6.6.6", b"203.0.113.9", b"10.1.2.3, 10.1.2.4"]), Ok(ip("203.0.113.9")));
        assert_eq!(client(&[b"203.0.113.9", b""]), Err(ForwardedFault::Unreadable(String::new())));
    }

    #[test]
    fn if_all_are_trusted_the_farthest_is_the_client_and_who_claims_loopback_is_none() {
        assert_eq!(client(&[b"10.1.0.9, 10.1.2.3"]), Ok(ip("10.1.0.9")));
        for claim in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"] {
            assert_eq!(client(&[claim.as_bytes()]), Ok(ip(claim).to_canonical()), "{claim}");
        }
    }

    #[test]
    fn the_other_header_alone_is_refused_and_beside_ours_it_counts_for_nothing() {
        let proxies = forwarding(&["10.0.0.1"]);
        let mut both = headers(&[]);
        both.insert(header::FORWARDED, HeaderValue::from_static("for=6.6.6.6"));
        assert_eq!(proxies.client(ip("10.0.0.1"), &both), Err(ForwardedFault::OtherHeader));
        both.insert(X_FORWARDED_FOR, HeaderValue::from_static("203.0.113.9"));
        assert_eq!(proxies.client(ip("10.0.0.1"), &both).map(|client| client.address), Ok(ip("203.0.113.9")));
    }

    #[test]
    fn a_peer_that_is_not_trusted_counts_for_itself_and_loses_the_privilege_of_loopback() {
        let proxies = forwarding(&["10.0.0.0/8"]);
        let claim = headers(&[b"203.0.113.9"]);
        for peer in ["192.0.2.1", "127.0.0.1", "::ffff:192.0.2.1"] {
            let itself = ForwardedClient { address: ip(peer).to_canonical(), is_forwarded: true };
            assert_eq!(proxies.client(ip(peer), &claim), Ok(itself));
            assert_eq!(proxies.client(ip(peer), &headers(&[])), Ok(ip(peer).into()));
        }
    }

    #[test]
    fn proxies_are_given_as_addresses_and_networks_of_either_family() {
        let proxies =
            forwarding(&["10.0.0.1", "192.0.2.77/24", "2001:db8::/32", "::ffff:172.16.0.0/108", "::ffff:198.51.100.1"]);
        for trusted in ["10.0.0.1", "192.0.2.1", "192.0.2.255", "2001:db8:9::1", "172.31.0.1", "198.51.100.1"] {
            assert!(proxies.is_trusted(ip(trusted)), "{trusted}");
        }
        for other in ["10.0.0.2", "192.0.3.1", "2001:db9::1", "172.32.0.1", "127.0.0.1", "::1"] {
            assert!(!proxies.is_trusted(ip(other)), "{other}");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0/8", "10.0.0.1:80", "[::1]"] {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_logged_of_it_is_short_and_plain() {
        assert_eq!(excerpt(b"\x1b[31m\xff"), "\\x1b[31m\\xff");
        assert!(excerpt(&[0xff; 10_000]).len() <= 4 * EXCERPT_BYTES);
    }
}
