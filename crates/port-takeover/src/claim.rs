//! Claiming ports: bind and listen so that the port can be had again at once when this process has ended,
//! and so that nobody else can listen on it as long as it lives.

use std::io;
use std::net::{IpAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{ClaimError, LookError};
use crate::snapshot::{BindOutcome, WantedPort};

/// A port that is held.
#[derive(Debug)]
pub struct Claim {
    /// What the role calls it.
    pub name: String,
    /// The listening socket; its drop releases the port.
    pub listener: TcpListener,
}

/// Connections that the kernel completes before they are accepted. The kernel cuts it at its own limit.
const BACKLOG: i32 = 1024;

/// Claims all ports of a role, or none.
///
/// # Errors
/// [`ClaimError`] for the first port that cannot be had; those before it are released.
pub fn claim_all(wanted: &[WantedPort]) -> Result<Vec<Claim>, ClaimError> {
    claim_the_rest(wanted, Vec::new())
}

/// Claims all ports of a role, or none, of which some are held already: those whose listeners
/// [`take_over_keeping`](crate::take_over_keeping) has kept, or that were passed to this process.
///
/// # Errors
/// [`ClaimError`] for the first port that cannot be had; all are released then.
pub fn claim_the_rest(wanted: &[WantedPort], mut held: Vec<Claim>) -> Result<Vec<Claim>, ClaimError> {
    // All are bound before any is served: a client never meets half a role.
    let mut bound = Vec::with_capacity(wanted.len());
    for port in wanted {
        let failed = |source| ClaimError { port: port.clone(), source };
        let socket = match held.iter().position(|claim| claim.name == port.name && claim.is_for(port)) {
            Some(at) => held.swap_remove(at).listener.into(),
            None => bind(port).map_err(failed)?,
        };
        bound.push((port, socket));
    }
    bound
        .into_iter()
        .map(|(port, socket)| {
            // On one that listens already this sets the length of its queue.
            socket.listen(BACKLOG).map_err(|source| ClaimError { port: port.clone(), source })?;
            // Answers go out at once; and Wine shows who owns a listener only once it has an option.
            #[cfg(windows)]
            socket.set_tcp_nodelay(true).map_err(|source| ClaimError { port: port.clone(), source })?;
            Ok(Claim { name: port.name.clone(), listener: socket.into() })
        })
        .collect()
}

impl Claim {
    /// Whether it listens just where the port is wanted: that address and that number.
    #[must_use]
    pub fn is_for(&self, port: &WantedPort) -> bool {
        self.listener.local_addr().is_ok_and(|address| address == port.socket_address())
    }
}

/// Finds out whether a port could be bound, and releases it at once. It never listens, so that no client
/// can connect to a port that nobody serves.
pub(crate) fn trial_bind(port: &WantedPort) -> Result<BindOutcome, LookError> {
    match bind(port) {
        Ok(_released_here) => Ok(BindOutcome::Ok),
        Err(source) => bind_outcome(&source).ok_or_else(|| LookError::Bind { port: port.clone(), source }),
    }
}

/// What a failed bind says about the port; nothing if it says something about this process instead (no
/// descriptors left, for one).
#[must_use]
pub fn bind_outcome(error: &io::Error) -> Option<BindOutcome> {
    match error.kind() {
        io::ErrorKind::AddrInUse => Some(BindOutcome::InUse),
        io::ErrorKind::AddrNotAvailable => Some(BindOutcome::Unavailable),
        // Windows has no privileged ports: there it is an excluded range, or a listener that holds the port
        // exclusively and is then seen by the look.
        io::ErrorKind::PermissionDenied if cfg!(windows) => Some(BindOutcome::Reserved),
        io::ErrorKind::PermissionDenied => Some(BindOutcome::Denied),
        // IPv6 is switched off.
        _ if is_family_missing(error) => Some(BindOutcome::Unavailable),
        _ => None,
    }
}

/// EAFNOSUPPORT: 97 on Linux, 47 on macOS, 10047 on Windows.
fn is_family_missing(error: &io::Error) -> bool {
    let code = if cfg!(windows) {
        10047
    } else if cfg!(target_os = "macos") {
        47
    } else {
        97
    };
    error.raw_os_error() == Some(code)
}

fn bind(port: &WantedPort) -> io::Result<Socket> {
    let address = port.socket_address();
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let IpAddr::V6(ip) = address.ip() {
        // A wildcard takes IPv4 too, whatever the system's default is.
        socket.set_only_v6(!ip.is_unspecified())?;
    }
    hold_exclusively(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// With SO_REUSEADDR on the old and the new socket, connections of the old process in TIME_WAIT do not keep
/// the port for 60 s; a live listener still refuses the bind on Linux. SO_REUSEPORT is never set.
#[cfg(unix)]
fn hold_exclusively(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// On Windows SO_REUSEADDR would let anyone take the port away; SO_EXCLUSIVEADDRUSE forbids that and ignores
/// TIME_WAIT.
#[cfg(windows)]
fn hold_exclusively(socket: &Socket) -> io::Result<()> {
    crate::sys::set_exclusive_address_use(socket)
}
