//! The ports that a role needs, and those that it has.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::num::NonZeroU16;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::address::{Host, InvalidHost};

/// A port that a role needs. Written as `{"name", "host", "port"}`, with the host as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(try_from = "WrittenPort", into = "WrittenPort")
)]
pub struct WantedPort {
    /// What the role calls it, such as `network`.
    pub name: String,
    /// Where it is to be listened on.
    pub host: Host,
    /// The number.
    pub port: NonZeroU16,
}

/// Why nobody can want a port as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPort {
    /// The host is not an address.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The number is out of range.
    #[error("{0} is no port: write a number from 1 to 65535")]
    Number(i64),
}

impl WantedPort {
    /// Parses a port as people write it.
    ///
    /// # Errors
    /// [`InvalidPort`] if the number is out of range, or the host no address.
    pub fn new(name: impl Into<String>, host: &str, port: i64) -> Result<Self, InvalidPort> {
        let number = u16::try_from(port).ok().and_then(NonZeroU16::new).ok_or(InvalidPort::Number(port))?;
        Ok(Self { name: name.into(), host: host.parse()?, port: number })
    }

    /// The address that a bind of it uses.
    #[must_use]
    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.host.bind_address(), self.port.get())
    }
}

impl fmt::Display for WantedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Localhost => write!(f, "{}:{}", self.host, self.port),
            Host::Address(ip) => SocketAddr::new(ip, self.port.get()).fmt(f),
        }
    }
}

/// A [`WantedPort`] as it is written.
#[cfg(feature = "serde")]
#[derive(Serialize, Deserialize)]
struct WrittenPort {
    name: String,
    host: String,
    port: i64,
}

#[cfg(feature = "serde")]
impl TryFrom<WrittenPort> for WantedPort {
    type Error = InvalidPort;

    fn try_from(written: WrittenPort) -> Result<Self, InvalidPort> {
        Self::new(written.name, &written.host, written.port)
    }
}

#[cfg(feature = "serde")]
impl From<WantedPort> for WrittenPort {
    fn from(wanted: WantedPort) -> Self {
        Self { name: wanted.name, host: wanted.host.to_string(), port: wanted.port.get().into() }
    }
}

/// A port that is held.
#[derive(Debug)]
pub struct Claim {
    /// What the role calls it.
    pub name: String,
    /// The listening socket; its drop releases the port.
    pub listener: TcpListener,
}

impl Claim {
    /// Whether it listens just where the port is wanted: that address and that number.
    #[must_use]
    pub fn is_for(&self, port: &WantedPort) -> bool {
        self.listener.local_addr().is_ok_and(|address| address == port.socket_address())
    }
}

/// Whether two wanted ports can never both be bound.
#[must_use]
pub fn same_target(a: &WantedPort, b: &WantedPort) -> bool {
    let named = |name: Host, other: Host| {
        name == Host::Localhost
            && matches!(other, Host::Address(ip) if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST)
    };
    a.port == b.port
        && (a.host.is_wildcard()
            || b.host.is_wildcard()
            || a.host == b.host
            || named(a.host, b.host)
            || named(b.host, a.host))
}
