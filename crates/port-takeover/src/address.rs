//! Hosts as people write them, and the three questions that are asked about a pair of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host to listen on: the name `localhost`, or a literal address.
///
/// IPv4-mapped IPv6 addresses are their IPv4 address, so `::ffff:0.0.0.0` is the IPv4 wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// The name `localhost`. It binds `127.0.0.1`, but a process that resolved it may listen on any loopback.
    Localhost,
    /// A literal address.
    Address(IpAddr),
}

/// A text that is neither `localhost` nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address: write an IP address such as 127.0.0.1, or localhost")]
pub struct InvalidHost(pub String);

impl FromStr for Host {
    type Err = InvalidHost;

    /// Trims, removes the brackets of `[::1]`, and takes an empty text or `*` as the IPv4 wildcard.
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let trimmed = text.trim();
        let bare =
            trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map_or(trimmed, str::trim);
        if bare.is_empty() || bare == "*" {
            return Ok(Self::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        }
        if bare.eq_ignore_ascii_case("localhost") {
            return Ok(Self::Localhost);
        }
        bare.parse::<IpAddr>().map(Self::from).map_err(|_| InvalidHost(text.to_owned()))
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost => f.write_str("localhost"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Host {
    /// The address that a bind of this host uses: `localhost` binds `127.0.0.1`.
    #[must_use]
    pub fn bind_address(self) -> IpAddr {
        match self {
            Self::Localhost => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Self::Address(address) => address,
        }
    }

    /// Whether only this machine can reach a listener on this host.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.bind_address().is_loopback()
    }

    /// Whether this is `0.0.0.0` or `::`.
    #[must_use]
    pub fn is_wildcard(self) -> bool {
        self.bind_address().is_unspecified()
    }
}

/// Whether a listener may be *our own* stale process for a wanted host.
///
/// Deliberately wide: the old process may have been started with another spelling of the same host.
#[must_use]
pub fn overlaps(wanted: Host, listening: Host) -> bool {
    wanted.is_wildcard()
        || listening.is_wildcard()
        || wanted == listening
        || both_loopback_names(wanted, listening)
}

/// Loopbacks that stand for one another: `localhost` with any of them, `127.0.0.1` with `::1`.
fn both_loopback_names(a: Host, b: Host) -> bool {
    let is = |host: Host, ip: IpAddr| host == Host::Address(ip);
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    (a == Host::Localhost && b.is_loopback())
        || (b == Host::Localhost && a.is_loopback())
        || (is(a, v4) && is(b, v6))
        || (is(a, v6) && is(b, v4))
}

/// Whether a *foreign* listener is in the way of a wanted host: our bind would fail, or both would listen
/// and one be starved.
///
/// `listening_v6_only` says that an IPv6 listener does not take IPv4 connections.
#[must_use]
pub fn blocks(listening: Host, listening_v6_only: bool, wanted: Host) -> bool {
    let (held, asked) = (listening.bind_address(), wanted.bind_address());
    let same_family = held.is_ipv4() == asked.is_ipv4();
    let dual_stack = |ip: IpAddr| ip.is_ipv6() && ip.is_unspecified();
    (same_family && (held == asked || held.is_unspecified() || asked.is_unspecified()))
        || (dual_stack(held) && !listening_v6_only)
        || dual_stack(asked)
}
