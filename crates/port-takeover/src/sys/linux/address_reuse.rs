//! SO_REUSEADDR on the sockets of a process that never set it, through `pidfd_getfd` (man 2 pidfd_getfd).
//!
//! A port whose old sockets did not have it is unusable for a minute once that process has ended: its connections go to
//! TIME_WAIT, and they keep the value that the socket had. So it is set while the process still lives.

use std::collections::BTreeSet;
use std::io;

use rustix::io::Errno;
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use socket2::{SockRef, Type};

use super::{Handle, listening_on, others_on, processes};
use crate::error::{LookError, ReuseError};

/// So many descriptors of one process are copied at most, one after the other. A backend has some connections, not thousands.
const MOST_DESCRIPTORS: usize = 4096;
/// A connection that is accepted between the list of sockets and the setting of its listener is found by the next pass.
const PASSES: u32 = 3;

/// Sets SO_REUSEADDR on those sockets of a process that have one of these ports, and says how many did not have it.
pub(in crate::sys) fn allow_reuse(handle: &Handle, ports: &BTreeSet<u16>) -> Result<u32, ReuseError> {
    let (mut allowed, mut copied) = (0, 0);
    for _ in 0..PASSES {
        let sockets = listening_on(ports).and_then(|mut sockets| {
            sockets.extend(others_on(ports)?);
            Ok(sockets)
        });
        let inodes: BTreeSet<u64> = sockets.map_err(not_seen)?.iter().map(|socket| socket.inode).collect();
        let before = allowed;
        for number in processes::descriptors_of(handle.pid, &inodes) {
            if copied == MOST_DESCRIPTORS {
                return Ok(allowed);
            }
            copied += 1;
            allowed += u32::from(allow_on(handle, number, ports)?);
        }
        if allowed == before {
            break;
        }
    }
    Ok(allowed)
}

/// Sets it on one descriptor. The copy is closed at once.
fn allow_on(handle: &Handle, number: i32, ports: &BTreeSet<u16>) -> Result<bool, ReuseError> {
    let copy = match pidfd_getfd(&handle.pidfd, number, PidfdGetfdFlags::empty()) {
        Ok(copy) => copy,
        // It was closed meanwhile, or the whole process has ended.
        Err(Errno::BADF | Errno::SRCH) => return Ok(false),
        Err(Errno::PERM | Errno::ACCESS) => return Err(ReuseError::NotAllowed),
        Err(error) => return Err(ReuseError::System(error.into())),
    };
    let socket = SockRef::from(&copy);
    // The number may mean something else by now.
    let is_meant = socket.r#type().is_ok_and(|kind| kind == Type::STREAM)
        && socket
            .local_addr()
            .is_ok_and(|address| address.as_socket().is_some_and(|address| ports.contains(&address.port())));
    if !is_meant || socket.reuse_address().map_err(ReuseError::System)? {
        return Ok(false);
    }
    socket.set_reuse_address(true).map_err(ReuseError::System)?;
    Ok(true)
}

fn not_seen(error: LookError) -> ReuseError {
    ReuseError::System(io::Error::other(error))
}
