//! Binding: how a port is held, and what a refused bind says of it.

use std::io;
use std::net::IpAddr;

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::LookError;
use crate::port::WantedPort;
use crate::snapshot::BindOutcome;

/// Finds out whether a port could be bound, and releases it at once. It never listens, so that no client
/// can connect to a port that nobody serves.
pub(crate) fn trial_bind(port: &WantedPort) -> Result<BindOutcome, LookError> {
    match bind(port) {
        Ok(_released_here) => Ok(BindOutcome::Ok),
        Err(cause) => bind_outcome(&cause).ok_or_else(|| LookError::Bind { port: port.clone(), cause }),
    }
}

/// What a failed bind says about the port; `None` if it says something about this process instead (no
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

pub(crate) fn bind(port: &WantedPort) -> io::Result<Socket> {
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
    super::set_exclusive_address_use(socket)
}
