//! What host and sidecar pass to each other besides lines: listening sockets, over the Unix stream that is this sidecar's stdin.

use std::io::{self, BufRead};
#[cfg(any(target_os = "linux", target_os = "macos"))]
use std::io::{BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use port_takeover::Claim;
use port_takeover::sys::PassedSocket;
#[cfg(any(target_os = "linux", target_os = "macos"))]
use port_takeover::sys::{MOST_PASSED, receive_with, send_with};

/// What has come and was not taken yet: bounded, and closed by its drop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passed(Arc<Mutex<Vec<PassedSocket>>>);

impl Passed {
    /// Takes all that has come.
    pub(crate) fn take(&self) -> Vec<PassedSocket> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn add(&self, sockets: Vec<PassedSocket>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_PASSED.saturating_sub(all.len());
        all.extend(sockets.into_iter().take(room));
    }
}

/// Stdin, and what comes with its lines.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(super) fn stdin(passed: Passed) -> impl BufRead {
    BufReader::new(Stdin(passed))
}

/// Nothing but lines comes here.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn stdin(_passed: Passed) -> impl BufRead {
    io::stdin().lock()
}

/// Nothing else in this process reads stdin: an ordinary read drops what comes with the bytes.
#[cfg(any(target_os = "linux", target_os = "macos"))]
struct Stdin(Passed);

#[cfg(any(target_os = "linux", target_os = "macos"))]
impl Read for Stdin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let received = receive_with(io::stdin(), into, true)?;
        if received.surplus > 0 {
            tracing::warn!(received.surplus, "the host passes more than it has");
        }
        self.0.add(received.sockets);
        Ok(received.bytes)
    }
}

/// Gives the host copies of listening sockets.
///
/// # Errors
/// What the system says; also if stdin is no Unix stream, as without a host that takes them.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) fn give(claims: &[Claim]) -> io::Result<()> {
    use std::os::fd::{AsFd as _, BorrowedFd};

    let listeners: Vec<BorrowedFd<'_>> = claims.iter().map(|claim| claim.listener.as_fd()).collect();
    // Something has to carry them; the host does not read it.
    send_with(io::stdin(), b"\n", &listeners)
}

/// Not on this system.
///
/// # Errors
/// Always.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn give(_claims: &[Claim]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
