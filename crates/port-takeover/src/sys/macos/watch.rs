//! A watch for the end of one process: a kqueue of its own with `EVFILT_PROC` and `NOTE_EXIT` (man 2 kqueue).

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use super::libproc;
use crate::process::Pid;

/// The event is never taken out of the queue, so that the queue stays readable from the exit on. It comes
/// when a process exits, reaped or not.
#[derive(Debug)]
pub(super) struct Watch {
    queue: OwnedFd,
}

impl Watch {
    /// Watches the process that has this id now; `None` if there is none. A zombie is none.
    pub(super) fn on(pid: Pid) -> io::Result<Option<Self>> {
        let Some(ident) = libproc::raw(pid).and_then(|pid| usize::try_from(pid).ok()) else {
            return Ok(None);
        };
        // SAFETY: it has no conditions. A queue is not inherited by a child, so it needs no close-on-exec.
        let queue = unsafe { libc::kqueue() };
        if queue < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was opened just now, and nobody else has it.
        let queue = unsafe { OwnedFd::from_raw_fd(queue) };
        let exit = libc::kevent {
            ident,
            filter: libc::EVFILT_PROC,
            flags: libc::EV_ADD,
            fflags: libc::NOTE_EXIT,
            data: 0,
            udata: ptr::null_mut(),
        };
        // SAFETY: `exit` is one event, and there is no room for an answer, so that an error is returned and
        // nothing is taken out of the queue.
        let result =
            unsafe { libc::kevent(queue.as_raw_fd(), &raw const exit, 1, ptr::null_mut(), 0, ptr::null()) };
        if result >= 0 {
            return Ok(Some(Self { queue }));
        }
        match io::Error::last_os_error() {
            gone if gone.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            error => Err(error),
        }
    }
}

/// Waits until at least one of the watched processes has exited, at most `timeout`; says for each whether it
/// has.
pub(super) fn wait_any(watches: &[&Watch], timeout: Duration) -> io::Result<Vec<bool>> {
    let deadline = Instant::now().checked_add(timeout);
    let mut waiting: Vec<libc::pollfd> = watches
        .iter()
        .map(|watch| libc::pollfd { fd: watch.queue.as_raw_fd(), events: libc::POLLIN, revents: 0 })
        .collect();
    let count = libc::nfds_t::try_from(waiting.len()).map_err(io::Error::other)?;
    loop {
        let left = deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
        // SAFETY: `waiting` has `count` entries, and their descriptors are open as long as the watches live.
        let ready = unsafe { libc::poll(waiting.as_mut_ptr(), count, milliseconds(left)) };
        if ready >= 0 {
            return Ok(waiting.iter().map(|entry| entry.revents & libc::POLLIN != 0).collect());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Rounded up, so that a wait does not spin through its last millisecond.
fn milliseconds(duration: Duration) -> c_int {
    c_int::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}
