//! Who is at the other end of a local socket.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use crate::process::Pid;

/// The process at the other end of a connected local socket.
///
/// # Errors
/// What the system says, also if the socket has no process at its other end.
pub fn peer_of(socket: BorrowedFd<'_>) -> io::Result<Pid> {
    let mut pid: libc::pid_t = 0;
    let mut size = size_of::<libc::pid_t>() as libc::socklen_t;
    let (place, size_place) = (std::ptr::from_mut(&mut pid).cast(), &raw mut size);
    // SAFETY: the descriptor is open for as long as it is borrowed, and the system writes at most `size` bytes to `pid`.
    let answered = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_LOCAL, libc::LOCAL_PEERPID, place, size_place)
    };
    if answered != 0 {
        return Err(io::Error::last_os_error());
    }
    let pid = u32::try_from(pid).ok().and_then(Pid::new);
    pid.ok_or_else(|| io::Error::other("nobody is at the other end"))
}
