//! Listening sockets that one process passes to the next, so that a port is never without a listener in between.
//!
//! What comes over a connection is believed in nothing: each socket is asked what it is, and only one that is just what is
//! wanted is taken. All ports of a role, or none.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use crate::port::{Claim, WantedPort};

/// What a socket is, as the system says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFacts {
    /// Whether it is a TCP socket over IP.
    pub is_tcp: bool,
    /// Whether it listens.
    pub listens: bool,
    /// Where; `None` if that is not an address of IP.
    pub address: Option<SocketAddr>,
    /// Whether it takes IPv6 alone. Of no meaning for an IPv4 address.
    pub v6only: bool,
    /// Whether others may listen beside it (SO_REUSEPORT).
    pub shares_port: bool,
    /// Whether it was made by this user.
    pub same_user: bool,
}

/// What a process does with sockets that were passed to it.
///
/// # Contract
/// The drop of a socket closes it. [`crate::sys::Native`] is this machine; tests put a fake in its place that lies about each
/// property.
pub trait Passing {
    /// A socket that was received.
    type Socket;

    /// What it is.
    ///
    /// # Errors
    /// What the system says: it is not a socket, for one.
    fn facts(&self, socket: &Self::Socket) -> io::Result<SocketFacts>;

    /// Makes it this process's own: it never blocks, its port can be had again at once when it is closed.
    ///
    /// # Errors
    /// What the system says; it is closed then.
    fn adopt(&self, socket: Self::Socket) -> io::Result<TcpListener>;
}

/// Why something that was passed is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotWanted {
    /// The system does not say what it is: no socket, perhaps.
    #[error("it is no socket that can be looked at ({0})")]
    Unreadable(String),
    /// Another kind of socket.
    #[error("it is no TCP socket")]
    NotTcp,
    /// A connection, or a socket that was only bound.
    #[error("it does not listen")]
    NotListening,
    /// Somebody else may listen beside it and get its connections.
    #[error("its port can be shared with other programs")]
    SharesPort,
    /// Another user made it.
    #[error("it belongs to another user")]
    OtherUser,
    /// Another address or another number, or a second one for the same port.
    #[error("no port is wanted there, or it was passed already")]
    Elsewhere,
    /// The socket accepts IPv4 where that is not wanted, or does not accept it where it is.
    #[error("it takes other kinds of addresses than wanted (IPv6 alone, or IPv4 too)")]
    OtherFamilies,
    /// This process cannot take the socket over as its own.
    #[error("it cannot be used ({0})")]
    Unusable(String),
}

/// Something that was passed and is not taken; it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Where it is, as far as that can be seen.
    pub address: Option<SocketAddr>,
    /// Why.
    pub why: NotWanted,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "a socket on {address}: {}", self.why),
            None => write!(f, "something that was passed: {}", self.why),
        }
    }
}

/// What was found among the sockets that were passed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found<T> {
    /// One for each wanted port, in that order; none at all if one is missing.
    pub all: Vec<T>,
    /// The names of wanted ports that nothing was passed for.
    pub missing: Vec<String>,
    /// What is not taken, and is closed.
    pub refused: Vec<Refused>,
}

impl<T> Found<T> {
    /// Whether every wanted port is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// What a log or a journal says of sockets that are not taken.
    #[must_use]
    pub fn why_not(&self) -> String {
        let mut reasons: Vec<String> = self.refused.iter().map(ToString::to_string).collect();
        if !self.missing.is_empty() {
            reasons.push(format!("not passed: {}", self.missing.join(", ")));
        }
        reasons.join("; ")
    }
}

/// Finds the wanted ports of a role among sockets that were passed: all, or none. What is not taken is closed. Nothing about
/// them is changed, so that they can be passed on.
pub fn find_passed<S: Passing>(
    system: &S,
    passed: Vec<S::Socket>,
    wanted: &[WantedPort],
) -> Found<S::Socket> {
    let mut places: Vec<Option<S::Socket>> = wanted.iter().map(|_| None).collect();
    let mut refused = Vec::new();
    for socket in passed {
        match place_of(system.facts(&socket), wanted, &places) {
            Ok(place) => places[place] = Some(socket),
            Err(why) => refused.push(why),
        }
    }
    let is_missing = |(port, place): (&WantedPort, &Option<_>)| place.is_none().then(|| port.name.clone());
    let missing: Vec<String> = wanted.iter().zip(&places).filter_map(is_missing).collect();
    let all = if missing.is_empty() { places.into_iter().flatten().collect() } else { Vec::new() };
    Found { all, missing, refused }
}

/// Claims all wanted ports of a role with sockets that were passed, or none. Each is made this process's own;
/// [`claim_the_rest`](crate::claim_the_rest) then gives it a queue as long as that of any other.
pub fn claim_passed<S: Passing>(system: &S, passed: Vec<S::Socket>, wanted: &[WantedPort]) -> Found<Claim> {
    let Found { all, mut missing, mut refused } = find_passed(system, passed, wanted);
    let mut claims = Vec::with_capacity(all.len());
    for (socket, port) in all.into_iter().zip(wanted) {
        match system.adopt(socket) {
            Ok(listener) => claims.push(Claim { name: port.name.clone(), listener }),
            Err(error) => {
                let address = Some(port.socket_address());
                refused.push(Refused { address, why: NotWanted::Unusable(error.to_string()) });
                missing.push(port.name.clone());
            }
        }
    }
    if !missing.is_empty() {
        claims.clear();
    }
    Found { all: claims, missing, refused }
}

/// The number of the wanted port that a socket is just right for, and that is still missing.
fn place_of<T>(
    facts: io::Result<SocketFacts>,
    wanted: &[WantedPort],
    places: &[Option<T>],
) -> Result<usize, Refused> {
    let facts = facts.map_err(|error| {
        let why = NotWanted::Unreadable(error.to_string());
        Refused { address: None, why }
    })?;
    let refused = |why| Refused { address: facts.address, why };
    let Some(address) = facts.address.filter(|_| facts.is_tcp) else {
        return Err(refused(NotWanted::NotTcp));
    };
    let is_it =
        |(port, place): (&WantedPort, &Option<T>)| place.is_none() && port.socket_address() == address;
    let place = wanted.iter().zip(places).position(is_it).ok_or_else(|| refused(NotWanted::Elsewhere))?;
    if matches!(address.ip(), IpAddr::V6(ip) if facts.v6only == ip.is_unspecified()) {
        return Err(refused(NotWanted::OtherFamilies));
    }
    if !facts.listens {
        return Err(refused(NotWanted::NotListening));
    }
    if facts.shares_port {
        return Err(refused(NotWanted::SharesPort));
    }
    if !facts.same_user {
        return Err(refused(NotWanted::OtherUser));
    }
    Ok(place)
}
