//! Who is at the other end of a connection to the place's socket, by the word of the system.

use interprocess::local_socket::Stream;
use port_takeover::Pid;

/// The process at the other end; nothing if the system does not say.
#[cfg(not(target_os = "macos"))]
pub(super) fn peer(stream: &Stream) -> Option<Pid> {
    use interprocess::local_socket::traits::StreamCommon as _;

    let pid = stream.peer_creds().ok()?.pid()?;
    Pid::new(u32::try_from(i64::from(pid)).ok()?)
}

/// The process at the other end; nothing if the system does not say.
#[cfg(target_os = "macos")]
pub(super) fn peer(stream: &Stream) -> Option<Pid> {
    use std::os::fd::AsFd as _;

    let Stream::UdSocket(stream) = stream;
    port_takeover::sys::peer_of(stream.as_fd()).ok()
}
