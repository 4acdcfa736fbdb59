//! SO_REUSEADDR on the sockets of a process that never set it, through `pidfd_getfd` (man 2 pidfd_getfd).
//!
//! A port whose old sockets did not have it is unusable for a minute once that process has ended: its connections go to
//! TIME_WAIT, and they keep the value that the socket had. So it is set while the process still lives.

use std::collections::BTreeSet;
use std::io;
use std::net::TcpListener;

use rustix::io::Errno;
use rustix::net::sockopt::{socket_acceptconn, socket_reuseport};
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use socket2::{Socket, Type};

use super::{Handle, listening_on, others_on, processes};
use crate::error::{LookError, ReuseError};
use crate::sys::ReuseAllowed;

/// The most descriptors of one process that are copied, one after the other. A backend has some connections, not thousands.
const MOST_DESCRIPTORS: usize = 4096;
/// A connection that is accepted between the list of sockets and the setting of its listener is found by the next pass.
const PASSES: u32 = 3;

/// Sets SO_REUSEADDR on those sockets of a process that have one of these ports and lack it.
pub(in crate::sys) fn allow_reuse(
    handle: &Handle,
    ports: &BTreeSet<u16>,
) -> Result<ReuseAllowed, ReuseError> {
    let (mut allowed, mut copied) = (ReuseAllowed::default(), 0);
    for _ in 0..PASSES {
        let sockets = listening_on(ports).and_then(|mut sockets| {
            sockets.extend(others_on(ports)?);
            Ok(sockets)
        });
        let inodes: BTreeSet<u64> = sockets.map_err(not_seen)?.iter().map(|socket| socket.inode).collect();
        let before = allowed.sockets;
        for number in processes::descriptors_of(handle.pid, &inodes) {
            if copied == MOST_DESCRIPTORS {
                return Ok(allowed);
            }
            copied += 1;
            if let Some(socket) = allow_on(handle, number, ports)? {
                allowed.sockets += 1;
                allowed.listeners.extend(listener(socket));
            }
        }
        if allowed.sockets == before {
            break;
        }
    }
    Ok(allowed)
}

/// Sets it on one descriptor, and gives the copy of the socket; `None` if there was nothing to do.
fn allow_on(handle: &Handle, number: i32, ports: &BTreeSet<u16>) -> Result<Option<Socket>, ReuseError> {
    let copy = match pidfd_getfd(&handle.pidfd, number, PidfdGetfdFlags::empty()) {
        Ok(copy) => copy,
        // It was closed meanwhile, or the whole process has ended.
        Err(Errno::BADF | Errno::SRCH) => return Ok(None),
        Err(Errno::PERM | Errno::ACCESS) => return Err(ReuseError::NotAllowed),
        Err(error) => return Err(ReuseError::System(error.into())),
    };
    let socket = Socket::from(copy);
    // The number may mean something else by now.
    let is_meant = socket.r#type().is_ok_and(|kind| kind == Type::STREAM)
        && socket
            .local_addr()
            .is_ok_and(|address| address.as_socket().is_some_and(|address| ports.contains(&address.port())));
    if !is_meant || socket.reuse_address().map_err(ReuseError::System)? {
        return Ok(None);
    }
    socket.set_reuse_address(true).map_err(ReuseError::System)?;
    Ok(Some(socket))
}

/// The socket, if it listens and nobody else can listen beside it; else it is closed.
fn listener(socket: Socket) -> Option<TcpListener> {
    let listens = socket_acceptconn(&socket).unwrap_or(false);
    let is_alone = listens && !socket_reuseport(&socket).unwrap_or(true);
    is_alone.then(|| socket.into())
}

fn not_seen(error: LookError) -> ReuseError {
    ReuseError::System(io::Error::other(error))
}
